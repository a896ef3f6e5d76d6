//! A tenant's devices, and how fresh they are.

use firekeep_core::{Document, Query, Timestamp, Value};

use crate::error::{Invalid, ReadingError};
use crate::name::{DeviceId, TenantId};
use crate::recent::last_at;
use crate::schema::{DEVICE, LAST_AT, TENANT, devices_path};
use crate::telemetry::Telemetry;

/// The most devices in one answer.
pub const MAX_DEVICES: u32 = 300;

/// A device that wrote at least once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Device {
    /// Which one.
    pub id: DeviceId,
    /// The newest instant it measured, by its own clock.
    pub last_at: Timestamp,
    /// When its last readings last changed, by the store's clock.
    pub received_at: Timestamp,
}

impl Telemetry {
    /// A tenant's devices by id, at most `limit` (1 to 300), those after `after`.
    ///
    /// Without their readings: the store sends three fields per device.
    ///
    /// # Errors
    /// [`Invalid`] for another `limit`; what the store answers.
    ///
    /// # Cost
    /// One RPC, one billed read per device, at least one.
    pub async fn devices(
        &self,
        tenant: &TenantId,
        after: Option<&DeviceId>,
        limit: u32,
    ) -> Result<Vec<Device>, ReadingError> {
        if !(1..=MAX_DEVICES).contains(&limit) {
            return Err(Invalid::new("limit", format!("must be 1 to {MAX_DEVICES}")).into());
        }
        let collection = devices_path(tenant)?;
        let mut query = Query::collection(collection.clone())
            .ascending("__name__")
            .select([TENANT, DEVICE, LAST_AT])
            .limit(limit);
        if let Some(after) = after {
            query = query.start_after([Value::from(collection.doc(after.as_str())?)]);
        }
        self.db.query(query).await?.iter().map(device).collect()
    }
}

fn device(document: &Document) -> Result<Device, ReadingError> {
    Ok(Device {
        id: DeviceId::new(document.id())?,
        last_at: last_at(document)?,
        received_at: document.updated(),
    })
}
