//! Documents, values and times.

use bytes::Bytes;
use firekeep_core::{Document, Error, Fields, Result, Timestamp, Value};

use super::reader::{Fault, Key, Reader};
use crate::conv::{geo_point, map_or_vector, qualify, reference, timestamp_from_proto};
use crate::database::Database;

/// Reads a `Document`.
pub(super) fn document(database: &Database, mut from: Reader<'_>) -> Result<Document, Fault> {
    let (mut name, mut fields) = ("", Fields::new());
    let (mut created, mut updated) = (None, None);
    // The name may follow the fields, and only it tells which document an error is about.
    let mut refused = None;
    while let Some(key) = from.key()? {
        match key {
            Key::Bytes(1) => name = from.text()?,
            Key::Bytes(2) => match entry(database, from.message()?, 0) {
                Ok((name, value)) => drop(fields.insert(name, value)),
                Err(Fault::Refused(error)) => refused = Some(error),
                Err(fault) => return Err(fault),
            },
            Key::Bytes(3) => created = Some(timestamp(from.message()?)?),
            Key::Bytes(4) => updated = Some(timestamp(from.message()?)?),
            other => from.skip(other)?,
        }
    }
    let path = database.path_of(name)?;
    match (refused, created, updated) {
        (Some(error), ..) => Err(qualify(error, &path).into()),
        (None, Some(created), Some(updated)) => Ok(Document::new(path, fields, created, updated)),
        _ => Err(qualify(Error::decode("a document lacks its times"), &path).into()),
    }
}

/// Reads a `Timestamp`.
pub(super) fn timestamp(mut from: Reader<'_>) -> Result<Timestamp, Fault> {
    let (mut seconds, mut nanos) = (0, 0);
    while let Some(key) = from.key()? {
        match key {
            Key::Varint(1) => seconds = from.varint()?.cast_signed(),
            // An `int32` is stored as wide as an `int64`.
            Key::Varint(2) => nanos = from.varint()? as i32,
            other => from.skip(other)?,
        }
    }
    Ok(timestamp_from_proto(prost_types::Timestamp { seconds, nanos })?)
}

/// Reads an entry of a map of values.
fn entry(database: &Database, mut from: Reader<'_>, depth: u32) -> Result<(String, Value), Fault> {
    let (mut name, mut content) = ("", Ok(Value::Null));
    while let Some(key) = from.key()? {
        match key {
            Key::Bytes(1) => name = from.text()?,
            Key::Bytes(2) => content = value(database, from.message()?, depth),
            other => from.skip(other)?,
        }
    }
    match content {
        Ok(content) => Ok((name.to_owned(), content)),
        Err(Fault::Refused(error)) => Err(error.at_path(name).into()),
        Err(fault) => Err(fault),
    }
}

/// Reads a `Value`. Of several contents the last counts.
fn value(database: &Database, mut from: Reader<'_>, depth: u32) -> Result<Value, Fault> {
    if depth > MAX_NESTING {
        return Err(Fault::Malformed("values nest deeper than Firestore stores them"));
    }
    let mut value = Value::Null;
    while let Some(key) = from.key()? {
        value = match key {
            Key::Varint(11) => from.varint().map(|_| Value::Null)?,
            Key::Varint(1) => Value::Bool(from.varint()? != 0),
            Key::Varint(2) => Value::Integer(from.varint()?.cast_signed()),
            Key::Fixed64(3) => Value::Double(f64::from_bits(from.fixed64()?)),
            Key::Bytes(10) => Value::Timestamp(timestamp(from.message()?)?),
            Key::Bytes(17) => Value::String(from.text()?.to_owned()),
            // A copy, so that a few bytes that are kept don't keep a whole answer.
            Key::Bytes(18) => Value::Bytes(Bytes::copy_from_slice(from.bytes()?)),
            Key::Bytes(5) => Value::Reference(reference(database, from.text()?)?),
            Key::Bytes(8) => point(from.message()?)?,
            Key::Bytes(9) => array(database, from.message()?, depth + 1)?,
            Key::Bytes(6) => map_or_vector(map(database, from.message()?, depth + 1)?),
            Key::Bytes(19..=22) => {
                return Err(
                    Error::decode("a value has a type that stored values don't have").into()
                );
            }
            other => {
                from.skip(other)?;
                continue;
            }
        };
    }
    Ok(value)
}

fn map(database: &Database, mut from: Reader<'_>, depth: u32) -> Result<Fields, Fault> {
    let mut fields = Fields::new();
    while let Some(key) = from.key()? {
        match key {
            Key::Bytes(1) => {
                let (name, value) = entry(database, from.message()?, depth)?;
                fields.insert(name, value);
            }
            other => from.skip(other)?,
        }
    }
    Ok(fields)
}

fn array(database: &Database, mut from: Reader<'_>, depth: u32) -> Result<Value, Fault> {
    let mut elements = Vec::new();
    while let Some(key) = from.key()? {
        match key {
            Key::Bytes(1) => elements.push(value(database, from.message()?, depth)?),
            other => from.skip(other)?,
        }
    }
    Ok(Value::Array(elements))
}

fn point(mut from: Reader<'_>) -> Result<Value, Fault> {
    let (mut latitude, mut longitude) = (0.0, 0.0);
    while let Some(key) = from.key()? {
        match key {
            Key::Fixed64(1) => latitude = f64::from_bits(from.fixed64()?),
            Key::Fixed64(2) => longitude = f64::from_bits(from.fixed64()?),
            other => from.skip(other)?,
        }
    }
    Ok(geo_point(latitude, longitude)?)
}

/// Firestore stores 20 levels. The bound keeps an answer that is not Firestore's from using up the
/// stack.
const MAX_NESTING: u32 = 32;
