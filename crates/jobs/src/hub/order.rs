//! The order in which things changed: of all, of those of a tag, of those of a task.

use std::collections::{BTreeSet, HashMap};

use crate::aggregate::Scope;
use crate::key::{Key, Tag};

/// A place in the order: how many changes there were up to it.
pub(crate) type Seq = u64;
/// Which of the things.
pub(crate) type Slot = u32;

/// Things by when they last changed.
#[derive(Debug, Default)]
pub(crate) struct Order {
    job: BTreeSet<(Seq, Slot)>,
    tags: BTreeSet<(u32, Seq, Slot)>,
    tasks: BTreeSet<(u32, Seq, Slot)>,
    tag_ids: HashMap<Tag, u32>,
}

impl Order {
    /// Puts a thing at `seq`. One without a key is in no tag and no task.
    pub(crate) fn insert(&mut self, key: Option<&Key>, seq: Seq, slot: Slot) {
        self.job.insert((seq, slot));
        let Some(key) = key else { return };
        let next = u32::try_from(self.tag_ids.len()).unwrap_or(u32::MAX);
        let tag = match self.tag_ids.get(&key.tag) {
            Some(id) => *id,
            None => *self.tag_ids.entry(key.tag.clone()).or_insert(next),
        };
        self.tags.insert((tag, seq, slot));
        self.tasks.insert((key.task, seq, slot));
    }

    /// Takes a thing away from `seq`.
    pub(crate) fn remove(&mut self, key: Option<&Key>, seq: Seq, slot: Slot) {
        self.job.remove(&(seq, slot));
        let Some(key) = key else { return };
        if let Some(tag) = self.tag_ids.get(&key.tag) {
            self.tags.remove(&(*tag, seq, slot));
        }
        self.tasks.remove(&(key.task, seq, slot));
    }

    /// The first after `seq` in a job, a tag or a task, and its place. Of cells it knows nothing.
    pub(crate) fn after(&self, scope: &Scope, seq: Seq) -> Option<(Seq, Slot)> {
        let in_group = |order: &BTreeSet<(u32, Seq, Slot)>, group| {
            let later = (group, seq + 1, 0)..=(group, Seq::MAX, Slot::MAX);
            order.range(later).next().map(|(_, seq, slot)| (*seq, *slot))
        };
        match scope {
            Scope::Job => self.job.range((seq + 1, 0)..).next().copied(),
            Scope::Tag(tag) => in_group(&self.tags, *self.tag_ids.get(tag)?),
            Scope::Task(task) => in_group(&self.tasks, *task),
            Scope::Cell(_) => None,
        }
    }
}
