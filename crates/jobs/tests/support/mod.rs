//! Jobs on a backend behind a fault layer, and what a test asks of the store from outside.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
#![allow(dead_code, reason = "each test file takes what it needs")]

use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use firekeep_core::{
    Clock, Db, DocPath, Document, ManualClock, Query, SystemClock, Timestamp, Value,
};
use firekeep_jobs::{ClaimOptions, Job, Jobs, Tag, TaskWriter};
use firekeep_layers::{FaultHandle, FaultLayer, Rates, Stack};
use firekeep_testkit::TestBackend;

/// The composite indexes that memory enforces.
pub(crate) const INDEXES: &str = include_str!("../../../../infra/firestore.indexes.json");

/// Clients of one database: one whose network a test can break, one that is sound, and any number
/// whose clock stands still.
#[derive(Debug)]
pub(crate) struct Bed {
    pub(crate) backend: TestBackend,
    /// The database, without faults.
    pub(crate) db: Db,
    /// The database behind the fault layer.
    pub(crate) faulty: Db,
    /// A client behind the fault layer.
    pub(crate) jobs: Jobs,
    pub(crate) faults: FaultHandle,
    /// Another client, without faults.
    pub(crate) other: Jobs,
}

impl Bed {
    pub(crate) fn new(backend: TestBackend) -> Self {
        Self::stormy(backend, 1, Rates::default())
    }

    /// A bed whose faulty client meets faults at these rates, too.
    pub(crate) fn stormy(backend: TestBackend, seed: u64, rates: Rates) -> Self {
        let (faulty, faults) = Self::faulty(&backend, seed, rates);
        let db = clocked(&backend, backend.db().clone());
        let (jobs, other) = (Jobs::new(faulty.clone()), Jobs::new(db.clone()));
        Self { backend, db, faulty, jobs, faults, other }
    }

    /// The backend behind a fault layer, which does what it is told to.
    pub(crate) fn faulty(backend: &TestBackend, seed: u64, rates: Rates) -> (Db, FaultHandle) {
        let db = clocked(backend, backend.db().clone());
        let layer = FaultLayer::new(seed, Arc::clone(db.clock())).everywhere(rates);
        let faults = layer.handle();
        let stack = Stack::from_arc(Arc::clone(backend.db().store())).with(layer);
        (clocked(backend, Db::from_arc(stack.build().unwrap())), faults)
    }

    /// A client that is paused: its own clock moves only when told to, so that the store's time
    /// passes it by.
    pub(crate) fn paused(&self) -> (Jobs, ManualClock) {
        let clock = ManualClock::new();
        // Deadlines are by the client's clock. The store must not find them past.
        clock.advance(secs(48 * 60 * 60));
        (Jobs::new(self.db.clone().with_clock(clock.clone())), clock)
    }

    /// The store's time.
    pub(crate) async fn now(&self) -> Timestamp {
        match self.backend.clock() {
            Some(clock) => clock.wall(),
            None => self.db.lookup([DocPath::new("t/now").unwrap()]).await.unwrap()[0].read_time,
        }
    }

    /// Lets the store's time pass by `time`.
    pub(crate) async fn pass(&self, time: Duration) {
        let end = self.now().await.saturating_add(time);
        match self.backend.clock() {
            Some(clock) => clock.advance(time),
            // Time is real there. What is awaited is the store's clock.
            None => {
                while self.now().await < end {
                    SystemClock.sleep(ms(5)).await;
                }
            }
        }
        yields().await;
    }

    /// Awaits `work`. In memory, time passes whenever everything waits for it.
    pub(crate) async fn drive<T>(&self, work: impl Future<Output = T>) -> T {
        let Some(clock) = self.backend.clock() else { return work.await };
        let mut work = pin!(work);
        loop {
            for _ in 0..YIELDS {
                if let Some(done) = poll_once(work.as_mut()).await {
                    return done;
                }
                tokio::task::yield_now().await;
            }
            clock.advance(clock.next_wake().expect("somebody waits for the time"));
        }
    }

