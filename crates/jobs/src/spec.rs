//! What a job is to be.

use crate::error::{Error, Result};
use crate::key::Tag;

/// The most versions that a cell may keep.
pub const MAX_HISTORY: u32 = 1000;
/// The most tags that a job may declare.
pub const MAX_TAGS: usize = 100;

/// What a job is created as. A plain number is a job with that many tasks, and nothing else.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JobSpec {
    pub(crate) tasks: u32,
    pub(crate) tags: Vec<Tag>,
    pub(crate) history: u32,
}

impl JobSpec {
    /// A job with this many tasks: at least 1, at most 2³¹ - 1.
    pub fn new(tasks: u32) -> Self {
        Self { tasks, tags: vec![], history: 0 }
    }

    /// Declares the tags: each cell of a task and one of these counts from the start on, and no other
    /// tag can be written. At most [`MAX_TAGS`].
    #[must_use]
    pub fn tags(mut self, tags: impl IntoIterator<Item = Tag>) -> Self {
        self.tags = tags.into_iter().collect();
        self.tags.sort();
        self.tags.dedup();
        self
    }

    /// Keeps the last `versions` states of each cell: one billed write more per update, and a delete
    /// once there are more. At most [`MAX_HISTORY`]; 0 keeps the latest only.
    #[must_use]
    pub fn history(mut self, versions: u32) -> Self {
        self.history = versions;
        self
    }

    pub(crate) fn check(&self) -> Result<()> {
        if !(1..=i32::MAX.unsigned_abs()).contains(&self.tasks) {
            let rule = format!("must be 1 to {}, is {}", i32::MAX, self.tasks);
            return Err(Error::invalid("tasks", rule));
        }
        if self.tags.len() > MAX_TAGS {
            let rule = format!("must be at most {MAX_TAGS}, are {}", self.tags.len());
            return Err(Error::invalid("tags", rule));
        }
        if self.history > MAX_HISTORY {
            let rule = format!("must be at most {MAX_HISTORY}, is {}", self.history);
            return Err(Error::invalid("history", rule));
        }
        Ok(())
    }
}

impl From<u32> for JobSpec {
    fn from(tasks: u32) -> Self {
        Self::new(tasks)
    }
}
