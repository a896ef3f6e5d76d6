//! The latest state of each cell, as the listen tells them.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use firekeep_core::{CollectionPath, DocPath, Document, DocumentChange, Timestamp};

use super::log::{Change, Found, Log};
use super::{End, Sink};
use crate::error::Error;
use crate::observer::Opened;
use crate::state::Cell;

/// The sink of a listen to `jobs/{job}/states`.
#[derive(Debug)]
pub(crate) struct Cells(Mutex<Log>);

impl Cells {
    pub(crate) fn log(&self) -> MutexGuard<'_, Log> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes the log, and wakes whom that concerns.
    fn update(&self, change: impl FnOnce(&mut Log)) {
        let mut log = self.log();
        change(&mut log);
        let woken = log.waiters.take_woken();
        drop(log);
        woken.into_iter().for_each(std::task::Waker::wake);
    }
}

impl Sink for Cells {
    fn collection(opened: &Opened) -> &CollectionPath {
        &opened.place.states
    }

    fn new(opened: &Opened) -> Self {
        Self(Mutex::new(Log::new(opened)))
    }

    fn whole(&self, opened: &Opened, documents: Vec<Document>, time: Timestamp) {
        let found = documents.iter().map(|document| read(opened, document)).collect();
        self.update(|log| log.replace(found, time));
    }

    fn changes(&self, opened: &Opened, changes: Vec<DocumentChange>, time: Timestamp) {
        let changes = changes.iter().map(|change| match change {
            DocumentChange::Set(document) => read(opened, document),
            DocumentChange::Removed(path) => Change { path: path.clone(), found: Found::Nothing },
        });
        let changes = changes.collect();
        self.update(|log| log.apply(changes, time));
    }

    fn checkpoint(&self, time: Timestamp) {
        self.update(|log| log.checkpoint(time));
    }

    fn end(&self, end: End) {
        self.update(|log| log.end(end));
    }

    fn has_ended(&self) -> bool {
        self.log().ended().is_some()
    }

    fn is_empty(&self) -> bool {
        self.log().is_empty()
    }
}

/// What a document says about its cell.
fn read(opened: &Opened, document: &Document) -> Change {
    let path: DocPath = document.path().clone();
    let found = match Cell::read(&opened.id, document) {
        Err(error) => Found::Corrupt(reason(&error)),
        Ok(cell) if cell.state.run != opened.record.run => Found::Other(cell.state.run),
        Ok(cell) if cell.state.key.task >= opened.record.tasks => {
            let reason = format!("the job has tasks 0 to {}", opened.record.tasks - 1);
            Found::Corrupt(reason)
        }
        Ok(cell) if cell.state.key.doc_id() != document.id() => {
            Found::Corrupt("it is a kept version, not a cell".to_owned())
        }
        Ok(cell) => Found::State(Arc::clone(&cell.state)),
    };
    Change { path, found }
}

/// Why a document can't be read, without its path.
pub(crate) fn reason(error: &Error) -> String {
    match error {
        Error::Corrupt { reason, .. } => reason.clone(),
        error => error.to_string(),
    }
}
