//! The documents, by collection, with the indexes over them.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::Arc;

use firekeep_core::{DocPath, Document, Scope};

use crate::history::ChangeId;
use crate::index::{Index, Shape};

/// Every document of the database.
#[derive(Debug, Default)]
pub(crate) struct Documents {
    collections: HashMap<Arc<str>, Collection>,
    groups: HashMap<Box<str>, Group>,
    /// Counts uses of indexes, to find the one unused longest.
    uses: u64,
}

/// The documents directly in one collection.
#[derive(Debug, Default)]
struct Collection {
    slots: HashMap<DocPath, Slot>,
    indexes: Vec<Index>,
}

/// The collections that share an id.
#[derive(Debug, Default)]
struct Group {
    members: Vec<Arc<str>>,
    indexes: Vec<Index>,
}

/// What is at one path: a document, or the memory of one.
#[derive(Debug, Default)]
pub(crate) struct Slot {
    /// The document, if it exists.
    pub(crate) live: Option<Document>,
    /// Its last change.
    pub(crate) last: ChangeId,
}

/// The most indexes over one collection or group; a query beyond displaces the one unused longest.
const MAX_INDEXES: usize = 64;

impl Documents {
    /// What is at `path`, if anything is or was.
    pub(crate) fn slot(&self, path: &DocPath) -> Option<&Slot> {
        self.collections.get(parent(path))?.slots.get(path)
    }

    /// The document at `path`.
    pub(crate) fn get(&self, path: &DocPath) -> Option<&Document> {
        self.slot(path)?.live.as_ref()
    }

    /// Puts `after` at `path` and answers what was there, and the change that had put it there.
    pub(crate) fn put(
        &mut self,
        path: &DocPath,
        after: Option<Document>,
        change: ChangeId,
    ) -> (Option<Document>, ChangeId) {
        let parent = parent(path);
        if !self.collections.contains_key(parent) {
            let parent: Arc<str> = parent.into();
            let group = self.groups.entry(path.collection_id().into()).or_default();
            group.members.push(parent.clone());
            self.collections.insert(parent, Collection::default());
        }
        let collection = self.collections.entry(parent.into()).or_default();
        let slot = collection.slots.entry(path.clone()).or_default();
        let before = std::mem::replace(&mut slot.live, after);
        let last = std::mem::replace(&mut slot.last, change);
        let after = slot.live.as_ref();
        for index in &mut collection.indexes {
            index.update(before.as_ref(), after);
        }
        if let Some(group) = self.groups.get_mut(path.collection_id()) {
            for index in group.indexes.iter_mut().filter(|index| index.scope.holds(path)) {
                index.update(before.as_ref(), after);
            }
        }
        (before, last)
    }

    /// Forgets that there was a document at `path`, if `change` deleted it.
    pub(crate) fn forget(&mut self, path: &DocPath, change: ChangeId) {
        let Some(collection) = self.collections.get_mut(parent(path)) else { return };
        if let Entry::Occupied(slot) = collection.slots.entry(path.clone())
            && slot.get().live.is_none()
            && slot.get().last == change
        {
            slot.remove();
        }
        if collection.slots.is_empty() {
            self.drop_collection(path);
        }
    }

    fn drop_collection(&mut self, path: &DocPath) {
        let parent = parent(path);
        self.collections.remove(parent);
        if let Some(group) = self.groups.get_mut(path.collection_id()) {
            group.members.retain(|member| &**member != parent);
            if group.members.is_empty() {
                self.groups.remove(path.collection_id());
            }
        }
    }

    /// Makes sure that `scope` has an index of `shape`; `false` if the scope is empty.
    pub(crate) fn ensure(&mut self, scope: &Scope, shape: &Shape) -> bool {
        self.uses += 1;
        let uses = self.uses;
        let Some(indexes) = self.indexes_mut(scope) else { return false };
        let known = indexes.iter_mut().find(|i| i.shape == *shape && i.scope == *scope);
        if let Some(index) = known {
            index.used = uses;
            return true;
        }
        let mut index = Index::build(scope.clone(), shape.clone(), self.within(scope));
        index.used = uses;
        let Some(indexes) = self.indexes_mut(scope) else { return false };
        if indexes.len() >= MAX_INDEXES {
            let oldest = indexes.iter().enumerate().min_by_key(|(_, index)| index.used);
            if let Some((oldest, _)) = oldest {
                indexes.swap_remove(oldest);
            }
        }
        indexes.push(index);
        true
    }

    /// The index that [`ensure`](Self::ensure) made sure of.
    pub(crate) fn index(&self, scope: &Scope, shape: &Shape) -> Option<&Index> {
        let indexes = match scope {
            Scope::Collection(path) => &self.collections.get(path.as_str())?.indexes,
            Scope::Group { id, .. } => &self.groups.get(id.as_str())?.indexes,
        };
        indexes.iter().find(|index| index.shape == *shape && index.scope == *scope)
    }

    /// Every document in `scope`, in no particular order.
    pub(crate) fn within<'a>(
        &'a self,
        scope: &'a Scope,
    ) -> Box<dyn Iterator<Item = &'a Document> + 'a> {
        match scope {
            Scope::Collection(path) => {
                Box::new(self.collections.get(path.as_str()).into_iter().flat_map(live))
            }
            Scope::Group { id, .. } => {
                let members = self.groups.get(id.as_str()).into_iter().flat_map(|g| &g.members);
                let collections = members.filter_map(|member| self.collections.get(member));
                Box::new(collections.flat_map(live).filter(|doc| scope.holds(doc.path())))
            }
        }
    }

    /// Every document.
    pub(crate) fn all(&self) -> impl Iterator<Item = &Document> {
        self.collections.values().flat_map(live)
    }

    /// The ids of all collections.
    pub(crate) fn group_ids(&self) -> impl Iterator<Item = &str> {
        self.groups.keys().map(|id| &**id)
    }

    fn indexes_mut(&mut self, scope: &Scope) -> Option<&mut Vec<Index>> {
        Some(match scope {
            Scope::Collection(path) => &mut self.collections.get_mut(path.as_str())?.indexes,
            Scope::Group { id, .. } => &mut self.groups.get_mut(id.as_str())?.indexes,
        })
    }
}

fn live(collection: &Collection) -> impl Iterator<Item = &Document> {
    collection.slots.values().filter_map(|slot| slot.live.as_ref())
}

/// The path of the collection that holds `path`, without copying it.
fn parent(path: &DocPath) -> &str {
    path.as_str().rsplit_once('/').map_or("", |(parent, _)| parent)
}
