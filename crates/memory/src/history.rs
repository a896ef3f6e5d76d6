//! What the store remembers of the past: one entry per changed document, in commit order.

use std::collections::VecDeque;

use firekeep_core::{Document, Timestamp};

use crate::former::Former;
use crate::slots::{Slot, SlotId};

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
    pub(crate) before: Former,
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

    /// The document in `slot` as of `time`.
    pub(crate) fn as_of(&self, time: Timestamp, slot: &Slot) -> Option<Document> {
        self.versions(time, slot).last().flatten()
    }

    /// The document in `slot` now, then each version before back to the one as of `time`.
    pub(crate) fn versions<'a>(
        &'a self,
        time: Timestamp,
        slot: &'a Slot,
    ) -> impl Iterator<Item = Option<Document>> + 'a {
        let mut next = Some((slot.live.clone(), slot.last));
        std::iter::from_fn(move || {
            let (document, last) = next.take()?;
            if let Some(change) = self.get(last).filter(|change| change.time > time) {
                next = Some((change.before.restore(document.as_ref()), change.previous));
            }
            Some(document)
        })
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
