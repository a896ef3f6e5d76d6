//! Each place where the protocol could be wrong, and the rule that the search finds broken for it.
//!
//! The bounds are those of a search in [`super::sound`], which finds nothing without the mutant.

use super::property::Property;
use super::protocol::{Mutant, Protocol};
use super::search::{Found, search};

macro_rules! mutants {
    ($($name:ident: $protocol:ident, $mutant:ident => $property:ident;)*) => {$(
        #[test]
        fn $name() {
            let mutant = Protocol::$protocol.with(Mutant::$mutant);
            breaks(stringify!($name), &mutant, Property::$property);
        }
    )*};
}

mutants! {
    takeover_without_guard: PAIR, TakeoverWithoutGuard => StoreExclusion;
    extend_without_guard: PAIR, ExtendWithoutGuard => Resurrection;
    release_by_blind_delete: PAIR, ReleaseBlindly => StoreExclusion;
    guarded_data_without_verify: WRITING, WriteWithoutVerify => StaleWrite;
    deadline_from_the_reply: SLOW, DeadlineFromReply => BeliefExclusion;
    won_from_the_last_send: SLOW, WonFromLastSend => BeliefExclusion;
    extended_from_the_last_send: SLOW, ExtendedFromLastSend => BeliefExclusion;
    wall_clock: PAIR, WallClock => StoreExclusion;
    no_room_for_rounding: ROUNDED, NoRoomForRounding => BeliefExclusion;
    unknown_is_failure: PAIR, UnknownIsFailure => Orphan;
    new_id_on_retry: PAIR, NewIdOnRetry => Orphan;
    give_up_in_silence: PAIR, GiveUpInSilence => Orphan;
    lapsed_lease_left_alone: PAIR, LapsedIsLeftAlone => Orphan;
    tombstone_that_stays_put: PAIR, TombstoneStaysPut => Orphan;
    tombstone_that_holds: PAIR, TombstoneHolds => Recovery;
    counter_deleted_on_release: PAIR, CounterGoesWithLease => FenceOrder;
    takeover_keeps_the_fence: PAIR, TakeoverKeepsFence => FenceOrder;
    lost_guard_walks_away: PAIR, LostGuardWalksAway => Orphan;
}

/// Searches until a rule is broken, which must be this one, and prints the shortest run that does.
#[track_caller]
#[allow(clippy::print_stdout, reason = "the run is what the search has to show")]
pub(crate) fn breaks(name: &str, protocol: &Protocol, property: Property) -> Found {
    let found = search(protocol);
    let Some(broken) = &found.broken else {
        panic!("{name}: nothing is broken in {} states", found.states)
    };
    println!("{name}: {:?} after {} states, by {:?}", broken.property, found.states, broken.run);
    assert_eq!(broken.property, property, "{name}: {:?} in {:?}", broken.run, broken.end);
    found
}
