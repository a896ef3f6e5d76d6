//! A worker that hangs: time stands still for it, while it goes on for everybody else.

use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use firekeep::jobs::{Error, JobId, Jobs, State, TaskWriter, Update};
use firekeep::{Clock, Db, ManualClock, SystemClock};

use super::day::DeviceDay;
use super::{CLEAN, READ, claims};

/// For how long its last words are waited for: what it waits for itself never comes.
const PATIENCE: Duration = Duration::from_secs(10);

/// A worker that has the first task, and hangs.
#[derive(Debug)]
pub(super) struct Hung {
    writer: TaskWriter,
    since: Instant,
}

impl Hung {
    /// Claims the first task, and stops in its second tag.
    pub(super) async fn in_the_middle(jobs: &Jobs, job: &JobId, day: &DeviceDay) -> Result<Self> {
        // Whoever is suspended neither renews a claim nor sees that it has lapsed.
        let db = Db::from_arc(jobs.db().store().clone()).with_clock(ManualClock::new());
        let job = Jobs::new(db).open(job).await?;
        let claim = job.claim_with(0, &claims("worker-3, which hangs")).await?;
        let writer = claim.writer().context("the first task is somebody's already")?;
        let total = day.readings();
        writer
            .set(READ, Update::finished().message(day.to_string()).progress(total, total))
            .await?;
        let half = Update::new(1).message("half-way").progress(total / 2, total);
        writer.set(CLEAN, half).await?;
        Ok(Self { writer, since: SystemClock.monotonic() })
    }

    /// For how long it has hung.
    pub(super) fn since(&self) -> Duration {
        SystemClock.monotonic().saturating_duration_since(self.since)
    }

    /// Goes on where it was, as if nothing had happened.
    pub(super) async fn awake(self) -> Result<State, Error> {
        let said = self.writer.set(CLEAN, Update::finished().message("late"));
        tokio::select! {
            said = said => said.map(|state| (*state).clone()),
            // Not an answer that anybody hopes for: it is told apart from a refusal.
            () = SystemClock.sleep(PATIENCE) => Err(Error::Deleted(self.writer.id().clone())),
        }
    }
}
