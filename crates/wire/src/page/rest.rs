//! Values as Firestore's REST interface writes them: JSON with the type beside each value.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use firekeep_core::{Error, Fields, GeoPoint, Result, Timestamp, Value, Write};
use serde::Deserialize;
use serde_json::{Map, Value as Json, json};

use crate::decode::{self, TYPE_FIELD, VECTOR_FIELD, VECTOR_TYPE};
use crate::name::DatabaseName;
use crate::proto::precondition::ConditionType;
use crate::proto::value::ValueType;
use crate::proto::{self, ArrayValue, LatLng, MapValue};

/// Fields.
pub(super) fn fields(database: &DatabaseName, fields: &Fields) -> Json {
    let all = fields.iter().map(|(name, content)| (name.clone(), value(database, content)));
    Json::Object(all.collect())
}

fn value(database: &DatabaseName, content: &Value) -> Json {
    match content {
        Value::Bool(flag) => json!({ "booleanValue": flag }),
        // A number of JavaScript can't hold all of them.
        Value::Integer(number) => json!({ "integerValue": number.to_string() }),
        Value::Double(number) => json!({ "doubleValue": double(*number) }),
        Value::Timestamp(time) => json!({ "timestampValue": time.to_string() }),
        Value::String(text) => json!({ "stringValue": text }),
        Value::Bytes(bytes) => json!({ "bytesValue": STANDARD.encode(bytes) }),
        Value::Reference(to) => json!({ "referenceValue": database.reference_name(to) }),
        Value::GeoPoint(at) => {
            json!({ "geoPointValue": { "latitude": at.latitude(), "longitude": at.longitude() } })
        }
        Value::Array(elements) => {
            let all: Vec<_> = elements.iter().map(|element| value(database, element)).collect();
            json!({ "arrayValue": { "values": all } })
        }
        Value::Vector(numbers) => {
            let all = numbers.iter().map(|number| json!({ "doubleValue": double(*number) }));
            let all = json!({ "arrayValue": { "values": all.collect::<Vec<_>>() } });
            let kind = json!({ "stringValue": VECTOR_TYPE });
            json!({ "mapValue": { "fields": { TYPE_FIELD: kind, VECTOR_FIELD: all } } })
        }
        Value::Map(inner) => json!({ "mapValue": { "fields": fields(database, inner) } }),
        _ => json!({ "nullValue": null }),
    }
}

fn double(number: f64) -> Json {
    match number {
        number if number.is_nan() => json!("NaN"),
        f64::INFINITY => json!("Infinity"),
        f64::NEG_INFINITY => json!("-Infinity"),
        number => json!(number),
    }
}

