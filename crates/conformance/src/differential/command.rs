//! What a sequence consists of. A command names documents by number and versions by what was seen,
//! so that it means the same on two stores whose times differ.

use firekeep_core::{Aggregation, FieldPath, Fields, Query, Require, TransformOp};

/// The number of a document among those of a sequence.
pub(super) type Doc = usize;

/// One step of a sequence.
#[derive(Clone, Debug)]
pub(super) enum Command {
    Commit(Vec<Put>),
    Get {
        docs: Vec<Doc>,
        mask: Option<Vec<FieldPath>>,
    },
    Query(Box<Query>),
    Aggregate(Box<Query>, Vec<(String, Aggregation)>),
    /// Reads documents as of the commit so many commits ago.
    GetPast {
        back: usize,
        docs: Vec<Doc>,
    },
    /// Runs a query as of the commit so many commits ago.
    QueryPast {
        back: usize,
        query: Box<Query>,
    },
    /// A transaction that reads, then writes what it read and more, or gives up.
    Transact {
        reads: Vec<Doc>,
        query: Option<Box<Query>>,
        puts: Vec<Put>,
        end: End,
    },
    /// Two transactions whose steps alternate, on documents that they do not share.
    Interleave {
        first: (Doc, Vec<Put>),
        second: (Doc, Vec<Put>),
    },
    /// A snapshot, a write beside it, and what the snapshot sees then.
    Snapshot {
        docs: Vec<Doc>,
        query: Box<Query>,
        beside: Vec<Put>,
    },
}

/// How a transaction ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    Commit,
    Rollback,
    /// Commits, then tries to commit again.
    CommitTwice,
}

/// A write to one document.
#[derive(Clone, Debug)]
pub(super) struct Put {
    pub(super) doc: Doc,
    pub(super) what: What,
    pub(super) transforms: Vec<(&'static str, TransformOp)>,
    pub(super) guard: Option<Guard>,
}

/// How a document changes.
#[derive(Clone, Debug)]
pub(super) enum What {
    Replace(Fields),
    Merge(Fields),
    MergeMasked(Fields, Vec<FieldPath>),
    Delete,
    Verify,
}

/// What must hold for a write.
#[derive(Clone, Copy, Debug)]
pub(super) enum Guard {
    Absent,
    Present,
    /// The version that the document had so many changes ago, as far as it was seen.
    SeenVersion(usize),
}

impl Guard {
    /// The precondition, given the versions of the document seen so far, latest last.
    pub(super) fn require(self, seen: &[firekeep_core::Version]) -> Option<Require> {
        match self {
            Self::Absent => Some(Require::Absent),
            Self::Present => Some(Require::Present),
            Self::SeenVersion(back) => {
                let at = seen.len().checked_sub(back + 1)?;
                Some(Require::Version(seen[at]))
            }
        }
    }
}
