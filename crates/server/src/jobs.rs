//! The jobs of the database, for people and programs that look on.

pub(crate) mod events;
mod wire;

pub(crate) use events::follow;

use std::sync::Arc;

use axum::Json;
use axum::extract::State as Shared;
use firekeep_jobs::{JobId, JobInfo, ListOptions, Scope};
use futures::TryStreamExt;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use self::wire::{JobJson, TotalJson};
use crate::app::State;
use crate::extract::{JobRef, Params};
use crate::problem::{Answer, Kind, Problem};

/// The most jobs in one answer.
const LIMIT: u64 = 100;

/// Which jobs.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct ListParams {
    /// Those with ids after this one.
    after: Option<String>,
}

/// Some jobs.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct JobList {
    /// The jobs, in the order of their ids.
    jobs: Vec<JobJson>,
    /// Whether these are all.
    complete: bool,
}

/// A job, and what it comes to.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct JobAndTotal {
    #[serde(flatten)]
    job: JobJson,
    #[serde(flatten)]
    total: TotalJson,
}

/// The jobs, up to 100, in the order of their ids.
///
/// Costs one billed read per job.
#[utoipa::path(
    get, path = "/v1/jobs", tag = "jobs", params(ListParams),
    responses((status = 200, description = "the jobs", body = JobList),
        (status = "default", description = "a problem", body = Problem,
            content_type = "application/problem+json")),
)]
pub(crate) async fn list(
    Shared(state): Shared<Arc<State>>,
    Params(params): Params<ListParams>,
) -> Answer<Json<JobList>> {
    let options = ListOptions::default().limit(LIMIT + 1);
    let options = match params.after {
        Some(after) => options.after(JobId::new(after)?),
        None => options,
    };
    let found = state.jobs.list(&options)?;
    let mut found: Vec<JobInfo> = found.try_collect().await?;
    let complete = found.len() as u64 <= LIMIT;
    found.truncate(LIMIT as usize);
    Ok(Json(JobList { jobs: found.iter().map(JobJson::of).collect(), complete }))
}

/// A job, and what it comes to: whose status is the lowest, and how many have which.
///
/// Costs some billed reads, and one more per 1,000 cells; not one per cell.
#[utoipa::path(
    get, path = "/v1/jobs/{job}", tag = "jobs",
    params(("job" = String, Path, description = "which job")),
    responses((status = 200, description = "the job", body = JobAndTotal),
        (status = "default", description = "a problem", body = Problem,
            content_type = "application/problem+json")),
)]
pub(crate) async fn show(
    Shared(state): Shared<Arc<State>>,
    JobRef(id): JobRef,
) -> Answer<Json<JobAndTotal>> {
    let gone = || Problem::new(Kind::NoJob, "there is no such job");
    let info = state.jobs.info(&id).await?.ok_or_else(gone)?;
    let observer = state.jobs.observe(&id).await?;
    let aggregate = observer.aggregate(Scope::Job).await?;
    let histogram = observer.histogram(Scope::Job).await?;
    let total = TotalJson::of(&aggregate, &histogram);
    Ok(Json(JobAndTotal { job: JobJson::of(&info), total }))
}
