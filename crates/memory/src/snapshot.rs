//! The whole database at one time, taken out and put back.

use std::collections::HashSet;
use std::time::Duration;

use firekeep_core::{DocPath, Document, Error, Result, Timestamp};

use crate::limits;
use crate::state::State;

/// Every document of a store at one time; see [`Control::snapshot`](crate::Control::snapshot).
#[derive(Clone, Debug, PartialEq)]
pub struct Snapshot {
    /// As of when.
    pub read_time: Timestamp,
    /// The documents, by path.
    pub documents: Vec<Document>,
}

/// What a store is to hold instead, checked.
#[derive(Debug)]
pub(crate) struct Replacement {
    documents: Vec<Document>,
    newest: Timestamp,
}

impl Replacement {
    /// Checks what only a store's own documents are sure to keep.
    ///
    /// # Errors
    /// `InvalidArgument` for two documents at one path, one that was updated before it was created
    /// or in the last year there is, and one beyond the limits.
    pub(crate) fn new(documents: Vec<Document>) -> Result<Self> {
        let mut paths: HashSet<&DocPath> = HashSet::with_capacity(documents.len());
        for document in &documents {
            let path = document.path();
            if !paths.insert(path) {
                return Err(Error::invalid("two documents have the same path").at_path(path));
            }
            check(document).map_err(|error| error.at_path(path))?;
        }
        let newest = documents.iter().map(Document::updated).max().unwrap_or(Timestamp::MIN);
        Ok(Self { documents, newest })
    }
}

fn check(document: &Document) -> Result<()> {
    if document.created() > document.updated() {
        return Err(Error::invalid("a document was updated before it was created"));
    }
    // What is committed later is to have a later time.
    if document.updated() > Timestamp::MAX.saturating_sub(YEAR) {
        return Err(Error::invalid("a document was updated in the last year there is"));
    }
    limits::check_document(document.path(), document.fields())
}

impl State {
    /// Ends every transaction and holds these documents and no others from the time answered on.
    ///
    /// Versions may go back by this. So whatever compares versions starts over: watches are reset,
    /// and positions given out before are of no use any more.
    pub(crate) fn replace_all(&mut self, replacement: Replacement, wall: Timestamp) -> Timestamp {
        self.end_all();
        self.read_time(replacement.newest);
        let time = self.commit_time(wall);
        let kept: HashSet<&DocPath> = replacement.documents.iter().map(Document::path).collect();
        let gone = self.documents.all().map(Document::path).filter(|path| !kept.contains(path));
        for path in gone.cloned().collect::<Vec<_>>() {
            self.delete(&path, time);
        }
        for document in replacement.documents {
            let path = document.path().clone();
            self.install(&path, self.documents.find(&path), Some(document), time);
        }
        self.oldest_position = time;
        self.watchers.reset_all(&mut self.wake);
        self.prune();
        time
    }

    /// Ends every transaction.
    pub(crate) fn end_all(&mut self) {
        for seq in self.txns.all() {
            self.end_txn(seq);
        }
    }
}

const YEAR: Duration = Duration::from_secs(366 * 86_400);
