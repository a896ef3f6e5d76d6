//! From core's vocabulary to the protocol's messages.

mod sent;

use firekeep_core::{Committed, Document, Fields, Timestamp, Value, Written};

use crate::decode::{TYPE_FIELD, VECTOR_FIELD, VECTOR_TYPE};
use crate::name::DatabaseName;
use crate::proto::value::ValueType;
use crate::proto::{self, ArrayValue, CommitResponse, LatLng, MapValue, WriteResult};

pub(crate) use sent::SentDocument;

/// A time.
pub(crate) fn timestamp(time: Timestamp) -> prost_types::Timestamp {
    let (seconds, nanos) = time.to_parts();
    prost_types::Timestamp { seconds, nanos }
}

/// A document.
pub(crate) fn document(database: &DatabaseName, document: &Document) -> proto::Document {
    proto::Document {
        name: database.document(document.path()),
        fields: fields(database, document.fields()),
        create_time: Some(timestamp(document.created())),
        update_time: Some(timestamp(document.updated())),
    }
}

/// Fields.
pub(crate) fn fields(
    database: &DatabaseName,
    fields: &Fields,
) -> std::collections::BTreeMap<String, proto::Value> {
    fields.iter().map(|(name, content)| (name.clone(), value(database, content))).collect()
}

/// A value.
pub(crate) fn value(database: &DatabaseName, value: &Value) -> proto::Value {
    proto::Value { value_type: Some(value_type(database, value)) }
}

fn value_type(database: &DatabaseName, content: &Value) -> ValueType {
    match content {
        Value::Bool(value) => ValueType::BooleanValue(*value),
        Value::Integer(value) => ValueType::IntegerValue(*value),
        Value::Double(value) => ValueType::DoubleValue(*value),
        Value::Timestamp(time) => ValueType::TimestampValue(timestamp(*time)),
        Value::String(text) => ValueType::StringValue(text.clone()),
        Value::Bytes(bytes) => ValueType::BytesValue(bytes.clone()),
        Value::Reference(to) => ValueType::ReferenceValue(database.reference_name(to)),
        Value::GeoPoint(point) => ValueType::GeoPointValue(LatLng {
            latitude: point.latitude(),
            longitude: point.longitude(),
        }),
        Value::Array(elements) => {
            array(elements.iter().map(|element| value(database, element)).collect())
        }
        Value::Vector(numbers) => vector(numbers),
        Value::Map(inner) => ValueType::MapValue(MapValue { fields: fields(database, inner) }),
        // Null, and nothing else: a store hands out what the protocol can say.
        _ => ValueType::NullValue(0),
    }
}

fn array(values: Vec<proto::Value>) -> ValueType {
    ValueType::ArrayValue(ArrayValue { values })
}

fn vector(numbers: &[f64]) -> ValueType {
    let wrap = |content| proto::Value { value_type: Some(content) };
    let numbers = numbers.iter().map(|number| wrap(ValueType::DoubleValue(*number))).collect();
    let kind = ValueType::StringValue(VECTOR_TYPE.to_owned());
    let fields = [(TYPE_FIELD, kind), (VECTOR_FIELD, array(numbers))];
    let fields = fields.map(|(name, content)| (name.to_owned(), wrap(content)));
    ValueType::MapValue(MapValue { fields: fields.into() })
}

/// What a commit did.
pub(crate) fn committed(database: &DatabaseName, committed: &Committed) -> CommitResponse {
    CommitResponse {
        write_results: committed.writes.iter().map(|done| written(database, done)).collect(),
        commit_time: Some(timestamp(committed.commit_time)),
    }
}

/// What one write did.
pub(crate) fn written(database: &DatabaseName, written: &Written) -> WriteResult {
    WriteResult {
        update_time: written.version.map(|version| timestamp(version.time())),
        transform_results: written
            .transform_results
            .iter()
            .map(|result| value(database, result))
            .collect(),
    }
}
