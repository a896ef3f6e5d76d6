//! A reading as a document, and back.
//!
//! A metric and its unit sit in one map, `values.{metric} = {value, unit}`: a merge, an export or a
//! person at the console can't part the number from what it means, as two parallel maps would
//! allow.

use firekeep_core::{Document, Error, Fields, Result, Timestamp, Value, fields};

use crate::error::Invalid;
use crate::name::{DeviceId, ReadingId, TenantId};
use crate::reading::Reading;
use crate::schema::{AT, DEVICE, EXPIRES_AT, TENANT, UNIT, VALUE, VALUES};

/// The fields of `reading`'s document.
pub(crate) fn encode(reading: &Reading) -> Fields {
    let values: Fields = reading
        .values()
        .iter()
        .map(|(metric, m)| {
            let value = fields! { VALUE => m.value(), UNIT => m.unit().symbol() };
            (metric.as_str().to_owned(), value.into())
        })
        .collect();
    let mut fields = fields! {
        TENANT => reading.tenant().as_str(), DEVICE => reading.device().as_str(),
        AT => reading.at(), VALUES => values,
    };
    if let Some(at) = reading.expires_at() {
        fields.insert(EXPIRES_AT.to_owned(), at.into());
    }
    fields
}

/// The reading in `document`.
///
/// # Errors
/// [`Decode`](firekeep_core::ErrorKind::Decode), naming path and field.
pub(crate) fn decode(document: &Document) -> Result<Reading> {
    let fields = document.fields();
    let read = || -> Result<Reading> {
        let tenant = TenantId::new(text(fields, TENANT)?).map_err(broken)?;
        let device = DeviceId::new(text(fields, DEVICE)?).map_err(broken)?;
        let id = ReadingId::new(document.id()).map_err(broken)?;
        let mut builder = Reading::builder(tenant, device, timestamp(fields, AT)?).id(id);
        for (metric, measurement) in map(fields, VALUES)? {
            let measurement = measurement.as_map().ok_or_else(|| missing(metric, "map"))?;
            let value = measurement.get(VALUE).and_then(Value::as_double);
            let value = value.ok_or_else(|| missing(VALUE, "number"))?;
            builder = builder.measured(metric, value, text(measurement, UNIT)?);
        }
        if let Some(at) = fields.get(EXPIRES_AT).and_then(Value::as_timestamp) {
            builder = builder.expires_at(at);
        }
        builder.build().map_err(broken)
    };
    read().map_err(|error| error.at_path(document.path()))
}

/// Whether two readings say the same. When they may be forgotten is no part of what they say, so
/// that a changed retention makes no conflict.
pub(crate) fn same_content(left: &Reading, right: &Reading) -> bool {
    left.at() == right.at()
        && left.values() == right.values()
        && left.device() == right.device()
        && left.tenant() == right.tenant()
}

pub(crate) fn broken(invalid: Invalid) -> Error {
    Error::decode(format!("a stored reading breaks a rule: {invalid}"))
}

pub(crate) fn missing(field: &str, kind: &str) -> Error {
    Error::decode(format!("the field `{field}` is no {kind}"))
}

pub(crate) fn text<'a>(fields: &'a Fields, name: &str) -> Result<&'a str> {
    fields.get(name).and_then(Value::as_str).ok_or_else(|| missing(name, "string"))
}

pub(crate) fn timestamp(fields: &Fields, name: &str) -> Result<Timestamp> {
    fields.get(name).and_then(Value::as_timestamp).ok_or_else(|| missing(name, "timestamp"))
}

pub(crate) fn map<'a>(fields: &'a Fields, name: &str) -> Result<&'a Fields> {
    fields.get(name).and_then(Value::as_map).ok_or_else(|| missing(name, "map"))
}

pub(crate) fn array<'a>(fields: &'a Fields, name: &str) -> Result<&'a [Value]> {
    fields.get(name).and_then(Value::as_array).ok_or_else(|| missing(name, "array"))
}
