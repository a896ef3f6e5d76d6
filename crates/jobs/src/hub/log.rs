//! The latest of each cell, in the order in which they changed.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use firekeep_core::{DocPath, Timestamp};

use super::End;
use super::order::{Order, Seq, Slot};
use super::waiters::Waiters;
use crate::aggregate::Scope;
use crate::key::{Key, Tag};
use crate::observer::Opened;
use crate::state::{Run, State};
use crate::tally::Tally;

/// How far the time moves, while only others change, before a subscriber is told.
const PULSE: Duration = Duration::from_secs(30);

/// What a hub knows of a job. Its memory is that of the cells there are: a cell that changes moves to
/// the end of the order, and what it was before is forgotten.
#[derive(Debug)]
pub(crate) struct Log {
    run: Run,
    tasks: u32,
    declared: Vec<Tag>,
    entries: Vec<Entry>,
    by_path: HashMap<DocPath, Slot>,
    by_key: HashMap<Key, Slot>,
    order: Order,
    seq: Seq,
    passed: Passed,
    live: usize,
    /// Where the first fold ends, and as of when it is; nothing before that is told.
    fold: Option<(Seq, Timestamp)>,
    /// As of when all this is true.
    time: Timestamp,
    /// As of when everyone was last woken to be told the time.
    pulse: Timestamp,
    end: Option<End>,
    /// Kept from when a board first asked.
    tally: Option<Tally>,
    pub(crate) waiters: Waiters,
}

/// A cell, or another document among the cells.
#[derive(Debug)]
pub(crate) struct Entry {
    pub(crate) path: DocPath,
    /// None where the name of the document is not that of a cell.
    pub(crate) key: Option<Key>,
    pub(crate) content: Content,
    pub(crate) seq: Seq,
    /// The highest version that was ever seen of it.
    version: u64,
    /// How many versions had passed up to this, this one included, by scope.
    passed: [u64; 4],
}

/// What is at a path now.
#[derive(Clone, Debug)]
pub(crate) enum Content {
    State(Arc<State>),
    Corrupt(Arc<str>),
    Gone,
}

/// What the listen found at a path.
#[derive(Debug)]
pub(crate) struct Change {
    pub(crate) path: DocPath,
    pub(crate) found: Found,
}

#[derive(Debug)]
pub(crate) enum Found {
    State(Arc<State>),
    Corrupt(String),
    /// A state of another run.
    Other(Run),
    Nothing,
}

/// How many versions there were since the first fold, by scope.
#[derive(Debug, Default)]
struct Passed {
    job: u64,
    tags: HashMap<Tag, u64>,
    tasks: HashMap<u32, u64>,
}

impl Log {
    pub(crate) fn new(opened: &Opened) -> Self {
        Self {
            run: opened.record.run,
            tasks: opened.record.tasks,
            declared: opened.record.tags.clone(),
            entries: vec![],
            by_path: HashMap::new(),
            by_key: HashMap::new(),
            order: Order::default(),
            seq: 0,
            passed: Passed::default(),
            live: 0,
            fold: None,
            time: opened.now,
            pulse: opened.now,
            end: None,
            tally: None,
            waiters: Waiters::default(),
        }
    }

    /// Takes over all there is at `time`: what is not among it is gone.
    pub(crate) fn replace(&mut self, found: Vec<Change>, time: Timestamp) {
        let present: HashSet<&DocPath> = found.iter().map(|change| &change.path).collect();
        let gone = self.entries.iter().filter(|entry| !present.contains(&entry.path));
        let gone: Vec<_> =
            gone.map(|e| Change { path: e.path.clone(), found: Found::Nothing }).collect();
        let changes = gone.into_iter().chain(found).collect();
        self.apply(changes, time);
        if self.fold.is_none() {
            self.fold = Some((self.seq, time));
            self.waiters.touch_all();
        }
    }

    /// Takes over what changed up to `time`.
    pub(crate) fn apply(&mut self, mut changes: Vec<Change>, time: Timestamp) {
        let later = changes.iter().any(|c| matches!(c.found, Found::Other(run) if run > self.run));
        changes.retain(|change| self.is_news(change));
        changes.sort_by_cached_key(|change| match &change.found {
            Found::State(state) => (state.committed_at, Some(state.key.clone())),
            _ => (time, None),
        });
        for change in changes {
            self.record(change);
        }
        self.time = self.time.max(time);
        if self.time.since(self.pulse) >= PULSE {
            self.touch_all();
        }
        if later {
            // A job is created anew only where nothing is left of the one before.
            self.forget_all();
            self.end(End::Deleted);
        }
    }

    pub(crate) fn checkpoint(&mut self, time: Timestamp) {
        self.time = self.time.max(time);
        self.touch_all();
    }

    pub(crate) fn end(&mut self, end: End) {
        self.end.get_or_insert(end);
        self.waiters.touch_all();
    }

    pub(crate) fn ended(&self) -> Option<&End> {
        self.end.as_ref()
    }

    /// Whether everything was told, and there is nothing.
    pub(crate) fn is_empty(&self) -> bool {
        self.fold.is_some() && self.live == 0
    }

    /// Where the first fold ends, and as of when it is; none before that.
    pub(crate) fn fold(&self) -> Option<(Seq, Timestamp)> {
        self.fold
    }

    pub(crate) fn seq(&self) -> Seq {
        self.seq
    }

    pub(crate) fn time(&self) -> Timestamp {
        self.time
    }

    /// As of when everyone was to be told the time.
    pub(crate) fn pulse(&self) -> Timestamp {
        self.pulse
    }

