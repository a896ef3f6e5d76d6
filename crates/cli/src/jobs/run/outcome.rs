//! What became of the tasks.

use std::fmt;

use firekeep::jobs::{JobId, Status};
use serde::Serialize;

use crate::failure::Failure;
use crate::output::count;

/// What became of one task.
#[derive(Debug)]
pub(super) enum Outcome {
    /// It was finished before this run.
    Skipped,
    /// This run finished it.
    Finished,
    /// Another run finished it meanwhile.
    Elsewhere,
    /// It failed for good, here or elsewhere.
    Failed(Failed),
    /// The run ended before it did.
    Cancelled,
}

/// A task that failed, or whose state could not be recorded: that has no status.
#[derive(Debug, Serialize)]
pub(super) struct Failed {
    pub(super) task: u32,
    pub(super) status: Option<i32>,
    pub(super) message: String,
}

/// What became of all of them.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Summary {
    #[serde(rename = "jobID")]
    job: String,
    tasks: u64,
    finished: u64,
    skipped: u64,
    elsewhere: u64,
    cancelled: u64,
    failed: Vec<Failed>,
}

impl Summary {
    pub(super) fn new(job: &JobId, tasks: u32) -> Self {
        Self {
            job: job.to_string(),
            tasks: u64::from(tasks),
            finished: 0,
            skipped: 0,
            elsewhere: 0,
            cancelled: u64::from(tasks),
            failed: vec![],
        }
    }

    /// Notes a task; one that is never noted counts as cancelled.
    pub(super) fn note(&mut self, outcome: Outcome) {
        match outcome {
            Outcome::Cancelled => return,
            Outcome::Skipped => self.skipped += 1,
            Outcome::Finished => self.finished += 1,
            Outcome::Elsewhere => self.elsewhere += 1,
            Outcome::Failed(failed) => {
                self.failed.push(failed);
                self.failed.sort_by_key(|failed| (failed.status.unwrap_or(i32::MIN), failed.task));
            }
        }
        self.cancelled -= 1;
    }

    /// How the program ends.
    pub(super) fn outcome(&self) -> Result<(), Failure> {
        if self.cancelled > 0 {
            let message = format!(
                "cancelled; {} of {} tasks are not done: run it again to resume",
                count(self.cancelled),
                count(self.tasks)
            );
            return Err(Failure::Interrupted(message));
        }
        let Some(culprit) = self.failed.first() else { return Ok(()) };
        let (failed, tasks) = (count(self.failed.len() as u64), count(self.tasks));
        let message = format!("{failed} of {tasks} tasks failed; {culprit}");
        Err(Failure::Run { code: 1, kind: "tasks-failed", message })
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let done = self.finished + self.skipped + self.elsewhere;
        write!(f, "{}: {} of {} tasks finished", self.job, count(done), count(self.tasks))?;
        for (number, what) in [(self.skipped, "before this run"), (self.elsewhere, "by other runs")]
        {
            if number > 0 {
                write!(f, ", {} {what}", count(number))?;
            }
        }
        Ok(())
    }
}

impl fmt::Display for Failed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "task {}", self.task)?;
        if let Some(status) = self.status {
            write!(f, " with {}", Status::new(status))?;
        }
        write!(f, ": {}", self.message)
    }
}
