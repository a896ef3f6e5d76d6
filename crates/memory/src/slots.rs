//! The places where documents are kept: each path that has, or had, a document has one.

use std::collections::HashMap;

use firekeep_core::{DocPath, Document};
use foldhash::fast::RandomState;

use crate::history::ChangeId;

/// The number of a slot; stays the same until the slot is freed.
pub(crate) type SlotId = u32;

/// What is at one path: a document, or the memory of one.
#[derive(Debug)]
pub(crate) struct Slot {
    /// Where.
    pub(crate) path: DocPath,
    /// The document, if it exists.
    pub(crate) live: Option<Document>,
    /// Its last change.
    pub(crate) last: ChangeId,
    /// The number of its collection.
    pub(crate) collection: u32,
    /// Where its collection lists it.
    pub(crate) place: u32,
}

/// All slots, found by path or by number.
#[derive(Debug, Default)]
pub(crate) struct Slots {
    by_path: HashMap<DocPath, SlotId, RandomState>,
    slots: Vec<Option<Slot>>,
    free: Vec<SlotId>,
}

impl Slots {
    /// The number of the slot at `path`.
    pub(crate) fn find(&self, path: &DocPath) -> Option<SlotId> {
        self.by_path.get(path).copied()
    }

    pub(crate) fn get(&self, id: SlotId) -> Option<&Slot> {
        self.slots.get(id as usize)?.as_ref()
    }

    pub(crate) fn get_mut(&mut self, id: SlotId) -> Option<&mut Slot> {
        self.slots.get_mut(id as usize)?.as_mut()
    }

    /// Makes a slot.
    pub(crate) fn insert(&mut self, slot: Slot) -> SlotId {
        let path = slot.path.clone();
        let id = match self.free.pop() {
            Some(id) => {
                self.slots[id as usize] = Some(slot);
                id
            }
            None => {
                self.slots.push(Some(slot));
                (self.slots.len() - 1) as SlotId
            }
        };
        self.by_path.insert(path, id);
        id
    }

    /// Frees a slot.
    pub(crate) fn remove(&mut self, id: SlotId) -> Option<Slot> {
        let slot = self.slots.get_mut(id as usize)?.take()?;
        self.by_path.remove(&slot.path);
        self.free.push(id);
        Some(slot)
    }

    /// Every document.
    pub(crate) fn documents(&self) -> impl Iterator<Item = &Document> {
        self.slots.iter().flatten().filter_map(|slot| slot.live.as_ref())
    }
}
