//! Every step that the system can take from a state.

use super::canon;
use super::client::Turn;
use super::protocol::{Mutant, Protocol};
use super::state::{CLIENTS, Call, Client, Commit, Flight, Guard, Id, Lease, Phase, State, What};
use super::store::{self, Stamped};
use super::tally::{Event, Tally};

/// One step. A number is a client's place, or with [`Action::Land`] and [`Action::Vanish`] a late commit's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Action {
    /// The store's clock ticks; each client's own clock counts so much.
    Tick([u8; CLIENTS]),
    Acquire(u8),
    Extend(u8),
    Release(u8),
    /// The client looks at its clock, believes, and may now be paused for any time before it writes.
    Look(u8),
    Write(u8),
    GiveUp(u8),
    WalkAway(u8),
    Crash(u8),
    /// The store applies, or refuses, the commit that the client awaits.
    Apply(u8, Stamped),
    /// The same, but the reply is lost.
    ApplyUnheard(u8),
    /// The same, and another copy of it stays under way.
    ApplyCopy(u8),
    /// The reply arrives.
    Hear(u8),
    /// The reply doesn't: lost, or the client's deadline passed before the store got the commit.
    LoseReply(u8),
    Read(u8),
    Learn(u8),
    /// A commit that nobody awaits reaches the store.
    Land(u8, Stamped),
    /// It never will.
    Vanish(u8),
}

impl Action {
    /// What a good day doesn't have.
    pub(crate) fn is_fault(self) -> bool {
        matches!(
            self,
            Self::Crash(_)
                | Self::ApplyCopy(_)
                | Self::ApplyUnheard(_)
                | Self::LoseReply(_)
                | Self::Vanish(_)
                | Self::WalkAway(_)
        )
    }
}

/// Lists what can happen in a state.
pub(crate) fn enabled(protocol: &Protocol, state: &State, actions: &mut Vec<Action>) {
    ticks(protocol, actions);
    for index in 0..protocol.clients() {
        of_client(protocol, state, index as u8, actions);
    }
    for (place, commit) in state.late.iter().enumerate() {
        if let Some(commit) = commit {
            let place = place as u8;
            actions.push(Action::Land(place, Stamped::Applying));
            if commit.may_be_stamped_early() {
                actions.push(Action::Land(place, Stamped::Sending));
            }
            actions.push(Action::Vanish(place));
        }
    }
}

fn ticks(protocol: &Protocol, actions: &mut Vec<Action>) {
    let clients = protocol.clients();
    let choices = protocol.paces.len();
    for mut choice in 0..choices.pow(clients as u32) {
        let mut paces = [0; CLIENTS];
        for pace in &mut paces[..clients] {
            *pace = protocol.paces[choice % choices];
            choice /= choices;
        }
        actions.push(Action::Tick(paces));
    }
}

fn of_client(protocol: &Protocol, state: &State, index: u8, actions: &mut Vec<Action>) {
    let client = &state.clients[index as usize];
    if protocol.crashes && client.phase != Phase::Idle {
        actions.push(Action::Crash(index));
    }
    let room = state.has_room(protocol.late);
    match client.call {
        Call::Free => by_itself(protocol, client, index, actions),
        Call::Answer(commit, Flight::Sent) => {
            actions.push(Action::Apply(index, Stamped::Applying));
            if commit.may_be_stamped_early() {
                actions.push(Action::Apply(index, Stamped::Sending));
            }
            if !protocol.slow {
                actions.push(Action::ApplyUnheard(index));
            }
            if room && protocol.duplicates {
                actions.push(Action::ApplyCopy(index));
            }
            if room {
                actions.push(Action::LoseReply(index));
            }
        }
        Call::Answer(..) => actions.extend([Action::Hear(index), Action::LoseReply(index)]),
        Call::MustRead => {
            actions.push(Action::Read(index));
            match client.phase {
                Phase::Acquiring if protocol.gives_up => actions.push(Action::GiveUp(index)),
                Phase::Holding => actions.push(Action::Release(index)),
                _ => {}
            }
        }
        Call::Reading(_) => actions.push(Action::Learn(index)),
    }
    if protocol.writes && client.phase == Phase::Holding && client.versions[0] != Guard::Untouched {
        if client.about_to_write && room {
            actions.push(Action::Write(index));
        } else if !client.about_to_write && client.believes() {
            actions.push(Action::Look(index));
        }
    }
}

fn by_itself(protocol: &Protocol, client: &Client, index: u8, actions: &mut Vec<Action>) {
    match client.phase {
        Phase::Idle => actions.push(Action::Acquire(index)),
        Phase::Holding => {
            actions.push(Action::Release(index));
            if protocol.renews && client.believes() {
                actions.push(Action::Extend(index));
            } else if !client.believes() && protocol.is(Mutant::LostGuardWalksAway) {
                actions.push(Action::WalkAway(index));
            }
        }
        _ => {}
    }
}

