//! Following documents of one type.

use futures::StreamExt;
use futures::stream::BoxStream;
use serde::de::DeserializeOwned;

use super::stored::Stored;
use crate::path::DocPath;
use crate::timestamp::Timestamp;
use crate::watch::{Batch, DocumentChange, Position, WatchEvent};
use crate::{Error, Result};

/// One event of a typed watch; see [`WatchEvent`], whose promises hold.
#[derive(Debug)]
pub enum TypedEvent<T> {
    /// What changed up to `read_time`.
    Batch(TypedBatch<T>),
    /// Nothing changed up to `read_time`.
    Checkpoint {
        /// Resumes after this event.
        position: Position,
        /// Up to when the receiver's state is true.
        read_time: Timestamp,
    },
    /// Everything told before is void: the batches that follow, up to the first that is caught up,
    /// hold the whole state.
    Reset,
}

/// The changes from one consistent time to the next; see [`Batch`].
#[derive(Debug)]
pub struct TypedBatch<T> {
    /// At most one per document, in no particular order.
    pub changes: Vec<TypedChange<T>>,
    /// The state is true as of this time.
    pub read_time: Timestamp,
    /// Resumes after this batch.
    pub position: Position,
    /// Whether everything committed before the watch (or its reset) began has been told.
    pub caught_up: bool,
    /// What the batch cost.
    pub billed_reads: u64,
}

/// A change to one document.
#[derive(Debug)]
pub enum TypedChange<T> {
    /// The document entered the target or changed.
    Set(Stored<T>),
    /// The document is gone, or no longer matches.
    Removed(DocPath),
    /// The document entered the target or changed, and is no `T`. Whatever the receiver knew of it
    /// is out of date. The watch goes on.
    Corrupt {
        /// Which document.
        path: DocPath,
        /// What does not fit.
        error: Error,
    },
}

impl<T> TypedChange<T> {
    /// Which document changed.
    pub fn path(&self) -> &DocPath {
        match self {
            Self::Set(stored) => stored.path(),
            Self::Removed(path) | Self::Corrupt { path, .. } => path,
        }
    }
}

impl<T: DeserializeOwned> TypedEvent<T> {
    /// Reads the documents of `event`.
    pub fn from_event(event: WatchEvent) -> Self {
        match event {
            WatchEvent::Batch(batch) => Self::Batch(TypedBatch::from_batch(batch)),
            WatchEvent::Checkpoint { position, read_time } => {
                Self::Checkpoint { position, read_time }
            }
            WatchEvent::Reset => Self::Reset,
        }
    }
}

impl<T: DeserializeOwned> TypedBatch<T> {
    fn from_batch(batch: Batch) -> Self {
        let Batch { changes, read_time, position, caught_up, billed_reads } = batch;
        let typed = |change| match change {
            DocumentChange::Removed(path) => TypedChange::Removed(path),
            DocumentChange::Set(document) => match Stored::<T>::from_document(&document) {
                Ok(stored) => TypedChange::Set(stored.read_at(read_time)),
                Err(error) => TypedChange::Corrupt { path: document.path().clone(), error },
            },
        };
        let changes = changes.into_iter().map(typed).collect();
        Self { changes, read_time, position, caught_up, billed_reads }
    }
}

pub(crate) fn typed_events<T: DeserializeOwned + Send + 'static>(
    events: BoxStream<'static, Result<WatchEvent>>,
) -> BoxStream<'static, Result<TypedEvent<T>>> {
    events.map(|event| event.map(TypedEvent::from_event)).boxed()
}