/// A write in a body.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct RestWrite {
    update: Option<RestDocument>,
    delete: Option<String>,
    update_mask: Option<RestMask>,
    current_document: Option<RestCondition>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RestDocument {
    name: String,
    #[serde(default)]
    fields: Map<String, Json>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct RestMask {
    #[serde(default)]
    field_paths: Vec<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct RestCondition {
    exists: Option<bool>,
    update_time: Option<String>,
}

/// The write that a body means.
///
/// # Errors
/// `InvalidArgument` for what is no write, or is one that a call could not make either.
pub(super) fn write(database: &DatabaseName, write: RestWrite) -> Result<Write> {
    let operation = match (write.update, write.delete) {
        (Some(document), None) => proto::WriteOperation::Update(proto::Document {
            name: document.name,
            fields: message_fields(document.fields)?,
            ..proto::Document::default()
        }),
        (None, Some(name)) => proto::WriteOperation::Delete(name),
        _ => return Err(Error::invalid("a write has either `update` or `delete`")),
    };
    let write = proto::Write {
        operation: Some(operation),
        update_mask: write.update_mask.map(|mask| mask_of(mask.field_paths)),
        current_document: write.current_document.map(condition).transpose()?,
        update_transforms: Vec::new(),
    };
    decode::write(database, write)
}

fn mask_of(field_paths: Vec<String>) -> proto::DocumentMask {
    proto::DocumentMask { field_paths }
}

fn condition(condition: RestCondition) -> Result<proto::Precondition> {
    let kind = match (condition.exists, condition.update_time) {
        (Some(exists), None) => ConditionType::Exists(exists),
        (None, Some(time)) => ConditionType::UpdateTime(time_of(&time)?),
        _ => return Err(Error::invalid("a condition has either `exists` or `updateTime`")),
    };
    Ok(proto::Precondition { condition_type: Some(kind) })
}

fn message_fields(
    fields: Map<String, Json>,
) -> Result<std::collections::BTreeMap<String, proto::Value>> {
    let all = fields.into_iter().map(|(name, json)| match message(json) {
        Ok(content) => Ok((name, content)),
        Err(error) => Err(error.at_path(name)),
    });
    all.collect()
}

/// The message that says what `json` says. What is in it is checked where messages are.
fn message(json: Json) -> Result<proto::Value> {
    let Json::Object(object) = json else { return Err(no_value()) };
    let mut parts = object.into_iter();
    let (Some((kind, content)), None) = (parts.next(), parts.next()) else {
        return Err(no_value());
    };
    Ok(proto::Value { value_type: Some(value_type(&kind, content)?) })
}

fn value_type(kind: &str, content: Json) -> Result<ValueType> {
    let text = |content: &Json| content.as_str().map(str::to_owned).ok_or_else(|| wrong(kind));
    Ok(match kind {
        "nullValue" => ValueType::NullValue(0),
        "booleanValue" => ValueType::BooleanValue(content.as_bool().ok_or_else(|| wrong(kind))?),
        "integerValue" => ValueType::IntegerValue(integer(&content).ok_or_else(|| wrong(kind))?),
        "doubleValue" => ValueType::DoubleValue(number(&content).ok_or_else(|| wrong(kind))?),
        "timestampValue" => ValueType::TimestampValue(time_of(&text(&content)?)?),
        "stringValue" => ValueType::StringValue(text(&content)?),
        "bytesValue" => {
            let bytes = STANDARD.decode(text(&content)?).map_err(|_| wrong(kind))?;
            ValueType::BytesValue(bytes.into())
        }
        "referenceValue" => ValueType::ReferenceValue(text(&content)?),
        "geoPointValue" => ValueType::GeoPointValue(point(&content).ok_or_else(|| wrong(kind))??),
        "arrayValue" => ValueType::ArrayValue(ArrayValue {
            values: match content.get("values").cloned() {
                None => Vec::new(),
                Some(Json::Array(all)) => all.into_iter().map(message).collect::<Result<_>>()?,
                Some(_) => return Err(wrong(kind)),
            },
        }),
        "mapValue" => ValueType::MapValue(MapValue {
            fields: match content.get("fields").cloned() {
                None => std::collections::BTreeMap::new(),
                Some(Json::Object(all)) => message_fields(all)?,
                Some(_) => return Err(wrong(kind)),
            },
        }),
        _ => return Err(no_value()),
    })
}

fn integer(content: &Json) -> Option<i64> {
    content.as_i64().or_else(|| content.as_str()?.parse().ok())
}

fn number(content: &Json) -> Option<f64> {
    content.as_f64().or_else(|| match content.as_str()? {
        "NaN" => Some(f64::NAN),
        "Infinity" => Some(f64::INFINITY),
        "-Infinity" => Some(f64::NEG_INFINITY),
        _ => None,
    })
}

fn point(content: &Json) -> Option<Result<LatLng>> {
    let of = |name: &str| content.get(name).map_or(Some(0.0), Json::as_f64);
    let (latitude, longitude) = (of("latitude")?, of("longitude")?);
    Some(GeoPoint::new(latitude, longitude).map(|_| LatLng { latitude, longitude }))
}

fn time_of(text: &str) -> Result<prost_types::Timestamp> {
    text.parse::<Timestamp>().map(crate::encode::timestamp)
}

fn no_value() -> Error {
    Error::invalid("expected a value with its type, as in {\"stringValue\": \"a\"}")
}

fn wrong(kind: &str) -> Error {
    Error::invalid(format!("`{kind}` does not hold what it says"))
}

#[cfg(test)]
mod tests {
    use firekeep_core::{Change, DocPath, Reference, fields as of};

    use super::*;

    fn database() -> DatabaseName {
        DatabaseName::new("projects/p/databases/(default)").unwrap()
    }

    fn update(fields: Json) -> Result<Write> {
        let name = "projects/p/databases/(default)/documents/c/d";
        let body = json!({ "update": { "name": name, "fields": fields } });
        write(&database(), serde_json::from_value(body).unwrap())
    }

    #[test]
    fn every_type_comes_back_as_it_went() {
        let mut all = of! {
            "null" => Value::Null, "bool" => true, "int" => i64::MAX, "text" => "ü\"<",
            "array" => vec![Value::Integer(1), Value::Null], "vector" => Value::Vector(vec![1.0, f64::NAN]),
            "bytes" => Value::Bytes(vec![0, 255, 7].into()),
            "to" => Value::Reference(Reference::local(DocPath::new("a/b").unwrap())),
            "elsewhere" => Value::Reference(Reference::foreign("projects/q/databases/e", DocPath::new("a/b").unwrap())),
            "point" => Value::GeoPoint(GeoPoint::new(-1.5, 2.0).unwrap()),
            "time" => Value::Timestamp("2024-02-29T23:59:59.000001Z".parse().unwrap()),
        };
        for (name, number) in [
            ("a", 0.1),
            ("b", -0.0),
            ("c", f64::NAN),
            ("d", f64::INFINITY),
            ("e", 1e300),
            ("f", 3.0),
        ] {
            all.insert(name.into(), Value::Double(number));
        }
        let nested = all.clone();
        all.insert("map".into(), Value::Map(nested));
        let back = update(fields(&database(), &all)).unwrap();
        assert_eq!(*back.change(), Change::Replace(all));
    }

    #[test]
    fn what_is_no_value_is_refused_by_the_name_of_its_field() {
        for bad in [
            json!("plain"),
            json!({}),
            json!({ "stringValue": "a", "nullValue": null }),
            json!({ "integerValue": "1.5" }),
            json!({ "integerValue": 1.5 }),
            json!({ "bytesValue": "*" }),
            json!({ "doubleValue": "many" }),
            json!({ "timestampValue": "today" }),
            json!({ "geoPointValue": { "latitude": 91.0 } }),
            json!({ "arrayValue": { "values": 1 } }),
            json!({ "mapValue": { "fields": [] } }),
            json!({ "secretValue": 1 }),
        ] {
            let refused = update(json!({ "f": bad })).unwrap_err();
            assert_eq!(refused.kind(), firekeep_core::ErrorKind::InvalidArgument, "{bad}");
            assert!(refused.path().is_some_and(|path| path.contains('f')), "{refused}");
        }
    }
}
