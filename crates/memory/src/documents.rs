//! The documents, by path and by collection, with the indexes over them.

use std::collections::{BTreeMap, HashMap};
use std::ops::Bound;
use std::sync::Arc;

use firekeep_core::{DocPath, Document, Scope};
use hashbrown::DefaultHashBuilder;

use crate::history::ChangeId;
use crate::index::{Index, Shape};
use crate::slots::{Slot, SlotId, Slots};

/// Every document of the database.
#[derive(Debug, Default)]
pub(crate) struct Documents {
    slots: Slots,
    collections: Vec<Collection>,
    by_path: HashMap<Arc<str>, u32, DefaultHashBuilder>,
    /// The same by the order of the paths' bytes: all below one document follow each other.
    in_order: BTreeMap<Arc<str>, u32>,
    groups: HashMap<Box<str>, Group>,
    /// How many indexes there are over groups: usually none, and nobody need look.
    group_indexes: usize,
    /// Counts uses of indexes, to find the one unused longest.
    uses: u64,
}

/// The documents directly in one collection. Its number stays, even while it is empty.
#[derive(Debug, Default)]
struct Collection {
    members: Vec<SlotId>,
    indexes: Vec<Index>,
}

/// The collections that share an id.
#[derive(Debug, Default)]
struct Group {
    members: Vec<u32>,
    indexes: Vec<Index>,
}

/// What [`Documents::put`] replaced.
#[derive(Debug)]
pub(crate) struct Replaced {
    pub(crate) slot: SlotId,
    pub(crate) before: Option<Document>,
    /// The change that had put it there.
    pub(crate) last: ChangeId,
}

/// The most indexes over one collection or group; a query beyond displaces the one unused longest.
const MAX_INDEXES: usize = 64;

impl Documents {
    /// The number of the slot at `path`, if anything is or was there.
    pub(crate) fn find(&self, path: &DocPath) -> Option<SlotId> {
        self.slots.find(path)
    }

    /// What is at `path`, if anything is or was.
    pub(crate) fn slot(&self, path: &DocPath) -> Option<&Slot> {
        self.slots.get(self.slots.find(path)?)
    }

    /// The slot with this number.
    pub(crate) fn slot_by_id(&self, id: SlotId) -> Option<&Slot> {
        self.slots.get(id)
    }

    /// The document at `path`.
    pub(crate) fn get(&self, path: &DocPath) -> Option<&Document> {
        self.slot(path)?.live.as_ref()
    }

    /// Puts `after` at `path`, whose slot is `known` if it has one, and answers what was there.
    pub(crate) fn put(
        &mut self,
        path: &DocPath,
        known: Option<SlotId>,
        after: Option<Document>,
        change: ChangeId,
    ) -> Option<Replaced> {
        let id = known.unwrap_or_else(|| self.add(path));
        let slot = self.slots.get_mut(id)?;
        let before = std::mem::replace(&mut slot.live, after);
        let last = std::mem::replace(&mut slot.last, change);
        let after = slot.live.as_ref();
        for index in &mut self.collections[slot.collection as usize].indexes {
            index.update(id, before.as_ref(), after);
        }
        if self.group_indexes > 0
            && let Some(group) = self.groups.get_mut(path.collection_id())
        {
            for index in group.indexes.iter_mut().filter(|index| index.scope.holds(path)) {
                index.update(id, before.as_ref(), after);
            }
        }
        Some(Replaced { slot: id, before, last })
    }

    /// Makes a slot for `path`, and its collection if need be.
    fn add(&mut self, path: &DocPath) -> SlotId {
        let parent = parent(path);
        let collection = self.by_path.get(parent).copied().unwrap_or_else(|| {
            let number = self.collections.len() as u32;
            self.collections.push(Collection::default());
            let named: Arc<str> = parent.into();
            self.in_order.insert(Arc::clone(&named), number);
            self.by_path.insert(named, number);
            let group = self.groups.entry(path.collection_id().into()).or_default();
            group.members.push(number);
            number
        });
        let members = &mut self.collections[collection as usize].members;
        let place = members.len() as u32;
        let slot = Slot { path: path.clone(), live: None, last: 0, collection, place };
        let id = self.slots.insert(slot);
        members.push(id);
        id
    }

