//! What a watch promises, checked against the true order of commits: ordered, unique, reliable,
//! atomic, resumable, bookmarkable; while writers race, readers stall, and listens break.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::collections::BTreeMap;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use firekeep_core::{Operation, Timestamp};
use firekeep_jobs::{Cursor, Event, JobSpec, Jobs, Key, Observer, Scope, State, Update, Watch};
use firekeep_layers::Fault;
use firekeep_testkit::TestBackend;
use futures::StreamExt;

use support::{Bed, INDEXES, poll_once, tag, yields};

/// The states by key.
type Known = BTreeMap<Key, Arc<State>>;

/// All that was committed, in order.
#[derive(Default)]
struct Truth(Vec<Arc<State>>);

impl Truth {
    /// What there was in `scope` at `time`.
    fn at(&self, scope: &Scope, time: Timestamp) -> Known {
        let before = self.0.iter().filter(|s| s.committed_at <= time && scope.holds(&s.key));
        before.map(|state| (state.key.clone(), Arc::clone(state))).collect()
    }

    fn last(&self, scope: &Scope) -> Known {
        self.at(scope, Timestamp::MAX)
    }
}

/// A watch and what it told.
struct Recorder {
    watch: Watch,
    scope: Scope,
    /// Where it began, and what was known there.
    start: Option<(Cursor, Known)>,
    known: Known,
    events: Vec<Event>,
}

impl Recorder {
    fn new(observer: &Observer, scope: Scope, start: Option<(Cursor, Known)>) -> Self {
        let watch = match &start {
            Some((cursor, _)) => observer.watch_from(scope.clone(), cursor),
            None => observer.watch(scope.clone()),
        };
        let known = start.as_ref().map_or_else(Known::new, |(_, known)| known.clone());
        Self { watch: watch.unwrap(), scope, start, known, events: vec![] }
    }

    fn take(&mut self, event: Event) {
        if let Event::State { state, .. } = &event {
            self.known.insert(state.key.clone(), Arc::clone(state));
        }
        self.events.push(event);
    }

    /// Takes what there is now, at most `most` events.
    async fn poll(&mut self, most: usize) {
        for _ in 0..most {
            match poll_once(pin!(self.watch.next())).await {
                Some(event) => self.take(event.expect("the stream goes on").unwrap()),
                None => return,
            }
        }
    }

    /// Takes events until the last version of everything was told, and a bookmark or the mark.
    async fn finish(&mut self, truth: &Truth) {
        let last = truth.last(&self.scope);
        let is_marked = |events: &[Event]| {
            let is_mark = |e: &Event| matches!(e, Event::ReplayDone { .. });
            events.iter().any(is_mark)
        };
        while self.known != last || !is_marked(&self.events) {
            let event = self.watch.next().await.expect("the stream goes on").unwrap();
            self.take(event);
        }
    }

    /// The places that it told, and what it had told by then.
    fn places(&self) -> Vec<(Cursor, Known)> {
        let mut known = self.start.as_ref().map_or_else(Known::new, |(_, known)| known.clone());
        let mut places = vec![];
        for event in &self.events {
            match event {
                Event::State { state, .. } => {
                    known.insert(state.key.clone(), Arc::clone(state));
                }
                Event::ReplayDone { cursor } | Event::Bookmark { cursor } => {
                    places.push((*cursor, known.clone()));
                }
                event => panic!("{event:?}"),
            }
        }
        places
    }

    fn check(&self, truth: &Truth) {
        self.check_order();
        self.check_marks(truth);
        self.check_skipped(truth);
        assert_eq!(self.known, truth.last(&self.scope), "reliable: the last of each is told");
    }

    /// Ordered by commit, and each version once.
    fn check_order(&self) {
        let mut versions: BTreeMap<Key, u64> = BTreeMap::new();
        if let Some((_, known)) = &self.start {
            versions.extend(known.iter().map(|(key, state)| (key.clone(), state.version)));
        }
        let mut last = (Timestamp::MIN, None);
        for event in &self.events {
            let Event::State { state, .. } = event else { continue };
            assert!(self.scope.holds(&state.key));
            let before = versions.insert(state.key.clone(), state.version).unwrap_or(0);
            assert!(state.version > before, "unique: {} after {before}", state.version);
            let place = (state.committed_at, Some(state.key.clone()));
            assert!(last < place, "ordered: {place:?} after {last:?}");
            last = place;
        }
    }

