//! Telling the job that it is being worked on, seldom enough not to cost anything.

use std::time::{Duration, Instant};

use std::sync::PoisonError;

use firekeep_core::{Committed, Require, Timestamp, TransformOp, Version, Write};

use super::Shared;
use crate::claim::writable;
use crate::error::Result;
use crate::record::Record;

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
        age >= (horizon / 2).mul_f64(self.jitter)
    }
}

impl Shared {
    pub(super) fn learn(&self, record: Record, now: Timestamp) {
        *self.activity() = Activity::new(record, now, self.now());
    }

    pub(super) fn job_version(&self) -> Version {
        self.activity().record.version
    }

    /// The write that stamps the job, if it is time and no other writer has done so.
    pub(super) async fn stamp(&self) -> Result<Option<Write>> {
        let opened = &self.observer.0;
        let is_due = || self.activity().is_due(self.now(), opened.jobs.horizon);
        if !is_due() {
            return Ok(None);
        }
        let (record, now) = writable(opened).await?;
        self.learn(record, now);
        if !is_due() {
            return Ok(None);
        }
        let write = Write::transform(opened.place.job.clone());
        let write = write.require(Require::Version(self.job_version()));
        Ok(Some(write.with("lastActive", TransformOp::CommitTime)?))
    }

    /// The last write of `committed` was the stamp.
    pub(super) fn stamped(&self, committed: &Committed) {
        let now = self.now();
        let mut activity = self.activity();
        if let Some(version) = committed.writes.last().and_then(|written| written.version) {
            activity.record.version = version;
        }
        (activity.age, activity.read) = (Duration::ZERO, now);
    }

    fn activity(&self) -> std::sync::MutexGuard<'_, Activity> {
        self.activity.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
