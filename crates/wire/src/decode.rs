//! From the protocol's messages to core's vocabulary, by its checked constructors: what they refuse,
//! no store sees.

mod field;
mod nearest;
mod order;
mod query;
mod time;
mod transaction;
mod value;
mod write;

pub(crate) use field::{check_field_path, field_path};
pub(crate) use nearest::{Measure, Nearest, nearest};
pub(crate) use order::order;
pub(crate) use query::{aggregate, projection, query};
pub(crate) use time::timestamp;
pub(crate) use transaction::{batch_at, begin, query_at, read_at};
pub(crate) use value::{TYPE_FIELD, VECTOR_FIELD, VECTOR_TYPE, fields, value};
pub(crate) use write::{mask, write};

/// Counts in the protocol are signed.
///
/// # Errors
/// [`InvalidArgument`](firekeep_core::ErrorKind::InvalidArgument) for a negative one.
pub(crate) fn count(what: &str, number: i32) -> firekeep_core::Result<u32> {
    u32::try_from(number).map_err(|_| firekeep_core::Error::invalid(format!("{what} is negative")))
}
