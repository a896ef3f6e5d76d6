//! A reading: what one device measured at one instant.

use std::collections::BTreeMap;

use firekeep_core::{DocPath, Timestamp};

use crate::error::Invalid;
use crate::name::{DeviceId, Metric, ReadingId, TenantId};
use crate::unit::Unit;

/// The most metrics in one reading.
///
/// 32 of the longest names and units stay below 4 KiB, so that 500 readings in one commit stay
/// below 2 MiB and Firestore's 10 MiB per request (4 MiB in its emulator) can't be reached.
pub const MAX_METRICS: usize = 32;

/// What one device measured at one instant. Immutable once stored.
#[derive(Clone, Debug, PartialEq)]
pub struct Reading {
    tenant: TenantId,
    device: DeviceId,
    id: ReadingId,
    at: Timestamp,
    values: BTreeMap<Metric, Measurement>,
    expires_at: Option<Timestamp>,
}

/// A finite number and its unit.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Measurement {
    value: f64,
    unit: Unit,
}

impl Measurement {
    /// Checks and makes a measurement.
    ///
    /// # Errors
    /// [`Invalid`] unless `value` is finite.
    pub fn new(value: f64, unit: Unit) -> Result<Self, Invalid> {
        if !value.is_finite() {
            return Err(Invalid::new("value", "must be a finite number"));
        }
        // Firestore tells -0.0 from 0.0 when it asks whether a write changes anything.
        Ok(Self { value: value + 0.0, unit })
    }

    /// The number, finite.
    pub fn value(&self) -> f64 {
        self.value
    }

    /// Its unit.
    pub fn unit(&self) -> Unit {
        self.unit
    }
}

impl Reading {
    /// Starts a reading of `device` at `at`.
    pub fn builder(tenant: TenantId, device: DeviceId, at: Timestamp) -> ReadingBuilder {
        ReadingBuilder {
            tenant,
            device,
            at,
            id: None,
            source_key: String::new(),
            values: Ok(BTreeMap::new()),
            expires_at: None,
        }
    }

    /// Whose device.
    pub fn tenant(&self) -> &TenantId {
        &self.tenant
    }

    /// Which device.
    pub fn device(&self) -> &DeviceId {
        &self.device
    }

    /// Which reading of the device.
    pub fn id(&self) -> &ReadingId {
        &self.id
    }

    /// When it was measured, by the source's clock.
    pub fn at(&self) -> Timestamp {
        self.at
    }

    /// What was measured: 1 to 32 metrics.
    pub fn values(&self) -> &BTreeMap<Metric, Measurement> {
        &self.values
    }

    /// One metric, if it was measured.
    pub fn value(&self, metric: &str) -> Option<Measurement> {
        self.values.iter().find(|(name, _)| name.as_str() == metric).map(|(_, value)| *value)
    }

    /// When the store may forget it; never if `None`.
    pub fn expires_at(&self) -> Option<Timestamp> {
        self.expires_at
    }

    /// Where it is stored: `tenants/{t}/devices/{d}/readings/{id}`.
    ///
    /// # Errors
    /// None in practice: checked ids always make a valid path.
    pub fn path(&self) -> firekeep_core::Result<DocPath> {
        crate::schema::reading_path(&self.tenant, &self.device, &self.id)
    }

    /// Sorts by instant, then id: the order of every answer.
    pub(crate) fn key(&self) -> (Timestamp, &str) {
        (self.at, self.id.as_str())
    }

    pub(crate) fn set_expiry(&mut self, expires_at: Option<Timestamp>) {
        self.expires_at = expires_at;
    }
}

/// Builds a [`Reading`]; the first mistake is kept and reported by
/// [`build`](ReadingBuilder::build).
#[derive(Clone, Debug)]
#[must_use = "a builder does nothing until it is built"]
pub struct ReadingBuilder {
    tenant: TenantId,
    device: DeviceId,
    at: Timestamp,
    id: Option<ReadingId>,
    source_key: String,
    values: Result<BTreeMap<Metric, Measurement>, Invalid>,
    expires_at: Option<Timestamp>,
}

