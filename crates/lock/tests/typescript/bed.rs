//! A database that processes of both kinds use.

use std::sync::Arc;
use std::time::Duration;

use firekeep_core::{Clock, Db, DocPath, Fields, ManualClock, SystemClock, Timestamp, fields};
use firekeep_layers::{FaultHandle, FaultLayer, Stack};
use firekeep_lock::{Attempt, Guard, Layout, Locks, Released};
use firekeep_testkit::TestBackend;

use super::{TypeScript, counter_path, lease, lease_path};

/// A database with processes of both kinds.
pub(crate) struct Bed {
    pub(crate) backend: TestBackend,
    pub(crate) db: Db,
    pub(crate) locks: Locks,
}

impl Bed {
    pub(crate) fn new(backend: TestBackend) -> Self {
        let db = match backend.clock() {
            Some(clock) => backend.db().clone().with_clock(clock.clone()),
            None => backend.db().clone(),
        };
        Self { locks: syncguard(&db), db, backend }
    }

    /// Locks whose process is paused: its clock stands still, an hour off.
    pub(crate) fn paused(&self) -> (Locks, ManualClock) {
        let clock = ManualClock::new();
        clock.set_wall(Timestamp::UNIX_EPOCH);
        (syncguard(&self.db.clone().with_clock(clock.clone())), clock)
    }

    /// Locks of `layout` whose requests fail as `FaultHandle` says.
    pub(crate) fn faulty(&self, layout: Layout) -> (Locks, FaultHandle) {
        let layer = FaultLayer::new(1, Arc::clone(self.db.clock()));
        let faults = layer.handle();
        let store = Stack::from_arc(Arc::clone(self.db.store())).with(layer).build().unwrap();
        let mut db = Db::from_arc(store);
        if let Some(clock) = self.backend.clock() {
            db = db.with_clock(clock.clone());
        }
        (Locks::builder(db).layout(layout).build().unwrap(), faults)
    }

    /// The store's time.
    pub(crate) async fn now(&self) -> Timestamp {
        self.db.lookup([DocPath::new("t/now").unwrap()]).await.unwrap()[0].read_time
    }

    /// The other side, with a clock that is right.
    pub(crate) async fn typescript(&self) -> TypeScript {
        TypeScript::at(&self.db, self.now().await)
    }

    pub(crate) async fn fields(&self, path: &DocPath) -> Option<Fields> {
        self.db.get(path).await.unwrap().map(|document| document.fields().clone())
    }

    /// Lets the store's time come to `end`.
    pub(crate) async fn pass_to(&self, end: Timestamp) {
        match self.backend.clock() {
            Some(clock) => clock.advance(end.since(clock.wall())),
            // Time is real there. What is awaited is the store's clock.
            None => {
                while self.now().await < end {
                    SystemClock.sleep(ms(5)).await;
                }
            }
        }
    }

    /// Writes a lease and its counter as the other side would have, `ago` before now.
    pub(crate) async fn left(
        &self,
        key: &str,
        id: &str,
        ago: Duration,
        ttl: Duration,
        fence: &str,
    ) {
        let then = millis_of(self.now().await.saturating_sub(ago));
        self.db.set(&lease_path(key), lease(id, then, ttl, key, fence)).await.unwrap();
        let counter = fields! { "fence" => fence, "keyDebug" => key };
        self.db.set(&counter_path(key), counter).await.unwrap();
    }

    /// Waits until background work has brought `condition` about.
    pub(crate) async fn until(&self, condition: impl AsyncFn() -> bool) {
        for _ in 0..2_000 {
            if condition().await {
                return;
            }
            match self.backend.clock() {
                Some(clock) => {
                    tokio::task::yield_now().await;
                    clock.advance(Duration::ZERO);
                }
                None => SystemClock.sleep(ms(5)).await,
            }
        }
        panic!("it never came about");
    }
}

pub(crate) fn syncguard(db: &Db) -> Locks {
    Locks::builder(db.clone()).layout(Layout::Syncguard).build().unwrap()
}

pub(crate) async fn won(locks: &Locks, key: &str) -> Guard {
    match locks.try_acquire(key).await.unwrap() {
        Attempt::Won(guard) => guard,
        Attempt::Held(held) => panic!("{held:?}"),
    }
}

pub(crate) async fn release(guard: Guard) {
    assert_eq!(guard.release().await.unwrap(), Released::Done);
}

pub(crate) fn millis_of(time: Timestamp) -> i64 {
    time.as_micros().div_euclid(1000)
}

pub(crate) const fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

pub(crate) const fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}
