//! The protocol's messages: the generated ones, and the few that the generated crate lacks.

pub(crate) use googleapis_tonic_google_firestore_v1::google::firestore::v1::*;
pub(crate) use googleapis_tonic_google_firestore_v1::google::rpc;
pub(crate) use googleapis_tonic_google_firestore_v1::google::r#type::LatLng;

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
