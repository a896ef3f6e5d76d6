//! What the states of a job come to, kept up to date as they change.

mod ranges;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use self::ranges::Ranges;
use crate::aggregate::{Aggregate, Culprit, Histogram, Scope};
use crate::key::{Key, Tag};
use crate::state::State;
use crate::status::Status;

/// The states of a job, and what they come to at each [`Scope`].
///
/// A change takes the logarithm of the number of cells. An answer takes a time that depends on the
/// number of tags and of statuses, not on that of tasks.
#[derive(Debug)]
pub(crate) struct Tally {
    tasks: u32,
    declared: Vec<Tag>,
    cells: BTreeMap<Key, Arc<State>>,
    job: Ranking<Key>,
    tags: BTreeMap<Tag, OfTag>,
    /// The tasks that have reported anything.
    reported: Ranges,
}

#[derive(Debug, Default)]
struct OfTag {
    ranking: Ranking<u32>,
    reported: Ranges,
}

/// Things by status.
#[derive(Debug)]
struct Ranking<K>(BTreeMap<Status, BTreeSet<K>>);

impl Tally {
    pub(crate) fn new(tasks: u32, declared: &[Tag]) -> Self {
        Self {
            tasks,
            declared: declared.to_vec(),
            cells: BTreeMap::new(),
            job: Ranking::default(),
            tags: BTreeMap::new(),
            reported: Ranges::default(),
        }
    }

    /// Puts `state` in the place of what its cell held.
    pub(crate) fn set(&mut self, state: &Arc<State>) {
        let key = &state.key;
        let old = self.cells.insert(key.clone(), Arc::clone(state));
        let of_tag = self.tags.entry(key.tag.clone()).or_default();
        if let Some(old) = old {
            if old.status == state.status {
                return;
            }
            self.job.remove(old.status, key);
            of_tag.ranking.remove(old.status, &key.task);
        } else {
            of_tag.reported.insert(key.task);
            self.reported.insert(key.task);
        }
        self.job.insert(state.status, key.clone());
        of_tag.ranking.insert(state.status, key.task);
    }

    /// Takes a cell out.
    pub(crate) fn remove(&mut self, key: &Key) {
        let Some(old) = self.cells.remove(key) else { return };
        self.job.remove(old.status, key);
        if let Some(of_tag) = self.tags.get_mut(&key.tag) {
            of_tag.ranking.remove(old.status, &key.task);
            of_tag.reported.remove(key.task);
        }
        if self.of_task(key.task).next().is_none() {
            self.reported.remove(key.task);
        }
    }

    /// What the cells of `scope` come to.
    pub(crate) fn aggregate(&self, scope: &Scope) -> Aggregate {
        match scope {
            Scope::Job if self.declared.is_empty() => self.of_tasks(),
            Scope::Job => self.of_declared(),
            Scope::Tag(tag) => self.of_tag(tag),
            Scope::Task(task) => self.of_one_task(*task),
            Scope::Cell(key) => self.of_cell(key),
        }
    }

    /// The states of `scope`, by task and tag.
    pub(crate) fn states(&self, scope: &Scope) -> Vec<Arc<State>> {
        match scope {
            Scope::Job => self.cells.values().cloned().collect(),
            Scope::Tag(tag) => {
                let Some(of_tag) = self.tags.get(tag) else { return vec![] };
                let keys = of_tag.reported.iter().map(|task| Key::new(tag.clone(), task));
                keys.filter_map(|key| self.cells.get(&key).cloned()).collect()
            }
            Scope::Task(task) => self.of_task(*task).cloned().collect(),
            Scope::Cell(key) => self.cells.get(key).cloned().into_iter().collect(),
        }
    }

    /// The declared tags and those that occur.
    pub(crate) fn tags(&self) -> Vec<Tag> {
        let occur = self.tags.iter().filter(|(_, of_tag)| of_tag.reported.len() > 0);
        let tags: BTreeSet<_> = self.declared.iter().chain(occur.map(|(tag, _)| tag)).collect();
        tags.into_iter().cloned().collect()
    }

    /// A job that declares no tags: each task counts.
    fn of_tasks(&self) -> Aggregate {
        let missing = u64::from(self.tasks) - self.reported.len();
        let first = self.reported.lowest_missing(self.tasks).map(|task| (task, None));
        let counts = Units { reported: self.reported.len(), total: self.tasks.into() };
        self.job_aggregate(missing, first, counts)
    }

    /// A job that declares its tags: each cell counts.
    fn of_declared(&self) -> Aggregate {
        let (mut missing, mut first) = (0, None);
        for tag in &self.declared {
            let reported = self.tags.get(tag).map(|of_tag| &of_tag.reported);
            missing += u64::from(self.tasks) - reported.map_or(0, Ranges::len);
            let task = reported.map_or(Some(0), |reported| reported.lowest_missing(self.tasks));
            let candidate = task.map(|task| (task, Some(tag.clone())));
            first = [first, candidate].into_iter().flatten().min();
        }
        let reported = self.cells.len() as u64;
        self.job_aggregate(missing, first, Units { reported, total: reported + missing })
    }

