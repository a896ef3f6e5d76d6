//! A watch seen as the state it tells, with its promises checked on every event.

#![allow(clippy::unwrap_used, reason = "a case reports by panicking, as a test does")]

use std::collections::{BTreeMap, BTreeSet};

use firekeep_core::{
    Batch, DocPath, Document, DocumentChange, Position, Result, Timestamp, WatchEvent,
};
use futures::StreamExt;
use futures::stream::BoxStream;

/// Applies a watch's events to a state, and panics where an event breaks a promise of
/// [`WatchEvent`]: read times go back, a document comes twice in a batch, a version goes back.
pub struct Feed {
    events: BoxStream<'static, Result<WatchEvent>>,
    /// The state told so far; complete once `caught_up`.
    pub state: BTreeMap<DocPath, Document>,
    /// Whether the state is complete.
    pub caught_up: bool,
    /// The last position told.
    pub position: Option<Position>,
    /// How often each path was told as set, since the start.
    pub told: BTreeMap<DocPath, usize>,
    read_time: Timestamp,
    resumed: bool,
}

impl std::fmt::Debug for Feed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Feed").field("state", &self.state).finish_non_exhaustive()
    }
}

impl Feed {
    /// A feed of `events` that starts with nothing known.
    pub fn new(events: BoxStream<'static, Result<WatchEvent>>) -> Self {
        Self {
            events,
            state: BTreeMap::new(),
            caught_up: false,
            position: None,
            told: BTreeMap::new(),
            read_time: Timestamp::MIN,
            resumed: false,
        }
    }

    /// A feed of `events` that continues where `before` ended.
    pub fn resumed(before: Self, events: BoxStream<'static, Result<WatchEvent>>) -> Self {
        let resumed = Self::new(events);
        Self { state: before.state, resumed: true, ..resumed }
    }

    /// The next event, applied. Panics if the watch fails or ends.
    pub async fn step(&mut self) -> WatchEvent {
        let event = self.events.next().await.expect("the watch ended").unwrap();
        match &event {
            WatchEvent::Batch(batch) => self.apply(batch),
            WatchEvent::Checkpoint { position, read_time } => {
                self.move_to(*read_time);
                self.position = Some(position.clone());
            }
            WatchEvent::Reset => {
                self.state.clear();
                self.caught_up = false;
            }
        }
        event
    }

    /// The next batch, applied.
    pub async fn batch(&mut self) -> Batch {
        loop {
            if let WatchEvent::Batch(batch) = self.step().await {
                return batch;
            }
        }
    }

    /// Reads on until the state is complete.
    pub async fn catch_up(&mut self) {
        while !self.caught_up {
            self.step().await;
        }
    }

    /// Reads on until the state is complete and `holds` of it.
    pub async fn until(&mut self, holds: impl Fn(&BTreeMap<DocPath, Document>) -> bool) {
        while !(self.caught_up && holds(&self.state)) {
            self.step().await;
        }
    }

    /// The ids of the state, in order.
    pub fn ids(&self) -> Vec<&str> {
        self.state.keys().map(DocPath::id).collect()
    }

    /// Reads on until the ids of the complete state are `expected`.
    pub async fn until_ids(&mut self, expected: &[&str]) {
        self.until(|state| state.keys().map(DocPath::id).eq(expected.iter().copied())).await;
    }

    fn apply(&mut self, batch: &Batch) {
        self.move_to(batch.read_time);
        self.position = Some(batch.position.clone());
        let mut paths = BTreeSet::new();
        for change in &batch.changes {
            assert!(paths.insert(change.path()), "one batch tells {} twice", change.path());
            match change {
                DocumentChange::Set(document) => self.set(document),
                DocumentChange::Removed(path) => drop(self.state.remove(path)),
            }
        }
        self.caught_up |= batch.caught_up;
    }

    fn set(&mut self, document: &Document) {
        let path = document.path().clone();
        assert!(document.updated() <= self.read_time, "{path} is newer than its batch");
        *self.told.entry(path.clone()).or_default() += 1;
        let before = self.state.insert(path.clone(), document.clone());
        let (Some(before), false) = (before, self.resumed) else { return };
        assert!(document.updated() > before.updated(), "the version of {path} does not increase");
    }

    fn move_to(&mut self, time: Timestamp) {
        assert!(time >= self.read_time, "read times go back from {} to {time}", self.read_time);
        self.read_time = time;
    }
}