    /// What changed first after `seq`, in `scope`.
    pub(crate) fn after(&self, scope: &Scope, seq: Seq) -> Option<&Entry> {
        let slot = match scope {
            Scope::Cell(key) => {
                let slot = *self.by_key.get(key)?;
                (self.entry(slot)?.seq > seq).then_some(slot)
            }
            scope => self.order.after(scope, seq).map(|(_, slot)| slot),
        };
        self.entry(slot?)
    }

    /// How many versions there were in `scope` since the first fold.
    pub(crate) fn passed(&self, scope: &Scope) -> u64 {
        match scope {
            Scope::Job => self.passed.job,
            Scope::Tag(tag) => self.passed.tags.get(tag).copied().unwrap_or(0),
            Scope::Task(task) => self.passed.tasks.get(task).copied().unwrap_or(0),
            Scope::Cell(key) => {
                let entry = self.by_key.get(key).and_then(|slot| self.entry(*slot));
                entry.map_or(0, |entry| entry.passed(scope))
            }
        }
    }

    /// What the states come to.
    pub(crate) fn tally(&mut self) -> &Tally {
        let (tasks, declared, entries) = (self.tasks, &self.declared, &self.entries);
        self.tally.get_or_insert_with(|| {
            let mut tally = Tally::new(tasks, declared);
            for entry in entries {
                if let Content::State(state) = &entry.content {
                    tally.set(state);
                }
            }
            tally
        })
    }

    fn entry(&self, slot: Slot) -> Option<&Entry> {
        self.entries.get(slot as usize)
    }

    fn is_news(&self, change: &Change) -> bool {
        let slot = self.by_path.get(&change.path);
        let Some(entry) = slot.and_then(|slot| self.entry(*slot)) else {
            return matches!(change.found, Found::State(_) | Found::Corrupt(_));
        };
        match (&change.found, &entry.content) {
            (Found::State(new), Content::State(old)) => new.version > old.version,
            (Found::State(new), Content::Corrupt(_)) => new.version >= entry.version,
            (Found::Corrupt(new), Content::Corrupt(old)) => **new != **old,
            (Found::Other(_) | Found::Nothing, Content::Gone) => false,
            _ => true,
        }
    }

    fn record(&mut self, change: Change) {
        let slot = match self.by_path.get(&change.path) {
            Some(slot) => *slot,
            None => self.enter(change.path),
        };
        let content = match change.found {
            Found::State(state) => Content::State(state),
            Found::Corrupt(reason) => Content::Corrupt(reason.into()),
            Found::Other(_) | Found::Nothing => Content::Gone,
        };
        self.put(slot, content);
    }

    fn enter(&mut self, path: DocPath) -> Slot {
        let slot = Slot::try_from(self.entries.len()).unwrap_or(Slot::MAX);
        let key = Key::from_doc_id(path.id());
        if let Some(key) = &key {
            self.by_key.insert(key.clone(), slot);
        }
        self.by_path.insert(path.clone(), slot);
        let (content, passed) = (Content::Gone, [0; 4]);
        self.entries.push(Entry { path, key, content, seq: 0, version: 0, passed });
        slot
    }

    /// Moves an entry to the end of the order, with new content.
    fn put(&mut self, slot: Slot, content: Content) {
        let Some(entry) = self.entries.get_mut(slot as usize) else { return };
        self.seq += 1;
        let key = entry.key.as_ref();
        if entry.seq > 0 {
            self.order.remove(key, entry.seq, slot);
        }
        self.order.insert(key, self.seq, slot);
        entry.seq = self.seq;
        let was_live = !matches!(entry.content, Content::Gone);
        let is_live = !matches!(content, Content::Gone);
        self.live = self.live + usize::from(is_live) - usize::from(was_live);
        if let Content::State(state) = &content {
            let news = state.version.saturating_sub(entry.version);
            entry.version = entry.version.max(state.version);
            // What the first fold holds was there before anybody could have been told.
            if self.fold.is_some() {
                self.passed.add(&state.key, news);
                entry.passed[3] += news;
            }
        }
        if let Some(key) = key {
            let [job, tag, task] = self.passed.of(key);
            entry.passed = [job, tag, task, entry.passed[3]];
        } else {
            entry.passed[0] = self.passed.job;
        }
        if let Some(tally) = &mut self.tally {
            match (&content, key) {
                (Content::State(state), _) => tally.set(state),
                (Content::Gone, Some(key)) => tally.remove(key),
                // The last that could be read stands.
                (Content::Gone, None) | (Content::Corrupt(_), _) => {}
            }
        }
        self.waiters.touch(key);
        entry.content = content;
    }

    fn forget_all(&mut self) {
        for slot in 0..self.entries.len() {
            if !matches!(self.entries[slot].content, Content::Gone) {
                self.put(Slot::try_from(slot).unwrap_or(Slot::MAX), Content::Gone);
            }
        }
    }

    fn touch_all(&mut self) {
        self.pulse = self.time;
        self.waiters.touch_all();
    }
}

impl Entry {
    /// How many versions had passed in `scope`, up to this one.
    pub(crate) fn passed(&self, scope: &Scope) -> u64 {
        self.passed[match scope {
            Scope::Job => 0,
            Scope::Tag(_) => 1,
            Scope::Task(_) => 2,
            Scope::Cell(_) => 3,
        }]
    }
}

impl Passed {
    fn add(&mut self, key: &Key, versions: u64) {
        self.job += versions;
        match self.tags.get_mut(&key.tag) {
            Some(passed) => *passed += versions,
            None => drop(self.tags.insert(key.tag.clone(), versions)),
        }
        *self.tasks.entry(key.task).or_default() += versions;
    }

    fn of(&self, key: &Key) -> [u64; 3] {
        let tag = self.tags.get(&key.tag).copied().unwrap_or(0);
        [self.job, tag, self.tasks.get(&key.task).copied().unwrap_or(0)]
    }
}
