//! A job as one has it who may work on it.

use std::ops::Deref;
use std::sync::Arc;

use firekeep_lock::Locks;

use crate::claim::{self, Claim, ClaimOptions};
use crate::error::Result;
use crate::jobs::Inner;
use crate::observer::Observer;
use crate::record::Place;

/// A job: all that an [`Observer`] may, and claims. Cheap to clone; dropping it ends nothing.
#[derive(Clone, Debug)]
pub struct Job {
    observer: Observer,
    pub(crate) locks: Arc<Locks>,
}

impl Job {
    pub(crate) fn new(observer: Observer) -> Self {
        let locks = locks(&observer.0.jobs, &observer.0.place);
        Self { locks: Arc::new(locks), observer }
    }

    /// Claims a task, with the default options: nobody else may write its states until the claim is
    /// given up or lapses. That somebody else has it is an answer.
    ///
    /// Each claim of a task is an attempt, from 1. Before a claim is won, every cell of the task is
    /// marked with the attempt: whoever held the task before can't write any of them from then on.
    ///
    /// # Errors
    /// [`Error::TaskOutOfRange`](crate::Error::TaskOutOfRange); [`Error::Deleted`](crate::Error::Deleted);
    /// [`Error::Tombstoned`](crate::Error::Tombstoned) where jobs are not revived; what the store answers.
    ///
    /// # Cancellation
    /// Dropping the future holds nothing: what was won all the same is released in the background.
    ///
    /// # Cost
    /// Three RPCs, two billed writes, and one billed read for the job and for each cell of the task
    /// (one if there is none). If an earlier attempt has written cells, one RPC, one read and a write
    /// per such cell more. Two RPCs and two reads if somebody else has the task.
    pub async fn claim(&self, task: u32) -> Result<Claim> {
        self.claim_with(task, &ClaimOptions::default()).await
    }

    /// Claims a task.
    ///
    /// # Errors
    /// As [`claim`](Self::claim); [`Error::Invalid`](crate::Error::Invalid) for options out of their bounds.
    ///
    /// # Cancellation
    /// As [`claim`](Self::claim).
    ///
    /// # Cost
    /// As [`claim`](Self::claim).
    pub async fn claim_with(&self, task: u32, options: &ClaimOptions) -> Result<Claim> {
        claim::claim(self, task, options).await
    }

    /// This job, to look on.
    pub fn observer(&self) -> &Observer {
        &self.observer
    }
}

/// The locks of the tasks of the job at `place`.
pub(crate) fn locks(jobs: &Inner, place: &Place) -> Locks {
    Locks::builder(jobs.db.clone().labelled("jobs"))
        .leases(place.leases.as_str())
        .fences(place.attempts.as_str())
        .build()
        .expect("both are collections below a job")
}

impl Deref for Job {
    type Target = Observer;

    fn deref(&self) -> &Observer {
        &self.observer
    }
}
