//! The circumstances of a call, as opposed to its intent.

use std::sync::Arc;
use std::time::Instant;

/// What surrounds a store operation: a deadline, labels, a trace parent.
///
/// Cheap to clone. The request says *what* to do; `Cx` says *for whom and until when*.
#[derive(Clone, Debug, Default)]
pub struct Cx {
    deadline: Option<Instant>,
    label: Option<Arc<str>>,
    trace_parent: Option<Arc<str>>,
}

impl Cx {
    /// No deadline, no labels.
    pub fn new() -> Self {
        Self::default()
    }

    /// Gives up at `deadline`, on the monotonic clock of [`Clock::monotonic`](crate::Clock).
    /// An earlier deadline that is already set stays.
    #[must_use]
    pub fn with_deadline(mut self, deadline: Instant) -> Self {
        self.deadline = Some(self.deadline.map_or(deadline, |earlier| earlier.min(deadline)));
        self
    }

    /// Names the feature on whose behalf the call is made, such as `telemetry.write`. One of a
    /// closed set of names, never an id: observers use it as a metric label.
    #[must_use]
    pub fn with_label(mut self, label: impl Into<Arc<str>>) -> Self {
        self.label = Some(label.into());
        self
    }

    /// Carries a W3C `traceparent` to the backend.
    #[must_use]
    pub fn with_trace_parent(mut self, trace_parent: impl Into<Arc<str>>) -> Self {
        self.trace_parent = Some(trace_parent.into());
        self
    }

    /// When the caller stops waiting.
    pub fn deadline(&self) -> Option<Instant> {
        self.deadline
    }

    /// On whose behalf the call is made.
    pub fn label(&self) -> Option<&str> {
        self.label.as_deref()
    }

    /// The W3C `traceparent` to send along.
    pub fn trace_parent(&self) -> Option<&str> {
        self.trace_parent.as_deref()
    }
}
