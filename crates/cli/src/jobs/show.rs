//! `firekeep jobs show`.

use std::collections::BTreeSet;
use std::fmt;

use firekeep::jobs::{Aggregate, Board, Held, Job, JobId, Scope};
use serde::Serialize;

use super::list::Listed;
use super::shown::{Total, counts, culprit, is_running};
use super::{JobsArgs, failure, parse_job};
use crate::failure::Failure;
use crate::output;

/// Show what a job comes to: in all, per tag, and who has which task.
///
/// A task is stalled if it is at work by its states and nobody has it: its worker died, and another may
/// take it over. Tasks that are worked on without claims do not occur.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  firekeep jobs show nightly --store firestore://my-project
  firekeep jobs show nightly --store firestore://my-project --json | jq .stalled")]
pub(crate) struct Args {
    /// The job.
    #[arg(value_name = "JOB", value_parser = parse_job)]
    job: JobId,

    #[command(flatten)]
    jobs: JobsArgs,
}

/// A job, and what it comes to.
#[derive(Debug, Serialize)]
struct JobShown {
    #[serde(flatten)]
    job: Listed,
    #[serde(flatten)]
    total: Total,
    #[serde(rename = "byTag")]
    tags: Vec<TagShown>,
    claims: Vec<Claimed>,
    stalled: Vec<u32>,
    #[serde(skip)]
    lines: Vec<String>,
}

#[derive(Debug, Serialize)]
struct TagShown {
    tag: String,
    #[serde(flatten)]
    total: Total,
}

/// A task that somebody has.
#[derive(Debug, Serialize)]
struct Claimed {
    #[serde(rename = "taskID")]
    task: u32,
    owner: Option<String>,
    since: String,
    remaining_ms: u64,
}

pub(crate) async fn run(args: Args, json: bool) -> Result<(), Failure> {
    let jobs = args.jobs.open()?;
    let job = jobs.open(&args.job).await.map_err(failure)?;
    let info = jobs.info(&args.job).await.map_err(failure)?;
    let listed = info
        .as_ref()
        .map(Listed::of)
        .ok_or_else(|| failure(firekeep::jobs::Error::NotFound(args.job.clone())))?;
    let board = job.board().map_err(failure)?;
    board.ready().await.map_err(failure)?;
    output::say(&show(listed, &job, &board).await.map_err(failure)?, json);
    Ok(())
}

async fn show(listed: Listed, job: &Job, board: &Board) -> Result<JobShown, firekeep::jobs::Error> {
    let whole = board.aggregate(&Scope::Job)?;
    let held = job.held().await?;
    let stalled = stalled(board, &held);
    let mut lines = vec![format!("in all: {}", summary(&whole))];
    let mut tags = vec![];
    for tag in board.tags() {
        let of_tag = board.aggregate(&Scope::Tag(tag.clone()))?;
        lines.push(format!("{tag}: {}", summary(&of_tag)));
        tags.push(TagShown { tag: tag.to_string(), total: Total::of(&of_tag) });
    }
    let claims: Vec<_> = held.iter().map(Claimed::of).collect();
    lines.extend(claims.iter().map(ToString::to_string));
    lines.extend(stalled.iter().map(|task| format!("task {task}: stalled; nobody has it")));
    Ok(JobShown { job: listed, total: Total::of(&whole), tags, claims, stalled, lines })
}

/// The tasks that are at work by their states, and that nobody has.
fn stalled(board: &Board, held: &[Held]) -> Vec<u32> {
    let states = board.states(&Scope::Job);
    let running = states.iter().filter(|state| is_running(state.status));
    let running: BTreeSet<_> = running.map(|state| state.key.task).collect();
    let held: BTreeSet<_> = held.iter().map(|held| held.task).collect();
    running.difference(&held).copied().collect()
}

fn summary(aggregate: &Aggregate) -> String {
    let counts = aggregate.histogram.as_ref().map(counts).unwrap_or_default();
    if aggregate.status.is_finished() {
        return counts;
    }
    format!("{counts}; lowest is {}", culprit(aggregate))
}

impl Claimed {
    fn of(held: &Held) -> Self {
        Self {
            task: held.task,
            owner: held.owner.clone(),
            since: held.since.to_string(),
            remaining_ms: u64::try_from(held.remaining.as_millis()).unwrap_or(u64::MAX),
        }
    }
}

impl fmt::Display for Claimed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let owner = self.owner.as_deref().unwrap_or("unnamed");
        let seconds = self.remaining_ms as f64 / 1000.0;
        write!(f, "task {}: {owner} since {}, for {seconds:.1} s more", self.task, self.since)
    }
}

impl fmt::Display for JobShown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.job)?;
        self.lines.iter().try_for_each(|line| write!(f, "\n  {line}"))
    }
}