/// Takes one step, and brings the result into its normal form.
pub(crate) fn step(protocol: &Protocol, from: &State, action: Action, tally: &mut Tally) -> State {
    let mut state = *from;
    match action {
        Action::Tick(paces) => tick(protocol, &mut state, paces),
        Action::Apply(index, stamped) => {
            apply(protocol, &mut state, index, stamped, tally);
            if !protocol.slow {
                turn(protocol, &mut state, Action::Hear(index), tally);
            }
        }
        Action::ApplyUnheard(index) => {
            apply(protocol, &mut state, index, Stamped::Applying, tally);
            turn(protocol, &mut state, Action::LoseReply(index), tally);
        }
        Action::ApplyCopy(index) => {
            if let Call::Answer(commit, _) = state.clients[index as usize].call {
                tally.count(Event::Duplicate);
                apply(protocol, &mut state, index, Stamped::Applying, tally);
                state.keep_copy(commit);
                if !protocol.slow {
                    turn(protocol, &mut state, Action::Hear(index), tally);
                }
            }
        }
        Action::Land(place, stamped) => land(protocol, &mut state, place, stamped, tally),
        Action::Vanish(place) => state.late[place as usize] = None,
        Action::Read(index) => {
            let snapshot = store::read(protocol, &state, index as usize);
            state.not_overtaken(Id::Of(index));
            state.clients[index as usize].call = Call::Reading(snapshot);
            if !protocol.slow {
                turn(protocol, &mut state, Action::Learn(index), tally);
            }
        }
        Action::Look(index) => state.clients[index as usize].about_to_write = true,
        _ => turn(protocol, &mut state, action, tally),
    }
    canon::normalise(protocol, &mut state, tally);
    state
}

fn tick(protocol: &Protocol, state: &mut State, paces: [u8; CLIENTS]) {
    state.second_half = protocol.stamp == 2 && !state.second_half;
    for key in &mut state.keys {
        if let Lease::Held { age, .. } = &mut key.lease {
            *age += 1;
        }
        if let Some((_, age)) = &mut key.promise {
            *age += 1;
        }
    }
    for (client, pace) in state.clients.iter_mut().zip(paces) {
        client.count_down(pace);
    }
    if protocol.early_stamps {
        for commit in state.under_way() {
            commit.age = (commit.age + 1).min(protocol.oldest());
        }
    }
}

fn apply(protocol: &Protocol, state: &mut State, index: u8, stamped: Stamped, tally: &mut Tally) {
    let Call::Answer(commit, _) = state.clients[index as usize].call else { return };
    let applied = store::apply(protocol, state, &commit, stamped);
    tally.applied(&commit, applied);
    let flight = if applied {
        let held = |guard| match guard {
            Guard::Untouched => Guard::Untouched,
            _ => Guard::Current,
        };
        Flight::Applied { versions: commit.guards.map(held), fence: state.keys[0].counter }
    } else {
        Flight::Refused
    };
    state.clients[index as usize].call = Call::Answer(commit, flight);
}

fn land(protocol: &Protocol, state: &mut State, place: u8, stamped: Stamped, tally: &mut Tally) {
    let Some(commit) = state.late[place as usize].take() else { return };
    let applied = store::apply(protocol, state, &commit, stamped);
    tally.landed(&commit, applied);
}

fn turn(protocol: &Protocol, state: &mut State, action: Action, tally: &mut Tally) {
    let (Action::Acquire(index)
    | Action::Extend(index)
    | Action::Release(index)
    | Action::Write(index)
    | Action::GiveUp(index)
    | Action::WalkAway(index)
    | Action::Crash(index)
    | Action::Hear(index)
    | Action::LoseReply(index)
    | Action::Learn(index)) = action
    else {
        return;
    };
    let before = state.clients[index as usize];
    let mut turn = Turn { protocol, state, index: index as usize };
    match (action, before.call) {
        (Action::Acquire(_), _) => turn.acquire(),
        (Action::Extend(_), _) => turn.extend(),
        (Action::Release(_), _) => turn.release(),
        (Action::Write(_), _) => turn.write(),
        (Action::GiveUp(_), _) => turn.give_up(),
        (Action::WalkAway(_), _) => turn.walk_away(),
        (Action::Crash(_), _) => turn.crash(),
        (Action::Hear(_), Call::Answer(commit, flight)) => turn.hear(commit, flight),
        (Action::LoseReply(_), Call::Answer(commit, flight)) => turn.lose_reply(commit, flight),
        (Action::Learn(_), Call::Reading(snapshot)) => turn.learn(snapshot),
        _ => {}
    }
    tally.turned(action, &before, &state.clients[index as usize]);
}

impl State {
    /// Every commit that the store hasn't seen yet.
    fn under_way(&mut self) -> impl Iterator<Item = &mut Commit> {
        let awaited = self.clients.iter_mut().filter_map(|client| match &mut client.call {
            Call::Answer(commit, Flight::Sent) => Some(commit),
            _ => None,
        });
        awaited.chain(self.late.iter_mut().flatten())
    }

    fn not_overtaken(&mut self, by: Id) {
        for late in self.late.iter_mut().flatten().filter(|late| late.by == by) {
            late.overtaken = false;
        }
    }

    /// A copy of a commit that the store has just seen. If that moved a version it guards on, it can never apply.
    fn keep_copy(&mut self, commit: Commit) {
        let guards_on_version = commit.guards.contains(&Guard::Current);
        if !guards_on_version {
            self.cast_off(commit);
        }
    }
}

impl Commit {
    fn may_be_stamped_early(&self) -> bool {
        self.age > 0 && matches!(self.what, What::Acquire | What::Extend)
    }
}
