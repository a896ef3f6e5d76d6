//! Whether the service works, and what it cost so far.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Json;
use axum::extract::State as Shared;
use firekeep_core::DocPath;
use firekeep_layers::Bill;
use serde::Serialize;
use utoipa::ToSchema;

use crate::app::State;
use crate::problem::{Answer, Problem};

/// The service works.
#[derive(Serialize, ToSchema)]
pub(crate) struct Health {
    /// `ok`.
    #[schema(example = "ok")]
    status: &'static str,
    /// The backend: `memory`, `firestore`.
    backend: &'static str,
}

/// Whether the service works: asks the store for a document that does not exist, one billed read.
#[utoipa::path(
    get, path = "/healthz", tag = "operation",
    responses((status = 200, description = "the store answers", body = Health),
        (status = "default", description = "it does not", body = Problem,
            content_type = "application/problem+json")),
)]
pub(crate) async fn healthz(Shared(state): Shared<Arc<State>>) -> Answer<Json<Health>> {
    let db = state.telemetry.db().clone().labelled("health");
    db.get(DocPath::new("firekeep/health")?).await?;
    Ok(Json(Health { status: "ok", backend: db.store().info().backend }))
}

/// What the service runs on, and what it cost so far.
#[derive(Serialize, ToSchema)]
pub(crate) struct StatusJson {
    /// The backend: `memory`, `firestore`.
    backend: &'static str,
    /// `projects/{project}/databases/{database}`.
    database: String,
    /// Whose devices the page shows.
    tenant: String,
    /// How many devices are followed.
    feeds: usize,
    /// By how many viewers.
    viewers: usize,
    /// What was asked of the store in the last minute or so.
    last_minute: BillJson,
    /// What was asked of the store since the start, in all.
    total: BillJson,
    /// The same by operation.
    operations: BTreeMap<&'static str, BillJson>,
}

/// What was asked of the store and billed.
#[derive(Serialize, ToSchema)]
pub(crate) struct BillJson {
    /// Requests sent.
    rpcs: u64,
    /// Documents read.
    reads: u64,
    /// Documents written.
    writes: u64,
    /// Documents deleted.
    deletes: u64,
}

impl From<Bill> for BillJson {
    fn from(bill: Bill) -> Self {
        Self { rpcs: bill.rpcs, reads: bill.reads, writes: bill.writes, deletes: bill.deletes }
    }
}

/// What the service runs on, and what it cost so far. Asks the store nothing.
#[utoipa::path(
    get, path = "/v1/status", tag = "operation",
    responses((status = 200, description = "the status", body = StatusJson)),
)]
pub(crate) async fn status(Shared(state): Shared<Arc<State>>) -> Json<StatusJson> {
    let info = state.telemetry.db().store().info();
    let usage = state.meter.usage();
    let mut operations: BTreeMap<&'static str, Bill> = BTreeMap::new();
    for ((_, operation), bill) in &usage.bills {
        let sum = operations.entry(operation.name()).or_default();
        *sum = *sum + *bill;
    }
    let (feeds, viewers) = state.feeds.counts();
    Json(StatusJson {
        backend: info.backend,
        database: info.database.to_string(),
        tenant: state.tenant.as_ref().map_or("demo", |tenant| tenant.as_str()).to_owned(),
        feeds,
        viewers,
        last_minute: state.recently.bill(usage.total()).into(),
        total: usage.total().into(),
        operations: operations.into_iter().map(|(name, bill)| (name, bill.into())).collect(),
    })
}
