//! What a target has to tell, until it is told.

use std::collections::BTreeMap;

use firekeep_core::{Batch, DocPath, DocumentChange, Error, Position, Timestamp, WatchEvent};

/// What a watch yielded since its target was told last.
#[derive(Debug, Default)]
pub(super) struct Gathered {
    /// Whether everything told before is void.
    pub(super) is_reset: bool,
    /// Whether the changes are the whole state.
    pub(super) is_whole: bool,
    /// At most one per document.
    pub(super) changes: Vec<DocumentChange>,
    /// Up to where the changes go; nothing is to be told before this is known.
    pub(super) upto: Option<(Position, Timestamp)>,
    /// Why there will be no more.
    pub(super) failed: Option<Error>,
}

impl Gathered {
    /// Nothing yet of a target that is to be told whole.
    pub(super) fn whole() -> Self {
        Self { is_whole: true, ..Self::default() }
    }

    /// Whether there is something to tell.
    pub(super) fn is_complete(&self) -> bool {
        self.upto.is_some() || self.failed.is_some()
    }

    /// Takes in one event.
    pub(super) fn take(&mut self, event: WatchEvent) {
        match event {
            WatchEvent::Reset => *self = Self { is_reset: true, ..Self::whole() },
            WatchEvent::Checkpoint { position, read_time } => {
                self.upto = Some((position, read_time));
            }
            WatchEvent::Batch(batch) => self.batch(batch),
        }
    }

    fn batch(&mut self, batch: Batch) {
        if self.changes.is_empty() {
            self.changes = batch.changes;
        } else {
            let earlier = std::mem::take(&mut self.changes);
            let all = earlier.into_iter().chain(batch.changes);
            let last: BTreeMap<DocPath, DocumentChange> =
                all.map(|change| (change.path().clone(), change)).collect();
            self.changes = last.into_values().collect();
        }
        if batch.caught_up {
            self.upto = Some((batch.position, batch.read_time));
        }
    }
}
