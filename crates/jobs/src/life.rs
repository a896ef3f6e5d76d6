//! The life of a job: active, tombstoned, deleting, purging, gone.

use std::time::Duration;

use firekeep_core::Timestamp;

use crate::deletion::{Cause, Deletion, End};
use crate::error::{Error, Result};
use crate::job::Job;
use crate::jobs::event_id;
use crate::observer::Opened;
use crate::record::{Phase, Record};
use crate::retry::Attempts;
use crate::seal;

/// How to delete a job.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct DeleteOptions {
    pub(crate) is_forced: bool,
    pub(crate) pace: Duration,
}

impl DeleteOptions {
    /// Deletes the job even if tasks of it are claimed. Their writers learn of it at their next write,
    /// which fails.
    #[must_use]
    pub fn force(mut self, force: bool) -> Self {
        self.is_forced = force;
        self
    }

    /// How long to pause after each page of 400 deletes; not at all unless told otherwise.
    #[must_use]
    pub fn pace(mut self, pause: Duration) -> Self {
        self.pace = pause;
        self
    }
}

impl Job {
    /// Tombstones the job: it is kept, and gc deletes it once the grace is over. The next write or
    /// claim of anybody revives it, or fails where that is refused. Nothing happens to a job that is
    /// tombstoned already.
    ///
    /// # Errors
    /// [`Error::Deleted`]; [`Error::NewerSchema`]; what the store answers.
    ///
    /// # Cancellation
    /// The job is tombstoned or it is not; if it is, writers who are at work may take up to half a
    /// horizon to learn of it. Tombstone it again to be sure.
    ///
    /// # Cost
    /// Two RPCs, one billed read, one write; and one RPC per 400 cells, one read and one write per
    /// cell, so that writers learn of it at their next write.
    pub async fn tombstone(&self) -> Result<()> {
        let opened = &self.observer().0;
        if !enter(opened, Phase::Tombstoned).await? {
            return Ok(());
        }
        let mark = format!("tombstone:{}", event_id()?);
        let (jobs, place) = (&opened.jobs, &opened.place);
        seal::seal(jobs, place, &opened.id, Some(&mark), seal::any).await.map(drop)
    }

    /// Makes a tombstoned job active again. Nothing happens to one that is active.
    ///
    /// # Errors
    /// [`Error::Deleted`], also for a job that is being deleted; [`Error::NewerSchema`]; what the store
    /// answers.
    ///
    /// # Cancellation
    /// The job is active or it is not.
    ///
    /// # Cost
    /// Two RPCs, one billed read, one write.
    pub async fn revive(&self) -> Result<()> {
        enter(&self.observer().0, Phase::Active).await.map(drop)
    }

    /// Deletes the job and all that is below it, whatever its age. Fails if a task is claimed.
    ///
    /// # Errors
    /// [`Error::Claimed`]; [`Error::Deleted`] if it is gone already; what the store answers. What failed
    /// half-way is taken up where it stands by the next delete or gc.
    ///
    /// # Cancellation
    /// As an error half-way.
    ///
    /// # Cost
    /// Per cell two billed reads, a write and a delete, and a read and a delete per other document below
    /// the job, 400 in two RPCs; and some twenty RPCs and as many reads, whatever is there.
    pub async fn delete(&self) -> Result<()> {
        self.delete_with(&DeleteOptions::default()).await
    }

    /// Deletes the job and all that is below it.
    ///
    /// # Errors
    /// As [`delete`](Self::delete); no [`Error::Claimed`] if it is forced.
    ///
    /// # Cancellation
    /// As [`delete`](Self::delete).
    ///
    /// # Cost
    /// As [`delete`](Self::delete).
    pub async fn delete_with(&self, options: &DeleteOptions) -> Result<()> {
        let opened = &self.observer().0;
        let known = read(opened).await?;
        let deletion = Deletion {
            jobs: &opened.jobs,
            id: &opened.id,
            place: &opened.place,
            run: opened.record.run,
            cause: if options.is_forced { Cause::Forced } else { Cause::Asked },
            pace: options.pace,
        };
        match deletion.run(known).await? {
            End::Kept { leases } => Err(Error::Claimed { job: opened.id.clone(), leases }),
            End::Gone { .. } | End::Nothing => Ok(()),
        }
    }
}

/// Brings a job to `phase`, which is active or tombstoned. `false` if it was active, and is to be.
async fn enter(opened: &Opened, phase: Phase) -> Result<bool> {
    let mut attempts = Attempts::new(&opened.jobs.db);
    loop {
        let (record, _) = read(opened).await?;
        if record.phase.is_going() {
            return Err(Error::Deleted(opened.id.clone()));
        }
        record.check_writable(&opened.id)?;
        if record.phase == phase {
            return Ok(phase == Phase::Tombstoned);
        }
        let write = record.enter(opened.place.job.clone(), phase, None)?;
        match opened.jobs.db.commit(vec![write]).await {
            Ok(_) => return Ok(true),
            // What became of it, reading tells.
            Err(error) => attempts.failed(error).await?,
        }
    }
}

/// The job's document now, if it is the run that was opened.
async fn read(opened: &Opened) -> Result<(Record, Timestamp)> {
    let mut attempts = Attempts::new(&opened.jobs.db);
    loop {
        match opened.jobs.record(&opened.place.job).await {
            Ok(Some(found)) if found.0.run == opened.record.run => return Ok(found),
            Ok(_) => return Err(Error::Deleted(opened.id.clone())),
            Err(Error::Store(error)) => attempts.failed(error).await?,
            Err(error) => return Err(error),
        }
    }
}
