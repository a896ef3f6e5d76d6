//! The last readings of a device, kept in the device's own document.
//!
//! A dashboard that opens on 100 readings would otherwise read 100 documents; from here it reads
//! one, and one more per change. Each commit that stores readings rewrites this document, guarded
//! by its version, so that concurrent writers lose nothing.

use std::collections::{BTreeMap, BTreeSet};

use firekeep_core::document::size_of;
use firekeep_core::{DocPath, Document, Fields, Result, Timestamp, Value, fields};

use crate::codec::{array, broken, map, missing, text, timestamp};
use crate::name::{DeviceId, ReadingId, TenantId};
use crate::reading::Reading;
use crate::schema::{AT, DEVICE, EXPIRES_AT, LAST_AT, RECENT, REVISION, TENANT, UNIT};

/// The most readings kept at hand per device.
pub const RECENT_CAPACITY: usize = 120;
/// The most bytes of a device's document: half of Firestore's limit. Only a device that names its
/// metrics ever differently comes near; it has fewer readings at hand.
pub const RECENT_MAX_BYTES: usize = 512 * 1024;

/// The newest readings of one device by instant and id, at most [`RECENT_CAPACITY`].
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Recent {
    revision: i64,
    points: Vec<Point>,
}

/// A reading, and the revision with which it came.
#[derive(Clone, Debug, PartialEq)]
struct Point {
    reading: Reading,
    revision: i64,
}

impl Recent {
    /// How often readings were added since the device's document was made.
    pub fn revision(&self) -> i64 {
        self.revision
    }

    /// The readings, oldest first.
    pub fn readings(&self) -> impl DoubleEndedIterator<Item = &Reading> + ExactSizeIterator {
        self.points.iter().map(|point| &point.reading)
    }

    /// The readings that came after `revision`, oldest first.
    pub fn since(&self, revision: i64) -> impl Iterator<Item = &Reading> {
        let newer = self.points.iter().filter(move |point| point.revision > revision);
        newer.map(|point| &point.reading)
    }

    /// The reading with this id, if it is at hand.
    pub fn find(&self, id: &ReadingId) -> Option<&Reading> {
        self.readings().find(|reading| reading.id() == id)
    }

