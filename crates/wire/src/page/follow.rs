//! Watches of what an open page shows.

use std::collections::{BTreeMap, BTreeSet};

use firekeep_core::{
    Cx, DocPath, Document, DocumentChange, Error, Result, Store, WatchEvent, WatchFrom,
    WatchRequest, WatchTarget,
};
use futures::StreamExt;
use futures::stream::BoxStream;

/// A watch and the state that it told.
pub(super) struct Followed {
    /// `None` once the watch broke.
    events: Option<BoxStream<'static, Result<WatchEvent>>>,
    pub(super) documents: BTreeMap<DocPath, Document>,
    /// What changed since this was last asked for; all, if the state was told for the first time.
    changed: BTreeSet<DocPath>,
    is_caught_up: bool,
    is_new: bool,
    failed: Option<Error>,
}

impl Followed {
    pub(super) fn new(store: &dyn Store, target: WatchTarget) -> Self {
        let request = WatchRequest { target, from: WatchFrom::Start };
        Self {
            events: Some(store.watch(&Cx::new(), request)),
            documents: BTreeMap::new(),
            changed: BTreeSet::new(),
            is_caught_up: false,
            is_new: false,
            failed: None,
        }
    }

    /// Waits for a change, and takes it in.
    ///
    /// # Cancellation
    /// Nothing is lost: the next call goes on.
    pub(super) async fn next(&mut self) {
        let Some(events) = &mut self.events else { return std::future::pending().await };
        match events.next().await {
            Some(Ok(event)) => self.take(event),
            Some(Err(error)) => self.fail(error),
            None => self.fail(Error::new(firekeep_core::ErrorKind::Unavailable, "a watch ended")),
        }
    }

    /// Whether there is a state that is not told yet, and what of it has changed.
    pub(super) fn news(&mut self) -> Option<BTreeSet<DocPath>> {
        if !(self.is_new && self.is_caught_up) {
            return None;
        }
        self.is_new = false;
        Some(std::mem::take(&mut self.changed))
    }

    /// Whether the whole state was told.
    pub(super) fn is_told(&self) -> bool {
        self.is_caught_up
    }

    /// Why the watch broke, told once.
    pub(super) fn failure(&mut self) -> Option<Error> {
        self.failed.take()
    }

    fn take(&mut self, event: WatchEvent) {
        match event {
            WatchEvent::Batch(batch) => {
                let was_told = self.is_caught_up;
                for change in batch.changes {
                    if was_told {
                        self.changed.insert(change.path().clone());
                    }
                    match change {
                        DocumentChange::Set(document) => {
                            self.documents.insert(document.path().clone(), document);
                        }
                        DocumentChange::Removed(path) => drop(self.documents.remove(&path)),
                    }
                }
                self.is_caught_up |= batch.caught_up;
                self.is_new = true;
            }
            WatchEvent::Reset => {
                self.documents.clear();
                self.is_caught_up = false;
            }
            WatchEvent::Checkpoint { .. } => {}
        }
    }

    fn fail(&mut self, error: Error) {
        self.events = None;
        self.failed = Some(error);
    }
}
