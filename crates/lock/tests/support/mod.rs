//! Locks on a backend behind a fault layer, and what a test asks of the store from outside.
#![allow(dead_code, reason = "each test file takes what it needs")]

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use firekeep_core::{
    Clock, Db, DocPath, Document, Fields, ManualClock, Query, SystemClock, Timestamp, Value,
};
use firekeep_layers::{FaultHandle, FaultLayer, Stack};
use firekeep_lock::{Guard, Locks, Released};
use firekeep_testkit::TestBackend;

pub(crate) const LEASES: &str = "firekeep_locks";
pub(crate) const FENCES: &str = "firekeep_fences";

/// Three clients of one database: one whose network a test can break, one that is sound, and any
/// number whose clock stands still.
#[derive(Debug)]
pub(crate) struct Bed {
    pub(crate) backend: TestBackend,
    /// The database, without faults.
    pub(crate) db: Db,
    /// A client behind the fault layer.
    pub(crate) locks: Locks,
    pub(crate) faults: FaultHandle,
    /// Another client, without faults.
    pub(crate) other: Locks,
}

impl Bed {
    pub(crate) fn new(backend: TestBackend) -> Self {
        let (locks, faults) = Self::faulty(&backend);
        let db = clocked(&backend, backend.db().clone());
        Self { locks: Locks::new(locks), faults, other: Locks::new(db.clone()), db, backend }
    }

    /// The backend behind a fault layer that does nothing until it is told to.
    pub(crate) fn faulty(backend: &TestBackend) -> (Db, FaultHandle) {
        let layer = FaultLayer::new(1, Arc::clone(clocked(backend, backend.db().clone()).clock()));
        let faults = layer.handle();
        let stack = Stack::from_arc(Arc::clone(backend.db().store())).with(layer);
        (clocked(backend, Db::from_arc(stack.build().unwrap())), faults)
    }

    /// A client that is paused: its own clock moves only when told to, so that the store's time
    /// passes it by. Without its guard it is dead.
    pub(crate) fn paused(&self) -> (Locks, ManualClock) {
        let clock = ManualClock::new();
        // Deadlines are by the client's clock. The store must not find them past.
        clock.advance(secs(48 * 60 * 60));
        (Locks::new(self.db.clone().with_clock(clock.clone())), clock)
    }

    /// The store's time.
    pub(crate) async fn now(&self) -> Timestamp {
        match self.backend.clock() {
            Some(clock) => clock.wall(),
            None => self.db.lookup([DocPath::new("t/now").unwrap()]).await.unwrap()[0].read_time,
        }
    }

    /// Lets the store's time come to `end`.
    pub(crate) async fn pass_to(&self, end: Timestamp) {
        match self.backend.clock() {
            Some(clock) => clock.advance(end.since(clock.wall())),
            // Time is real there. What is awaited is the store's clock.
            None => {
                while self.now().await < end {
                    SystemClock.sleep(Duration::from_millis(5)).await;
                }
            }
        }
        yields().await;
    }

    /// Lets the store's time pass by `time`.
    pub(crate) async fn pass(&self, time: Duration) {
        self.pass_to(self.now().await.saturating_add(time)).await;
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
        for _ in 0..2_000 {
            yields().await;
            if holds().await {
                return;
            }
            match self.backend.clock() {
                Some(clock) => clock.advance(Duration::from_millis(2)),
                // Time is real there, and other processes' work too.
                None => SystemClock.sleep(Duration::from_millis(5)).await,
            }
        }
        panic!("not in time: {what}");
    }

    /// The documents of `collection`.
    pub(crate) async fn documents(&self, collection: &str) -> Vec<Document> {
        self.db.query(Query::collection(collection)).await.unwrap()
    }

    /// The lease documents, those without holders left out: who gave up may leave one.
    pub(crate) async fn held(&self) -> Vec<Document> {
        let mut leases = self.documents(LEASES).await;
        leases.retain(|lease| !holders(lease).is_empty());
        leases
    }

    /// Waits until no lease document has a holder, by work in the background and not by time.
    pub(crate) async fn until_free(&self) {
        self.until("the lock is free", async || self.held().await.is_empty()).await;
    }

    /// Releases, and asserts that the lock was held until then and that nothing of it is left but
    /// its counter.
    pub(crate) async fn release(&self, guard: Guard) {
        let lease = guard.lease();
        assert_eq!(guard.release().await.unwrap(), Released::Done);
        assert!(!lease.is_held() && !lease.is_lost());
        for key in lease.keys() {
            self.assert_free(key.as_str()).await;
            assert!(!self.other.owns(key, lease.id()).await.unwrap());
        }
    }

    /// Asserts that nothing is left of `key` but its counter; after a fault, perhaps an empty lease
    /// that keeps a commit off that may still be under way.
    pub(crate) async fn assert_free(&self, key: &str) {
        assert!(!self.other.is_locked(key).await.unwrap());
        assert_eq!(self.other.lookup(key).await.unwrap(), None);
        let faults = self.faults.injected();
        let leases = if faults == 0 { self.documents(LEASES).await } else { self.held().await };
        let left = leases.iter().filter(|lease| text(lease, "key") == Some(key)).count();
        assert_eq!(left, 0, "the lease document is gone");
    }

    /// The counter documents by key.
    pub(crate) async fn counters(&self) -> Vec<(String, i64)> {
        let fences = self.documents(FENCES).await;
        let counter = |doc: &Document| doc.get("fence").and_then(Value::as_integer).unwrap();
        let mut counters: Vec<_> =
            fences.iter().map(|doc| (text(doc, "key").unwrap().to_owned(), counter(doc))).collect();
        counters.sort();
        counters
    }
}

/// `db` on the clock of the backend.
pub(crate) fn clocked(backend: &TestBackend, db: Db) -> Db {
    match backend.clock() {
        Some(clock) => db.with_clock(clock.clone()),
        None => db,
    }
}

/// The entries of a lease document.
pub(crate) fn holders(lease: &Document) -> &Fields {
    lease.get("holders").and_then(Value::as_map).unwrap()
}

pub(crate) fn text<'a>(document: &'a Document, field: &str) -> Option<&'a str> {
    document.get(field).and_then(Value::as_str)
}

/// Lets the other tasks of the runtime run until they wait for time or for nothing.
pub(crate) async fn yields() {
    for _ in 0..YIELDS {
        tokio::task::yield_now().await;
    }
}

/// What `work` answers if it is polled once.
pub(crate) async fn poll_once<T>(
    mut work: std::pin::Pin<&mut impl Future<Output = T>>,
) -> Option<T> {
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
