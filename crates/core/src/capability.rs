//! What a stack offers beyond the baseline.

use std::collections::BTreeSet;
use std::fmt;
use std::time::Duration;

use crate::{Error, ErrorKind, Result};

/// The extras and limits of a stack of layers over a backend.
///
/// What every backend must do is the baseline and has no flag here. A feature that needs an extra
/// declares it and calls [`Capabilities::require`] in its constructor, so that a wrong stack fails
/// at start-up by name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Capabilities {
    /// The extras that this stack offers.
    pub extras: BTreeSet<Capability>,
    /// How far back [`ReadAt::Time`](crate::ReadAt) reaches.
    pub past_reads: Duration,
}

/// An extra that not every stack offers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Capability {
    /// A watch resumes after its position, or begins at a past time, without sending everything again.
    ResumesWatch,
    /// A watch sends a checkpoint now and then even if nothing changes.
    WatchHeartbeat,
    /// Queries that lack a composite index are refused, as in production.
    EnforcesIndexes,
    /// Documents past their TTL field are deleted some time later.
    ExpiresDocuments,
    /// Transactions may ask for [`Concurrency::Optimistic`](crate::Concurrency).
    OptimisticTransactions,
    /// Requests of more than 10 MiB are refused by that bound.
    EnforcesRequestSize,
}

impl Capability {
    /// The capability's name in lower case with hyphens.
    pub fn name(self) -> &'static str {
        match self {
            Self::ResumesWatch => "resumes-watch",
            Self::WatchHeartbeat => "watch-heartbeat",
            Self::EnforcesIndexes => "enforces-indexes",
            Self::ExpiresDocuments => "expires-documents",
            Self::OptimisticTransactions => "optimistic-transactions",
            Self::EnforcesRequestSize => "enforces-request-size",
        }
    }
}

impl fmt::Display for Capability {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl Capabilities {
    /// The baseline with `extras` and reads up to `past_reads` back.
    pub fn new(extras: impl IntoIterator<Item = Capability>, past_reads: Duration) -> Self {
        Self { extras: extras.into_iter().collect(), past_reads }
    }

    /// Whether the stack offers `extra`.
    pub fn has(&self, extra: Capability) -> bool {
        self.extras.contains(&extra)
    }

    /// Checks that every one of `needs` is offered.
    ///
    /// # Errors
    /// [`Unimplemented`](ErrorKind::Unimplemented), naming `feature` and what is missing.
    pub fn require(&self, feature: &str, needs: &[Capability]) -> Result<()> {
        let missing: Vec<_> =
            needs.iter().filter(|need| !self.has(**need)).map(|need| need.name()).collect();
        if missing.is_empty() {
            return Ok(());
        }
        let message = format!("{feature} needs a store with {}", missing.join(", "));
        Err(Error::new(ErrorKind::Unimplemented, message))
    }
}
