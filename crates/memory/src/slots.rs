//! The places where documents are kept: each path that has, or had, a document has one.

use std::hash::BuildHasher;

use firekeep_core::{DocPath, Document};
use hashbrown::{DefaultHashBuilder, HashTable};

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
    hasher: DefaultHashBuilder,
    /// Each slot by its path's hash. A table that grows reads no path, only the hashes beside it.
    by_path: HashTable<(u64, SlotId)>,
    slots: Vec<Option<Slot>>,
    free: Vec<SlotId>,
}

impl Slots {
    /// The number of the slot at `path`.
    pub(crate) fn find(&self, path: &DocPath) -> Option<SlotId> {
        let hash = self.hash(path);
        let is_it = |entry: &(u64, SlotId)| {
            entry.0 == hash && self.get(entry.1).is_some_and(|slot| slot.path == *path)
        };
        self.by_path.find(hash, is_it).map(|entry| entry.1)
    }

    pub(crate) fn get(&self, id: SlotId) -> Option<&Slot> {
        self.slots.get(id as usize)?.as_ref()
    }

    pub(crate) fn get_mut(&mut self, id: SlotId) -> Option<&mut Slot> {
        self.slots.get_mut(id as usize)?.as_mut()
    }

    /// Makes a slot.
    pub(crate) fn insert(&mut self, slot: Slot) -> SlotId {
        let hash = self.hash(&slot.path);
        let id = self.free.pop().unwrap_or(self.slots.len() as SlotId);
        match self.slots.get_mut(id as usize) {
            Some(free) => *free = Some(slot),
            None => self.slots.push(Some(slot)),
        }
        self.by_path.insert_unique(hash, (hash, id), |entry| entry.0);
        id
    }

    /// Frees a slot.
    pub(crate) fn remove(&mut self, id: SlotId) -> Option<Slot> {
        let slot = self.slots.get_mut(id as usize)?.take()?;
        let hash = self.hash(&slot.path);
        if let Ok(entry) = self.by_path.find_entry(hash, |entry| entry.1 == id) {
            entry.remove();
        }
        self.free.push(id);
        Some(slot)
    }

    /// Every document.
    pub(crate) fn documents(&self) -> impl Iterator<Item = &Document> {
        self.slots.iter().flatten().filter_map(|slot| slot.live.as_ref())
    }

    fn hash(&self, path: &DocPath) -> u64 {
        self.hasher.hash_one(path.as_str())
    }
}
