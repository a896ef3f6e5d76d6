//! Locks as they are used: many workers, unguarded data, and nothing lost.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::sync::atomic::{AtomicU32, Ordering};

use firekeep_core::{Db, DocPath, Value, fields};
use firekeep_lock::{AcquireOptions, Error, Fence, Lease, Locks, Released};
use firekeep_testkit::{TestBackend, backends};
use futures::future::{join_all, try_join_all};
use support::{Bed, LEASES, ms, secs};

fn path(text: &str) -> DocPath {
    DocPath::new(text).unwrap()
}

async fn number(db: &Db, document: &str) -> i64 {
    let found = db.get(path(document)).await.unwrap();
    found.and_then(|doc| doc.get("n").and_then(Value::as_integer)).unwrap_or_default()
}

/// Reads, works for `work`, and writes one more: it takes a lock to lose nothing.
async fn increment(db: &Db, document: &str, work: std::time::Duration) {
    let before = number(db, document).await;
    db.clock().sleep(work).await;
    db.set(path(document), fields! { "n" => before + 1 }).await.unwrap();
}

fn patient() -> AcquireOptions {
    AcquireOptions::default().wait(secs(240)).retry_delay(ms(20))
}

/// A client of its own, as another process would be.
fn client(bed: &Bed) -> Locks {
    Locks::new(bed.db.clone())
}

backends! {
    async fn ten_workers_increment_five_times_each_and_lose_nothing(backend: TestBackend) {
        let bed = Bed::new(backend);
        let (db, options) = (&bed.db, &patient());
        let workers = (0..10).map(|_| {
            let locks = client(&bed);
            async move {
                for _ in 0..5 {
                    let done = locks.with_lock("counter", options, async |_: Lease| {
                        increment(db, "data/counter", ms(10)).await;
                        Ok::<_, Error>(())
                    });
                    done.await?;
                }
                Ok::<_, Error>(())
            }
        });
        bed.drive(try_join_all(workers)).await.unwrap();
        assert_eq!(number(db, "data/counter").await, 50);
        assert_eq!(bed.counters().await, [("counter".to_owned(), 50)], "each had one turn");
        bed.assert_free("counter").await;
    }

    async fn without_a_lock_the_same_work_loses_updates(backend: TestBackend) {
        let bed = Bed::new(backend);
        let workers = (0..5).map(|_| increment(&bed.db, "data/counter", ms(20)));
        bed.drive(join_all(workers)).await;
        let left = number(&bed.db, "data/counter").await;
        assert!(left < 5, "{left}: the tests around this one show nothing");
    }

    async fn ten_workers_append_to_one_list(backend: TestBackend) {
        let bed = Bed::new(backend);
        let (db, options) = (&bed.db, &patient());
        let workers = (0..10_i64).map(|n| {
            let locks = client(&bed);
            async move {
                let guard = locks.acquire_with("list", options).await.unwrap();
                let found = db.get(path("data/list")).await.unwrap();
                let mut list = match found.as_ref().and_then(|doc| doc.get("list")) {
                    Some(Value::Array(list)) => list.clone(),
                    _ => Vec::new(),
                };
                list.push(Value::from(n));
                db.set(path("data/list"), fields! { "list" => list }).await.unwrap();
                assert_eq!(guard.release().await.unwrap(), Released::Done);
            }
        });
        bed.drive(join_all(workers)).await;
        let list = db.get(path("data/list")).await.unwrap().unwrap();
        let Some(Value::Array(list)) = list.get("list") else { panic!("no list") };
        let mut list: Vec<_> = list.iter().map(|n| n.as_integer().unwrap()).collect();
        list.sort_unstable();
        assert_eq!(list, (0..10).collect::<Vec<_>>());
    }

    async fn workers_on_keys_of_their_own_do_not_meet(backend: TestBackend) {
        let bed = Bed::new(backend);
        let workers = (0..16).map(|n| {
            let locks = client(&bed);
            async move {
                let key = format!("key-{n}");
                for round in 1..=3 {
                    let guard = locks.try_acquire(&key).await.unwrap().guard().unwrap();
                    assert_eq!(guard.fence(), Fence::new(round).unwrap());
                    assert_eq!(guard.release().await.unwrap(), Released::Done);
                }
            }
        });
        join_all(workers).await;
        assert!(bed.documents(LEASES).await.is_empty());
        assert_eq!(bed.counters().await.len(), 16);
    }

    async fn no_two_are_inside_at_once(backend: TestBackend) {
        let bed = Bed::new(backend);
        let (inside, options) = (&AtomicU32::new(0), &patient());
        let db = &bed.db;
        let workers = (0..8).map(|_| {
            let locks = client(&bed);
            async move {
                let mut fences = Vec::new();
                for _ in 0..3 {
                    let guard = locks.acquire_with("k", options).await.unwrap();
                    assert_eq!(inside.fetch_add(1, Ordering::SeqCst), 0, "two holders");
                    db.clock().sleep(ms(3)).await;
                    fences.push(guard.fence());
                    inside.fetch_sub(1, Ordering::SeqCst);
                    assert_eq!(guard.release().await.unwrap(), Released::Done);
                }
                assert!(fences.is_sorted_by(|one, next| one < next), "{fences:?}");
                fences
            }
        });
        let mut fences = bed.drive(join_all(workers)).await.concat();
        fences.sort_unstable();
        let numbers: Vec<_> = fences.iter().map(|fence| fence.as_u64()).collect();
        assert_eq!(numbers, (1..=24).collect::<Vec<_>>());
    }

    async fn locks_nest_and_are_released_inside_out(backend: TestBackend) {
        let bed = Bed::new(backend);
        let outer = bed.locks.acquire("outer").await.unwrap();
        let inner = bed.locks.acquire("inner").await.unwrap();
        assert!(bed.other.try_acquire("inner").await.unwrap().is_held());
        bed.release(inner).await;
        assert!(bed.other.is_locked("outer").await.unwrap());
        bed.release(outer).await;
    }
}
