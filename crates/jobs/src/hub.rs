//! One listen per job and process, whoever subscribes.
//!
//! A hub folds the listen into a [`Sink`]: the latest of each cell, or the versions that are kept. It
//! lives in a task of its own, as long as anybody holds it. Whoever subscribes holds it, and a place
//! in the order of the changes; nothing is queued for anyone.

pub(crate) mod cells;
mod follow;
pub(crate) mod log;
pub(crate) mod order;
pub(crate) mod waiters;

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use firekeep_core::{CollectionPath, DocPath, Document, DocumentChange, Timestamp};
use tokio::runtime::Handle;
use tokio::task::AbortHandle;

use crate::error::{Error, Result};
use crate::observer::Opened;
use crate::state::Run;

/// What a hub keeps of what it is told.
pub(crate) trait Sink: fmt::Debug + Send + Sync + 'static {
    /// Which collection to listen to.
    fn collection(opened: &Opened) -> &CollectionPath;

    fn new(opened: &Opened) -> Self;

    /// Takes over all documents there are at `time`.
    fn whole(&self, opened: &Opened, documents: Vec<Document>, time: Timestamp);

    /// Takes over what changed up to `time`, all at once.
    fn changes(&self, opened: &Opened, changes: Vec<DocumentChange>, time: Timestamp);

    /// Nothing changed up to `time`.
    fn checkpoint(&self, time: Timestamp);

    /// Nothing comes any more. The first reason counts.
    fn end(&self, end: End);

    fn has_ended(&self) -> bool;

    /// Whether it has been told of all documents, and there are none.
    fn is_empty(&self) -> bool;
}

/// Why nothing comes any more.
#[derive(Debug)]
pub(crate) enum End {
    /// The job is deleted.
    Deleted,
    /// The listen failed in a way that trying again does not mend.
    Failed(firekeep_core::Error),
}

impl End {
    /// The failure, for one subscriber of several.
    pub(crate) fn told(error: &firekeep_core::Error) -> Error {
        let copy = firekeep_core::Error::new(error.kind(), error.message());
        let copy = copy.with_retry(error.retry()).with_effect(error.effect());
        Error::Store(match (error.operation(), error.path()) {
            (Some(operation), Some(path)) => copy.in_operation(operation).at_path(path),
            (Some(operation), None) => copy.in_operation(operation),
            (None, Some(path)) => copy.at_path(path),
            (None, None) => copy,
        })
    }
}

/// A listen that several share. Dropping the last handle ends it.
#[derive(Debug)]
pub(crate) struct Hub<S> {
    pub(crate) sink: Arc<S>,
    task: AbortHandle,
}

impl<S> Drop for Hub<S> {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// The hubs of one kind that somebody holds.
pub(crate) struct Hubs<S>(Mutex<ByJob<S>>);

type ByJob<S> = HashMap<(DocPath, Run), Weak<Hub<S>>>;

impl<S> Default for Hubs<S> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<S> fmt::Debug for Hubs<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Hubs").finish_non_exhaustive()
    }
}

impl<S: Sink> Hubs<S> {
    /// The hub of `opened`: the one there is, else a new one.
    pub(crate) fn join(&self, opened: &Arc<Opened>) -> Result<Arc<Hub<S>>> {
        let mut hubs = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let id = (opened.place.job.clone(), opened.record.run);
        if let Some(hub) = hubs.get(&id).and_then(Weak::upgrade)
            && !hub.sink.has_ended()
        {
            return Ok(hub);
        }
        let runtime = Handle::try_current().map_err(|_| {
            Error::invalid("runtime", "must be tokio's: call this from one of its tasks")
        })?;
        let sink = Arc::new(S::new(opened));
        let task = runtime.spawn(follow::follow(Arc::clone(opened), Arc::clone(&sink)));
        let hub = Arc::new(Hub { sink, task: task.abort_handle() });
        hubs.retain(|_, hub| hub.strong_count() > 0);
        hubs.insert(id, Arc::downgrade(&hub));
        Ok(hub)
    }
}
