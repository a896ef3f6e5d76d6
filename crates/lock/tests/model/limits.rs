//! What the protocol does not promise, shown by a run in which it doesn't hold: a search that can't find these would be
//! too weak to trust.

use super::mutants::breaks;
use super::property::{Property, overlaps};
use super::protocol::{Protocol, Release};
use super::search::search_for;
use super::state::{Client, Phase, State};

/// The rate of clocks is the one allowance there is.
#[test]
fn clocks_slower_than_allowed_break_exclusion() {
    breaks("too slow clocks", &Protocol::TOO_SLOW_CLOCKS, Property::BeliefExclusion);
}

/// A client that was paused after it looked at its clock acts beside the next holder: what `verify` is for.
#[test]
fn a_pause_breaks_what_only_a_clock_excludes() {
    fn in_section(client: &Client) -> bool {
        client.phase == Phase::Holding && client.about_to_write
    }
    fn rule(protocol: &Protocol, state: &State) -> Option<Property> {
        overlaps(protocol, state, in_section).then_some(Property::PausedExclusion)
    }
    let broken = search_for(&Protocol::WRITING, rule).broken.expect("a pause finds two in section");
    assert_eq!(broken.property, Property::PausedExclusion);
}

/// A delete lets the attempt's own earlier commit in again: the lease then lies until it ends.
#[test]
fn a_release_that_deletes_lets_its_own_retries_in() {
    let deletes = Protocol { release: Release::Deletes, ..Protocol::TIDY };
    breaks("a late commit after its own turn", &deletes, Property::Orphan);
}

/// The holder knows of its own retries, and can leave a tombstone for them. It can't know of a copy that somebody else
/// made of a commit whose reply it heard.
#[test]
fn a_network_that_copies_lets_them_in_all_the_same() {
    let copies = Protocol { duplicates: true, ..Protocol::TIDY };
    breaks("a copy after its own turn", &copies, Property::Orphan);
}
