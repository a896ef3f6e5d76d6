//! Faults over HTTP.

use axum::extract::{Query, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use firekeep_core::{Error, Result};
use serde::{Deserialize, Serialize};

use super::Faults;
use super::fault::Fault;
use super::kind::FaultKind;
use super::method::Method;
use super::plan::FaultPlan;
use super::struck::Struck;

/// Where the door is.
const DOOR: &str = "/firekeep/v1/faults";

/// The door: what is read and set, scripted, and let through.
pub(super) fn routes(faults: Faults) -> Router {
    Router::new()
        .route(DOOR, get(shown).put(set).delete(cleared))
        .route(&format!("{DOOR}/next"), post(scripted))
        .route(&format!("{DOOR}/late"), post(released))
        .with_state(faults)
}

/// Which project a request is about; all if none is named.
#[derive(Deserialize)]
struct Scope {
    project: Option<String>,
}

/// What there is to know.
#[derive(Serialize)]
struct Shown {
    seed: u64,
    plan: FaultPlan,
    /// The plan in short.
    short: String,
    late: usize,
    counts: std::collections::BTreeMap<FaultKind, u64>,
    last: Vec<Struck>,
}

/// A fault to be scripted.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Line {
    project: Option<String>,
    method: String,
    fault: Fault,
    nth: Option<u64>,
}

async fn shown(State(faults): State<Faults>, Query(scope): Query<Scope>) -> Json<Shown> {
    let of = |struck: &Struck| scope.project.as_ref().is_none_or(|name| *name == struck.project);
    let (plan, last) = (faults.plan(), faults.struck().into_iter().filter(of).collect());
    let (seed, counts, late) = (faults.seed(), faults.counts(), faults.late());
    Json(Shown { seed, short: plan.to_string(), plan, late, counts, last })
}

async fn set(
    State(faults): State<Faults>,
    Query(scope): Query<Scope>,
    headers: HeaderMap,
    body: String,
) -> Response {
    answer(read(&headers, &body).and_then(|plan| match scope.project {
        None => faults.set(plan),
        Some(_) if !plan.projects.is_empty() || plan.seed.is_some() => {
            Err(Error::invalid("the plan of one project has neither projects nor a seed"))
        }
        Some(project) => faults.set_project(&project, plan.all()),
    }))
}

fn read(headers: &HeaderMap, body: &str) -> Result<FaultPlan> {
    let kind = headers.get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
    match kind.unwrap_or("").split(';').next().unwrap_or("").trim() {
        "text/plain" => body.trim().parse(),
        "application/toml" => FaultPlan::from_toml(body),
        _ => FaultPlan::from_json(body),
    }
}

async fn cleared(State(faults): State<Faults>, Query(scope): Query<Scope>) -> StatusCode {
    faults.clear(scope.project.as_deref());
    StatusCode::NO_CONTENT
}

async fn scripted(State(faults): State<Faults>, body: String) -> Response {
    let line = serde_json::from_str(&body)
        .map_err(|error| Error::invalid(format!("the fault to script is malformed: {error}")));
    answer(line.and_then(|Line { project, method, fault, nth }| {
        let method: Method = method.parse()?;
        faults.script(project.as_deref(), method, fault, nth)
    }))
}

#[derive(Serialize)]
struct Released {
    released: usize,
}

async fn released(State(faults): State<Faults>) -> Json<Released> {
    Json(Released { released: faults.release_late().await })
}

fn answer(done: Result<()>) -> Response {
    match done {
        Ok(()) => StatusCode::NO_CONTENT.into_response(),
        Err(error) => {
            let place = error.path().map(|path| format!(" ({path})")).unwrap_or_default();
            let text = format!("{}{place}\n", error.message());
            (StatusCode::BAD_REQUEST, text).into_response()
        }
    }
}
