//! Between core's vocabulary and the protocol's messages.
//!
//! Owned messages are taken apart by moving, so that strings and bytes are copied nowhere.

mod document;
mod query;
mod timestamp;
mod value;

pub(crate) use document::{document_from_proto, mask_to_proto, qualify};
pub(crate) use query::query_to_proto;
pub(crate) use timestamp::{timestamp_from_proto, timestamp_to_proto};
pub(crate) use value::{
    TYPE_FIELD, VECTOR_FIELD, VECTOR_TYPE, geo_point, map_or_vector, reference, value_from_proto,
};

#[cfg(test)]
pub(crate) mod tests;
