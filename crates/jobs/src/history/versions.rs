//! The versions that a job keeps, as the listen tells them.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use firekeep_core::{CollectionPath, DocPath, Document, DocumentChange, Timestamp, Value};

use super::ledger::{Content, Kept, Ledger};
use crate::hub::{End, Sink, cells};
use crate::key::Key;
use crate::observer::Opened;
use crate::state::Cell;

/// The sink of a listen to `jobs/{job}/events`.
#[derive(Debug)]
pub(crate) struct Versions(Mutex<Ledger>);

impl Versions {
    pub(super) fn ledger(&self) -> MutexGuard<'_, Ledger> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes the ledger, and wakes whom that concerns.
    fn update(&self, change: impl FnOnce(&mut Ledger)) {
        let mut ledger = self.ledger();
        change(&mut ledger);
        let woken = ledger.waiters.take_woken();
        drop(ledger);
        woken.into_iter().for_each(std::task::Waker::wake);
    }
}

impl Sink for Versions {
    fn collection(opened: &Opened) -> &CollectionPath {
        &opened.place.events
    }

    fn new(opened: &Opened) -> Self {
        Self(Mutex::new(Ledger::new(opened.now)))
    }

    fn whole(&self, opened: &Opened, documents: Vec<Document>, time: Timestamp) {
        let has_successor = documents.iter().any(|document| is_later(opened, document));
        let kept = documents.iter().filter_map(|document| read(opened, document)).collect();
        self.update(|ledger| ledger.replace(kept, time));
        if has_successor {
            self.end(End::Deleted);
        }
    }

    fn changes(&self, opened: &Opened, changes: Vec<DocumentChange>, time: Timestamp) {
        let (mut kept, mut dropped): (Vec<Kept>, Vec<DocPath>) = (vec![], vec![]);
        let mut has_successor = false;
        for change in &changes {
            match change {
                DocumentChange::Set(document) => {
                    has_successor |= is_later(opened, document);
                    kept.extend(read(opened, document));
                }
                DocumentChange::Removed(path) => dropped.push(path.clone()),
            }
        }
        self.update(|ledger| ledger.apply(kept, &dropped, time));
        if has_successor {
            self.end(End::Deleted);
        }
    }

    fn checkpoint(&self, time: Timestamp) {
        self.update(|ledger| ledger.checkpoint(time));
    }

    fn end(&self, end: End) {
        self.update(|ledger| ledger.end(end));
    }

    fn has_ended(&self) -> bool {
        self.ledger().ended().is_some()
    }

    fn is_empty(&self) -> bool {
        self.ledger().is_empty()
    }
}

/// The version in a document; none if it is another run's.
fn read(opened: &Opened, document: &Document) -> Option<Kept> {
    let place = place(document.id());
    let corrupt = |reason: String| Content::Corrupt(reason.into());
    let content = match (Cell::read(&opened.id, document), &place) {
        (Err(error), _) => corrupt(cells::reason(&error)),
        (Ok(cell), _) if cell.state.run != opened.record.run => return None,
        (Ok(_), None) => corrupt("it is a cell, not a kept version".to_owned()),
        (Ok(cell), Some(_)) => Content::State(Arc::clone(&cell.state)),
    };
    let path = document.path().clone();
    Some(Kept { path, place, committed: content.committed(document.updated()), content })
}

/// Whether a document is of a later run: then the job was deleted, with all that it kept.
fn is_later(opened: &Opened, document: &Document) -> bool {
    let run = document.get("run").and_then(Value::as_timestamp);
    run.is_some_and(|run| run > opened.record.run.created())
}

/// Which version of which cell a document with this id keeps.
fn place(id: &str) -> Option<(Key, u64)> {
    let (cell, version) = id.rsplit_once('@')?;
    Some((Key::from_doc_id(cell)?, version.parse().ok()?))
}
