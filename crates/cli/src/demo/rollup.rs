//! The nightly rollup of the demo: a job over its readings, under a lock, with a worker that hangs.
//!
//! Each device-day is a task, and each goes through three tags: it is read, cleaned and summarised. One
//! worker stops in the middle of the first task, as a process does that is suspended: its claim lapses,
//! another takes the task over, and when it wakes up, what it writes is refused.

mod day;
mod hung;
mod worker;

use std::fmt;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use firekeep::jobs::{ClaimOptions, Error, Job, JobSpec, Jobs, Scope, Tag};
use firekeep::lock::{AcquireOptions, Locks};
use firekeep::{Clock, SystemClock};
use firekeep_telemetry::{Reading, Telemetry};
use serde::Serialize;

use day::DeviceDay;
use hung::Hung;
use worker::Crew;

/// What only one rollup at a time may do, in the whole system.
const LOCK: &str = "nightly-rollup";
/// The tags, in the order in which a task goes through them.
const TAGS: [&str; 3] = [READ, CLEAN, SUMMARISE];
const READ: &str = "read";
const CLEAN: &str = "clean";
const SUMMARISE: &str = "summarise";
/// After how long a worker is given up that says nothing; short, so that it can be watched.
const STALL_AFTER: Duration = Duration::from_millis(1500);
/// For how long the first rollup may take at most.
const AT_MOST: Duration = Duration::from_secs(60);

/// The rollup.
#[derive(Debug)]
pub(super) struct Rollup {
    jobs: Jobs,
    locks: Locks,
    telemetry: Telemetry,
    days: Vec<DeviceDay>,
}

/// What the rollup came to, checked.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct RolledUp {
    #[serde(rename = "jobID")]
    job: String,
    /// How many device-days there were.
    tasks: u32,
    /// How many readings they had.
    readings: u64,
    /// How long the task of the worker that hung stood still.
    stalled_ms: u64,
    /// The attempt that was refused, and the one that it was refused for.
    fenced: u64,
    taken_over: u64,
}

impl fmt::Display for RolledUp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { job, tasks, readings, stalled_ms, fenced, taken_over } = self;
        write!(
            f,
            "{job}: {tasks} device-days, {readings} readings; one worker hung: its task stalled for \
             {stalled_ms} ms, attempt {taken_over} took it over, and attempt {fenced} was refused when it woke up"
        )
    }
}

impl Rollup {
    pub(super) fn new(jobs: Jobs, locks: Locks, telemetry: Telemetry, past: &[Reading]) -> Self {
        Self { jobs, locks, telemetry, days: DeviceDay::all(past) }
    }

    /// Rolls up, and checks that all came as it should: the demo is a test.
    pub(super) async fn run(&self) -> Result<RolledUp> {
        let work = self.run_locked();
        let late = SystemClock.sleep(AT_MOST);
        tokio::select! {
            done = work => done.context("the nightly rollup"),
            () = late => bail!("the nightly rollup took longer than {AT_MOST:?}"),
        }
    }

    async fn run_locked(&self) -> Result<RolledUp> {
        let options = AcquireOptions::default().owner("the nightly rollup");
        let guard = self.locks.acquire_with(LOCK, &options).await?;
        let job = self.create().await?;
        let hung = Hung::in_the_middle(&self.jobs, job.id(), &self.days[0]).await?;
        let crew = Crew::new(self.telemetry.clone(), &job, &self.days);
        let (one, other) = tokio::try_join!(crew.work("worker-1"), crew.work("worker-2"))?;
        let (stalled, refused) = (hung.since(), hung.awake().await);
        let Err(Error::Fenced { attempt, current, .. }) = refused else {
            bail!("a worker that had lost its task was not refused: {refused:?}");
        };
        check(&job, current).await?;
        ensure!(guard.release().await?.is_done(), "the lock was lost while the rollup ran");
        Ok(RolledUp {
            job: job.id().to_string(),
            tasks: job.tasks(),
            readings: one + other,
            stalled_ms: u64::try_from(stalled.as_millis()).unwrap_or(u64::MAX),
            fenced: attempt,
            taken_over: current,
        })
    }

    async fn create(&self) -> Result<Job> {
        let now = SystemClock.wall().to_string();
        let (second, _) = now.split_once('.').unwrap_or((&now, ""));
        let tasks = u32::try_from(self.days.len()).context("too many days")?;
        let tags = TAGS.into_iter().map(Tag::new).collect::<Result<Vec<_>, _>>()?;
        let spec = JobSpec::new(tasks).tags(tags);
        Ok(self.jobs.create(format!("{LOCK}-{second}"), spec).await?)
    }
}

/// Everything is finished, and the task that stalled is so by whom took it over.
async fn check(job: &Job, current: u64) -> Result<()> {
    let whole = job.aggregate(Scope::Job).await?;
    ensure!(whole.status.is_finished(), "the job is not finished: {:?}", whole.culprit);
    ensure!(whole.reported == whole.total, "{} of {} reported", whole.reported, whole.total);
    for tag in TAGS {
        let state = job.state(tag, 0).await?.context("the first task has no state")?;
        ensure!(state.attempt == current, "`{tag}` is by attempt {}, not {current}", state.attempt);
    }
    Ok(())
}

/// How a worker claims a task.
fn claims(owner: &str) -> ClaimOptions {
    let often = Duration::from_millis(200);
    ClaimOptions::default().stall_after(STALL_AFTER).progress_interval(often).owner(owner)
}
