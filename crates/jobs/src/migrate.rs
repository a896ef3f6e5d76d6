//! Bringing jobs, and all that is below them, to a newer layout of documents.

mod pass;
pub(crate) mod reference;
mod run;
mod steps;

use self::run::Run;
pub use self::steps::{JobContext, Migrations, StateContext};
use crate::error::{Error, Result};
use crate::jobs::Jobs;
use crate::key::JobId;
use crate::state::SCHEMA;

/// How to migrate jobs.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct MigrateOptions {
    pub(crate) target: u32,
    pub(crate) dry_run: bool,
    pub(crate) job: Option<JobId>,
    pub(crate) limit: Option<u64>,
    pub(crate) chain: Migrations,
}

impl Default for MigrateOptions {
    /// All jobs, to the schema that this code writes.
    fn default() -> Self {
        let chain = Migrations::builtin();
        Self { target: SCHEMA, dry_run: false, job: None, limit: None, chain }
    }
}

impl MigrateOptions {
    /// The schema to come to.
    #[must_use]
    pub fn target(mut self, schema: u32) -> Self {
        self.target = schema;
        self
    }

    /// Writes nothing, and reports what would be written.
    #[must_use]
    pub fn dry_run(mut self, dry_run: bool) -> Self {
        self.dry_run = dry_run;
        self
    }

    /// This job only.
    #[must_use]
    pub fn job(mut self, id: JobId) -> Self {
        self.job = Some(id);
        self
    }

    /// At most so many jobs that are not there yet.
    #[must_use]
    pub fn limit(mut self, jobs: u64) -> Self {
        self.limit = Some(jobs);
        self
    }

    /// The steps to take; [`Migrations::builtin`] unless told otherwise.
    #[must_use]
    pub fn chain(mut self, chain: Migrations) -> Self {
        self.chain = chain;
        self
    }
}

/// What a migration did, or would do.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct MigrateReport {
    /// How many jobs were looked at.
    pub scanned: u64,
    /// How many came to the target.
    pub migrated: u64,
    /// How many are being deleted, and were left alone.
    pub skipped: u64,
    /// How many failed.
    pub failed: u64,
    /// What each step did, from the lowest schema on.
    pub steps: Vec<StepReport>,
    /// Whether nothing was written, and these are the numbers of what would be.
    pub dry_run: bool,
}

/// What one step of a migration did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct StepReport {
    /// The schema that it leads from, to the next.
    pub from: u32,
    /// How many jobs took it.
    pub jobs: u64,
    /// How many states, kept versions of states included.
    pub states: u64,
}

/// How far a migration is.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum MigrateEvent<'a> {
    /// It begins with a job, or goes on with it.
    Begun {
        /// The job.
        job: &'a JobId,
        /// The schema of the job.
        from: u32,
    },
    /// So many states more of the job are there.
    Moved {
        /// The job.
        job: &'a JobId,
        /// How many.
        states: u64,
    },
    /// The job is there.
    Done(&'a JobId),
    /// The job is not there, for this reason.
    Failed(&'a JobId, &'a Error),
}

impl Jobs {
    /// Brings jobs to a schema: their states first, each by compare-and-set, then the job's document.
    ///
    /// A migration that was killed goes on where it stands, in this process or another; several at
    /// once do no harm. A writer of the old schema meets what was migrated, reads again, and stops with
    /// [`Error::NewerSchema`]; what it wrote until then is migrated with the rest. A job that fails is
    /// logged and counted, and the others go on.
    ///
    /// # Errors
    /// [`Error::Invalid`] for a target that the chain does not know; what the store answers when jobs are
    /// looked for. Asked for one job, [`Error::NotFound`], and why it failed: [`Error::Downgrade`] if it
    /// is beyond the target, [`Error::NewerSchema`] if it is beyond the chain, [`Error::Corrupt`].
    ///
    /// # Cancellation
    /// What is done stays done.
    ///
    /// # Cost
    /// One billed read per job. Per job that is not there yet, two reads and one write per state and
    /// kept version, and three reads per state from the schema of the reference; 100 of them in three
    /// RPCs, with a write to the job; and two writes to the job.
    pub async fn migrate(&self, options: &MigrateOptions) -> Result<MigrateReport> {
        self.migrate_with(options, |_| {}).await
    }

    /// As [`migrate`](Self::migrate), and tells of its progress.
    ///
    /// # Errors
    /// As [`migrate`](Self::migrate).
    ///
    /// # Cancellation
    /// As [`migrate`](Self::migrate).
    ///
    /// # Cost
    /// As [`migrate`](Self::migrate).
    pub async fn migrate_with(
        &self,
        options: &MigrateOptions,
        on: impl FnMut(MigrateEvent<'_>) + Send,
    ) -> Result<MigrateReport> {
        let newest = options.chain.newest();
        if !(1..=newest).contains(&options.target) {
            let rule = format!("must be 1 to {newest}, is {}", options.target);
            return Err(Error::invalid("target", rule));
        }
        Run::new(&self.0, options, on).all().await
    }
}
