//! The client: what it does on an answer, on a read, and when an answer doesn't come.

use super::property::Property;
use super::protocol::{Deadline, Mutant, Protocol, Release};
use super::state::{
    Call, Client, Commit, Flight, Found, Guard, Id, KEYS, Lease, Phase, Snapshot, State, What,
};

/// One client at one step.
pub(crate) struct Turn<'a> {
    pub(crate) protocol: &'a Protocol,
    pub(crate) state: &'a mut State,
    pub(crate) index: usize,
}

/// Why an attempt ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    /// It was answered: without the lock, or after its release.
    Answered,
    /// It was answered "held", as somebody else's turn runs.
    Held,
    Crashed,
}

impl Turn<'_> {
    fn client(&mut self) -> &mut Client {
        &mut self.state.clients[self.index]
    }

    fn id(&self) -> Id {
        Id::Of(self.index as u8)
    }

    /// Starts an attempt: the one commit of an uncontended acquire.
    pub(crate) fn acquire(&mut self) {
        let full = self.protocol.full();
        let wanted = self.protocol.wants[self.index];
        let guards = wanted.map(|wants| if wants { Guard::Absent } else { Guard::Untouched });
        *self.client() = Client { phase: Phase::Acquiring, left: full, ..Client::IDLE };
        self.try_acquire(guards);
    }

    fn try_acquire(&mut self, guards: [Guard; KEYS]) {
        let full = self.protocol.full();
        self.client().versions = guards;
        self.client().sent = full;
        let blind = self.protocol.is(Mutant::TakeoverWithoutGuard);
        self.send(What::Acquire, guards.map(|guard| guard.blind_if(blind)));
    }

    /// Renews. After an extension of unknown outcome the countdown goes on from that one's send: it may land yet.
    pub(crate) fn extend(&mut self) {
        let full = self.protocol.full();
        let keeps_first = self.protocol.deadline == Deadline::FirstSend
            && !self.protocol.is(Mutant::ExtendedFromLastSend);
        if !(self.client().unsure && keeps_first) {
            self.client().sent = full;
        }
        let blind = self.protocol.is(Mutant::ExtendWithoutGuard);
        let guards = self.client().versions.map(|guard| guard.blind_if(blind));
        self.send(What::Extend, guards);
    }

    /// Stops believing, then sends the release.
    pub(crate) fn release(&mut self) {
        let versions = self.client().versions;
        self.send_release(versions);
    }

    fn send_release(&mut self, versions: [Guard; KEYS]) {
        let retried = self.client().retried;
        *self.client() = Client { phase: Phase::Releasing, versions, retried, ..Client::IDLE };
        let blind = self.protocol.is(Mutant::ReleaseBlindly);
        let buries = retried && self.protocol.release == Release::Buries;
        let what = if buries { What::Bury } else { What::Release };
        self.send(what, versions.map(|guard| guard.blind_if(blind)));
    }

    /// Sends guarded data, and doesn't wait.
    pub(crate) fn write(&mut self) {
        let by = self.id();
        let unguarded = self.protocol.is(Mutant::WriteWithoutVerify);
        let client = self.client();
        client.about_to_write = false;
        let guards = client.versions.map(|guard| guard.blind_if(unguarded));
        let fence = client.fence;
        self.state.cast_off(Commit {
            by,
            what: What::Write,
            guards,
            fence,
            age: 0,
            overtaken: false,
        });
    }

    fn send(&mut self, what: What, guards: [Guard; KEYS]) {
        let by = self.id();
        let commit = Commit { by, what, guards, fence: 0, age: 0, overtaken: false };
        self.client().call = Call::Answer(commit, Flight::Sent);
    }

    /// The reply to the awaited commit arrives.
    pub(crate) fn hear(&mut self, commit: Commit, flight: Flight) {
        let Flight::Applied { versions, fence } = flight else {
            self.client().call = Call::MustRead;
            return;
        };
        let sent = self.client().sent;
        match commit.what {
            What::Acquire => self.hold(versions, sent, fence),
            What::Extend => {
                let fence = self.client().fence;
                self.hold(versions, sent, fence);
            }
            // It undid what had landed. There may be more: the next look keeps it out.
            What::Release if self.client().phase == Phase::GivingUp => {
                self.client().call = Call::MustRead;
            }
            What::Release | What::Bury | What::Write => self.end(End::Answered),
        }
    }

    fn hold(&mut self, versions: [Guard; KEYS], left: u8, fence: u8) {
        let from_reply = self.protocol.is(Mutant::DeadlineFromReply);
        let left = if from_reply { self.protocol.full() } else { left };
        let Client { phase, unsure, retried, about_to_write, .. } = *self.client();
        let retried = retried || (unsure && phase == Phase::Acquiring);
        let phase = Phase::Holding;
        *self.client() =
            Client { phase, versions, left, fence, retried, about_to_write, ..Client::IDLE };
    }

    /// No reply comes: the commit may have taken effect, may yet, or never will.
    pub(crate) fn lose_reply(&mut self, commit: Commit, flight: Flight) {
        if flight == Flight::Sent {
            self.state.cast_off(commit);
        }
        let acquiring = self.client().phase == Phase::Acquiring;
        self.client().unsure = true;
        if acquiring && self.protocol.is(Mutant::UnknownIsFailure) {
            return self.end(End::Answered);
        }
        if acquiring && self.protocol.is(Mutant::NewIdOnRetry) {
            self.disown(Id::Answered, true);
        }
        self.client().call = Call::MustRead;
    }

    /// A read arrives, and decides.
    pub(crate) fn learn(&mut self, snapshot: Snapshot) {
        let phase = self.client().phase;
        let wanted = || snapshot.keys.iter().filter(|seen| seen.lease != Found::Unread);
        let all_mine = wanted().all(|seen| seen.lease == Found::Mine);
        let any = |lease| wanted().any(|seen| seen.lease == lease);
        match phase {
            Phase::Acquiring if all_mine => self.won(snapshot),
            Phase::Holding if all_mine => self.still_holds(snapshot),
            Phase::GivingUp if any(Found::Mine) => self.send(What::Release, mine(&snapshot)),
            _ if any(Found::Mine) => self.send_release(mine(&snapshot)),
            Phase::Holding | Phase::Releasing => self.end(End::Answered),
            _ if any(Found::Taken) => self.end(End::Held),
            Phase::Acquiring => self.try_acquire(versions(&snapshot)),
            _ => self.bury(&snapshot),
        }
    }

    fn won(&mut self, snapshot: Snapshot) {
        let left = match self.protocol.deadline {
            _ if self.protocol.is(Mutant::WonFromLastSend) => self.client().sent,
            Deadline::FirstSend => self.client().left,
            Deadline::Read => snapshot.left,
        };
        self.hold(versions(&snapshot), left, snapshot.fence);
    }

    /// The lease is still its own. If the version moved, its extension did that; if not, it may do so yet.
    fn still_holds(&mut self, snapshot: Snapshot) {
        let client = *self.client();
        let moved = snapshot.keys.iter().any(|seen| seen.lease == Found::Mine && seen.moved);
        let extended = match self.protocol.deadline {
            _ if self.protocol.is(Mutant::ExtendedFromLastSend) => client.sent,
            Deadline::FirstSend => client.sent,
            Deadline::Read => snapshot.left,
        };
        let left = if moved { client.left.max(extended) } else { client.left };
        let fence = client.fence;
        if moved {
            self.hold(versions(&snapshot), left, fence);
        } else {
            self.client().call = Call::Free;
        }
    }

    /// Gives up: at once if all that was sent was refused, else after a look.
    pub(crate) fn give_up(&mut self) {
        self.client().phase = Phase::GivingUp;
        if !self.client().unsure {
            self.end(End::Answered);
        }
    }

    /// Leaves a tombstone where nobody holds: what may still be under way must find its precondition gone.
    fn bury(&mut self, snapshot: &Snapshot) {
        let client = *self.client();
        let spares_lapsed = self.protocol.is(Mutant::LapsedIsLeftAlone);
        let mut guards = [Guard::Untouched; KEYS];
        for (key, seen) in snapshot.keys.iter().enumerate() {
            guards[key] = match (seen.lease, client.versions[key]) {
                (Found::Unread, _) => Guard::Untouched,
                (Found::Free, _) => Guard::Absent,
                // A tombstone refuses what demands its absence or another version.
                (Found::Tombstone, Guard::Absent) => Guard::Untouched,
                (Found::Tombstone, _) if seen.moved => Guard::Untouched,
                (Found::Lapsed, Guard::Absent) if spares_lapsed => Guard::Untouched,
                _ => seen.version,
            };
        }
        let nothing_to_fear = guards.iter().all(|guard| *guard == Guard::Untouched);
        if nothing_to_fear || self.protocol.is(Mutant::GiveUpInSilence) {
            self.end(End::Answered);
        } else {
            self.send(What::Bury, guards);
        }
    }

    /// A holder whose clock has run out forgets its lease without releasing. Only a mutant does.
    pub(crate) fn walk_away(&mut self) {
        self.end(End::Answered);
    }

    pub(crate) fn crash(&mut self) {
        if let Call::Answer(commit, Flight::Sent) = self.client().call {
            self.state.cast_off(commit);
        }
        self.end(End::Crashed);
    }

    fn end(&mut self, end: End) {
        let client = self.client();
        let trying = matches!(client.phase, Phase::Acquiring | Phase::GivingUp);
        match end {
            End::Answered if !trying => self.disown(Id::Gone, true),
            End::Answered if client.unsure => self.disown(Id::Answered, true),
            // All was refused, so somebody had the key: a copy of what was refused lands after a turn, if at all.
            _ => self.disown(Id::Gone, false),
        }
        *self.client() = Client::IDLE;
    }

    /// Nobody answers to the client's present id from now on: its late acquires become `to`, and its lease is an orphan
    /// if there must be none.
    fn disown(&mut self, to: Id, must_have_none: bool) {
        let id = self.id();
        for late in self.state.late.iter_mut().flatten().filter(|late| late.by == id) {
            late.by = if late.what == What::Acquire { to } else { Id::Gone };
        }
        for key in &mut self.state.keys {
            if let Lease::Held { by, age } = &mut key.lease
                && *by == id
            {
                *by = Id::Gone;
                if must_have_none && *age < self.protocol.lapse() {
                    self.state.breach = Some(Property::Orphan);
                }
            }
            if let Some((by, _)) = &mut key.promise
                && *by == id
            {
                *by = Id::Gone;
            }
        }
    }
}

/// What a snapshot saw, as the guard that holds while nothing has changed since.
fn versions(snapshot: &Snapshot) -> [Guard; KEYS] {
    snapshot.keys.map(|seen| seen.version)
}

/// The same of the keys that are the reader's own.
fn mine(snapshot: &Snapshot) -> [Guard; KEYS] {
    snapshot
        .keys
        .map(|seen| if seen.lease == Found::Mine { seen.version } else { Guard::Untouched })
}

impl Guard {
    /// A guard on a version becomes none at all, in the mutants that forget it.
    fn blind_if(self, blind: bool) -> Self {
        match self {
            Self::Current | Self::Outdated if blind => Self::Anything,
            _ => self,
        }
    }
}
