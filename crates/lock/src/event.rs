//! What happens to locks, told to observers as it happens, failures included.

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;

use crate::key::Hash;

/// Something that happened to a lock.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Event {
    /// What was done.
    pub action: Action,
    /// How it went.
    pub outcome: Outcome,
    /// The hash of the (first) key.
    pub key: Hash,
    /// How long it took; for [`Action::Hold`] and [`Action::Lose`], how long the lock was held.
    pub took: Duration,
    /// How many attempts it took.
    pub attempts: u32,
}

/// What is done to a lock: a closed set, fit for metric labels.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Action {
    /// One attempt to acquire.
    Try,
    /// Acquiring from the first attempt to the last.
    Acquire,
    /// Waiting for a lock that somebody else held, on the way to acquiring it or not.
    Wait,
    /// Holding a lock, from acquired to released.
    Hold,
    /// Extending a lease on request.
    Extend,
    /// Renewing a lease by itself.
    Renew,
    /// Releasing.
    Release,
    /// Finding out that a lock is no longer held, by its clock or from the store.
    Lose,
    /// Committing data under a lock.
    Commit,
    /// Asking who holds a key.
    Lookup,
    /// Taking a lock away from its holder.
    Break,
}

/// How an action went: a closed set, fit for metric labels.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Outcome {
    /// As wanted.
    Done,
    /// Somebody else holds the key, or nobody does; an answer and no failure.
    Refused,
    /// The lock is no longer the caller's.
    Lost,
    /// The time or the retries are used up.
    TimedOut,
    /// The caller cancelled.
    Cancelled,
    /// The store failed.
    Failed,
}

impl Action {
    /// Every action.
    pub const ALL: [Self; 11] = [
        Self::Try,
        Self::Acquire,
        Self::Wait,
        Self::Hold,
        Self::Extend,
        Self::Renew,
        Self::Release,
        Self::Lose,
        Self::Commit,
        Self::Lookup,
        Self::Break,
    ];

    /// The action's name in lower case.
    pub fn name(self) -> &'static str {
        match self {
            Self::Try => "try",
            Self::Acquire => "acquire",
            Self::Wait => "wait",
            Self::Hold => "hold",
            Self::Extend => "extend",
            Self::Renew => "renew",
            Self::Release => "release",
            Self::Lose => "lose",
            Self::Commit => "commit",
            Self::Lookup => "lookup",
            Self::Break => "break",
        }
    }
}

impl Outcome {
    /// The outcome's name in lower case with hyphens.
    pub fn name(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Refused => "refused",
            Self::Lost => "lost",
            Self::TimedOut => "timed-out",
            Self::Cancelled => "cancelled",
            Self::Failed => "failed",
        }
    }

    pub(crate) fn of_release(released: &crate::Result<crate::Released>) -> Self {
        match released {
            Ok(crate::Released::Done) => Self::Done,
            Ok(_) => Self::Lost,
            Err(error) => Self::of_error(error),
        }
    }

    pub(crate) fn of_error(error: &crate::Error) -> Self {
        match error.kind() {
            crate::ErrorKind::AcquisitionTimeout => Self::TimedOut,
            crate::ErrorKind::Aborted => Self::Cancelled,
            _ => Self::Failed,
        }
    }
}

/// Follows what happens to locks: for metrics, audits, tests.
pub trait Observer: fmt::Debug + Send + Sync + 'static {
    /// Something happened. Called on the task that did it, so it must not block; a panic is caught
    /// and logged.
    fn event(&self, event: &Event);
}

/// The span of an action, within that of the caller.
pub(crate) fn span(action: Action, key: &Hash) -> tracing::Span {
    let (action, key) = (action.name(), key.as_str());
    tracing::debug_span!(target: "firekeep_lock", "lock", action, key)
}

/// Who follows.
#[derive(Clone, Debug, Default)]
pub(crate) struct Observers(pub(crate) Vec<Arc<dyn Observer>>);

impl Observers {
    pub(crate) fn tell(&self, event: &Event) {
        tracing::debug!(
            target: "firekeep_lock",
            action = event.action.name(),
            outcome = event.outcome.name(),
            key = event.key.as_str(),
            took_us = u64::try_from(event.took.as_micros()).unwrap_or(u64::MAX),
            attempts = event.attempts,
        );
        for observer in &self.0 {
            if catch_unwind(AssertUnwindSafe(|| observer.event(event))).is_err() {
                tracing::warn!(action = event.action.name(), "an observer of locks panicked");
            }
        }
    }
}
