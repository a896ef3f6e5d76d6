//! What an observer is told.

use std::fmt;
use std::time::Duration;

use firekeep_core::{Effect, ErrorKind, Operation};

/// Someone who wants to know about every call: tracing, metrics, a cost report.
///
/// # Contract
/// Called in the middle of each operation, so it returns at once: it neither blocks nor waits. It
/// learns operations, labels, counts and durations, and never paths, ids or values, because what it
/// makes of them ends up in logs and metrics.
pub trait Observer: fmt::Debug + Send + Sync + 'static {
    /// A call starts. Each is followed by exactly one [`finish`](Observer::finish).
    fn start(&self, call: &Call<'_>);

    /// A call ended.
    fn finish(&self, call: &Call<'_>, outcome: &Outcome);

    /// The span that the call runs in, if the observer wants one; the first observer's counts.
    fn span(&self, _call: &Call<'_>) -> tracing::Span {
        tracing::Span::none()
    }
}

/// Which call is observed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Call<'a> {
    /// What is done.
    pub operation: Operation,
    /// On whose behalf; see [`Cx::with_label`](firekeep_core::Cx::with_label).
    pub label: Option<&'a str>,
}

/// How a call went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Outcome {
    /// From the request until the end, on the monotonic clock; a stream's whole life.
    pub duration: Duration,
    /// How it ended.
    pub ending: Ending,
    /// Documents looked up, rows, changes, writes or aggregates answered, up to the end.
    pub rows: u64,
}

/// How a call ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// With an answer, or a stream with its last event.
    Answered,
    /// With an error of this kind, and whether its write may have happened.
    Failed(ErrorKind, Effect),
    /// The caller dropped the future or the stream. For a watch this is the usual end.
    Dropped,
}

impl Ending {
    /// A closed set of names, fit for metric labels: `ok`, `dropped`, or the kind of the error.
    pub fn name(self) -> &'static str {
        match self {
            Self::Answered => "ok",
            Self::Failed(kind, _) => kind.name(),
            Self::Dropped => "dropped",
        }
    }
}
