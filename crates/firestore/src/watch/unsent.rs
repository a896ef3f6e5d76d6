//! What the receiver has not been told yet.

use std::collections::BTreeMap;

use firekeep_core::{DocPath, Document, DocumentChange, Version};

/// Changes of complete snapshots that wait for the receiver: at most one per document, however
/// many snapshots pass meanwhile.
#[derive(Debug, Default)]
pub(crate) struct Unsent {
    changes: BTreeMap<DocPath, Entry>,
    /// Whether everything told before is void.
    pub(crate) reset: bool,
}

#[derive(Debug)]
struct Entry {
    /// What the receiver has been told of the document.
    told: Option<Version>,
    change: DocumentChange,
    billed: bool,
}

/// What a flush yields.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Flushed {
    pub(crate) reset: bool,
    pub(crate) changes: Vec<DocumentChange>,
    pub(crate) billed_reads: u64,
}

impl Unsent {
    /// The document took the place of `before`, the version in the last snapshot.
    pub(crate) fn set(&mut self, before: Option<Version>, document: Document) {
        let told = self.told(document.path(), before);
        if told == Some(document.version()) {
            // It left and came back unchanged between two batches: the receiver still has it.
            self.changes.remove(document.path());
            return;
        }
        let path = document.path().clone();
        let change = DocumentChange::Set(document);
        self.changes.insert(path, Entry { told, change, billed: true });
    }

    /// The document is gone; `before` is its version in the last snapshot, and `sure` says whether
    /// a receiver that was not told of it can't have it either.
    pub(crate) fn remove(
        &mut self,
        before: Option<Version>,
        path: DocPath,
        billed: bool,
        sure: bool,
    ) {
        let told = self.told(&path, before);
        if told.is_none() && sure {
            self.changes.remove(&path);
            return;
        }
        let change = DocumentChange::Removed(path.clone());
        self.changes.insert(path, Entry { told, change, billed });
    }

    /// Forgets all changes and owes the receiver a reset.
    pub(crate) fn void(&mut self) {
        self.changes.clear();
        self.reset = true;
    }

    /// Takes everything out.
    pub(crate) fn take(&mut self) -> Flushed {
        let Self { changes, reset } = std::mem::take(self);
        let billed_reads = changes.values().filter(|entry| entry.billed).count() as u64;
        let changes = changes.into_values().map(|entry| entry.change).collect();
        Flushed { reset, changes, billed_reads }
    }

    fn told(&self, path: &DocPath, before: Option<Version>) -> Option<Version> {
        self.changes.get(path).map_or(before, |entry| entry.told)
    }
}

#[cfg(test)]
mod tests {
    use firekeep_core::{Fields, Timestamp};

    use super::*;

    fn version(micros: i64) -> Version {
        Version::at(Timestamp::from_micros(micros).unwrap())
    }

    fn document(id: &str, micros: i64) -> Document {
        let time = Timestamp::from_micros(micros).unwrap();
        Document::new(path(id), Fields::new(), time, time)
    }

    fn path(id: &str) -> DocPath {
        DocPath::new(format!("c/{id}")).unwrap()
    }

    #[test]
    fn later_versions_take_the_place_of_earlier_ones() {
        let mut unsent = Unsent::default();
        unsent.set(None, document("a", 1));
        unsent.set(Some(version(1)), document("a", 2));
        let flushed = unsent.take();
        assert_eq!(flushed.changes, [DocumentChange::Set(document("a", 2))]);
        assert_eq!(flushed.billed_reads, 1);
        assert_eq!(unsent.take(), Flushed::default());
    }

    #[test]
    fn what_came_and_went_untold_is_never_told() {
        let mut unsent = Unsent::default();
        unsent.set(None, document("a", 1));
        unsent.remove(Some(version(1)), path("a"), true, true);
        assert_eq!(unsent.take(), Flushed::default());
    }

    #[test]
    fn what_went_and_came_back_unchanged_is_never_told() {
        let mut unsent = Unsent::default();
        unsent.remove(Some(version(1)), path("a"), true, true);
        unsent.set(None, document("a", 1));
        assert_eq!(unsent.take(), Flushed::default());
    }

    #[test]
    fn a_removal_is_told_if_the_receiver_may_have_the_document() {
        let mut unsent = Unsent::default();
        unsent.remove(None, path("a"), false, false);
        unsent.remove(Some(version(1)), path("b"), true, true);
        let flushed = unsent.take();
        let removed = ["a", "b"].map(|id| DocumentChange::Removed(path(id)));
        assert_eq!(flushed.changes, removed);
        assert_eq!(flushed.billed_reads, 1);
    }

    #[test]
    fn a_reset_voids_what_was_not_told_yet() {
        let mut unsent = Unsent::default();
        unsent.set(None, document("a", 1));
        unsent.void();
        assert_eq!(unsent.take(), Flushed { reset: true, ..Flushed::default() });
        assert!(!unsent.take().reset);
    }
}
