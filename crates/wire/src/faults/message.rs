//! What faults must know of messages.

use bytes::Bytes;

use super::kind::FaultKind;
use super::listen::Memory;
use crate::encode::SentDocument;

use crate::proto::{
    self, BatchGetDocumentsRequest, BatchGetDocumentsResponse, BatchWriteRequest,
    BeginTransactionRequest, CommitRequest, CreateDocumentRequest, DeleteDocumentRequest,
    GetDocumentRequest, ListCollectionIdsRequest, ListDocumentsRequest, ListenRequest,
    PartitionQueryRequest, RollbackRequest, RunAggregationQueryRequest, RunQueryRequest,
    RunQueryResponse, UpdateDocumentRequest, WriteOperation, WriteRequest, batch_get, batch_got,
    get_document_request, run_query,
};

/// A request.
pub(crate) trait Asked {
    /// The name of the database, or of something in it.
    fn resource(&self) -> &str;

    /// The transaction that it is in; empty without one.
    fn transaction(&self) -> Bytes {
        Bytes::new()
    }

    /// The documents that it names to read.
    fn reads(&self) -> Vec<&str> {
        Vec::new()
    }

    /// The documents that it names to write.
    fn writes(&self) -> Vec<&str> {
        Vec::new()
    }

    /// The collection that it asks for as a whole.
    fn collection(&self) -> Option<String> {
        None
    }
}

/// A message of an answer that is a stream.
pub(crate) trait Told: Sized {
    /// The transaction that was begun; empty if none was.
    fn began(&self) -> Bytes {
        Bytes::new()
    }

    /// The document that it tells of.
    fn document(&self) -> Option<&str> {
        None
    }

    /// Remembers what later messages may be falsified with.
    fn remember(&self, _: &mut Memory) {}

    /// The messages to send instead if a fault of this kind strikes this one; `None` if it has to
    /// wait for another message.
    fn falsified(&self, _: FaultKind, _: &Memory) -> Option<Vec<Self>> {
        Some(Vec::new())
    }
}

/// Requests of which only the database matters.
macro_rules! asked {
    ($($request:ty: $name:ident),* $(,)?) => {
        $(impl Asked for $request {
            fn resource(&self) -> &str {
                &self.$name
            }
        })*
    };
}

asked! {
    BeginTransactionRequest: database,
    ListCollectionIdsRequest: parent,
    PartitionQueryRequest: parent,
    RunAggregationQueryRequest: parent,
    ListenRequest: database,
    WriteRequest: database,
}

impl Told for proto::RunAggregationQueryResponse {}
impl Told for proto::WriteResponse {}

impl Asked for GetDocumentRequest {
    fn resource(&self) -> &str {
        &self.name
    }

    fn transaction(&self) -> Bytes {
        match &self.consistency_selector {
            Some(get_document_request::ConsistencySelector::Transaction(txn)) => txn.clone(),
            _ => Bytes::new(),
        }
    }

    fn reads(&self) -> Vec<&str> {
        vec![&self.name]
    }
}

impl Asked for ListDocumentsRequest {
    fn resource(&self) -> &str {
        &self.parent
    }

    fn collection(&self) -> Option<String> {
        Some(format!("{}/{}", self.parent, self.collection_id))
    }
}

impl Asked for CreateDocumentRequest {
    fn resource(&self) -> &str {
        &self.parent
    }

    fn collection(&self) -> Option<String> {
        Some(format!("{}/{}", self.parent, self.collection_id))
    }
}

impl Asked for UpdateDocumentRequest {
    fn resource(&self) -> &str {
        self.document.as_ref().map_or("", |document| &document.name)
    }

    fn writes(&self) -> Vec<&str> {
        vec![self.resource()]
    }
}

impl Asked for DeleteDocumentRequest {
    fn resource(&self) -> &str {
        &self.name
    }

    fn writes(&self) -> Vec<&str> {
        vec![&self.name]
    }
}

impl Asked for BatchGetDocumentsRequest {
    fn resource(&self) -> &str {
        &self.database
    }

    fn transaction(&self) -> Bytes {
        match &self.consistency {
            Some(batch_get::Consistency::Transaction(txn)) => txn.clone(),
            _ => Bytes::new(),
        }
    }

    fn reads(&self) -> Vec<&str> {
        self.documents.iter().map(String::as_str).collect()
    }
}

impl Told for BatchGetDocumentsResponse {
    fn began(&self) -> Bytes {
        self.transaction.clone()
    }

    fn document(&self) -> Option<&str> {
        match self.found.as_ref()? {
            batch_got::Found::Found(document) => Some(document.name()),
            batch_got::Found::Missing(name) => Some(name),
        }
    }
}

impl Asked for RunQueryRequest {
    fn resource(&self) -> &str {
        &self.parent
    }

    fn transaction(&self) -> Bytes {
        match &self.consistency {
            Some(run_query::Consistency::Transaction(txn)) => txn.clone(),
            _ => Bytes::new(),
        }
    }

    fn collection(&self) -> Option<String> {
        let from = self.structured_query.as_ref()?.from.first()?;
        Some(format!("{}/{}", self.parent, from.collection_id))
    }
}

impl Told for RunQueryResponse {
    fn began(&self) -> Bytes {
        self.transaction.clone()
    }

    fn document(&self) -> Option<&str> {
        self.document.as_ref().map(SentDocument::name)
    }
}

impl Asked for CommitRequest {
    fn resource(&self) -> &str {
        &self.database
    }

    fn transaction(&self) -> Bytes {
        self.transaction.clone()
    }

    fn writes(&self) -> Vec<&str> {
        written(&self.writes)
    }
}

impl Asked for BatchWriteRequest {
    fn resource(&self) -> &str {
        &self.database
    }

    fn writes(&self) -> Vec<&str> {
        written(&self.writes)
    }
}

impl Asked for RollbackRequest {
    fn resource(&self) -> &str {
        &self.database
    }

    fn transaction(&self) -> Bytes {
        self.transaction.clone()
    }
}

/// Each document once: several writes to one in a commit are one.
fn written(writes: &[proto::Write]) -> Vec<&str> {
    let names = writes.iter().filter_map(|write| match write.operation.as_ref()? {
        WriteOperation::Update(document) => Some(document.name.as_str()),
        WriteOperation::Delete(name) => Some(name),
        WriteOperation::Transform(transform) => Some(&transform.document),
        WriteOperation::Verify(_) => None,
    });
    let mut names: Vec<_> = names.collect();
    names.sort_unstable();
    names.dedup();
    names
}

/// The collection that a document's name is in.
pub(super) fn collection_of(document: &str) -> &str {
    document.rsplit_once('/').map_or(document, |(collection, _)| collection)
}

/// The project in a resource's name; empty if there is none.
pub(super) fn project_of(resource: &str) -> &str {
    let rest = resource.strip_prefix("projects/").unwrap_or("");
    rest.split_once('/').map_or(rest, |(project, _)| project)
}
