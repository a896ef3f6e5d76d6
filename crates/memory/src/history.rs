//! What the store remembers of the past: one entry per changed document, in commit order.

use std::collections::VecDeque;

use firekeep_core::{Document, Timestamp};

use crate::slots::SlotId;

/// The place of a change in the history; 0 stands for none.
pub(crate) type ChangeId = u64;

/// One document's change.
#[derive(Debug)]
pub(crate) struct Change {
    /// When.
    pub(crate) time: Timestamp,
    /// Which document: where it is. A slot lives as long as changes to it are remembered.
    pub(crate) slot: SlotId,
    /// The document until then.
    pub(crate) before: Option<Document>,
    /// The change of the same document before this one.
    pub(crate) previous: ChangeId,
}

/// The changes that the store still remembers.
#[derive(Debug)]
pub(crate) struct History {
    changes: VecDeque<Change>,
    /// The id of the first change that is still held.
    first: ChangeId,
    /// The time of the last change forgotten: from then on everything is known.
    horizon: Timestamp,
}

impl History {
    pub(crate) fn new() -> Self {
        Self { changes: VecDeque::new(), first: 1, horizon: Timestamp::MIN }
    }

    /// The id that the next change gets.
    pub(crate) fn next_id(&self) -> ChangeId {
        self.first + self.changes.len() as u64
    }

    /// Remembers `change`.
    pub(crate) fn push(&mut self, change: Change) {
        self.changes.push_back(change);
    }

    /// From when on every past state is known.
    pub(crate) fn horizon(&self) -> Timestamp {
        self.horizon
    }

    /// How many changes are remembered.
    pub(crate) fn len(&self) -> usize {
        self.changes.len()
    }

    /// The document as of `time`, where it is now `live` and `last` is its last change.
    pub(crate) fn as_of<'a>(
        &'a self,
        time: Timestamp,
        live: Option<&'a Document>,
        last: ChangeId,
    ) -> Option<&'a Document> {
        let (mut document, mut id) = (live, last);
        while let Some(change) = self.get(id).filter(|change| change.time > time) {
            (document, id) = (change.before.as_ref(), change.previous);
        }
        document
    }

    /// The time of the change `id`, if it is still remembered.
    pub(crate) fn time_of(&self, id: ChangeId) -> Option<Timestamp> {
        self.get(id).map(|change| change.time)
    }

    /// The changes after `time`, in order.
    pub(crate) fn since(&self, time: Timestamp) -> impl Iterator<Item = &Change> {
        let from = self.changes.partition_point(|change| change.time <= time);
        self.changes.range(from..)
    }

    /// Forgets and answers the oldest change, if it happened by `bound`.
    pub(crate) fn forget(&mut self, bound: Timestamp) -> Option<(ChangeId, Change)> {
        if self.changes.front()?.time > bound {
            return None;
        }
        let change = self.changes.pop_front()?;
        let id = self.first;
        self.first += 1;
        self.horizon = change.time;
        Some((id, change))
    }

    fn get(&self, id: ChangeId) -> Option<&Change> {
        self.changes.get(usize::try_from(id.checked_sub(self.first)?).ok()?)
    }
}
