//! Who watches what, found by path, so that a commit costs nothing for those whom it does not
//! concern.

use std::collections::{HashMap, HashSet};
use std::hash::Hash;
use std::sync::Arc;
use std::task::Waker;

use firekeep_core::{DocPath, Scope, WatchTarget};

/// The number of a watch.
pub(crate) type WatchId = u64;

/// The watches that are open.
#[derive(Debug, Default)]
pub(crate) struct Watchers {
    next: WatchId,
    open: HashMap<WatchId, Watcher>,
    documents: HashMap<DocPath, Vec<WatchId>>,
    collections: HashMap<Arc<str>, Vec<WatchId>>,
    groups: HashMap<Arc<str>, Vec<WatchId>>,
    is_paused: bool,
}

/// What an open watch has not told its reader yet.
#[derive(Debug)]
struct Watcher {
    target: Arc<WatchTarget>,
    /// The documents written since the reader last asked: each once, however slow the reader.
    dirty: HashSet<DocPath>,
    must_reset: bool,
    waker: Option<Waker>,
}

/// What happened since a reader last asked.
#[derive(Debug)]
pub(crate) enum News {
    /// Nothing to tell; the reader will be woken.
    Nothing,
    /// These documents were written.
    Dirty(HashSet<DocPath>),
    /// Everything told before is void.
    Reset,
}

impl Watchers {
    /// Opens a watch of `target`.
    pub(crate) fn open(&mut self, target: Arc<WatchTarget>) -> WatchId {
        self.next += 1;
        let id = self.next;
        self.lines(&target, |line| line.push(id));
        let watcher = Watcher { target, dirty: HashSet::new(), must_reset: false, waker: None };
        self.open.insert(id, watcher);
        id
    }

    /// Closes a watch.
    pub(crate) fn close(&mut self, id: WatchId) {
        if let Some(watcher) = self.open.remove(&id) {
            self.lines(&watcher.target, |line| line.retain(|other| *other != id));
        }
    }

    /// How many watches are open.
    pub(crate) fn count(&self) -> usize {
        self.open.len()
    }

    /// Takes what happened since; remembers `waker` if that is nothing.
    pub(crate) fn news(&mut self, id: WatchId, waker: &Waker) -> News {
        let is_paused = self.is_paused;
        let Some(watcher) = self.open.get_mut(&id) else { return News::Nothing };
        if !is_paused && std::mem::take(&mut watcher.must_reset) {
            watcher.dirty.clear();
            return News::Reset;
        }
        if !is_paused && !watcher.dirty.is_empty() {
            return News::Dirty(std::mem::take(&mut watcher.dirty));
        }
        watcher.waker = Some(waker.clone());
        News::Nothing
    }

    /// Whether a watch has told everything that it may tell.
    pub(crate) fn is_up_to_date(&self, id: WatchId) -> bool {
        !self.is_paused && self.open.get(&id).is_some_and(|watcher| watcher.dirty.is_empty())
    }

    /// Notes that `path` was written; adds to `wake` whom that concerns.
    pub(crate) fn touch(&mut self, path: &DocPath, wake: &mut Vec<Waker>) {
        if self.open.is_empty() {
            return;
        }
        let parent = path.as_str().rsplit_once('/').map_or("", |(parent, _)| parent);
        let lines = [
            self.documents.get(path),
            self.collections.get(parent),
            self.groups.get(path.collection_id()),
        ];
        for id in lines.into_iter().flatten().flatten() {
            let Some(watcher) = self.open.get_mut(id) else { continue };
            if watcher.concerns(path) {
                watcher.dirty.insert(path.clone());
                wake.extend(watcher.waker.take_if(|_| !self.is_paused));
            }
        }
    }

    /// Voids what every watch has told.
    pub(crate) fn reset_all(&mut self, wake: &mut Vec<Waker>) {
        self.open.values_mut().for_each(|watcher| watcher.must_reset = true);
        self.wake_all(wake);
    }

    /// Holds deliveries back, or lets them go on.
    pub(crate) fn pause(&mut self, is_paused: bool, wake: &mut Vec<Waker>) {
        self.is_paused = is_paused;
        self.wake_all(wake);
    }

    fn wake_all(&mut self, wake: &mut Vec<Waker>) {
        wake.extend(self.open.values_mut().filter_map(|watcher| watcher.waker.take()));
    }

    /// Shows `edit` each list of watches in which one of `target` belongs, and drops empty lists.
    fn lines(&mut self, target: &WatchTarget, mut edit: impl FnMut(&mut Vec<WatchId>)) {
        match target {
            WatchTarget::Documents(paths) => {
                let distinct: HashSet<_> = paths.iter().collect();
                distinct.into_iter().for_each(|p| line(&mut self.documents, p.clone(), &mut edit));
            }
            WatchTarget::Query(query) => match query.scope() {
                Scope::Collection(path) => {
                    line(&mut self.collections, path.as_str().into(), &mut edit);
                }
                Scope::Group { id, .. } => {
                    line(&mut self.groups, id.as_str().into(), &mut edit);
                }
            },
        }
    }
}

fn line<K: Hash + Eq + Clone>(
    lines: &mut HashMap<K, Vec<WatchId>>,
    key: K,
    edit: &mut impl FnMut(&mut Vec<WatchId>),
) {
    let line = lines.entry(key.clone()).or_default();
    edit(line);
    if line.is_empty() {
        lines.remove(&key);
    }
}

impl Watcher {
    /// Whether a document of the watcher's collection, group or list is within its target.
    fn concerns(&self, path: &DocPath) -> bool {
        match &*self.target {
            WatchTarget::Documents(_) => true,
            WatchTarget::Query(query) => query.scope().holds(path),
        }
    }
}
