//! Between core's vocabulary and the protocol's messages.
//!
//! Owned messages are taken apart by moving, so that strings and bytes are copied nowhere.

mod document;
mod query;
mod timestamp;
mod value;
mod write;

pub(crate) use document::{document_from_proto, mask_to_proto, qualify};
pub(crate) use query::query_to_proto;
pub(crate) use timestamp::{timestamp_from_proto, timestamp_to_proto};
pub(crate) use value::{geo_point, map_or_vector, reference, value_from_proto};
pub(crate) use write::write_to_proto;

#[cfg(test)]
pub(crate) mod tests;
