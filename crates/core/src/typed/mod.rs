//! Typed collections: documents as values of a Rust type, by serde, with no detour over JSON.
//!
//! What Firestore distinguishes stays distinct: an `i64` is an integer and exact, an `f64` a
//! double and exact, [`Bytes`](bytes::Bytes) are bytes, and [`Timestamp`](crate::Timestamp),
//! [`GeoPoint`](crate::GeoPoint), [`Reference`](crate::Reference), [`DocPath`](crate::DocPath),
//! [`Vector`] and [`Value`] are what they are called. In other formats they take
//! a readable form: RFC 3339, `{latitude, longitude}`, the path, a list of numbers.
//!
//! | Rust | Firestore |
//! | --- | --- |
//! | `bool`, integers, `f32`, `f64`, `String`, `char` | boolean, integer, double, string, string |
//! | `()`, `None`, a unit struct | null |
//! | `Some(value)`, a newtype struct, `Box` | the value inside |
//! | [`Bytes`](bytes::Bytes), `serialize_bytes` | bytes (`Vec<u8>` is an array of integers) |
//! | sequences, tuples | array; refused directly inside an array |
//! | structs, maps with keys of text, integers, booleans | map |
//! | enums | a string for a unit variant, else a map of one entry named after the variant |
//!
//! A `u64` above `i64::MAX` and the 128-bit integers are errors. Where a double is asked for, a
//! stored integer will do if it is exactly one: other clients store whole doubles as integers.
//! Errors name the document and the field, never the value.

mod access;
mod codec_error;
mod collection;
mod de;
mod document;
mod key;
mod mask;
mod query;
mod ser;
mod special;
mod stored;
mod watch;

pub use collection::{Collection, UPDATE_ATTEMPTS};
pub use query::TypedQuery;
pub use special::Vector;
pub use stored::Stored;
pub use watch::{TypedBatch, TypedChange, TypedEvent};

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::value::{Fields, Value};
use crate::{Error, Result};

/// The value that `value` becomes.
///
/// # Errors
/// [`InvalidArgument`](crate::ErrorKind::InvalidArgument), naming the field, for what Firestore
/// can't hold: an integer beyond `i64`, an array directly in an array, a map key that is no text,
/// integer or boolean.
pub fn to_value<T: Serialize + ?Sized>(value: &T) -> Result<Value> {
    ser::to_value(value).map_err(|error| error.into_invalid())
}

/// The fields of the document that `value` becomes.
///
/// # Errors
/// As [`to_value`]; also when `value` is neither a struct nor a map.
pub fn to_fields<T: Serialize + ?Sized>(value: &T) -> Result<Fields> {
    match to_value(value)? {
        Value::Map(fields) => Ok(fields),
        other => Err(Error::invalid(format!(
            "a document is made of a struct or a map, not of a {}",
            other.type_name()
        ))),
    }
}

/// Reads a `T` out of a value; borrows text and bytes where `T` does.
///
/// # Errors
/// [`Decode`](crate::ErrorKind::Decode), naming the field, where the value does not fit.
pub fn from_value<'de, T: Deserialize<'de>>(value: &'de Value) -> Result<T> {
    T::deserialize(de::ValueDeserializer::new(value)).map_err(|error| error.into_decode())
}

/// Reads a `T` out of a document's fields.
///
/// # Errors
/// As [`from_value`].
pub fn from_fields<T: DeserializeOwned>(fields: &Fields) -> Result<T> {
    T::deserialize(document::FieldsDeserializer::new(fields)).map_err(|error| error.into_decode())
}

#[cfg(test)]
mod tests;
