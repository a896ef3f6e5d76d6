//! What a test may do to a store from outside, as production does it unasked.

use std::fmt;
use std::sync::Arc;

use firekeep_core::{Document, Result, Timestamp};

use crate::shared::Shared;
use crate::snapshot::{Replacement, Snapshot};

/// A handle on a [`MemoryStore`](crate::MemoryStore)'s insides, for tests; see
/// [`MemoryStore::control`](crate::MemoryStore::control).
#[derive(Clone)]
pub struct Control {
    shared: Arc<Shared>,
}

impl fmt::Debug for Control {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Control").finish_non_exhaustive()
    }
}

impl Control {
    pub(crate) fn new(shared: Arc<Shared>) -> Self {
        Self { shared }
    }

    /// Makes every open watch send a reset and its whole state anew.
    pub fn reset_watches(&self) {
        self.shared.with(|state| state.watchers.reset_all(&mut state.wake));
    }

    /// Makes every watch position given out so far expire. Open watches go on.
    pub fn expire_positions(&self) {
        let wall = self.shared.clock.wall();
        self.shared.with(|state| state.oldest_position = state.commit_time(wall));
    }

    /// Deletes the documents whose TTL field has passed, except those that a transaction has
    /// locked. Answers how many. Without this, and without
    /// [`sweep_every`](crate::MemoryStoreBuilder::sweep_every), they stay, as they may in
    /// production for a day. A clock that is moved deletes nothing by itself: whoever moves it
    /// calls this where watches are to see documents go though nobody accesses the store.
    pub fn expire_documents(&self) -> usize {
        let wall = self.shared.clock.wall();
        self.shared.with(|state| self.shared.expire_documents(state, wall))
    }

    /// Holds all watch events back, so that a test can see how they are coalesced.
    pub fn pause_watches(&self) {
        self.shared.with(|state| state.watchers.pause(true, &mut state.wake));
    }

    /// Lets watch events through again.
    pub fn resume_watches(&self) {
        self.shared.with(|state| state.watchers.pause(false, &mut state.wake));
    }

    /// How many watches are open: begun and not dropped.
    pub fn open_watches(&self) -> usize {
        self.shared.with(|state| state.watchers.count())
    }

    /// How many transactions are under way.
    pub fn open_transactions(&self) -> usize {
        let now = self.shared.clock.monotonic();
        self.shared.with(|state| {
            state.expire_txns(now);
            state.txns.count()
        })
    }

    /// How many documents there are.
    pub fn count_documents(&self) -> usize {
        self.shared.with(|state| state.documents.all().count())
    }

    /// How many changes the store remembers for reads in the past.
    pub fn remembered_changes(&self) -> usize {
        self.shared.with(|state| state.history.len())
    }

    /// Deletes every document and ends every transaction. Watches see the documents go.
    pub fn clear(&self) {
        let wall = self.shared.clock.wall();
        self.shared.with(|state| {
            state.end_all();
            let time = state.commit_time(wall);
            let paths: Vec<_> = state.documents.all().map(|doc| doc.path().clone()).collect();
            for path in paths {
                state.delete(&path, time);
            }
            state.prune();
        });
    }

    /// Every document at one time, in the order of their paths.
    ///
    /// # Cost
    /// A handle per document, not a copy: the store goes on beside it.
    pub fn snapshot(&self) -> Snapshot {
        let wall = self.shared.clock.wall();
        let (read_time, mut documents) = self.shared.with(|state| {
            let documents: Vec<_> = state.documents.all().cloned().collect();
            (state.read_time(wall), documents)
        });
        documents.sort_by(|left, right| left.path().cmp(right.path()));
        Snapshot { read_time, documents }
    }

    /// Replaces everything by `documents`, each with the times at which it says that it was created
    /// and updated; all commits from now on are later than any of them. Answers as of when the
    /// store holds them.
    ///
    /// Ends every transaction. A version may go back by this, so open watches send a reset and
    /// their whole state anew, and positions given out so far expire.
    ///
    /// # Errors
    /// [`InvalidArgument`](firekeep_core::ErrorKind::InvalidArgument), and nothing is changed, for
    /// two documents at one path, for one that was updated before it was created or in the last
    /// year there is, and for one larger than a document may be. The names and the nesting of
    /// fields are not checked again: whoever reads a file makes the documents from checked writes.
    pub fn restore(&self, documents: Vec<Document>) -> Result<Timestamp> {
        let replacement = Replacement::new(documents)?;
        let wall = self.shared.clock.wall();
        Ok(self.shared.with(|state| state.replace_all(replacement, wall)))
    }
}
