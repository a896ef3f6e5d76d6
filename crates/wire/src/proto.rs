//! The protocol's messages: the generated ones, and those of which the generated crate lacks a part.

pub(crate) use googleapis_tonic_google_firestore_v1::google::firestore::v1::*;
pub(crate) use googleapis_tonic_google_firestore_v1::google::rpc;
pub(crate) use googleapis_tonic_google_firestore_v1::google::r#type::LatLng;

/// A write. The generated message lacks `verify`.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct Write {
    #[prost(message, optional, tag = "3")]
    pub(crate) update_mask: Option<DocumentMask>,
    #[prost(message, repeated, tag = "7")]
    pub(crate) update_transforms: Vec<document_transform::FieldTransform>,
    #[prost(message, optional, tag = "4")]
    pub(crate) current_document: Option<Precondition>,
    #[prost(oneof = "WriteOperation", tags = "1, 2, 5, 6")]
    pub(crate) operation: Option<WriteOperation>,
}

/// What a write does.
#[derive(Clone, PartialEq, prost::Oneof)]
pub(crate) enum WriteOperation {
    #[prost(message, tag = "1")]
    Update(Document),
    #[prost(string, tag = "2")]
    Delete(String),
    #[prost(string, tag = "5")]
    Verify(String),
    #[prost(message, tag = "6")]
    Transform(DocumentTransform),
}

/// Commits writes.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct CommitRequest {
    #[prost(string, tag = "1")]
    pub(crate) database: String,
    #[prost(message, repeated, tag = "2")]
    pub(crate) writes: Vec<Write>,
    #[prost(bytes = "bytes", tag = "3")]
    pub(crate) transaction: bytes::Bytes,
}

/// Applies writes each on its own.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct BatchWriteRequest {
    #[prost(string, tag = "1")]
    pub(crate) database: String,
    #[prost(message, repeated, tag = "2")]
    pub(crate) writes: Vec<Write>,
}

/// A message of a stream of writes.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct WriteRequest {
    #[prost(string, tag = "1")]
    pub(crate) database: String,
    #[prost(string, tag = "2")]
    pub(crate) stream_id: String,
    #[prost(message, repeated, tag = "3")]
    pub(crate) writes: Vec<Write>,
    #[prost(bytes = "bytes", tag = "4")]
    pub(crate) stream_token: bytes::Bytes,
}

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

/// Reads by name.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct BatchGetDocumentsRequest {
    #[prost(string, tag = "1")]
    pub(crate) database: String,
    #[prost(string, repeated, tag = "2")]
    pub(crate) documents: Vec<String>,
    #[prost(message, optional, tag = "3")]
    pub(crate) mask: Option<DocumentMask>,
    #[prost(oneof = "batch_get::Consistency", tags = "4, 5, 7")]
    pub(crate) consistency: Option<batch_get::Consistency>,
}

/// As of when a batch reads.
pub(crate) mod batch_get {
    #[derive(Clone, PartialEq, prost::Oneof)]
    pub(crate) enum Consistency {
        #[prost(bytes = "bytes", tag = "4")]
        Transaction(bytes::Bytes),
        #[prost(message, tag = "5")]
        NewTransaction(super::TransactionOptions),
        #[prost(message, tag = "7")]
        ReadTime(prost_types::Timestamp),
    }
}

/// A document that was found, or not, by name. As the generated message, with the document encoded.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct BatchGetDocumentsResponse {
    #[prost(bytes = "bytes", tag = "3")]
    pub(crate) transaction: bytes::Bytes,
    #[prost(message, optional, tag = "4")]
    pub(crate) read_time: Option<prost_types::Timestamp>,
    #[prost(oneof = "batch_got::Found", tags = "1, 2")]
    pub(crate) found: Option<batch_got::Found>,
}

/// What was found by a name.
pub(crate) mod batch_got {
    #[derive(Clone, PartialEq, prost::Oneof)]
    pub(crate) enum Found {
        #[prost(message, tag = "1")]
        Found(crate::encode::SentDocument),
        #[prost(string, tag = "2")]
        Missing(String),
    }
}

/// A row of a query. As the generated message, with the document encoded.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct RunQueryResponse {
    #[prost(message, optional, tag = "1")]
    pub(crate) document: Option<crate::encode::SentDocument>,
    #[prost(bytes = "bytes", tag = "2")]
    pub(crate) transaction: bytes::Bytes,
    #[prost(message, optional, tag = "3")]
    pub(crate) read_time: Option<prost_types::Timestamp>,
    #[prost(int32, tag = "4")]
    pub(crate) skipped_results: i32,
    #[prost(bool, optional, tag = "6")]
    pub(crate) done: Option<bool>,
    #[prost(message, optional, tag = "11")]
    pub(crate) explain_metrics: Option<ExplainMetrics>,
}

/// Runs a query.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct RunQueryRequest {
    #[prost(string, tag = "1")]
    pub(crate) parent: String,
    #[prost(message, optional, tag = "2")]
    pub(crate) structured_query: Option<StructuredQuery>,
    #[prost(message, optional, tag = "10")]
    pub(crate) explain_options: Option<ExplainOptions>,
    #[prost(oneof = "run_query::Consistency", tags = "5, 6, 7")]
    pub(crate) consistency: Option<run_query::Consistency>,
}

/// As of when a query reads.
pub(crate) mod run_query {
    #[derive(Clone, PartialEq, prost::Oneof)]
    pub(crate) enum Consistency {
        #[prost(bytes = "bytes", tag = "5")]
        Transaction(bytes::Bytes),
        #[prost(message, tag = "6")]
        NewTransaction(super::TransactionOptions),
        #[prost(message, tag = "7")]
        ReadTime(prost_types::Timestamp),
    }
}

/// Runs aggregations over a query.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct RunAggregationQueryRequest {
    #[prost(string, tag = "1")]
    pub(crate) parent: String,
    #[prost(message, optional, tag = "2")]
    pub(crate) structured_aggregation_query: Option<StructuredAggregationQuery>,
    #[prost(message, optional, tag = "8")]
    pub(crate) explain_options: Option<ExplainOptions>,
    #[prost(oneof = "run_aggregation::Consistency", tags = "4, 5, 6")]
    pub(crate) consistency: Option<run_aggregation::Consistency>,
}

/// As of when aggregations read.
pub(crate) mod run_aggregation {
    #[derive(Clone, PartialEq, prost::Oneof)]
    pub(crate) enum Consistency {
        #[prost(bytes = "bytes", tag = "4")]
        Transaction(bytes::Bytes),
        #[prost(message, tag = "5")]
        NewTransaction(super::TransactionOptions),
        #[prost(message, tag = "6")]
        ReadTime(prost_types::Timestamp),
    }
}