    fn job_aggregate(&self, missing: u64, first: Option<Absent>, units: Units) -> Aggregate {
        let lowest = self.job.lowest().and_then(|(_, key)| self.cells.get(key));
        conclude(lowest, first, self.job.histogram(missing), units)
    }

    fn of_tag(&self, tag: &Tag) -> Aggregate {
        let total = u64::from(self.tasks);
        let Some(of_tag) = self.tags.get(tag) else {
            let all = Histogram::from_iter([(Status::NOT_STARTED, total)]);
            let first = Some((0, Some(tag.clone())));
            return conclude(None, first, all, Units { reported: 0, total });
        };
        let reported = of_tag.reported.len();
        let first = of_tag.reported.lowest_missing(self.tasks);
        let first = first.map(|task| (task, Some(tag.clone())));
        let lowest = of_tag.ranking.lowest().map(|(_, task)| Key::new(tag.clone(), *task));
        let lowest = lowest.and_then(|key| self.cells.get(&key));
        let histogram = of_tag.ranking.histogram(total - reported);
        conclude(lowest, first, histogram, Units { reported, total })
    }

    fn of_one_task(&self, task: u32) -> Aggregate {
        let cell = |tag: &Tag| self.cells.get(&Key::new(tag.clone(), task));
        let mut missing = self.declared.iter().filter(|tag| cell(tag).is_none());
        let reported = self.of_task(task).count() as u64;
        let first = missing.next().map(|tag| (task, Some(tag.clone())));
        let mut absent = u64::from(first.is_some()) + missing.count() as u64;
        let first = match first {
            None if reported == 0 => {
                absent = 1;
                Some((task, None))
            }
            first => first,
        };
        let mut histogram: Histogram = self.of_task(task).map(|state| (state.status, 1)).collect();
        histogram.add(Status::NOT_STARTED, absent);
        let lowest = self.of_task(task).min_by_key(|state| state.status);
        conclude(lowest, first, histogram, Units { reported, total: reported + absent })
    }

    fn of_cell(&self, key: &Key) -> Aggregate {
        let state = self.cells.get(key);
        let status = state.map_or(Status::NOT_STARTED, |state| state.status);
        let first = state.is_none().then(|| (key.task, Some(key.tag.clone())));
        let units = Units { reported: u64::from(state.is_some()), total: 1 };
        conclude(state, first, Histogram::from_iter([(status, 1)]), units)
    }

    fn of_task(&self, task: u32) -> impl Iterator<Item = &Arc<State>> {
        // The empty tag is the first of all.
        let least = Key::new(Tag::empty(), task);
        let cells = self.cells.range(least..).take_while(move |(key, _)| key.task == task);
        cells.map(|(_, state)| state)
    }
}

/// A cell, or a task, without a state.
type Absent = (u32, Option<Tag>);

/// What counts in a scope.
struct Units {
    reported: u64,
    total: u64,
}

/// The aggregate of which `lowest` is the lowest state, and `missing` the first unit without one.
fn conclude(
    lowest: Option<&Arc<State>>,
    missing: Option<Absent>,
    histogram: Histogram,
    units: Units,
) -> Aggregate {
    let rank = lowest.map(|state| (state.status, state.key.task, Some(&state.key.tag)));
    let gap = missing.as_ref().map(|(task, tag)| (Status::NOT_STARTED, *task, tag.as_ref()));
    let (status, culprit) = match (lowest, missing.clone()) {
        (Some(state), _) if gap.is_none_or(|gap| rank.is_some_and(|rank| rank < gap)) => {
            (state.status, Culprit::State(Arc::clone(state)))
        }
        (_, Some((task, tag))) => (Status::NOT_STARTED, Culprit::Missing { task, tag }),
        // No scope is without units; a job has at least one task.
        (_, None) => (Status::NOT_STARTED, Culprit::Missing { task: 0, tag: None }),
    };
    Aggregate {
        status,
        culprit,
        reported: units.reported,
        total: units.total,
        any_error: histogram.worst_error().is_some(),
        histogram: Some(histogram),
    }
}

impl<K> Default for Ranking<K> {
    fn default() -> Self {
        Self(BTreeMap::new())
    }
}

impl<K: Ord> Ranking<K> {
    fn insert(&mut self, status: Status, thing: K) {
        self.0.entry(status).or_default().insert(thing);
    }

    fn remove(&mut self, status: Status, thing: &K) {
        let Some(things) = self.0.get_mut(&status) else { return };
        things.remove(thing);
        if things.is_empty() {
            self.0.remove(&status);
        }
    }

    fn lowest(&self) -> Option<(Status, &K)> {
        let (status, things) = self.0.first_key_value()?;
        Some((*status, things.first()?))
    }

    /// How many have each status, and `missing` that have not started.
    fn histogram(&self, missing: u64) -> Histogram {
        let counts = self.0.iter().map(|(status, things)| (*status, things.len() as u64));
        let mut histogram: Histogram = counts.collect();
        histogram.add(Status::NOT_STARTED, missing);
        histogram
    }
}

#[cfg(test)]
mod tests;