impl ReadingBuilder {
    /// Adds a measurement.
    pub fn value(mut self, metric: &str, value: f64, unit: Unit) -> Self {
        self.insert(metric, Measurement::new(value, unit));
        self
    }

    /// Adds a measurement whose unit is text.
    pub fn measured(mut self, metric: &str, value: f64, unit: &str) -> Self {
        self.insert(metric, unit.parse().and_then(|unit| Measurement::new(value, unit)));
        self
    }

    /// Gives the reading this id instead of a derived one.
    pub fn id(mut self, id: ReadingId) -> Self {
        self.id = Some(id);
        self
    }

    /// Tells apart readings of one instant; see [`ReadingId::derived`].
    pub fn source_key(mut self, key: impl Into<String>) -> Self {
        self.source_key = key.into();
        self
    }

    /// Lets the store forget the reading after `at`, whatever the retention.
    pub fn expires_at(mut self, at: Timestamp) -> Self {
        self.expires_at = Some(at);
        self
    }

    fn insert(&mut self, metric: &str, measurement: Result<Measurement, Invalid>) {
        if let Ok(values) = &mut self.values
            && let Err(invalid) = insert(values, metric, measurement)
        {
            self.values = Err(invalid);
        }
    }

    /// Checks the whole.
    ///
    /// # Errors
    /// [`Invalid`], naming field and bound, for a metric that is misspelled, named twice, not
    /// finite or of an unknown unit; unless there are 1 to 32 metrics.
    pub fn build(self) -> Result<Reading, Invalid> {
        let values = self.values?;
        if values.is_empty() || values.len() > MAX_METRICS {
            let rule = format!("must hold 1 to {MAX_METRICS} metrics; this holds {}", values.len());
            return Err(Invalid::new("values", rule));
        }
        let id = self.id.unwrap_or_else(|| {
            ReadingId::derived(&self.tenant, &self.device, self.at, &self.source_key)
        });
        Ok(Reading {
            tenant: self.tenant,
            device: self.device,
            id,
            at: self.at,
            values,
            expires_at: self.expires_at,
        })
    }
}

fn insert(
    values: &mut BTreeMap<Metric, Measurement>,
    metric: &str,
    measurement: Result<Measurement, Invalid>,
) -> Result<(), Invalid> {
    let name = Metric::new(metric).map_err(|invalid| Invalid::new("values", invalid.rule))?;
    let measurement = measurement.map_err(|invalid| invalid.inside(format!("values.{name}")))?;
    if values.insert(name.clone(), measurement).is_some() {
        return Err(Invalid::new(format!("values.{name}"), "is named twice"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn builder() -> ReadingBuilder {
        let tenant = TenantId::new("acme").unwrap();
        Reading::builder(tenant, DeviceId::new("d").unwrap(), Timestamp::UNIX_EPOCH)
    }

    #[test]
    fn mistakes_name_the_field() {
        let many = (0..33).fold(builder(), |b, n| b.value(&format!("m{n}"), 1.0, Unit::One));
        for (builder, field) in [
            (builder(), "values"),
            (many, "values"),
            (builder().value("T", 1.0, Unit::Celsius), "values"),
            (builder().value("t", f64::NAN, Unit::Celsius), "values.t.value"),
            (builder().value("t", f64::INFINITY, Unit::Celsius), "values.t.value"),
            (builder().measured("t", 1.0, "°X"), "values.t.unit"),
            (builder().value("t", 1.0, Unit::One).value("t", 2.0, Unit::One), "values.t"),
        ] {
            assert_eq!(builder.build().unwrap_err().field, field);
        }
    }

    #[test]
    fn negative_zero_is_zero() {
        let zero = Measurement::new(-0.0, Unit::One).unwrap();
        assert!(zero.value().is_sign_positive());
    }
}
