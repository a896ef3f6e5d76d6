//! What the states of many tasks come to: the lowest status wins.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::key::{Key, Tag};
use crate::state::State;
use crate::status::Status;

/// Which cells of a job.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Scope {
    /// All of the job. Each task counts: one that never reported is not started.
    Job,
    /// One tag: the cell of each task in it, reported or not.
    Tag(Tag),
    /// One task: the cells that it has reported, and those of declared tags that it has not. A task
    /// without any is not started.
    Task(u32),
    /// One cell.
    Cell(Key),
}

impl Scope {
    /// Whether `key` is in the scope.
    pub fn holds(&self, key: &Key) -> bool {
        match self {
            Self::Job => true,
            Self::Tag(tag) => key.tag == *tag,
            Self::Task(task) => key.task == *task,
            Self::Cell(cell) => cell == key,
        }
    }
}

/// Whose status is the lowest.
#[derive(Clone, Debug, PartialEq)]
pub enum Culprit {
    /// The cell with this state.
    State(Arc<State>),
    /// A cell that was never reported.
    Missing {
        /// The task.
        task: u32,
        /// The tag, if the scope or the job's declaration names one.
        tag: Option<Tag>,
    },
}

impl Culprit {
    /// The task.
    pub fn task(&self) -> u32 {
        match self {
            Self::State(state) => state.key.task,
            Self::Missing { task, .. } => *task,
        }
    }

    /// The tag, if there is one.
    pub fn tag(&self) -> Option<&Tag> {
        match self {
            Self::State(state) => Some(&state.key.tag),
            Self::Missing { tag, .. } => tag.as_ref(),
        }
    }

    /// The state, if the cell was reported.
    pub fn state(&self) -> Option<&State> {
        match self {
            Self::State(state) => Some(state),
            Self::Missing { .. } => None,
        }
    }
}

/// What the cells of a [`Scope`] come to.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Aggregate {
    /// The lowest status of all.
    pub status: Status,
    /// Whose it is; the lowest task, and within it the lowest tag, of several.
    pub culprit: Culprit,
    /// How many units have reported: tasks in a tag, cells elsewhere where tags are declared or the
    /// scope is a task or cell, else tasks.
    pub reported: u64,
    /// How many there are, reported or not.
    pub total: u64,
    /// Whether any status is an error.
    pub any_error: bool,
    /// How many cells have each status, those that count as not started included. `None` where the
    /// answer was read with a few queries instead of being folded from all states.
    pub histogram: Option<Histogram>,
}

/// How many cells have each status.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Histogram(BTreeMap<Status, u64>);

impl Histogram {
    /// How many have `status`.
    pub fn count(&self, status: Status) -> u64 {
        self.0.get(&status).copied().unwrap_or(0)
    }

    /// How many there are.
    pub fn total(&self) -> u64 {
        self.0.values().sum()
    }

    /// Each status that occurs, ascending, and how many have it.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = (Status, u64)> + '_ {
        self.0.iter().map(|(status, count)| (*status, *count))
    }

    pub(crate) fn add(&mut self, status: Status, count: u64) {
        if count > 0 {
            *self.0.entry(status).or_default() += count;
        }
    }

    /// The lowest status; `None` of nothing.
    pub fn lowest(&self) -> Option<Status> {
        self.0.keys().next().copied()
    }

    /// The lowest of the errors, if there is one.
    pub fn worst_error(&self) -> Option<Status> {
        self.lowest().filter(|status| status.is_error())
    }

    /// Whether at least `quorum` have reached `target`.
    pub fn has_quorum(&self, target: Status, quorum: u64) -> bool {
        self.at_least(target) >= quorum
    }

    /// How many have reached `target`.
    pub fn at_least(&self, target: Status) -> u64 {
        self.0.range(target..).map(|(_, count)| count).sum()
    }

    /// Which share is finished, from 0 to 100; 100 of nothing.
    pub fn percent_done(&self) -> f64 {
        match self.total() {
            0 => 100.0,
            total => self.count(Status::FINISHED) as f64 * 100.0 / total as f64,
        }
    }
}

impl FromIterator<(Status, u64)> for Histogram {
    fn from_iter<I: IntoIterator<Item = (Status, u64)>>(counts: I) -> Self {
        let mut histogram = Self::default();
        counts.into_iter().for_each(|(status, count)| histogram.add(status, count));
        histogram
    }
}
