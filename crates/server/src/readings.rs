//! Writing readings, and reading them back.

use std::sync::Arc;

use axum::Json;
use axum::extract::State as Shared;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use firekeep_telemetry::{Direction, MAX_PAGE, RECENT_CAPACITY, Reading, Stored, Window};
use serde::Deserialize;
use utoipa::IntoParams;

use crate::app::State;
use crate::extract::{Body, DeviceRef, Params};
use crate::problem::{Answer, Kind, Problem};
use crate::wire::{NewReading, NewReadings, ReadingPage, StoredReading, Written, parse_instant};

/// How many readings a page has unless told otherwise.
const DEFAULT_LIMIT: u32 = 100;

/// Stores one reading, or a batch.
///
/// Idempotent by reading id: a request may be sent again as it was. A single reading is answered
/// with 201 if it is new and 200 if it was stored already. A batch is stored in commits of up to
/// 500 writes, each whole or not at all; if it stops part of the way, `done` in the problem tells
/// how many readings from its start are stored.
#[utoipa::path(
    post, path = "/v1/tenants/{tenant}/devices/{device}/readings", tag = "readings",
    params(("tenant" = String, Path, description = "whose device"),
        ("device" = String, Path, description = "which device")),
    request_body(content(
        (NewReading = "application/json"),
        (NewReadings = "application/json"),
    )),
    responses((status = 201, description = "stored", body = Written),
        (status = 200, description = "stored already; nothing changed", body = Written),
        (status = "default", description = "a problem", body = Problem,
            content_type = "application/problem+json")),
)]
pub(crate) async fn write(
    Shared(state): Shared<Arc<State>>,
    DeviceRef { tenant, device }: DeviceRef,
    body: Body,
) -> Answer<Response> {
    let readings = &body.readings;
    let (created, unchanged) = match (readings.as_slice(), body.is_batch) {
        ([reading], false) => match state.telemetry.write(reading).await? {
            Stored::Created => (1, 0),
            Stored::Unchanged => (0, 1),
        },
        _ => {
            let report = state.telemetry.write_batch(readings).await?;
            (report.created, report.unchanged)
        }
    };
    state.lists.wrote(&tenant, &device);
    let ids = readings.iter().map(|reading| reading.id().to_string()).collect();
    let status = if created == 0 { StatusCode::OK } else { StatusCode::CREATED };
    let location = format!("/v1/tenants/{tenant}/devices/{device}/readings");
    let written = Json(Written { created, unchanged, ids });
    Ok((status, [(header::LOCATION, location)], written).into_response())
}

/// Which readings to answer.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct ReadingParams {
    /// The newest so many readings, newest first, 1 to 1000. Goes with no other parameter.
    #[param(minimum = 1, maximum = 1000)]
    last: Option<u32>,
    /// The earliest instant that is in, RFC 3339.
    #[param(format = DateTime)]
    from: Option<String>,
    /// The first instant that is out, RFC 3339.
    #[param(format = DateTime)]
    to: Option<String>,
    /// `next` or `previous` of an earlier page of the same window and direction.
    cursor: Option<String>,
    /// `ascending` (oldest first, the default) or `descending`.
    direction: Option<Way>,
    /// How many readings a page has, 1 to 1000; 100 if left away.
    #[param(minimum = 1, maximum = 1000)]
    limit: Option<u32>,
}

/// Which end of the window comes first.
#[derive(Clone, Copy, Debug, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Way {
    /// Oldest first.
    Ascending,
    /// Newest first.
    Descending,
}

/// The last readings of a device, or a page of a window.
///
/// Pages are stable: readings of one instant are told apart by id, and what is written meanwhile
/// neither repeats nor hides a reading.
#[utoipa::path(
    get, path = "/v1/tenants/{tenant}/devices/{device}/readings", tag = "readings",
    params(("tenant" = String, Path, description = "whose device"),
        ("device" = String, Path, description = "which device"), ReadingParams),
    responses((status = 200, description = "the readings", body = ReadingPage),
        (status = "default", description = "a problem", body = Problem,
            content_type = "application/problem+json")),
)]
pub(crate) async fn read(
    Shared(state): Shared<Arc<State>>,
    device: DeviceRef,
    Params(params): Params<ReadingParams>,
) -> Answer<Json<ReadingPage>> {
    match params.last {
        Some(n) => last(&state, &device, n, &params).await,
        None => window(&state, &device, &params).await,
    }
}

async fn last(
    state: &State,
    DeviceRef { tenant, device }: &DeviceRef,
    n: u32,
    params: &ReadingParams,
) -> Answer<Json<ReadingPage>> {
    if params.from.is_some() || params.to.is_some() || params.cursor.is_some() {
        let detail = "`last` goes with no other parameter; use `from`, `to` and `direction`";
        return Err(Problem::new(Kind::Syntax, detail).in_field("last"));
    }
    if !(1..=MAX_PAGE).contains(&n) {
        let detail = format!("`last`: must be 1 to {MAX_PAGE}");
        return Err(Problem::new(Kind::Field, detail).in_field("last"));
    }
    let n_usize = n as usize;
    let recent = if n_usize <= RECENT_CAPACITY {
        Some(state.telemetry.recent(tenant, device).await?)
    } else {
        None
    };
    // Fewer at hand than asked for: either there are no more, or they did not fit the document.
    let at_hand = recent.filter(|r| r.readings().len() >= n_usize || r.readings().len() == 0);
    let readings = match at_hand {
        Some(recent) => recent.readings().rev().take(n_usize).map(StoredReading::from).collect(),
        None => stored(&state.telemetry.last(tenant, device, n).await?),
    };
    Ok(Json(ReadingPage { readings, next: None, previous: None }))
}

async fn window(
    state: &State,
    DeviceRef { tenant, device }: &DeviceRef,
    params: &ReadingParams,
) -> Answer<Json<ReadingPage>> {
    let edge = |field, text: &Option<String>| {
        text.as_deref().map(|text| parse_instant(field, text)).transpose()
    };
    let order = match params.direction.unwrap_or(Way::Ascending) {
        Way::Ascending => Direction::Ascending,
        Way::Descending => Direction::Descending,
    };
    let window = Window { from: edge("from", &params.from)?, to: edge("to", &params.to)?, order };
    let limit = params.limit.unwrap_or(DEFAULT_LIMIT);
    let cursor = params.cursor.as_deref();
    let page = state.telemetry.page(tenant, device, window, cursor, limit).await?;
    Ok(Json(ReadingPage {
        readings: stored(&page.readings),
        next: page.next,
        previous: page.previous,
    }))
}

fn stored(readings: &[Reading]) -> Vec<StoredReading> {
    readings.iter().map(StoredReading::from).collect()
}
