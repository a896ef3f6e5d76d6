//! Values and fields.

use std::collections::BTreeMap;

use firekeep_core::{Error, Fields, GeoPoint, Result, Value};

use super::timestamp;
use crate::name::DatabaseName;
use crate::proto;
use crate::proto::value::ValueType;

/// The field of a map that says what the map stands for.
pub(crate) const TYPE_FIELD: &str = "__type__";
/// What [`TYPE_FIELD`] holds in a vector.
pub(crate) const VECTOR_TYPE: &str = "__vector__";
/// The field that holds a vector's numbers.
pub(crate) const VECTOR_FIELD: &str = "value";

/// The fields in a message.
///
/// # Errors
/// As [`value`], naming the field.
pub(crate) fn fields(
    database: &DatabaseName,
    fields: BTreeMap<String, proto::Value>,
) -> Result<Fields> {
    let decode = |(name, content)| match value(database, content) {
        Ok(content) => Ok((name, content)),
        Err(error) => Err(error.at_path(name)),
    };
    fields.into_iter().map(decode).collect()
}

/// The value in a message.
///
/// # Errors
/// [`InvalidArgument`](firekeep_core::ErrorKind::InvalidArgument) for a value without a type or of
/// one that can't be stored, or beyond the bounds of its type.
pub(crate) fn value(database: &DatabaseName, value: proto::Value) -> Result<Value> {
    Ok(match value.value_type {
        None => return Err(Error::invalid("a value has no type")),
        Some(ValueType::NullValue(_)) => Value::Null,
        Some(ValueType::BooleanValue(value)) => Value::Bool(value),
        Some(ValueType::IntegerValue(value)) => Value::Integer(value),
        Some(ValueType::DoubleValue(value)) => Value::Double(value),
        Some(ValueType::TimestampValue(time)) => Value::Timestamp(timestamp(time)?),
        Some(ValueType::StringValue(text)) => Value::String(text),
        Some(ValueType::BytesValue(bytes)) => Value::Bytes(bytes),
        Some(ValueType::ReferenceValue(name)) => Value::Reference(database.reference(&name)?),
        Some(ValueType::GeoPointValue(point)) => {
            Value::GeoPoint(GeoPoint::new(point.latitude, point.longitude)?)
        }
        Some(ValueType::ArrayValue(array)) => Value::Array(elements(database, array.values)?),
        Some(ValueType::MapValue(map)) => map_or_vector(fields(database, map.fields)?)?,
        Some(_) => return Err(Error::invalid("a value is of a type that can't be stored")),
    })
}

/// The values in a list of messages.
///
/// # Errors
/// As [`value`].
pub(super) fn elements(database: &DatabaseName, values: Vec<proto::Value>) -> Result<Vec<Value>> {
    values.into_iter().map(|element| value(database, element)).collect()
}

/// A vector travels as a map that says so.
fn map_or_vector(fields: Fields) -> Result<Value> {
    if fields.get(TYPE_FIELD).and_then(Value::as_str) != Some(VECTOR_TYPE) {
        return Ok(Value::Map(fields));
    }
    let numbers = match (fields.len(), fields.get(VECTOR_FIELD).and_then(Value::as_array)) {
        (2, Some(elements)) => elements.iter().map(Value::as_double).collect(),
        _ => None,
    };
    numbers.map(Value::Vector).ok_or_else(|| {
        Error::invalid("a vector is a map of `__type__` and `value`, an array of numbers")
    })
}