    /// One mark, after all that is replayed and before all that is live; nothing older after a place;
    /// at a bookmark, all of each commit before it and nothing of those after.
    fn check_marks(&self, truth: &Truth) {
        let (mut marks, mut floor) = (0, Timestamp::MIN);
        let mut known = self.start.as_ref().map_or_else(Known::new, |(_, known)| known.clone());
        for event in &self.events {
            match event {
                Event::State { state, replay, .. } => {
                    assert_eq!(*replay, marks == 0, "replay ends with the mark");
                    assert!(state.committed_at > floor, "bookmarkable: nothing older comes after");
                    known.insert(state.key.clone(), Arc::clone(state));
                }
                Event::ReplayDone { cursor } => {
                    marks += 1;
                    floor = floor.max(cursor.time());
                }
                Event::Bookmark { cursor } => {
                    assert_eq!(marks, 1, "no bookmark before the mark");
                    assert!(cursor.time() > floor, "bookmarks go on");
                    floor = cursor.time();
                    assert_eq!(known, truth.at(&self.scope, floor), "atomic");
                }
                event => panic!("{event:?}"),
            }
        }
        assert_eq!(marks, 1, "one mark");
    }

    /// Every version after the mark was told, or counted as skipped.
    fn check_skipped(&self, truth: &Truth) {
        let mut told = 0;
        let mut start = None;
        for event in &self.events {
            match event {
                Event::ReplayDone { cursor } => start = Some(cursor.time()),
                Event::State { skipped, replay: false, .. } => told += 1 + skipped,
                Event::State { skipped, .. } => assert_eq!(*skipped, 0),
                _ => {}
            }
        }
        let start = start.unwrap();
        let later = truth.0.iter().filter(|s| self.scope.holds(&s.key) && s.committed_at > start);
        assert_eq!(told, later.count() as u64, "skipped is exact");
    }
}

fn scopes() -> [Scope; 4] {
    let cell = Key::new(tag("clean"), 1);
    [Scope::Job, Scope::Tag(tag("read")), Scope::Task(0), Scope::Cell(cell)]
}

/// Three writers, and readers that come at any time, some prompt, some slow, some never polled.
async fn race(bed: &Bed, seed: u64) {
    let mut rng = fastrand::Rng::with_seed(seed);
    let name = format!("race-{seed}");
    let job = bed.other.create(&*name, JobSpec::new(3)).await.unwrap();
    let writers = [bed.claim(&job, 0).await, bed.claim(&job, 1).await, bed.claim(&job, 2).await];
    let observer = bed.jobs.observe(&*name).await.unwrap();
    let mut truth = Truth::default();
    let mut recorders: Vec<Recorder> = vec![];
    for step in 0..40 {
        if rng.u8(..4) == 0 {
            let scope = rng.choice(scopes()).unwrap();
            recorders.push(Recorder::new(&observer, scope, None));
        }
        let fault = match rng.u8(..8) {
            0 => Some(Fault::Cut),
            1 => Some(Fault::Reset),
            2 => Some(Fault::Coalesce(Duration::from_millis(3))),
            _ => None,
        };
        if let Some(fault) = fault.filter(|_| !recorders.is_empty()) {
            bed.faults.next(Operation::Watch, fault);
        }
        let mut updates = vec![(tag("read"), Update::new(step))];
        if rng.bool() {
            updates.push((tag("clean"), Update::new(step)));
        }
        let writer = rng.choice(&writers).unwrap();
        truth.0.extend(writer.set_all(updates).await.unwrap());
        if rng.bool() {
            yields().await;
        }
        for (index, recorder) in recorders.iter_mut().enumerate() {
            // Every third is never polled before the end; every second is slow.
            match index % 3 {
                0 => recorder.poll(100).await,
                1 => recorder.poll(1).await,
                _ => {}
            }
        }
        if rng.u8(..10) == 0 && !recorders.is_empty() {
            recorders.swap_remove(rng.usize(..recorders.len()));
        }
    }
    recorders.push(Recorder::new(&observer, Scope::Job, None));
    for recorder in &mut recorders {
        bed.drive(recorder.finish(&truth)).await;
        recorder.check(&truth);
    }
    let places =
        recorders.iter().flat_map(|r| r.places().into_iter().map(|p| (r.scope.clone(), p)));
    let places: Vec<_> = places.collect();
    for (index, (scope, start)) in places.into_iter().enumerate() {
        // In this process, which has a listen, and in another one, which has none.
        let elsewhere = if index % 4 == 0 {
            Some(Jobs::new(bed.db.clone()).observe(&*name).await.unwrap())
        } else {
            None
        };
        let observer = elsewhere.as_ref().unwrap_or(&observer);
        let mut rest = Recorder::new(observer, scope, Some(start));
        bed.drive(rest.finish(&truth)).await;
        rest.check(&truth);
    }
}

firekeep_testkit::backends! {
    indexes: INDEXES;

    async fn a_watch_keeps_its_promises_whatever_happens(backend: TestBackend) {
        let seeds = if backend.is_memory() { 0..40 } else { 0..3 };
        for seed in seeds {
            println!("seed {seed}");
            let bed = Bed::new(backend.clone());
            race(&bed, seed).await;
        }
    }
}
