//! The normal form of a state: one state for all that can never be told apart by what follows.

use super::protocol::{Deadline, Mutant, Protocol, Release};
use super::state::{
    CLIENTS, Call, Client, Commit, Flight, Guard, Id, KEYS, Lease, Phase, Snapshot, State, What,
};
use super::tally::{Event, Tally};

/// Brings a state into its normal form.
pub(crate) fn normalise(protocol: &Protocol, state: &mut State, tally: &mut Tally) {
    for key in &mut state.keys {
        if let Lease::Held { age, .. } = &mut key.lease {
            *age = (*age).min(protocol.oldest());
        }
        key.promise = key.promise.filter(|(_, age)| *age < protocol.ttl);
    }
    drop_hopeless(state, tally);
    settle_overtaken(state);
    for client in &mut state.clients {
        client.forget(protocol);
    }
    if !protocol.is(Mutant::CounterGoesWithLease) {
        rank_fences(state);
    }
    sort_clients(protocol, state);
    state.late.sort_unstable();
}

/// A commit on an old version never applies, and nobody waits to hear so.
fn drop_hopeless(state: &mut State, tally: &mut Tally) {
    for late in &mut state.late {
        if let Some(commit) = late
            && commit.guards.contains(&Guard::Outdated)
        {
            if commit.what == What::Write {
                tally.count(Event::WriteRefused);
            }
            *late = None;
        }
    }
}

/// Being overtaken matters from the last look of an attempt that gives up.
fn settle_overtaken(state: &mut State) {
    let clients = &state.clients;
    for late in state.late.iter_mut().flatten() {
        match late.by {
            Id::Answered if late.overtaken => (late.by, late.overtaken) = (Id::Gone, false),
            Id::Of(index) if clients[index as usize].phase == Phase::GivingUp => {
                late.overtaken &= late.what == What::Acquire;
            }
            _ => late.overtaken = false,
        }
    }
}

impl Client {
    /// Forgets what it will not use.
    fn forget(&mut self, protocol: &Protocol) {
        match self.phase {
            Phase::Idle => {}
            Phase::Acquiring => self.forget_acquiring(protocol),
            Phase::Holding => self.forget_holding(protocol),
            Phase::GivingUp => (self.left, self.sent) = (0, 0),
            Phase::Releasing => {
                let Self { phase, call, retried, .. } = *self;
                *self = Self { phase, call, retried, ..Self::IDLE };
            }
        }
        self.retried &= protocol.release == Release::Buries;
        if !protocol.writes {
            self.fence = 0;
        }
        match &mut self.call {
            Call::Reading(snapshot) => snapshot.forget(protocol, self.phase),
            Call::Answer(commit, flight) if *flight != Flight::Sent => {
                commit.forget();
                if let Flight::Applied { fence, .. } = flight
                    && (commit.what != What::Acquire || !protocol.writes)
                {
                    *fence = 0;
                }
            }
            _ => {}
        }
    }

    fn forget_acquiring(&mut self, protocol: &Protocol) {
        if protocol.deadline != Deadline::FirstSend {
            self.left = 0;
        }
        let may_be_granted = match self.call {
            Call::Answer(_, flight) => flight != Flight::Refused,
            _ => protocol.is(Mutant::WonFromLastSend),
        };
        if !may_be_granted {
            self.sent = 0;
            if !self.unsure {
                self.versions = Self::IDLE.versions;
            }
        }
    }

    fn forget_holding(&mut self, protocol: &Protocol) {
        let awaited = matches!(self.call, Call::Answer(..));
        let read_tells =
            protocol.deadline == Deadline::Read && !protocol.is(Mutant::ExtendedFromLastSend);
        let nothing_under_way = self.call == Call::Free && !self.unsure;
        if !awaited && (read_tells || nothing_under_way) {
            self.sent = 0;
        }
    }
}

impl Commit {
    /// What its sender needs no more once the store has seen it.
    fn forget(&mut self) {
        self.guards = [Guard::Untouched; KEYS];
        self.age = 0;
    }
}

impl Snapshot {
    fn forget(&mut self, protocol: &Protocol, phase: Phase) {
        let may_hold = matches!(phase, Phase::Acquiring | Phase::Holding);
        if !may_hold || protocol.deadline == Deadline::FirstSend {
            self.left = 0;
        }
        if phase != Phase::Acquiring || !protocol.writes {
            self.fence = 0;
        }
        for seen in &mut self.keys {
            seen.moved &= matches!(phase, Phase::Holding | Phase::GivingUp);
        }
    }
}

/// Fences matter by their order only.
fn rank_fences(state: &mut State) {
    // The highest is the highest granted, or one that a mutant granted below it.
    let mut remembered = 0_u64;
    fences(state, |fence| remembered |= 1 << *fence);
    remembered |= 1;
    if remembered.count_ones() != 64 - remembered.leading_zeros() {
        fences(state, |fence| *fence = (remembered & ((1 << *fence) - 1)).count_ones() as u8);
    }
    // Nobody writes data under the second key's fence.
    let second = &mut state.keys[1];
    let behind = second.granted - second.counter;
    (second.counter, second.granted) = (0, behind);
}

fn fences(state: &mut State, mut each: impl FnMut(&mut u8)) {
    each(&mut state.keys[0].counter);
    each(&mut state.keys[0].granted);
    each(&mut state.written);
    for client in &mut state.clients {
        each(&mut client.fence);
        match &mut client.call {
            Call::Reading(snapshot) => each(&mut snapshot.fence),
            Call::Answer(_, Flight::Applied { fence, .. }) => each(fence),
            _ => {}
        }
    }
    for commit in state.late.iter_mut().flatten() {
        each(&mut commit.fence);
    }
}

/// Clients that want the same are interchangeable.
fn sort_clients(protocol: &Protocol, state: &mut State) {
    if protocol.is(Mutant::WallClock) {
        return;
    }
    let count = protocol.clients();
    let mut order: [usize; CLIENTS] = std::array::from_fn(|index| index);
    let before = *state;
    let rank = |index: &usize| {
        let holds = |key: &super::state::Key| matches!(key.lease, Lease::Held { by, .. } if by == Id::Of(*index as u8));
        let nameless = before.clients[*index].nameless();
        let alike = protocol.wants.iter().position(|wants| *wants == protocol.wants[*index]);
        (alike, nameless, before.keys.each_ref().map(holds))
    };
    if order[..count].is_sorted_by_key(rank) {
        return;
    }
    order[..count].sort_by_key(rank);
    let mut place = [0; CLIENTS];
    for (new, old) in order.iter().enumerate() {
        place[*old] = new as u8;
        state.clients[new] = before.clients[*old];
    }
    rename(state, place);
}

fn rename(state: &mut State, place: [u8; CLIENTS]) {
    let new = |id: &mut Id| {
        if let Id::Of(index) = id {
            *index = place[*index as usize];
        }
    };
    for key in &mut state.keys {
        if let Lease::Held { by, .. } = &mut key.lease {
            new(by);
        }
        if let Some((by, _)) = &mut key.promise {
            new(by);
        }
    }
    for client in &mut state.clients {
        if let Call::Answer(commit, _) = &mut client.call {
            new(&mut commit.by);
        }
    }
    for commit in state.late.iter_mut().flatten() {
        new(&mut commit.by);
    }
}

impl Client {
    fn nameless(&self) -> Self {
        let mut client = *self;
        if let Call::Answer(commit, _) = &mut client.call {
            commit.by = Id::Gone;
        }
        client
    }
}