    /// Adds what is new in `readings`; `None` if they leave no trace here because all are at hand
    /// already or too old.
    pub(crate) fn with<'a>(
        &self,
        path: &DocPath,
        readings: impl Iterator<Item = &'a Reading>,
    ) -> Option<Self> {
        let revision = self.revision.saturating_add(1);
        let mut points = self.points.clone();
        let known: BTreeSet<_> = self.readings().map(Reading::id).collect();
        let new = readings.filter(|reading| !known.contains(reading.id()));
        points.extend(new.map(|reading| Point { reading: reading.clone(), revision }));
        points.sort_by(|l, r| l.reading.key().cmp(&r.reading.key()));
        points.drain(..points.len().saturating_sub(RECENT_CAPACITY));
        let mut grown = Self { revision, points };
        while grown.points.len() > 1 && size_of(path, &grown.encode()) > RECENT_MAX_BYTES {
            grown.points.drain(..grown.points.len().div_ceil(4));
        }
        grown.points.iter().any(|point| point.revision == revision).then_some(grown)
    }

    /// The fields of the device's document. Column by column, each metric and unit named once:
    /// a third of the size of the readings' own documents in a row.
    pub(crate) fn encode(&self) -> Fields {
        let Some(last) = self.points.last() else { return Fields::new() };
        let column =
            |value: fn(&Point) -> Value| -> Vec<Value> { self.points.iter().map(value).collect() };
        let mut recent = fields! {
            "ids" => column(|point| point.reading.id().as_str().into()),
            AT => column(|point| point.reading.at().into()),
            "revisions" => column(|point| point.revision.into()),
            "series" => self.series(),
        };
        if self.readings().any(|reading| reading.expires_at().is_some()) {
            let expiries = column(|point| point.reading.expires_at().into());
            recent.insert(EXPIRES_AT.to_owned(), expiries.into());
        }
        let mut fields = fields! {
            TENANT => last.reading.tenant().as_str(), DEVICE => last.reading.device().as_str(),
            LAST_AT => last.reading.at(), REVISION => self.revision, RECENT => recent,
        };
        if let Some(at) = self.expires_at() {
            fields.insert(EXPIRES_AT.to_owned(), at.into());
        }
        fields
    }

    /// When the last of the readings may be forgotten; the device's document goes with it.
    fn expires_at(&self) -> Option<Timestamp> {
        let all: Option<Vec<_>> = self.readings().map(Reading::expires_at).collect();
        all.and_then(|all| all.into_iter().max())
    }

    fn series(&self) -> Vec<Value> {
        let mut series: BTreeMap<(&str, &str), Vec<Value>> = BTreeMap::new();
        for (row, reading) in self.readings().enumerate() {
            for (metric, m) in reading.values() {
                let values = series.entry((metric.as_str(), m.unit().symbol())).or_default();
                values.resize(row, Value::Null);
                values.push(m.value().into());
            }
        }
        series
            .into_iter()
            .map(|((metric, unit), values)| {
                Value::from(fields! { "metric" => metric, UNIT => unit, "values" => values })
            })
            .collect()
    }

    /// What a device's document holds; nothing, if there is none.
    ///
    /// # Errors
    /// [`Decode`](firekeep_core::ErrorKind::Decode), naming path and field.
    pub(crate) fn decode(document: &Document) -> Result<Self> {
        Self::decode_fields(document.fields()).map_err(|error| error.at_path(document.path()))
    }

    fn decode_fields(fields: &Fields) -> Result<Self> {
        let tenant = TenantId::new(text(fields, TENANT)?).map_err(broken)?;
        let device = DeviceId::new(text(fields, DEVICE)?).map_err(broken)?;
        let revision = fields.get(REVISION).and_then(Value::as_integer);
        let revision = revision.ok_or_else(|| missing(REVISION, "integer"))?;
        let recent = map(fields, RECENT)?;
        let series = array(recent, "series")?.iter().map(Series::decode);
        let series = series.collect::<Result<Vec<_>>>()?;
        let (at, revisions) = (array(recent, AT)?, array(recent, "revisions")?);
        let expiries = recent.get(EXPIRES_AT).and_then(Value::as_array).unwrap_or_default();
        let mut points = Vec::with_capacity(at.len());
        for (row, id) in array(recent, "ids")?.iter().enumerate() {
            let at = at.get(row).and_then(Value::as_timestamp).ok_or_else(|| short(AT))?;
            let came = revisions.get(row).and_then(Value::as_integer);
            let id = ReadingId::new(id.as_str().unwrap_or_default()).map_err(broken)?;
            let mut builder = Reading::builder(tenant.clone(), device.clone(), at).id(id);
            for one in &series {
                if let Some(value) = one.values.get(row).and_then(Value::as_double) {
                    builder = builder.measured(one.metric, value, one.unit);
                }
            }
            if let Some(at) = expiries.get(row).and_then(Value::as_timestamp) {
                builder = builder.expires_at(at);
            }
            let reading = builder.build().map_err(broken)?;
            points.push(Point { reading, revision: came.ok_or_else(|| short("revisions"))? });
        }
        Ok(Self { revision, points })
    }
}

/// One metric in one unit, a value or null per reading, nulls at the end left away.
struct Series<'a> {
    metric: &'a str,
    unit: &'a str,
    values: &'a [Value],
}

impl<'a> Series<'a> {
    fn decode(value: &'a Value) -> Result<Self> {
        let fields = value.as_map().ok_or_else(|| missing("series", "map"))?;
        Ok(Self {
            metric: text(fields, "metric")?,
            unit: text(fields, UNIT)?,
            values: array(fields, "values")?,
        })
    }
}

fn short(column: &str) -> firekeep_core::Error {
    firekeep_core::Error::decode(format!("the column `{RECENT}.{column}` is too short"))
}

/// The last instant of a device's document that was read without its readings.
pub(crate) fn last_at(document: &Document) -> Result<Timestamp> {
    timestamp(document.fields(), LAST_AT).map_err(|error| error.at_path(document.path()))
}
