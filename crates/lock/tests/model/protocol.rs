//! The protocol as decided, its numbers, and the ways to spoil it.

use super::state::{CLIENTS, KEYS};

/// What is searched: a protocol, who takes part, and what may go wrong.
#[derive(Clone, Debug)]
pub(crate) struct Protocol {
    /// The keys that each client wants, all or none of them. Clients that want the same stand together; who wants
    /// nothing stands last, and takes no part.
    pub(crate) wants: [[bool; KEYS]; CLIENTS],
    /// Ticks of a lease.
    pub(crate) ttl: u8,
    /// Ticks within one step of a stamp, 1 or 2: a stamp is rounded down by less than that.
    pub(crate) stamp: u8,
    /// What a client's clock may count per tick of the store's.
    pub(crate) paces: &'static [u8],
    /// What the slowest clock counts that the protocol allows for.
    pub(crate) slowest: u8,
    /// Commits that may be under way unawaited at a time.
    pub(crate) late: usize,
    /// Answers of the store take time. Without, a client goes on at once from what it hears or reads.
    pub(crate) slow: bool,
    /// A commit may arrive twice.
    pub(crate) duplicates: bool,
    /// A stamp may be as old as the commit's sending.
    pub(crate) early_stamps: bool,
    /// Clients crash and start anew. Without, one may still stop for ever.
    pub(crate) crashes: bool,
    /// Clients give up.
    pub(crate) gives_up: bool,
    /// Holders extend.
    pub(crate) renews: bool,
    /// Holders write guarded data.
    pub(crate) writes: bool,
    pub(crate) deadline: Deadline,
    pub(crate) release: Release,
    /// A late commit of an attempt may not even come back after the attempt's own turn.
    pub(crate) strict_about_own_turn: bool,
    pub(crate) mutant: Option<Mutant>,
}

/// From when a holder counts after an unknown outcome that a read resolved. A reply counts from its own send.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Deadline {
    /// The read: what its time left of the lease, counted from before it was sent.
    Read,
    /// The first send that may have been the one that took effect.
    FirstSend,
}

/// What a release does to a lease that was won while an earlier commit of the same id had an unknown outcome.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Release {
    /// It deletes the lease, as any other release does.
    Deletes,
    /// It leaves a tombstone, so that the earlier commit is refused.
    Buries,
}

/// A protocol that is wrong in one place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mutant {
    TakeoverWithoutGuard,
    ExtendWithoutGuard,
    ReleaseBlindly,
    WriteWithoutVerify,
    DeadlineFromReply,
    /// A lock that a read finds to be won counts from the last send of the id.
    WonFromLastSend,
    /// An extension that a read finds to have happened counts from the last send of it.
    ExtendedFromLastSend,
    /// The first client compares stamps with its own wall clock, which is ahead.
    WallClock,
    NoRoomForRounding,
    UnknownIsFailure,
    NewIdOnRetry,
    GiveUpInSilence,
    /// Giving up leaves a lapsed lease as it is, and only replaces an absent one or what it would have replaced.
    LapsedIsLeftAlone,
    /// Two tombstones are the same document, so that writing the second moves no version.
    TombstoneStaysPut,
    TombstoneHolds,
    CounterGoesWithLease,
    TakeoverKeepsFence,
    LostGuardWalksAway,
}

impl Protocol {
    /// Two clients and one key, with all that can go wrong between them and the store.
    pub(crate) const PAIR: Self = Self {
        wants: [[true, false], [true, false], [false, false]],
        ttl: 2,
        stamp: 1,
        paces: &[2],
        slowest: 2,
        late: 1,
        slow: false,
        duplicates: true,
        early_stamps: false,
        crashes: false,
        gives_up: true,
        renews: true,
        writes: false,
        deadline: Deadline::Read,
        release: Release::Buries,
        strict_about_own_turn: false,
        mutant: None,
    };
    pub(crate) const TWO_LATE: Self = Self { late: 2, paces: &[2, 3], ..Self::PAIR };
    pub(crate) const SLOW: Self = Self { slow: true, ..Self::PAIR };
    pub(crate) const SLOW_FROM_SEND: Self = Self { deadline: Deadline::FirstSend, ..Self::SLOW };
    pub(crate) const ROUNDED: Self = Self { stamp: 2, early_stamps: true, ..Self::PAIR };
    pub(crate) const WRITING: Self = Self { writes: true, ..Self::PAIR };
    pub(crate) const CRASHING: Self = Self { crashes: true, ..Self::PAIR };
    pub(crate) const CRASHING_WRITERS: Self =
        Self { duplicates: false, gives_up: false, ..Self { writes: true, ..Self::CRASHING } };
    pub(crate) const THREE: Self =
        Self { wants: [[true, false]; CLIENTS], duplicates: false, gives_up: false, ..Self::PAIR };
    /// Both want both keys.
    pub(crate) const BOTH: Self =
        Self { wants: [[true, true], [true, true], [false, false]], ..Self::PAIR };
    /// One wants both keys, the other the first.
    pub(crate) const BOTH_AND_ONE: Self =
        Self { wants: [[true, true], [true, false], [false, false]], ..Self::PAIR };
    /// One wants both keys, and each key is wanted by one more.
    pub(crate) const BOTH_AND_EACH: Self = Self {
        wants: [[true, true], [true, false], [false, true]],
        late: 0,
        gives_up: false,
        renews: false,
        ..Self::PAIR
    };
    /// No commit of an attempt may hold the key after the attempt has ended, before somebody else has held it. That
    /// takes a release that leaves a tombstone, and a network that doesn't copy what it carries.
    pub(crate) const TIDY: Self = Self {
        late: 2,
        duplicates: false,
        release: Release::Buries,
        strict_about_own_turn: true,
        ..Self::PAIR
    };
    /// Clocks that run at half the slowest rate allowed.
    pub(crate) const TOO_SLOW_CLOCKS: Self = Self { paces: &[1], ..Self::PAIR };

    /// The same, spoiled.
    pub(crate) const fn with(self, mutant: Mutant) -> Self {
        Self { mutant: Some(mutant), ..self }
    }

    pub(crate) fn is(&self, mutant: Mutant) -> bool {
        self.mutant == Some(mutant)
    }

    /// The countdown that a send starts: a lease, on the slowest clock allowed.
    pub(crate) fn full(&self) -> u8 {
        self.ttl * self.slowest
    }

    /// Ticks after its stamp at which a lease counts as lapsed.
    pub(crate) fn lapse(&self) -> u8 {
        if self.is(Mutant::NoRoomForRounding) { self.ttl } else { self.oldest() }
    }

    /// The age at which a lease has lapsed beyond doubt.
    pub(crate) fn oldest(&self) -> u8 {
        self.ttl + self.stamp - 1
    }

    pub(crate) fn clients(&self) -> usize {
        self.wants.iter().take_while(|wants| wants.contains(&true)).count()
    }
}
