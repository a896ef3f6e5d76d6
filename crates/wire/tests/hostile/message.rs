//! Requests of good will.

pub(crate) use googleapis_tonic_google_firestore_v1::google::firestore::v1 as proto;
use proto::value::ValueType;
use proto::write::Operation;

use crate::ground::DATABASE;

/// The name of the document at `path`.
pub(crate) fn name(path: &str) -> String {
    format!("{DATABASE}/documents/{path}")
}

/// A write of a whole document.
pub(crate) fn set<const N: usize>(path: &str, fields: [(&str, i64); N]) -> proto::Write {
    let value = |number| proto::Value { value_type: Some(ValueType::IntegerValue(number)) };
    let fields = fields.into_iter().map(|(name, number)| (name.to_owned(), value(number)));
    let document =
        proto::Document { name: name(path), fields: fields.collect(), ..Default::default() };
    proto::Write { operation: Some(Operation::Update(document)), ..Default::default() }
}

/// A commit without a transaction.
pub(crate) fn commit(writes: Vec<proto::Write>) -> proto::CommitRequest {
    proto::CommitRequest { database: DATABASE.to_owned(), writes, ..Default::default() }
}
