//! Telling the job that it is being worked on, seldom enough not to cost anything.

use std::sync::PoisonError;
use std::time::{Duration, Instant};

use firekeep_core::{Committed, DocPath, Require, Timestamp, TransformOp, Write};

use super::Shared;
use crate::claim;
use crate::error::Result;
use crate::record::{Phase, Record};

/// What is known of the job's stamp of activity.
#[derive(Debug)]
pub(super) struct Activity {
    record: Record,
    /// How old the stamp was when it was read.
    age: Duration,
    read: Instant,
    /// A share of half of the horizon, another for each writer.
    jitter: f64,
}

impl Activity {
    pub(super) fn new(record: Record, now: Timestamp, read: Instant) -> Self {
        let age = now.since(record.last_active);
        Self { record, age, read, jitter: 0.8 + 0.2 * fastrand::f64() }
    }

    fn is_due(&self, now: Instant, horizon: Duration) -> bool {
        let age = self.age.saturating_add(now.saturating_duration_since(self.read));
        self.record.phase != Phase::Active || age >= (horizon / 2).mul_f64(self.jitter)
    }

    /// The write that says that the job is active, and makes it so.
    fn stamp(&self, job: DocPath) -> Result<Write> {
        if self.record.phase != Phase::Active {
            return self.record.enter(job, Phase::Active, None);
        }
        let write = Write::transform(job).require(Require::Version(self.record.version));
        Ok(write.with("lastActive", TransformOp::CommitTime)?)
    }
}

impl Shared {
    /// Reads the job.
    pub(super) async fn look(&self) -> Result<()> {
        let read = self.now();
        let (record, now) = claim::current(&self.observer.0).await?;
        let mut activity = self.activity();
        let jitter = activity.jitter;
        *activity = Activity { jitter, ..Activity::new(record, now, read) };
        Ok(())
    }

    /// The write of the job that goes with each first write of a cell: it only holds as long as the
    /// job is what it was.
    pub(super) fn verify_job(&self) -> Write {
        let version = self.activity().record.version;
        Write::verify(self.observer.0.place.job.clone(), Require::Version(version))
    }

    /// The write that stamps the job, if it is time and no other writer has done so. A tombstoned job is
    /// revived by it: together with the state, or not at all.
    pub(super) async fn stamp(&self) -> Result<Option<Write>> {
        let horizon = self.observer.0.jobs.horizon;
        let is_due = || self.activity().is_due(self.now(), horizon);
        if !is_due() {
            return Ok(None);
        }
        self.look().await?;
        let job = self.observer.0.place.job.clone();
        is_due().then(|| self.activity().stamp(job)).transpose()
    }

    /// The last write of `committed` was the stamp.
    pub(super) fn stamped(&self, committed: &Committed) {
        let now = self.now();
        let mut activity = self.activity();
        if let Some(version) = committed.writes.last().and_then(|written| written.version) {
            activity.record.version = version;
        }
        activity.record.phase = Phase::Active;
        (activity.age, activity.read) = (Duration::ZERO, now);
    }

    fn activity(&self) -> std::sync::MutexGuard<'_, Activity> {
        self.activity.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
