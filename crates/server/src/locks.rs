//! The locks that are held in the database, for people who look after them.

mod board;
mod metrics;

pub(crate) use board::LockBoard;
pub(crate) use metrics::LockMetrics;

use std::sync::Arc;

use axum::Json;
use axum::extract::State as Shared;
use firekeep_lock::{Holding, LockInfo, Mode};
use serde::Serialize;
use std::time::Duration;
use utoipa::ToSchema;

use crate::app::State;
use crate::problem::{Answer, Problem};

/// The locks that are held.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct LockList {
    /// What is held, in no order that means anything.
    pub(crate) locks: Vec<LockJson>,
    /// Whether these are all.
    pub(crate) complete: bool,
}

/// A key, and who holds it.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct LockJson {
    /// What is locked.
    #[schema(example = "reports/2026-11")]
    key: String,
    /// `exclusive` or `shared`.
    mode: &'static str,
    /// Who holds it: one, or several that share it.
    holders: Vec<HolderJson>,
}

/// Who holds a key.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct HolderJson {
    /// The name that the holder gave.
    #[schema(example = "worker-7:4711")]
    owner: Option<String>,
    /// What stands for the lock id, which is a secret between holder and store.
    id: String,
    /// When the holder acquired it, by the store's clock.
    #[schema(format = DateTime)]
    acquired: String,
    /// For how long others keep off from now on, if nothing more is heard of the holder.
    remaining_ms: u64,
}

/// The locks that are held, up to 100.
///
/// The service follows them while somebody asks, so the answer is a moment old at most and costs
/// nothing by itself. A lock that is held by many renewals a minute may lag.
#[utoipa::path(
    get, path = "/v1/locks", tag = "operation",
    responses((status = 200, description = "the locks", body = LockList),
        (status = "default", description = "a problem", body = Problem,
            content_type = "application/problem+json")),
)]
pub(crate) async fn list(Shared(state): Shared<Arc<State>>) -> Answer<Json<LockList>> {
    Ok(Json(state.locks.get().await?))
}

impl LockJson {
    /// A lock as it was `age` ago; `None` if its leases have all ended since.
    fn after(info: &LockInfo, age: Duration) -> Option<Self> {
        let holders: Vec<_> =
            info.holders.iter().filter_map(|holding| HolderJson::after(holding, age)).collect();
        (!holders.is_empty()).then(|| Self {
            key: info.raw_key().to_owned(),
            mode: match info.mode {
                Mode::Exclusive => "exclusive",
                Mode::Shared => "shared",
            },
            holders,
        })
    }
}

impl HolderJson {
    fn after(holding: &Holding, age: Duration) -> Option<Self> {
        let remaining = holding.remaining.checked_sub(age).filter(|left| !left.is_zero())?;
        Some(Self {
            owner: holding.owner.clone(),
            id: holding.id.to_string(),
            acquired: holding.acquired.to_string(),
            remaining_ms: u64::try_from(remaining.as_millis()).unwrap_or(u64::MAX),
        })
    }
}