    /// Frees the slot if `change` deleted its document.
    pub(crate) fn forget(&mut self, id: SlotId, change: ChangeId) {
        let deleted = |slot: &Slot| slot.live.is_none() && slot.last == change;
        if !self.slots.get(id).is_some_and(deleted) {
            return;
        }
        let Some(slot) = self.slots.remove(id) else { return };
        let members = &mut self.collections[slot.collection as usize].members;
        members.swap_remove(slot.place as usize);
        if let Some(moved) = members.get(slot.place as usize).copied()
            && let Some(moved) = self.slots.get_mut(moved)
        {
            moved.place = slot.place;
        }
    }

    /// Makes sure that `scope` has an index of `shape`, if it has any collection.
    pub(crate) fn ensure(&mut self, scope: &Scope, shape: &Shape) {
        self.uses += 1;
        let uses = self.uses;
        let Some(indexes) = self.indexes_mut(scope) else { return };
        if let Some(index) = indexes.iter_mut().find(|index| index.is(scope, shape)) {
            index.used = uses;
            return;
        }
        let mut index = Index::build(scope.clone(), shape.clone(), self.within(scope));
        index.used = uses;
        let is_group = matches!(scope, Scope::Group { .. });
        let Some(indexes) = self.indexes_mut(scope) else { return };
        if indexes.len() >= MAX_INDEXES {
            let oldest = (0..indexes.len()).min_by_key(|at| indexes[*at].used);
            indexes.swap_remove(oldest.unwrap_or_default());
        }
        indexes.push(index);
        // Never counted down: it only saves looking where no group was ever asked for.
        self.group_indexes += usize::from(is_group);
    }

    /// The index that [`ensure`](Self::ensure) made sure of.
    pub(crate) fn index(&self, scope: &Scope, shape: &Shape) -> Option<&Index> {
        let indexes = match scope {
            Scope::Collection(path) => {
                &self.collections[*self.by_path.get(path.as_str())? as usize].indexes
            }
            Scope::Group { id, .. } => &self.groups.get(id.as_str())?.indexes,
        };
        indexes.iter().find(|index| index.is(scope, shape))
    }

    fn indexes_mut(&mut self, scope: &Scope) -> Option<&mut Vec<Index>> {
        Some(match scope {
            Scope::Collection(path) => {
                &mut self.collections[*self.by_path.get(path.as_str())? as usize].indexes
            }
            Scope::Group { id, .. } => &mut self.groups.get_mut(id.as_str())?.indexes,
        })
    }

    /// Every document in `scope`, in no particular order.
    fn within<'a>(&'a self, scope: &'a Scope) -> impl Iterator<Item = (SlotId, &'a Document)> {
        let numbers: &[u32] = match scope {
            Scope::Collection(path) => {
                self.by_path.get(path.as_str()).map_or(&[], std::slice::from_ref)
            }
            Scope::Group { id, .. } => self.groups.get(id.as_str()).map_or(&[], |g| &g.members),
        };
        let members = numbers.iter().flat_map(|at| &self.collections[*at as usize].members);
        members
            .filter_map(|id| Some((*id, self.slots.get(*id)?.live.as_ref()?)))
            .filter(|(_, document)| scope.holds(document.path()))
    }

    /// The first collection whose path is `from` or after it by its bytes, with all that is or was
    /// in it.
    pub(crate) fn collection_from<'a>(
        &'a self,
        from: &str,
    ) -> Option<(&'a str, impl Iterator<Item = &'a Slot> + use<'a>)> {
        let bounds = (Bound::Included(from), Bound::Unbounded);
        let (path, number) = self.in_order.range::<str, _>(bounds).next()?;
        let members = &self.collections[*number as usize].members;
        Some((path, members.iter().filter_map(|id| self.slots.get(*id))))
    }

    /// Every document.
    pub(crate) fn all(&self) -> impl Iterator<Item = &Document> {
        self.slots.documents()
    }

    /// The ids of all collections.
    pub(crate) fn group_ids(&self) -> impl Iterator<Item = &str> {
        self.groups.keys().map(|id| &**id)
    }
}

/// The path of the collection that holds `path`, without copying it.
fn parent(path: &DocPath) -> &str {
    path.as_str().rsplit_once('/').map_or("", |(parent, _)| parent)
}
