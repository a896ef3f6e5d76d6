//! What must hold in every run.

use std::fmt;

use firekeep_core::Timestamp;

/// A property of locks. The numbers are those of the plan that the simulation follows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Property {
    /// P1: by the store's stamps, leases of one key don't overlap, and nobody else ends a live one.
    Store,
    /// P2: no two running clients believe at one time that they hold a key.
    Belief,
    /// P2, stronger: a running client that believes in a lease has it in the store.
    Lease,
    /// P3: fences are unique per key, strictly increase, and are the ones handed out.
    Fence,
    /// P4: a register that is written under guard never goes back and loses no update.
    Register,
    /// P6: what was answered is what happened.
    Answer,
    /// P7: once the faults stop, whoever waits for a lease and a bit longer gets the lock.
    Liveness,
    /// P8: what was lost stays lost.
    Resurrection,
    /// P9: nothing is left behind.
    Cleanliness,
}

/// A property that did not hold.
#[derive(Clone, Debug)]
pub(crate) struct Violation {
    pub(crate) property: Property,
    pub(crate) at: Timestamp,
    pub(crate) told: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} at {}: {}", self.property, self.at, self.told)
    }
}
