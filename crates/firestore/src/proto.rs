//! The protocol's messages: the generated ones, and the few that the generated crate lacks.

pub(crate) use googleapis_tonic_google_firestore_v1::google::firestore::v1::*;
pub(crate) use googleapis_tonic_google_firestore_v1::google::rpc;
pub(crate) use googleapis_tonic_google_firestore_v1::google::r#type::LatLng;

/// How a transaction runs. The generated message lacks the concurrency mode.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct TransactionOptions {
    #[prost(oneof = "Mode", tags = "2, 3")]
    pub(crate) mode: Option<Mode>,
}

/// What a transaction may do.
#[derive(Clone, PartialEq, prost::Oneof)]
pub(crate) enum Mode {
    #[prost(message, tag = "2")]
    ReadOnly(ReadOnly),
    #[prost(message, tag = "3")]
    ReadWrite(ReadWrite),
}

/// A snapshot, now or as of a time.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct ReadOnly {
    #[prost(message, optional, tag = "2")]
    pub(crate) read_time: Option<prost_types::Timestamp>,
}

/// A transaction that may write.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct ReadWrite {
    #[prost(bytes = "bytes", tag = "1")]
    pub(crate) retry_transaction: bytes::Bytes,
    /// 0 for the database's own, 1 for optimistic, 2 for pessimistic.
    #[prost(int32, tag = "2")]
    pub(crate) concurrency_mode: i32,
}

/// Begins a transaction.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct BeginTransactionRequest {
    #[prost(string, tag = "1")]
    pub(crate) database: String,
    #[prost(message, optional, tag = "2")]
    pub(crate) options: Option<TransactionOptions>,
}

/// Reads by name. At most one of the last three is set, as in the two that follow.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct BatchGetDocumentsRequest {
    #[prost(string, tag = "1")]
    pub(crate) database: String,
    #[prost(string, repeated, tag = "2")]
    pub(crate) documents: Vec<String>,
    #[prost(message, optional, tag = "3")]
    pub(crate) mask: Option<DocumentMask>,
    #[prost(bytes = "bytes", optional, tag = "4")]
    pub(crate) transaction: Option<bytes::Bytes>,
    #[prost(message, optional, tag = "5")]
    pub(crate) new_transaction: Option<TransactionOptions>,
    #[prost(message, optional, tag = "7")]
    pub(crate) read_time: Option<prost_types::Timestamp>,
}

/// Runs a query.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct RunQueryRequest {
    #[prost(string, tag = "1")]
    pub(crate) parent: String,
    #[prost(message, optional, tag = "2")]
    pub(crate) structured_query: Option<StructuredQuery>,
    #[prost(bytes = "bytes", optional, tag = "5")]
    pub(crate) transaction: Option<bytes::Bytes>,
    #[prost(message, optional, tag = "6")]
    pub(crate) new_transaction: Option<TransactionOptions>,
    #[prost(message, optional, tag = "7")]
    pub(crate) read_time: Option<prost_types::Timestamp>,
}

/// Runs aggregations over a query.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct RunAggregationQueryRequest {
    #[prost(string, tag = "1")]
    pub(crate) parent: String,
    #[prost(message, optional, tag = "2")]
    pub(crate) structured_aggregation_query: Option<StructuredAggregationQuery>,
    #[prost(bytes = "bytes", optional, tag = "4")]
    pub(crate) transaction: Option<bytes::Bytes>,
    #[prost(message, optional, tag = "5")]
    pub(crate) new_transaction: Option<TransactionOptions>,
    #[prost(message, optional, tag = "6")]
    pub(crate) read_time: Option<prost_types::Timestamp>,
}

/// A commit of our [`Write`]s.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct CommitRequest {
    #[prost(string, tag = "1")]
    pub(crate) database: String,
    #[prost(message, repeated, tag = "2")]
    pub(crate) writes: Vec<Write>,
    #[prost(bytes = "bytes", tag = "3")]
    pub(crate) transaction: bytes::Bytes,
}

/// A write that may be a verify, which the generated message lacks.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct Write {
    #[prost(message, optional, tag = "3")]
    pub(crate) update_mask: Option<DocumentMask>,
    #[prost(message, optional, tag = "4")]
    pub(crate) current_document: Option<Precondition>,
    #[prost(message, repeated, tag = "7")]
    pub(crate) update_transforms: Vec<document_transform::FieldTransform>,
    #[prost(oneof = "Operation", tags = "1, 2, 5")]
    pub(crate) operation: Option<Operation>,
}

/// What a [`Write`] does.
#[derive(Clone, PartialEq, prost::Oneof)]
pub(crate) enum Operation {
    /// Sets fields.
    #[prost(message, tag = "1")]
    Update(Document),
    /// Deletes the document of this name.
    #[prost(string, tag = "2")]
    Delete(String),
    /// Only checks the precondition on the document of this name.
    #[prost(string, tag = "5")]
    Verify(String),
}
