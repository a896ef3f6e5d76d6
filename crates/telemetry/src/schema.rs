//! Where things are stored, and what their fields are called.

use firekeep_core::{CollectionPath, DocPath, Result};

use crate::name::{DeviceId, ReadingId, TenantId};

/// The collection of a device's readings; also its collection-group id.
pub const READINGS: &str = "readings";
/// The collection of a tenant's devices.
pub const DEVICES: &str = "devices";
/// The collection of tenants.
pub const TENANTS: &str = "tenants";

pub(crate) const TENANT: &str = "tenant";
pub(crate) const DEVICE: &str = "device";
pub(crate) const AT: &str = "at";
pub(crate) const VALUES: &str = "values";
pub(crate) const VALUE: &str = "value";
pub(crate) const UNIT: &str = "unit";
pub(crate) const EXPIRES_AT: &str = "expires_at";
pub(crate) const LAST_AT: &str = "last_at";
pub(crate) const REVISION: &str = "revision";
pub(crate) const RECENT: &str = "recent";

pub(crate) fn devices_path(tenant: &TenantId) -> Result<CollectionPath> {
    CollectionPath::new(format!("{TENANTS}/{tenant}/{DEVICES}"))
}

pub(crate) fn device_path(tenant: &TenantId, device: &DeviceId) -> Result<DocPath> {
    devices_path(tenant)?.doc(device.as_str())
}

pub(crate) fn readings_path(tenant: &TenantId, device: &DeviceId) -> Result<CollectionPath> {
    device_path(tenant, device)?.collection(READINGS)
}

pub(crate) fn reading_path(
    tenant: &TenantId,
    device: &DeviceId,
    id: &ReadingId,
) -> Result<DocPath> {
    readings_path(tenant, device)?.doc(id.as_str())
}
