//! The list of a tenant's devices.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use axum::Json;
use axum::extract::State as Shared;
use firekeep_telemetry::{Device, DeviceId, Telemetry, TenantId};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::app::State;
use crate::extract::{Params, TenantRef};
use crate::problem::{Answer, Problem};

/// How long an answer is given again. A list costs a read per device, so that a page that is
/// reloaded, or many that are open, would add up.
const KEPT: Duration = Duration::from_secs(60);
/// The most answers kept; beyond them all are forgotten.
const MAX_KEPT: usize = 256;
const DEFAULT_LIMIT: u32 = 100;

/// Which devices to list.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct DeviceParams {
    /// Only devices whose id comes after this one: the last id of an earlier answer.
    after: Option<String>,
    /// How many at most, 1 to 300; 100 if left away.
    #[param(minimum = 1, maximum = 300)]
    limit: Option<u32>,
}

/// A tenant's devices, by id.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct DeviceList {
    devices: Vec<DeviceJson>,
}

/// A device, and how fresh it is.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct DeviceJson {
    /// The device's id.
    id: String,
    /// The newest instant it measured, by its own clock.
    #[schema(format = DateTime)]
    last_at: String,
    /// When its last readings last changed, by the store's clock.
    #[schema(format = DateTime)]
    received_at: String,
}

/// A tenant's devices, and how fresh each is.
///
/// An answer may be up to a minute old; a device that this service stores a first reading for
/// shows at once.
#[utoipa::path(
    get, path = "/v1/tenants/{tenant}/devices", tag = "devices",
    params(("tenant" = String, Path, description = "whose devices"), DeviceParams),
    responses((status = 200, description = "the devices", body = DeviceList),
        (status = "default", description = "a problem", body = Problem,
            content_type = "application/problem+json")),
)]
pub(crate) async fn list(
    Shared(state): Shared<Arc<State>>,
    TenantRef(tenant): TenantRef,
    Params(params): Params<DeviceParams>,
) -> Answer<Json<DeviceList>> {
    let after = params.after.map(DeviceId::new).transpose()?;
    let limit = params.limit.unwrap_or(DEFAULT_LIMIT);
    Ok(Json(state.lists.get(&tenant, after, limit).await?))
}

type Key = (TenantId, Option<DeviceId>, u32);

/// Device lists, kept for a while.
#[derive(Debug)]
pub(crate) struct DeviceLists {
    telemetry: Telemetry,
    kept: Mutex<BTreeMap<Key, (Instant, DeviceList)>>,
}

impl DeviceLists {
    pub(crate) fn new(telemetry: Telemetry) -> Self {
        Self { telemetry, kept: Mutex::default() }
    }

    async fn get(
        &self,
        tenant: &TenantId,
        after: Option<DeviceId>,
        limit: u32,
    ) -> Answer<DeviceList> {
        let now = self.telemetry.db().clock().monotonic();
        let key = (tenant.clone(), after, limit);
        if let Some((made, list)) = self.kept().get(&key)
            && now.duration_since(*made) < KEPT
        {
            return Ok(list.clone());
        }
        let devices = self.telemetry.devices(tenant, key.1.as_ref(), limit).await?;
        let list = DeviceList { devices: devices.iter().map(DeviceJson::from).collect() };
        let mut kept = self.kept();
        if kept.len() >= MAX_KEPT {
            kept.clear();
        }
        kept.insert(key, (now, list.clone()));
        Ok(list)
    }

    /// Forgets a tenant's lists if they lack `device`, which just wrote.
    pub(crate) fn wrote(&self, tenant: &TenantId, device: &DeviceId) {
        let lists = |list: &DeviceList| list.devices.iter().any(|d| d.id == device.as_str());
        let mut kept = self.kept();
        let is_listed = kept.iter().any(|(key, (_, list))| key.0 == *tenant && lists(list));
        if !is_listed {
            kept.retain(|key, _| key.0 != *tenant);
        }
    }

    fn kept(&self) -> std::sync::MutexGuard<'_, BTreeMap<Key, (Instant, DeviceList)>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl From<&Device> for DeviceJson {
    fn from(device: &Device) -> Self {
        Self {
            id: device.id.to_string(),
            last_at: device.last_at.to_string(),
            received_at: device.received_at.to_string(),
        }
    }
}
