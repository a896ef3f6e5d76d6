//! Jobs and what they come to, as they are shown.

use std::collections::BTreeMap;

use firekeep::jobs::{Aggregate, Culprit, Histogram, Progress, State, Status};
use serde::Serialize;

use crate::output::count;

/// What some cells come to.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Total {
    status: i32,
    culprit: Culpable,
    reported: u64,
    total: u64,
    any_error: bool,
    /// How many cells have each status.
    histogram: BTreeMap<i32, u64>,
}

/// Whose status is the lowest.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Culpable {
    #[serde(rename = "taskID")]
    task: u32,
    tag: Option<String>,
    /// Nothing if it was never reported.
    state: Option<Shown>,
}

/// A state without what everybody knows who asks for it.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Shown {
    version: u64,
    message: String,
    attempt: u64,
    timestamp: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    progress: Option<Done>,
}

#[derive(Debug, Serialize)]
struct Done {
    done: u64,
    total: u64,
}

impl Total {
    pub(crate) fn of(aggregate: &Aggregate) -> Self {
        let histogram = aggregate.histogram.iter().flat_map(Histogram::iter);
        Self {
            status: aggregate.status.as_i32(),
            culprit: Culpable {
                task: aggregate.culprit.task(),
                tag: aggregate.culprit.tag().map(ToString::to_string),
                state: aggregate.culprit.state().map(Shown::of),
            },
            reported: aggregate.reported,
            total: aggregate.total,
            any_error: aggregate.any_error,
            histogram: histogram.map(|(status, count)| (status.as_i32(), count)).collect(),
        }
    }
}

impl Shown {
    fn of(state: &State) -> Self {
        let progress = state.progress.map(|Progress { done, total }| Done { done, total });
        Self {
            version: state.version,
            message: state.message.clone(),
            attempt: state.attempt,
            timestamp: state.committed_at.to_string(),
            progress,
        }
    }
}

/// `2 finished, 1 error -7, 3 not started`: what is done first.
pub(crate) fn counts(histogram: &Histogram) -> String {
    let each = histogram.iter().rev();
    let each: Vec<_> = each.map(|(status, number)| format!("{} {status}", count(number))).collect();
    each.join(", ")
}

/// `task 4 in \`clean\`, error -7: bad luck`.
pub(crate) fn culprit(aggregate: &Aggregate) -> String {
    let Culprit::State(state) = &aggregate.culprit else {
        let tag = aggregate.culprit.tag().map(|tag| format!(" in `{tag}`")).unwrap_or_default();
        return format!("task {}{tag}, not started", aggregate.culprit.task());
    };
    let message = if state.message.is_empty() {
        String::new()
    } else {
        format!(": {}", line(&state.message))
    };
    format!("task {} in `{}`, {}{message}", state.key.task, state.key.tag, state.status)
}

/// Text from elsewhere as one line that does nothing to a terminal.
pub(crate) fn line(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

/// Whether a task in this status is at work.
pub(crate) fn is_running(status: Status) -> bool {
    !status.is_terminal() && status != Status::NOT_STARTED
}