    /// Waits for background work to make `holds` true. In memory, time passes in small steps.
    pub(crate) async fn until(&self, what: &str, holds: impl AsyncFn() -> bool) {
        for _ in 0..4_000 {
            yields().await;
            if holds().await {
                return;
            }
            match self.backend.clock() {
                Some(clock) => clock.advance(ms(2)),
                // Time is real there, and other processes' work too.
                None => SystemClock.sleep(ms(5)).await,
            }
        }
        panic!("not in time: {what}");
    }

    /// The documents of `collection`.
    pub(crate) async fn documents(&self, collection: &str) -> Vec<Document> {
        self.db.query(Query::collection(collection)).await.unwrap()
    }

    /// The version of each cell of `job` by its id, sorted.
    pub(crate) async fn versions(&self, job: &str) -> Vec<(String, i64)> {
        let cells = self.documents(&format!("jobs/{job}/states")).await;
        let mut versions: Vec<_> =
            cells.iter().map(|cell| (cell.id().to_owned(), integer(cell, "version"))).collect();
        versions.sort();
        versions
    }

    /// The versions that the history of `job` has of the cell with this id, ascending.
    pub(crate) async fn history(&self, job: &str, cell: &str) -> Vec<i64> {
        let events = self.documents(&format!("jobs/{job}/events")).await;
        let prefix = format!("{cell}@");
        let events = events.iter().filter(|event| event.id().starts_with(&prefix));
        let mut versions: Vec<_> = events.map(|event| integer(event, "version")).collect();
        versions.sort_unstable();
        versions
    }

    /// Claims a task that is free, or will be once a claim that was dropped is given up.
    pub(crate) async fn claim(&self, job: &Job, task: u32) -> TaskWriter {
        self.claim_with(job, task, &ClaimOptions::default()).await
    }

    /// As [`claim`](Self::claim).
    pub(crate) async fn claim_with(
        &self,
        job: &Job,
        task: u32,
        options: &ClaimOptions,
    ) -> TaskWriter {
        for _ in 0..2_000 {
            if let Some(writer) = self.drive(job.claim_with(task, options)).await.unwrap().writer()
            {
                return writer;
            }
            match self.backend.clock() {
                Some(clock) => clock.advance(ms(20)),
                None => SystemClock.sleep(ms(5)).await,
            }
            yields().await;
        }
        panic!("the task {task} does not come free");
    }
}

/// Runs `test` for each of `seeds`, or for the one that `FIREKEEP_SEED` names. The last one printed is
/// the one that failed.
#[allow(clippy::disallowed_methods, reason = "a seed that failed is given by hand")]
#[allow(clippy::print_stdout, reason = "the test harness shows it if the test fails")]
pub(crate) fn seeds(seeds: std::ops::Range<u64>, test: impl AsyncFn(u64)) {
    let one = std::env::var("FIREKEEP_SEED").ok().map(|seed| seed.parse().unwrap());
    for seed in one.map_or(seeds, |seed| seed..seed + 1) {
        println!("FIREKEEP_SEED={seed}");
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        runtime.unwrap().block_on(test(seed));
    }
}

/// `db` on the clock of the backend.
pub(crate) fn clocked(backend: &TestBackend, db: Db) -> Db {
    match backend.clock() {
        Some(clock) => db.with_clock(clock.clone()),
        None => db,
    }
}

pub(crate) fn tag(tag: &str) -> Tag {
    Tag::new(tag).unwrap()
}

pub(crate) fn text<'a>(document: &'a Document, field: &str) -> Option<&'a str> {
    document.get(field).and_then(Value::as_str)
}

pub(crate) fn integer(document: &Document, field: &str) -> i64 {
    document.get(field).and_then(Value::as_integer).unwrap()
}

/// Lets the other tasks of the runtime run until they wait for time or for nothing.
pub(crate) async fn yields() {
    for _ in 0..YIELDS {
        tokio::task::yield_now().await;
    }
}

/// What `work` answers if it is polled once.
pub(crate) async fn poll_once<T>(mut work: Pin<&mut impl Future<Output = T>>) -> Option<T> {
    poll_fn(|cx| match work.as_mut().poll(cx) {
        Poll::Ready(done) => Poll::Ready(Some(done)),
        Poll::Pending => Poll::Ready(None),
    })
    .await
}

pub(crate) const fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

pub(crate) const fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

const YIELDS: usize = 40;
