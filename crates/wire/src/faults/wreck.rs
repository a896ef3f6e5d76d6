//! How a call is broken below the protocol.

use std::sync::Arc;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use tokio::sync::Notify;

/// Closes a connection.
#[derive(Clone, Debug, Default)]
pub(crate) struct Severed(Arc<Notify>);

impl Severed {
    /// Completes when the connection is to be closed.
    pub(crate) async fn wait(&self) {
        self.0.notified().await;
    }
}

/// What a call can break with, and by which number it is known; nothing, for most calls of most
/// servers. Clones are of the same call.
#[derive(Clone, Debug, Default)]
pub(crate) struct Wreck(Option<Arc<Inner>>);

#[derive(Debug, Default)]
struct Inner {
    severed: Severed,
    is_cut: AtomicBool,
    /// Which call of its method in its project it is, once that matters.
    number: OnceLock<u64>,
    parts: AtomicU64,
}

impl Wreck {
    /// Of a call on the connection that `severed` closes.
    pub(crate) fn new(severed: Severed) -> Self {
        Self(Some(Arc::new(Inner { severed, ..Inner::default() })))
    }

    /// Whether the call can break.
    pub(super) fn is_possible(&self) -> bool {
        self.0.is_some()
    }

    /// Resets the call's stream as soon as its answer has nothing to send.
    pub(super) fn cut(&self) {
        if let Some(inner) = &self.0 {
            inner.is_cut.store(true, Ordering::Release);
        }
    }

    pub(super) fn is_cut(&self) -> bool {
        self.0.as_ref().is_some_and(|inner| inner.is_cut.load(Ordering::Acquire))
    }

    /// Closes the call's connection.
    pub(super) fn disconnect(&self) {
        if let Some(inner) = &self.0 {
            inner.severed.0.notify_one();
        }
    }

    /// The call's number, which `count` gives it if it has none.
    pub(super) fn number(&self, count: impl FnOnce() -> u64) -> u64 {
        match &self.0 {
            Some(inner) => *inner.number.get_or_init(count),
            None => count(),
        }
    }

    /// A number for a part of the call that draws by itself.
    pub(super) fn next_part(&self) -> u64 {
        self.0.as_ref().map_or(0, |inner| inner.parts.fetch_add(1, Ordering::Relaxed))
    }
}
