//! The JSON that goes in and out.

use std::collections::BTreeMap;

use firekeep_telemetry::{DeviceId, Invalid, Measurement, Reading, ReadingId, TenantId, Timestamp};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A reading to store.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewReading {
    /// The reading's id within its device; derived from device and instant if left away. Sending
    /// an id again with the same content changes nothing.
    #[schema(example = "2015-02-02.140", max_length = 128)]
    id: Option<String>,
    /// When it was measured, RFC 3339 with an offset.
    #[schema(example = "2015-02-02T14:19:00Z", format = DateTime)]
    at: String,
    /// What was measured, by metric: 1 to 32.
    values: BTreeMap<String, MeasurementJson>,
    /// When the store may forget it, RFC 3339; by the server's retention if left away.
    #[schema(format = DateTime)]
    expires_at: Option<String>,
}

/// A batch of readings to store.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewReadings {
    /// The readings, in any order.
    pub(crate) readings: Vec<NewReading>,
}

/// A number and its unit.
#[derive(Debug, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct MeasurementJson {
    /// The number.
    #[schema(example = 23.7)]
    value: f64,
    /// The unit, one of a closed registry; an unknown one is answered with its near ones.
    #[schema(example = "°C")]
    unit: String,
}

/// A stored reading.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct StoredReading {
    /// The reading's id within its device.
    id: String,
    /// When it was measured, RFC 3339 in UTC with microseconds.
    #[schema(format = DateTime)]
    at: String,
    /// What was measured, by metric.
    values: BTreeMap<String, MeasurementJson>,
    /// When the store may forget it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(format = DateTime)]
    expires_at: Option<String>,
}

/// What a write did.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Written {
    /// How many readings are new.
    pub(crate) created: usize,
    /// How many were stored already.
    pub(crate) unchanged: usize,
    /// The readings' ids, in the order they were sent.
    pub(crate) ids: Vec<String>,
}

/// Readings of one device.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ReadingPage {
    /// The readings, in the order asked for.
    pub(crate) readings: Vec<StoredReading>,
    /// The cursor of the readings that follow.
    pub(crate) next: Option<String>,
    /// The cursor of the readings before.
    pub(crate) previous: Option<String>,
}

impl NewReading {
    pub(crate) fn parse(self, tenant: &TenantId, device: &DeviceId) -> Result<Reading, Invalid> {
        let at = parse_instant("at", &self.at)?;
        let mut builder = Reading::builder(tenant.clone(), device.clone(), at);
        if let Some(id) = self.id {
            builder = builder.id(ReadingId::new(id)?);
        }
        if let Some(at) = self.expires_at {
            builder = builder.expires_at(parse_instant("expires_at", &at)?);
        }
        for (metric, m) in self.values {
            builder = builder.measured(&metric, m.value, &m.unit);
        }
        builder.build()
    }
}

impl From<&Reading> for StoredReading {
    fn from(reading: &Reading) -> Self {
        let values = reading.values().iter();
        Self {
            id: reading.id().to_string(),
            at: reading.at().to_string(),
            values: values.map(|(metric, m)| (metric.to_string(), (*m).into())).collect(),
            expires_at: reading.expires_at().map(|at| at.to_string()),
        }
    }
}

impl From<Measurement> for MeasurementJson {
    fn from(m: Measurement) -> Self {
        Self { value: m.value(), unit: m.unit().symbol().to_owned() }
    }
}

/// An instant in RFC 3339, rounded down to the microsecond.
pub(crate) fn parse_instant(field: &str, text: &str) -> Result<Timestamp, Invalid> {
    let rule = || Invalid::new(field, "must be an RFC 3339 instant such as 2015-02-02T14:19:00Z");
    let instant: jiff::Timestamp = text.parse().map_err(|_| rule())?;
    let micros = instant.as_nanosecond().div_euclid(1_000);
    let micros = i64::try_from(micros).map_err(|_| rule())?;
    Timestamp::from_micros(micros)
        .map_err(|_| Invalid::new(field, "must lie within the years 1 to 9999"))
}
