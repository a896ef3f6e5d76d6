//! Values, bit for bit.

use firekeep_core::{DocPath, Error, Fields, GeoPoint, Reference, Result, Value};

use super::{timestamp_from_proto, timestamp_to_proto};
use crate::database::Database;
use crate::proto::value::ValueType;
use crate::proto::{self, ArrayValue, LatLng, MapValue};

/// The field of a map that says what the map stands for.
pub(crate) const TYPE_FIELD: &str = "__type__";
/// What [`TYPE_FIELD`] holds in a vector.
pub(crate) const VECTOR_TYPE: &str = "__vector__";
/// The field that holds a vector's numbers.
pub(crate) const VECTOR_FIELD: &str = "value";

/// The value in a message.
///
/// # Errors
/// [`Decode`](firekeep_core::ErrorKind::Decode) for a type that this version doesn't know, or a
/// value that its type does not allow.
pub(crate) fn value_from_proto(database: &Database, value: proto::Value) -> Result<Value> {
    Ok(match value.value_type {
        None | Some(ValueType::NullValue(_)) => Value::Null,
        Some(ValueType::BooleanValue(value)) => Value::Bool(value),
        Some(ValueType::IntegerValue(value)) => Value::Integer(value),
        Some(ValueType::DoubleValue(value)) => Value::Double(value),
        Some(ValueType::TimestampValue(time)) => Value::Timestamp(timestamp_from_proto(time)?),
        Some(ValueType::StringValue(text)) => Value::String(text),
        Some(ValueType::BytesValue(bytes)) => Value::Bytes(bytes),
        Some(ValueType::ReferenceValue(name)) => Value::Reference(reference(database, &name)?),
        Some(ValueType::GeoPointValue(point)) => geo_point(point.latitude, point.longitude)?,
        Some(ValueType::ArrayValue(array)) => Value::Array(
            array
                .values
                .into_iter()
                .map(|value| value_from_proto(database, value))
                .collect::<Result<_>>()?,
        ),
        Some(ValueType::MapValue(map)) => map_or_vector(fields_from_proto(database, map.fields)?),
        Some(_) => return Err(Error::decode("a value has a type that stored values don't have")),
    })
}

/// The fields in a message.
///
/// # Errors
/// As [`value_from_proto`], naming the field.
pub(crate) fn fields_from_proto(
    database: &Database,
    fields: std::collections::BTreeMap<String, proto::Value>,
) -> Result<Fields> {
    fields
        .into_iter()
        .map(|(name, value)| match value_from_proto(database, value) {
            Ok(value) => Ok((name, value)),
            Err(error) => Err(error.at_path(name)),
        })
        .collect()
}

/// The reference that the server spells as a full name.
pub(crate) fn reference(database: &Database, name: &str) -> Result<Reference> {
    let malformed = || Error::decode("a reference does not name a document");
    if let Some(path) = database.local(name) {
        return DocPath::new(path).map(Reference::local).map_err(|e| malformed().with_source(e));
    }
    let (owner, path) = name.split_once("/documents/").ok_or_else(malformed)?;
    let path = DocPath::new(path).map_err(|error| malformed().with_source(error))?;
    Ok(Reference::foreign(owner, path))
}

pub(crate) fn geo_point(latitude: f64, longitude: f64) -> Result<Value> {
    let point = GeoPoint::new(latitude, longitude)
        .map_err(|error| Error::decode("a geo point is out of range").with_source(error))?;
    Ok(Value::GeoPoint(point))
}

/// A vector travels as a map that says so.
pub(crate) fn map_or_vector(fields: Fields) -> Value {
    let is_vector =
        fields.len() == 2 && fields.get(TYPE_FIELD).and_then(Value::as_str) == Some(VECTOR_TYPE);
    if !is_vector {
        return Value::Map(fields);
    }
    let elements = fields.get(VECTOR_FIELD).and_then(Value::as_array);
    let numbers = elements.and_then(|all| all.iter().map(Value::as_double).collect());
    numbers.map_or(Value::Map(fields), Value::Vector)
}

/// The value as a message.
pub(crate) fn value_to_proto(database: &Database, value: &Value) -> Result<proto::Value> {
    let array = |values: Vec<proto::Value>| ValueType::ArrayValue(ArrayValue { values });
    let value_type = match value {
        Value::Null => ValueType::NullValue(0),
        Value::Bool(value) => ValueType::BooleanValue(*value),
        Value::Integer(value) => ValueType::IntegerValue(*value),
        Value::Double(value) => ValueType::DoubleValue(*value),
        Value::Timestamp(time) => ValueType::TimestampValue(timestamp_to_proto(*time)),
        Value::String(text) => ValueType::StringValue(text.clone()),
        Value::Bytes(bytes) => ValueType::BytesValue(bytes.clone()),
        Value::Reference(reference) => {
            ValueType::ReferenceValue(reference_name(database, reference))
        }
        Value::GeoPoint(point) => ValueType::GeoPointValue(LatLng {
            latitude: point.latitude(),
            longitude: point.longitude(),
        }),
        Value::Array(elements) => array(values_to_proto(database, elements)?),
        Value::Vector(numbers) => vector(array(numbers.iter().map(|n| double(*n)).collect())),
        Value::Map(fields) => {
            ValueType::MapValue(MapValue { fields: fields_to_proto(database, fields)? })
        }
        other => {
            let message = format!("Firestore has no values of type {}", other.type_name());
            return Err(Error::invalid(message));
        }
    };
    Ok(proto::Value { value_type: Some(value_type) })
}

/// The values as messages.
pub(crate) fn values_to_proto(database: &Database, values: &[Value]) -> Result<Vec<proto::Value>> {
    values.iter().map(|value| value_to_proto(database, value)).collect()
}

/// The fields as messages.
pub(crate) fn fields_to_proto(
    database: &Database,
    fields: &Fields,
) -> Result<std::collections::BTreeMap<String, proto::Value>> {
    fields
        .iter()
        .map(|(name, value)| Ok((name.clone(), value_to_proto(database, value)?)))
        .collect()
}

/// The reference's full name.
pub(crate) fn reference_name(database: &Database, reference: &Reference) -> String {
    match reference.database() {
        None => database.doc_name(reference.path()),
        Some(owner) => format!("{owner}/documents/{}", reference.path()),
    }
}

fn double(number: f64) -> proto::Value {
    proto::Value { value_type: Some(ValueType::DoubleValue(number)) }
}

fn vector(numbers: ValueType) -> ValueType {
    let kind = ValueType::StringValue(VECTOR_TYPE.to_owned());
    let fields = [(TYPE_FIELD, kind), (VECTOR_FIELD, numbers)]
        .map(|(name, value)| (name.to_owned(), proto::Value { value_type: Some(value) }));
    ValueType::MapValue(MapValue { fields: fields.into() })
}
