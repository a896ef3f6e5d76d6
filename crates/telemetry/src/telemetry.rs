//! The handle that callers hold.

use std::time::Duration;

use firekeep_core::{Db, Timestamp};

use crate::error::ReadingError;
use crate::name::{DeviceId, TenantId};
use crate::reading::Reading;
use crate::recent::Recent;
use crate::schema::device_path;
use crate::slot::Slots;

/// Device readings on a [`Db`].
///
/// Cheap to clone; clones share what they remember of the devices they wrote to, which saves a
/// read per write. One handle per process does; several processes may write to one device.
#[derive(Clone, Debug)]
pub struct Telemetry {
    pub(crate) db: Db,
    pub(crate) slots: Slots,
    retention: Retention,
}

/// How long readings are kept that don't say so themselves.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Retention {
    /// They have no `expires_at`, and TTL leaves them alone.
    #[default]
    Forever,
    /// They may be forgotten this long after their instant. TTL deletes lazily, within a day or
    /// so; until then they are still found.
    After(Duration),
}

impl Telemetry {
    /// Readings on `db`, kept forever.
    pub fn new(db: Db) -> Self {
        let db = db.labelled("telemetry");
        Self { db, slots: Slots::default(), retention: Retention::Forever }
    }

    /// The same, with another retention for readings written from now on.
    #[must_use]
    pub fn with_retention(mut self, retention: Retention) -> Self {
        self.retention = retention;
        self
    }

    /// The database below.
    pub fn db(&self) -> &Db {
        &self.db
    }

    /// The last readings of a device, at most
    /// [`RECENT_CAPACITY`](crate::recent::RECENT_CAPACITY), for the price of one. Empty for a
    /// device that never wrote.
    ///
    /// # Errors
    /// What the store answers; [`Decode`](firekeep_core::ErrorKind::Decode) if something else
    /// wrote to the device's document.
    ///
    /// # Cost
    /// One RPC, one billed read.
    pub async fn recent(
        &self,
        tenant: &TenantId,
        device: &DeviceId,
    ) -> Result<Recent, ReadingError> {
        let document = self.db.get(device_path(tenant, device)?).await?;
        Ok(document.map(|document| Recent::decode(&document)).transpose()?.unwrap_or_default())
    }

    /// The reading, with the expiry that the retention gives it.
    pub(crate) fn retained(&self, reading: &Reading) -> Reading {
        let mut reading = reading.clone();
        if let (None, Retention::After(kept)) = (reading.expires_at(), self.retention) {
            reading.set_expiry(Some(Timestamp::saturating_add(reading.at(), kept)));
        }
        reading
    }
}
