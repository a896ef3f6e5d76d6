//! Following documents as they change.

use std::fmt;

use bytes::Bytes;

use crate::document::Document;
use crate::path::DocPath;
use crate::query::Query;
use crate::timestamp::Timestamp;

/// A request to follow documents or a query.
#[derive(Clone, Debug, PartialEq)]
pub struct WatchRequest {
    /// What to follow.
    pub target: WatchTarget,
    /// From where on.
    pub from: WatchFrom,
}

/// What a watch follows.
#[derive(Clone, Debug, PartialEq)]
pub enum WatchTarget {
    /// These documents, whether or not they exist yet.
    Documents(Vec<DocPath>),
    /// The result of this query. With a limit, a document pushed out of it counts as removed. A
    /// projection narrows what changes hold. An offset is refused.
    Query(Box<Query>),
}

/// From where on a watch tells changes.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum WatchFrom {
    /// The whole present state first, then changes.
    #[default]
    Start,
    /// Only what changed after this position of a watch of the same target.
    After(Position),
    /// Only what changed after this time, as of which the receiver read the target by other means.
    /// A time as old as an expired position answers as that does; one in the future is refused.
    Since(Timestamp),
}

/// Where in time a watch of one target is; opaque, and of no use for another target.
///
/// May be stored and used by another process. A position that is too old answers
/// [`PositionExpired`](crate::ErrorKind::PositionExpired), or [`WatchEvent::Reset`] and everything
/// anew; never a gap.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Position(Bytes);

impl Position {
    /// Wraps a backend's token.
    pub fn new(token: impl Into<Bytes>) -> Self {
        Self(token.into())
    }

    /// The token.
    pub fn as_bytes(&self) -> &Bytes {
        &self.0
    }
}

impl fmt::Debug for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Position({} bytes)", self.0.len())
    }
}

/// One event of a watch: a feed of states, not a log of writes.
///
/// - The first batch holds the whole state and comes even if that is empty; later ones come only
///   if something changed.
/// - A batch takes the receiver from one consistent time to the next: all of a commit is in it, or
///   nothing. Versions of a document between two batches are skipped.
/// - Read times never go back. Each document's versions strictly increase, except that changes may
///   repeat after a resume.
/// - A slow reader gets fewer, larger batches; nothing is buffered beyond one change per document,
///   and no writer waits for a reader.
/// - Deadlines end the stream with an error; so does any failure that reconnecting can't mend.
///
/// # Cancellation
/// Dropping the stream ends the subscription. The last position seen resumes it.
#[derive(Clone, Debug, PartialEq)]
pub enum WatchEvent {
    /// What changed up to `read_time`.
    Batch(Batch),
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

/// The changes from one consistent time to the next.
#[derive(Clone, Debug, PartialEq)]
pub struct Batch {
    /// At most one per document, in no particular order.
    pub changes: Vec<DocumentChange>,
    /// The state is true as of this time.
    pub read_time: Timestamp,
    /// Resumes after this batch.
    pub position: Position,
    /// Whether everything committed before the watch (or its reset) began has been told.
    pub caught_up: bool,
    /// What the batch cost: documents delivered, and documents that left without being deleted.
    pub billed_reads: u64,
}

/// A change to one document of a watch's target.
#[derive(Clone, Debug, PartialEq)]
pub enum DocumentChange {
    /// The document entered the target or changed.
    Set(Document),
    /// The document is gone, or no longer matches.
    Removed(DocPath),
}

impl DocumentChange {
    /// Which document changed.
    pub fn path(&self) -> &DocPath {
        match self {
            Self::Set(document) => document.path(),
            Self::Removed(path) => path,
        }
    }
}
