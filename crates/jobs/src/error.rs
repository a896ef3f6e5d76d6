//! What can go wrong with a job.

use std::fmt;

use firekeep_core::{Document, Effect, Timestamp};

use crate::key::{JobId, Tag};
use crate::state::{SCHEMA, State};

/// The result of an operation on jobs.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why an operation on jobs failed.
///
/// Messages name the job, the task and the bound; never a message or a payload of a state.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// An argument breaks a rule. Nothing was sent.
    #[error("`{what}` {rule}")]
    Invalid {
        /// Which argument.
        what: &'static str,
        /// The rule it breaks, with its bound.
        rule: String,
    },
    /// The job exists already.
    #[error("job `{0}` exists; open it, or delete it first")]
    Exists(JobId),
    /// There is no such job.
    #[error("there is no job `{0}`; create it first")]
    NotFound(JobId),
    /// The job is deleted, is being deleted, or was created anew since it was opened.
    #[error("job `{0}` is deleted; open or create it anew")]
    Deleted(JobId),
    /// The job is tombstoned, and this client does not revive such jobs.
    #[error("job `{0}` is tombstoned; revive it first")]
    Tombstoned(JobId),
    /// The job exists with another number of tasks.
    #[error("job `{job}` has {stored} tasks, not {asked}; open it with the number it has")]
    TaskCount {
        /// The job.
        job: JobId,
        /// How many tasks it has.
        stored: u32,
        /// How many were asked for.
        asked: u32,
    },
    /// The task is not one of the job's.
    #[error("job `{job}` has tasks 0 to {}, not {task}", tasks - 1)]
    TaskOutOfRange {
        /// The job.
        job: JobId,
        /// The task asked for.
        task: u32,
        /// How many tasks the job has.
        tasks: u32,
    },
    /// The job declares its tags, and this is none of them.
    #[error("job `{job}` declares its tags, and {tag:?} is none of them")]
    UnknownTag {
        /// The job.
        job: JobId,
        /// The tag asked for.
        tag: Tag,
    },
    /// Another process has claimed the task since.
    #[error(
        "task {task} of job `{job}` is in its attempt {current}, this is attempt {attempt}; stop"
    )]
    Fenced {
        /// The job.
        job: JobId,
        /// The task.
        task: u32,
        /// The attempt of this writer.
        attempt: u64,
        /// The attempt that holds the task now.
        current: u64,
    },
    /// The claim on the task has lapsed.
    #[error("the claim on task {task} of job `{job}` has lapsed; stop, and claim it again")]
    Lost {
        /// The job.
        job: JobId,
        /// The task.
        task: u32,
    },
    /// Tasks of the job are claimed.
    #[error("{leases} tasks of job `{job}` are claimed; close their writers, or force it")]
    Claimed {
        /// The job.
        job: JobId,
        /// How many tasks are.
        leases: u64,
    },
    /// The store's clock stands before a time that it has given out.
    #[error(
        "the store's time, {now}, is before {newest}, which is stored; nothing is judged by it"
    )]
    ClockBehind {
        /// The store's time.
        now: Timestamp,
        /// The newest time of activity that is stored.
        newest: Timestamp,
    },
    /// A task failed while others waited for it.
    #[error("task {} of job `{}` failed in {:?} with status {}", .0.key.task, .0.job, .0.key.tag, .0.status)]
    TaskFailed(Box<State>),
    /// What came after the cursor is no longer known whole.
    #[error("the cursor is too old: {0}; watch from the start")]
    CursorTooOld(String),
    /// The stored data is newer than this code.
    #[error(
        "job `{job}` has schema {stored}, this code knows {known}; it may read, and must be updated to write"
    )]
    NewerSchema {
        /// The job.
        job: JobId,
        /// The stored schema.
        stored: u32,
        /// The newest schema known.
        known: u32,
    },
    /// The stored data is older than this code, such as that of a job of the reference, which has no
    /// schema, 0.
    #[error(
        "job `{job}` has schema {stored}, this code reads {known} and the next; migrate it first"
    )]
    OlderSchema {
        /// The job.
        job: JobId,
        /// The stored schema.
        stored: u32,
        /// The schema that this code writes.
        known: u32,
    },
    /// The stored data is beyond the schema that was asked for.
    #[error("job `{job}` has schema {stored}, and there is no way back to {target}")]
    Downgrade {
        /// The job.
        job: JobId,
        /// The stored schema.
        stored: u32,
        /// The schema asked for.
        target: u32,
    },
    /// A stored document is none of this crate's.
    #[error("`{path}` is malformed: {reason}; repair it, or move it elsewhere")]
    Corrupt {
        /// The document.
        path: String,
        /// What is wrong with it.
        reason: String,
    },
    /// What the lock of a task answered.
    #[error(transparent)]
    Lock(#[from] firekeep_lock::Error),
    /// What the store answered.
    #[error(transparent)]
    Store(#[from] firekeep_core::Error),
}

impl Error {
    /// `what` breaks `rule`.
    pub(crate) fn invalid(what: &'static str, rule: impl fmt::Display) -> Self {
        Self::Invalid { what, rule: rule.to_string() }
    }

    /// Refuses a document of `job` that has none of `ours`, which each of ours has, and one of `theirs`:
    /// it is the reference's.
    pub(crate) fn if_older(
        job: &JobId,
        document: &Document,
        ours: [&str; 2],
        theirs: [&str; 2],
    ) -> Result<()> {
        let has = |names: [&str; 2]| names.iter().any(|name| document.get(name).is_some());
        if has(ours) || !has(theirs) {
            return Ok(());
        }
        Err(Self::OlderSchema { job: job.clone(), stored: 0, known: SCHEMA })
    }

    pub(crate) fn corrupt(path: impl fmt::Display, reason: impl Into<String>) -> Self {
        Self::Corrupt { path: path.to_string(), reason: reason.into() }
    }

    /// Whether a write may have happened all the same. Who learns that it may write no more can't learn
    /// whether an earlier try of the same call was carried out.
    pub fn effect(&self) -> Effect {
        match self {
            Self::Store(error) => error.effect(),
            Self::Lost { .. } | Self::Fenced { .. } | Self::Deleted(_) => Effect::Unknown,
            Self::Lock(error) => error.store().map_or(Effect::None, firekeep_core::Error::effect),
            _ => Effect::None,
        }
    }
}

impl From<std::convert::Infallible> for Error {
    fn from(never: std::convert::Infallible) -> Self {
        match never {}
    }
}
