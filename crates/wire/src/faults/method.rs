//! The methods that faults strike.

use std::fmt;
use std::str::FromStr;

use firekeep_core::{Error, Result};

/// A method of the protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[allow(missing_docs, reason = "each is the method of the same name")]
pub enum Method {
    GetDocument,
    ListDocuments,
    CreateDocument,
    UpdateDocument,
    DeleteDocument,
    BatchGetDocuments,
    BeginTransaction,
    Commit,
    Rollback,
    RunQuery,
    RunAggregationQuery,
    PartitionQuery,
    Write,
    Listen,
    ListCollectionIds,
    BatchWrite,
}

impl Method {
    /// Every method.
    pub const ALL: [Self; 16] = [
        Self::GetDocument,
        Self::ListDocuments,
        Self::CreateDocument,
        Self::UpdateDocument,
        Self::DeleteDocument,
        Self::BatchGetDocuments,
        Self::BeginTransaction,
        Self::Commit,
        Self::Rollback,
        Self::RunQuery,
        Self::RunAggregationQuery,
        Self::PartitionQuery,
        Self::Write,
        Self::Listen,
        Self::ListCollectionIds,
        Self::BatchWrite,
    ];

    /// The method's name in the protocol: `RunQuery`.
    pub fn name(self) -> &'static str {
        match self {
            Self::GetDocument => "GetDocument",
            Self::ListDocuments => "ListDocuments",
            Self::CreateDocument => "CreateDocument",
            Self::UpdateDocument => "UpdateDocument",
            Self::DeleteDocument => "DeleteDocument",
            Self::BatchGetDocuments => "BatchGetDocuments",
            Self::BeginTransaction => "BeginTransaction",
            Self::Commit => "Commit",
            Self::Rollback => "Rollback",
            Self::RunQuery => "RunQuery",
            Self::RunAggregationQuery => "RunAggregationQuery",
            Self::PartitionQuery => "PartitionQuery",
            Self::Write => "Write",
            Self::Listen => "Listen",
            Self::ListCollectionIds => "ListCollectionIds",
            Self::BatchWrite => "BatchWrite",
        }
    }

    /// Whether its answer is a stream.
    pub(super) fn is_streamed(self) -> bool {
        use Method::{BatchGetDocuments, Listen, RunAggregationQuery, RunQuery, Write};
        matches!(self, BatchGetDocuments | RunQuery | RunAggregationQuery | Write | Listen)
    }

    /// Whether one call of it is one request that writes.
    pub(super) fn writes(self) -> bool {
        use Method::{BatchWrite, Commit, CreateDocument, DeleteDocument, UpdateDocument};
        matches!(self, Commit | BatchWrite | CreateDocument | UpdateDocument | DeleteDocument)
    }
}

impl fmt::Display for Method {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Reads a name in any case, with or without hyphens: `RunQuery`, `run-query`.
impl FromStr for Method {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self> {
        let plain = name.trim().replace(['-', '_'], "");
        let method =
            Self::ALL.into_iter().find(|method| method.name().eq_ignore_ascii_case(&plain));
        method
            .ok_or_else(|| Error::invalid("no method of the protocol has this name").at_path(name))
    }
}
