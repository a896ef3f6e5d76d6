//! What there is at one moment: leases and counters in the store, clients, commits under way.
//!
//! Nothing here grows with time. A version is either the one that the lease has now or one that it will never have
//! again, an instant is an age or a countdown, and a fence is a rank among those that somebody still remembers. So
//! the states are finite in number, and a search that ends has seen runs of every length.

/// Keys there can be.
pub(crate) const KEYS: usize = 2;
/// Clients there can be.
pub(crate) const CLIENTS: usize = 3;
/// Commits that may be under way with nobody waiting for their reply.
pub(crate) const LATE: usize = 3;

/// One moment of the whole system.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct State {
    pub(crate) keys: [Key; KEYS],
    pub(crate) clients: [Client; CLIENTS],
    /// Commits whose sender no longer waits: each lands at any time later, or never.
    pub(crate) late: [Option<Commit>; LATE],
    /// The store's clock is in the second half of a stamp's resolution.
    pub(crate) second_half: bool,
    /// The highest fence that the guarded data was written with.
    pub(crate) written: u8,
    /// The rule that the last step broke.
    pub(crate) breach: Option<super::property::Property>,
}

/// Both documents of a key, and what the checker knows besides.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
pub(crate) struct Key {
    pub(crate) lease: Lease,
    pub(crate) counter: u8,
    /// The highest fence ever granted. The protocol never sees it.
    pub(crate) granted: u8,
    /// Who was promised the key, and how long ago. The protocol never sees it.
    pub(crate) promise: Option<(Id, u8)>,
}

/// The lease document of a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
pub(crate) enum Lease {
    #[default]
    Absent,
    /// Without a holder: what giving up leaves behind.
    Tombstone,
    Held {
        by: Id,
        /// Ticks since the stamp.
        age: u8,
    },
}

/// A lock id, told apart as far as the rules need it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Id {
    /// The id of a client's present attempt.
    Of(u8),
    /// Of an attempt that was answered without the lock. It must not take the key before somebody else has.
    Answered,
    /// Of a client that crashed, or of an attempt whose turn, or another's since, has passed.
    Gone,
}

/// What a commit demands of one lease.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub(crate) enum Guard {
    /// The commit leaves this key alone.
    #[default]
    Untouched,
    /// Nothing is demanded. Only mutants do this.
    Anything,
    Absent,
    /// The version that the lease has now.
    Current,
    /// A version that the lease will never have again.
    Outdated,
}

/// One commit on its way to the store.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Commit {
    pub(crate) by: Id,
    pub(crate) what: What,
    pub(crate) guards: [Guard; KEYS],
    /// The writer's fence, with guarded data only.
    pub(crate) fence: u8,
    /// Ticks since it was sent, kept only where the stamp may be that old.
    pub(crate) age: u8,
    /// Somebody took the key since the sender, giving up, last looked.
    pub(crate) overtaken: bool,
}

/// What a commit does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum What {
    Acquire,
    Extend,
    Release,
    Bury,
    Write,
}

/// One client. Its wanted keys are part of the [`super::protocol::Protocol`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub(crate) struct Client {
    pub(crate) phase: Phase,
    pub(crate) call: Call,
    /// The guards of its last acquire, or the versions that it holds.
    pub(crate) versions: [Guard; KEYS],
    /// Countdown on its own clock: of its belief while it holds, and from the first send of the id before.
    pub(crate) left: u8,
    /// Countdown from the send whose outcome decides next.
    pub(crate) sent: u8,
    /// Some commit of the present purpose has an unknown outcome.
    pub(crate) unsure: bool,
    /// It won while an earlier commit of its id had an unknown outcome.
    pub(crate) retried: bool,
    /// It has read its clock, believes, and will write without looking again: the place where a pause hurts.
    pub(crate) about_to_write: bool,
    /// The fence of the first key.
    pub(crate) fence: u8,
}

/// What a client is after.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub(crate) enum Phase {
    #[default]
    Idle,
    Acquiring,
    GivingUp,
    Holding,
    Releasing,
}

/// What a client waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub(crate) enum Call {
    #[default]
    Free,
    /// The store's answer to a commit.
    Answer(Commit, Flight),
    /// It must read before it can go on.
    MustRead,
    /// A read that was made and is on its way back.
    Reading(Snapshot),
}

/// How far an awaited commit is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Flight {
    Sent,
    Applied { versions: [Guard; KEYS], fence: u8 },
    Refused,
}

/// What a read saw.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Snapshot {
    pub(crate) keys: [Seen; KEYS],
    /// Countdown to the end of the own lease as the read tells it.
    pub(crate) left: u8,
    pub(crate) fence: u8,
}

/// What a read saw of one key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub(crate) struct Seen {
    pub(crate) lease: Found,
    /// `Absent`, or the version that it saw.
    pub(crate) version: Guard,
    /// The version was not the one that the client knew.
    pub(crate) moved: bool,
}

/// Who a read saw in a lease.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub(crate) enum Found {
    /// The client does not want this key.
    #[default]
    Unread,
    Free,
    Tombstone,
    Mine,
    Lapsed,
    Taken,
}

impl State {
    pub(crate) const START: Self = Self {
        keys: [Key { lease: Lease::Absent, counter: 0, granted: 0, promise: None }; KEYS],
        clients: [Client::IDLE; CLIENTS],
        late: [None; LATE],
        second_half: false,
        written: 0,
        breach: None,
    };

    /// The version of a key's lease moves: whoever remembers it, remembers an old one.
    pub(crate) fn outdate(&mut self, key: usize) {
        for client in &mut self.clients {
            client.outdate(key);
        }
        for commit in self.late.iter_mut().flatten() {
            commit.guards[key].outdate();
        }
    }

    /// Whether another commit may be under way unawaited.
    pub(crate) fn has_room(&self, bound: usize) -> bool {
        self.late.iter().flatten().count() < bound
    }

    /// Lets go of a commit that nobody awaits.
    pub(crate) fn cast_off(&mut self, commit: Commit) {
        if let Some(place) = self.late.iter_mut().find(|place| place.is_none()) {
            *place = Some(commit);
        }
    }
}

impl Client {
    pub(crate) const IDLE: Self = Self {
        phase: Phase::Idle,
        call: Call::Free,
        versions: [Guard::Untouched; KEYS],
        left: 0,
        sent: 0,
        unsure: false,
        retried: false,
        about_to_write: false,
        fence: 0,
    };

    /// It would act on its lock: it holds, and its own clock does not forbid.
    pub(crate) fn believes(&self) -> bool {
        self.phase == Phase::Holding && self.left > 0
    }

    fn outdate(&mut self, key: usize) {
        self.versions[key].outdate();
        match &mut self.call {
            Call::Answer(commit, flight) => {
                commit.guards[key].outdate();
                if let Flight::Applied { versions, .. } = flight {
                    versions[key].outdate();
                }
            }
            Call::Reading(snapshot) => snapshot.keys[key].version.outdate(),
            Call::Free | Call::MustRead => {}
        }
    }

    /// Its clock goes on by `pace`.
    pub(crate) fn count_down(&mut self, pace: u8) {
        self.left = self.left.saturating_sub(pace);
        self.sent = self.sent.saturating_sub(pace);
        if let Call::Reading(snapshot) = &mut self.call {
            snapshot.left = snapshot.left.saturating_sub(pace);
        }
    }
}

impl Guard {
    fn outdate(&mut self) {
        if *self == Self::Current {
            *self = Self::Outdated;
        }
    }
}
