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
