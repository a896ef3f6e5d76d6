//! The description of the interface, OpenAPI 3.1.

use axum::Json;
use utoipa::OpenApi;

use crate::problem::Problem;
use crate::wire::{NewReading, NewReadings};

/// Everything that the service offers to programs.
#[derive(OpenApi)]
#[openapi(
    info(
        title = "Firekeep",
        description = "Device readings: write, read back, follow; jobs and locks: look on. Every \
        error is a problem document (RFC 9457) that says what to do."
    ),
    paths(
        crate::readings::write,
        crate::readings::read,
        crate::live::follow,
        crate::devices::list,
        crate::locks::list,
        crate::jobs::list,
        crate::jobs::show,
        crate::jobs::events::follow,
        crate::health::healthz,
        crate::health::status,
        crate::metrics::metrics,
        document,
    ),
    components(schemas(Problem, NewReading, NewReadings))
)]
pub(crate) struct Api;

/// This document.
#[utoipa::path(
    get, path = "/openapi.json", tag = "operation",
    responses((status = 200, description = "OpenAPI 3.1", body = Object)),
)]
pub(crate) async fn document() -> Json<utoipa::openapi::OpenApi> {
    Json(Api::openapi())
}
