//! Commits that are still on their way.

use std::sync::Arc;

use firekeep_core::{Commit, Cx, Store};

/// A commit that its sender has given up on, and that goes through all the same.
pub(super) struct Late {
    /// At which count of calls it goes through.
    pub(super) due: u64,
    pub(super) store: Arc<dyn Store>,
    pub(super) commit: Commit,
}

impl Late {
    /// Applies the commit as it was sent. Nobody waits for its answer, and its sender's deadline
    /// does not hold for it any more.
    pub(super) async fn deliver(self) {
        let answer = self.store.commit(&Cx::new(), self.commit).await;
        let refused = answer.err().map(|error| error.kind().name());
        tracing::debug!(refused, "a late commit arrived");
    }
}
