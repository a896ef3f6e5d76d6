//! The store: all of a commit takes effect at one moment, or none of it.

use super::property::Property;
use super::protocol::{Mutant, Protocol};
use super::state::{
    Commit, Found, Guard, Id, KEYS, Key, Lease, Phase, Seen, Snapshot, State, What,
};

/// When the store takes a commit's stamp.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stamped {
    /// As it applies.
    Applying,
    /// As early as can be: when the commit was sent.
    Sending,
}

/// Applies a commit if every guard holds, and says whether it did.
pub(crate) fn apply(
    protocol: &Protocol,
    state: &mut State,
    commit: &Commit,
    stamped: Stamped,
) -> bool {
    if !(0..KEYS).all(|key| holds(commit.guards[key], state.keys[key].lease)) {
        return false;
    }
    if commit.what == What::Acquire && commit.by == Id::Answered {
        state.breach = Some(Property::Orphan);
    }
    for key in (0..KEYS).filter(|key| commit.guards[*key] != Guard::Untouched) {
        change(protocol, state, commit, key, stamped);
    }
    true
}

fn holds(guard: Guard, lease: Lease) -> bool {
    match guard {
        Guard::Untouched | Guard::Anything => true,
        Guard::Absent => lease == Lease::Absent,
        Guard::Current => lease != Lease::Absent,
        Guard::Outdated => false,
    }
}

fn change(protocol: &Protocol, state: &mut State, commit: &Commit, key: usize, stamped: Stamped) {
    let age = stamp_age(protocol, state.second_half, commit, stamped);
    let was = state.keys[key].lease;
    match commit.what {
        What::Acquire => {
            acquire(protocol, state, commit, key, age);
        }
        What::Extend => {
            if !matches!(was, Lease::Held { by, .. } if by == commit.by) {
                state.breach = Some(Property::Resurrection);
            }
            state.keys[key].hold(commit.by, age);
        }
        What::Release => release(protocol, state, commit.by, key),
        What::Bury => state.keys[key].vacate(commit.by, Lease::Tombstone),
        What::Write => return write(state, commit, key),
    }
    if let Lease::Held { by, .. } = was
        && commit.what != What::Extend
    {
        let own = by == commit.by;
        turn_is_over(protocol, state, by, own);
    }
    let stays_put = commit.what == What::Bury && was == Lease::Tombstone;
    if !(stays_put && protocol.is(Mutant::TombstoneStaysPut)) {
        state.outdate(key);
    }
}

fn acquire(protocol: &Protocol, state: &mut State, commit: &Commit, key: usize, age: u8) {
    let document = &mut state.keys[key];
    let takeover = document.lease != Lease::Absent;
    if document.promise.is_some_and(|(to, age)| age < protocol.ttl && to != commit.by) {
        state.breach = Some(Property::StoreExclusion);
    }
    if !(takeover && protocol.is(Mutant::TakeoverKeepsFence)) {
        document.counter += 1;
    }
    if document.counter <= document.granted {
        state.breach = Some(Property::FenceOrder);
    }
    document.granted = document.counter;
    document.hold(if commit.overtaken { Id::Gone } else { commit.by }, age);
    for late in state.late.iter_mut().flatten().filter(|late| late.guards[key] != Guard::Untouched)
    {
        late.overtaken |= late.by != commit.by;
    }
}

fn release(protocol: &Protocol, state: &mut State, by: Id, key: usize) {
    let document = &mut state.keys[key];
    document.vacate(by, Lease::Absent);
    if protocol.is(Mutant::CounterGoesWithLease) {
        document.counter = 0;
    }
}

/// Another commit that won the same turn, should it land from now on, has waited for that turn to pass.
fn turn_is_over(protocol: &Protocol, state: &mut State, of: Id, by_itself: bool) {
    let strict = by_itself && protocol.strict_about_own_turn;
    if strict && matches!(of, Id::Of(at) if state.clients[at as usize].phase == Phase::GivingUp) {
        return;
    }
    for late in state.late.iter_mut().flatten().filter(|late| late.by == of) {
        if late.what == What::Acquire {
            late.by = if strict { Id::Answered } else { Id::Gone };
        }
    }
}

fn write(state: &mut State, commit: &Commit, key: usize) {
    let holder = matches!(state.keys[key].lease, Lease::Held { by, .. } if by == commit.by);
    if !holder || (key == 0 && commit.fence < state.written) {
        state.breach = Some(Property::StaleWrite);
    }
    if key == 0 {
        state.written = state.written.max(commit.fence);
    }
}

/// A stamp is rounded down, so it may be older than the moment that it names.
fn stamp_age(protocol: &Protocol, second_half: bool, commit: &Commit, stamped: Stamped) -> u8 {
    let real = if stamped == Stamped::Sending { commit.age } else { 0 };
    // The halves of a stamp alternate with the ticks, so an odd age turns the half around.
    let in_second_half = second_half != (real % 2 == 1);
    real + u8::from(in_second_half && protocol.stamp == 2)
}

/// Reads the leases that a client wants, with their counters, at one moment.
pub(crate) fn read(protocol: &Protocol, state: &State, index: usize) -> Snapshot {
    let mut snapshot = Snapshot { keys: [Seen::default(); KEYS], left: 0, fence: 0 };
    for key in (0..KEYS).filter(|key| protocol.wants[index][*key]) {
        let document = &state.keys[key];
        let knew = state.clients[index].versions[key];
        let absent = document.lease == Lease::Absent;
        snapshot.keys[key] = Seen {
            lease: found(protocol, document.lease, index),
            version: if absent { Guard::Absent } else { Guard::Current },
            moved: knew != Guard::Current,
        };
        if let Lease::Held { age, .. } = document.lease {
            snapshot.left = protocol.ttl.saturating_sub(age) * protocol.slowest;
        }
    }
    snapshot.fence = if protocol.wants[index][0] { state.keys[0].counter } else { 0 };
    snapshot
}

fn found(protocol: &Protocol, lease: Lease, index: usize) -> Found {
    // A mutant whose first client compares with a wall clock that is a lease ahead.
    let ahead = if protocol.is(Mutant::WallClock) && index == 0 { protocol.oldest() } else { 0 };
    match lease {
        Lease::Absent => Found::Free,
        Lease::Tombstone if protocol.is(Mutant::TombstoneHolds) => Found::Taken,
        Lease::Tombstone => Found::Tombstone,
        Lease::Held { by, .. } if by == Id::Of(index as u8) => Found::Mine,
        Lease::Held { age, .. } if age + ahead >= protocol.lapse() => Found::Lapsed,
        Lease::Held { .. } => Found::Taken,
    }
}

impl Key {
    fn hold(&mut self, by: Id, age: u8) {
        self.lease = Lease::Held { by, age };
        self.promise = Some((by, age));
    }

    fn vacate(&mut self, by: Id, lease: Lease) {
        self.lease = lease;
        self.promise = self.promise.filter(|(to, _)| *to != by);
    }
}
