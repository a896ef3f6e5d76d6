//! Values in the JSON of Firestore's REST interface: an object whose one key is the type.

use std::collections::BTreeMap;

use base64::prelude::{BASE64_STANDARD, Engine};
use firekeep::wire::DatabaseName;
use firekeep::{Error, Fields, GeoPoint, Result, Value};
use serde::{Deserialize, Serialize};

/// A value.
#[derive(Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(super) enum Json {
    #[serde(rename = "nullValue")]
    Null(()),
    #[serde(rename = "booleanValue")]
    Boolean(bool),
    #[serde(rename = "integerValue")]
    Integer(Whole),
    #[serde(rename = "doubleValue")]
    Double(Number),
    #[serde(rename = "timestampValue")]
    Timestamp(String),
    #[serde(rename = "stringValue")]
    String(String),
    #[serde(rename = "bytesValue")]
    Bytes(String),
    #[serde(rename = "referenceValue")]
    Reference(String),
    #[serde(rename = "geoPointValue")]
    GeoPoint {
        #[serde(default)]
        latitude: f64,
        #[serde(default)]
        longitude: f64,
    },
    #[serde(rename = "arrayValue")]
    Array {
        #[serde(default)]
        values: Vec<Json>,
    },
    #[serde(rename = "mapValue")]
    Map {
        #[serde(default)]
        fields: BTreeMap<String, Json>,
    },
}

/// An integer: in a string, because readers of JSON elsewhere round numbers to doubles.
#[derive(Debug, Deserialize, Serialize)]
#[serde(untagged, expecting = "an integer in a string")]
pub(super) enum Whole {
    Text(String),
    Bare(i64),
}

/// A double: JSON has no name for those that are no finite numbers.
#[derive(Debug, Deserialize, Serialize)]
#[serde(untagged, expecting = "a number, NaN, Infinity or -Infinity")]
pub(super) enum Number {
    Finite(f64),
    Named(String),
}

pub(super) fn encode_fields(database: &DatabaseName, fields: &Fields) -> BTreeMap<String, Json> {
    fields.iter().map(|(name, value)| (name.clone(), encode(database, value))).collect()
}

fn encode(database: &DatabaseName, value: &Value) -> Json {
    match value {
        Value::Bool(value) => Json::Boolean(*value),
        Value::Integer(number) => Json::Integer(Whole::Text(number.to_string())),
        Value::Double(number) => double(*number),
        Value::Timestamp(time) => Json::Timestamp(time.to_string()),
        Value::String(text) => Json::String(text.clone()),
        Value::Bytes(bytes) => Json::Bytes(BASE64_STANDARD.encode(bytes)),
        Value::Reference(to) => Json::Reference(database.reference_name(to)),
        Value::GeoPoint(point) => {
            Json::GeoPoint { latitude: point.latitude(), longitude: point.longitude() }
        }
        Value::Array(elements) => Json::Array {
            values: elements.iter().map(|element| encode(database, element)).collect(),
        },
        Value::Vector(numbers) => vector(numbers),
        Value::Map(fields) => Json::Map { fields: encode_fields(database, fields) },
        // Null, and nothing else: a store hands out what the protocol can say.
        _ => Json::Null(()),
    }
}

fn double(number: f64) -> Json {
    let named = |name: &str| Number::Named(name.to_owned());
    Json::Double(match number {
        _ if number.is_finite() => Number::Finite(number),
        _ if number.is_nan() => named("NaN"),
        _ if number > 0.0 => named("Infinity"),
        _ => named("-Infinity"),
    })
}

/// A vector is a map that says so, as in the protocol.
fn vector(numbers: &[f64]) -> Json {
    let values = numbers.iter().map(|number| double(*number)).collect();
    let kind = Json::String(VECTOR_TYPE.to_owned());
    let fields = [(TYPE_FIELD, kind), (VECTOR_FIELD, Json::Array { values })];
    Json::Map { fields: fields.map(|(name, value)| (name.to_owned(), value)).into() }
}

/// # Errors
/// `InvalidArgument` for a value that is not of its type, naming the field.
pub(super) fn decode_fields(
    database: &DatabaseName,
    fields: BTreeMap<String, Json>,
) -> Result<Fields> {
    let decode = |(name, json)| match decode(database, json) {
        Ok(value) => Ok((name, value)),
        Err(error) => Err(error.at_path(name)),
    };
    fields.into_iter().map(decode).collect()
}

fn decode(database: &DatabaseName, json: Json) -> Result<Value> {
    Ok(match json {
        Json::Null(()) => Value::Null,
        Json::Boolean(value) => Value::Bool(value),
        Json::Integer(Whole::Bare(number)) => Value::Integer(number),
        Json::Integer(Whole::Text(text)) => {
            Value::Integer(text.parse().map_err(|_| mistyped("integer of 64 bits"))?)
        }
        Json::Double(number) => Value::Double(decode_double(number)?),
        Json::Timestamp(text) => {
            Value::Timestamp(text.parse().map_err(|_| mistyped("time as RFC 3339 has it"))?)
        }
        Json::String(text) => Value::String(text),
        Json::Bytes(text) => {
            let bytes = BASE64_STANDARD.decode(text);
            Value::Bytes(bytes.map_err(|_| mistyped("base64"))?.into())
        }
        Json::Reference(name) => Value::Reference(database.reference(&name)?),
        Json::GeoPoint { latitude, longitude } => {
            Value::GeoPoint(GeoPoint::new(latitude, longitude)?)
        }
        Json::Array { values } => {
            let values = values.into_iter().map(|element| decode(database, element));
            Value::Array(values.collect::<Result<_>>()?)
        }
        Json::Map { fields } => map_or_vector(decode_fields(database, fields)?)?,
    })
}

fn decode_double(number: Number) -> Result<f64> {
    match number {
        Number::Finite(number) => Ok(number),
        Number::Named(name) => match name.as_str() {
            "NaN" => Ok(f64::NAN),
            "Infinity" => Ok(f64::INFINITY),
            "-Infinity" => Ok(f64::NEG_INFINITY),
            _ => Err(mistyped("number, NaN, Infinity or -Infinity")),
        },
    }
}

fn map_or_vector(fields: Fields) -> Result<Value> {
    if fields.get(TYPE_FIELD).and_then(Value::as_str) != Some(VECTOR_TYPE) {
        return Ok(Value::Map(fields));
    }
    let numbers = match (fields.len(), fields.get(VECTOR_FIELD).and_then(Value::as_array)) {
        (2, Some(elements)) => elements.iter().map(Value::as_double).collect(),
        _ => None,
    };
    let numbers: Option<Vec<f64>> = numbers;
    numbers.map(Value::Vector).ok_or_else(|| mistyped("vector"))
}

fn mistyped(expected: &str) -> Error {
    Error::invalid(format!("a value is no {expected}"))
}

const TYPE_FIELD: &str = "__type__";
const VECTOR_TYPE: &str = "__vector__";
const VECTOR_FIELD: &str = "value";
