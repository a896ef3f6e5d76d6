//! Jobs and states as JSON.

use std::collections::BTreeMap;

use firekeep_jobs::{Aggregate, Histogram, JobInfo, State};
use serde::Serialize;
use utoipa::ToSchema;

/// A job.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct JobJson {
    #[serde(rename = "jobID")]
    #[schema(example = "nightly")]
    job: String,
    /// `active`, `tombstoned`, `deleting` or `purging`.
    phase: &'static str,
    /// How many tasks it has, numbered from 0.
    num_tasks: u32,
    /// The tags that it declares; none if any may occur.
    tags: Vec<String>,
    /// When it was created, by the store's clock.
    #[schema(format = DateTime)]
    created: String,
    /// When somebody last worked on it, give or take some minutes.
    #[schema(format = DateTime)]
    last_active: String,
}

/// What a job comes to.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct TotalJson {
    /// The lowest status of all: negative for an error, 0 for not started, 2147483647 for finished.
    status: i32,
    /// Whose it is.
    culprit: CulpritJson,
    /// How many units have reported.
    reported: u64,
    /// How many there are.
    total: u64,
    /// Whether any is an error.
    any_error: bool,
    /// How many cells have each status.
    histogram: BTreeMap<i32, u64>,
}

/// Whose status is the lowest.
#[derive(Debug, Serialize, ToSchema)]
struct CulpritJson {
    #[serde(rename = "taskID")]
    task: u32,
    tag: Option<String>,
    /// What it says; nothing if it never reported.
    message: Option<String>,
}

/// The state of a task in a tag.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct StateJson {
    #[serde(rename = "jobID")]
    job: String,
    tag: String,
    #[serde(rename = "taskID")]
    task: u32,
    /// 1, 2, 3… per task and tag.
    version: u64,
    status: i32,
    message: String,
    #[schema(format = DateTime)]
    timestamp: String,
    #[serde(rename = "eventID")]
    event_id: String,
    /// Whether it was there before the stream began.
    replay: bool,
    /// The attempt of the task that wrote it.
    attempt: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    progress: Option<ProgressJson>,
}

/// How much is done.
#[derive(Debug, Serialize, ToSchema)]
struct ProgressJson {
    done: u64,
    /// Of how many; 0 if nobody knows.
    total: u64,
}

impl JobJson {
    pub(crate) fn of(info: &JobInfo) -> Self {
        Self {
            job: info.id.to_string(),
            phase: info.phase.name(),
            num_tasks: info.tasks,
            tags: info.tags.iter().map(ToString::to_string).collect(),
            created: info.run.created().to_string(),
            last_active: info.last_active.to_string(),
        }
    }
}

impl TotalJson {
    pub(crate) fn of(aggregate: &Aggregate, histogram: &Histogram) -> Self {
        let culprit = &aggregate.culprit;
        Self {
            status: aggregate.status.as_i32(),
            culprit: CulpritJson {
                task: culprit.task(),
                tag: culprit.tag().map(ToString::to_string),
                message: culprit.state().map(|state| state.message.clone()),
            },
            reported: aggregate.reported,
            total: aggregate.total,
            any_error: aggregate.any_error,
            histogram: histogram.iter().map(|(status, count)| (status.as_i32(), count)).collect(),
        }
    }
}

impl StateJson {
    pub(crate) fn of(state: &State, replay: bool) -> Self {
        let progress = state.progress.map(|p| ProgressJson { done: p.done, total: p.total });
        Self {
            job: state.job.to_string(),
            tag: state.key.tag.to_string(),
            task: state.key.task,
            version: state.version,
            status: state.status.as_i32(),
            message: state.message.clone(),
            timestamp: state.committed_at.to_string(),
            event_id: state.event_id.clone(),
            replay,
            attempt: state.attempt,
            progress,
        }
    }
}
