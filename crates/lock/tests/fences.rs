//! Fencing tokens: they rise for ever, per key, and their end is seen from afar.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::mem::forget;
use std::sync::Mutex;

use firekeep_core::{Value, fields};
use firekeep_lock::{AcquireOptions, ErrorKind, Fence};
use firekeep_testkit::{TestBackend, backends};
use futures::future::join_all;
use support::{Bed, FENCES, LEASES, ms, secs, text};

/// Sets the counter of `k` to `last`, as if so many had been given out.
async fn set_counter(bed: &Bed, last: u64) {
    bed.release(bed.locks.acquire("k").await.unwrap()).await;
    let fences = bed.documents(FENCES).await;
    let counter = fences.iter().find(|doc| text(doc, "key") == Some("k")).unwrap();
    let last = Value::from(i64::try_from(last).unwrap());
    bed.db.merge(counter.path().clone(), fields! { "fence" => last }).await.unwrap();
}

backends! {
    async fn fences_rise_by_one_with_each_acquisition_and_are_per_key(backend: TestBackend) {
        let bed = Bed::new(backend);
        for round in 1..=3 {
            for key in ["a", "b"] {
                let guard = bed.locks.acquire(key).await.unwrap();
                assert_eq!(guard.fence(), Fence::new(round).unwrap());
                assert_eq!(guard.fence().to_string().len(), Fence::DIGITS);
                assert!(guard.extend(secs(60)).await.unwrap());
                assert_eq!(guard.fence(), Fence::new(round).unwrap());
                bed.release(guard).await;
            }
        }
        assert_eq!(bed.counters().await, [("a".to_owned(), 3), ("b".to_owned(), 3)]);
    }

    /// What tells the order is that nobody else holds the lock meanwhile. The times at which leases
    /// began can't: a store may stamp a request when it comes in and carry it out after another.
    async fn fences_rise_in_the_order_in_which_the_lock_is_held(backend: TestBackend) {
        let bed = Bed::new(backend);
        let options = AcquireOptions::default().wait(secs(120));
        let fences = Mutex::new(Vec::new());
        let turns = (0..8).map(|_| async {
            let guard = bed.locks.acquire_with("k", &options).await.unwrap();
            fences.lock().unwrap().push(guard.fence().as_u64());
            assert!(guard.release().await.unwrap().is_done());
        });
        bed.drive(join_all(turns)).await;
        assert_eq!(fences.into_inner().unwrap(), (1..=8).collect::<Vec<_>>());
    }

    async fn a_lookup_knows_the_fence(backend: TestBackend) {
        let bed = Bed::new(backend);
        set_counter(&bed, 41).await;
        let guard = bed.locks.acquire("k").await.unwrap();
        assert_eq!(guard.fence().to_string(), "000000000000042");
        assert_eq!(bed.other.lookup("k").await.unwrap().unwrap().fence, Some(guard.fence()));
        bed.release(guard).await;
    }

    async fn at_the_end_acquiring_is_refused_and_leaves_no_lock(backend: TestBackend) {
        let bed = Bed::new(backend);
        set_counter(&bed, Fence::MAX.as_u64() - 1).await;
        let last = bed.locks.acquire("k").await.unwrap();
        assert_eq!(last.fence(), Fence::MAX);
        bed.release(last).await;
        for _ in 0..2 {
            let error = bed.drive(bed.locks.acquire("k")).await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Internal);
            assert!(error.to_string().contains("900000000000000"), "{error}");
            bed.until("no lock is left", async || bed.documents(LEASES).await.is_empty()).await;
        }
        bed.assert_free("k").await;
        assert!(bed.counters().await[0].1 >= 900_000_000_000_000, "and nothing starts anew");
        bed.release(bed.locks.acquire("other").await.unwrap()).await;
    }

    async fn at_the_end_a_lapsed_lease_is_not_taken_over(backend: TestBackend) {
        let bed = Bed::new(backend);
        set_counter(&bed, Fence::MAX.as_u64() - 1).await;
        let options = AcquireOptions::default().lease(ms(100));
        let dead = bed.paused().0.acquire_with("k", &options).await.unwrap();
        bed.pass_to(dead.ends().saturating_add(ms(1))).await;
        forget(dead);
        let error = bed.drive(bed.locks.acquire("k")).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Internal);
        assert_eq!(bed.counters().await[0].1, 900_000_000_000_000, "seen before it was sent");
        assert!(!bed.other.is_locked("k").await.unwrap());
    }

    async fn a_counter_that_is_none_is_named_and_no_lock_is_left(backend: TestBackend) {
        let bed = Bed::new(backend);
        set_counter(&bed, 7).await;
        let counter = bed.documents(FENCES).await[0].path().clone();
        for broken in [999_999_999_999_999_i64, -5] {
            bed.db.merge(counter.clone(), fields! { "fence" => broken }).await.unwrap();
            let error = bed.drive(bed.locks.try_acquire("k")).await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Internal);
            assert!(error.to_string().contains("fence counter"), "{error}");
            bed.until("no lock is left", async || bed.documents(LEASES).await.is_empty()).await;
        }
    }
}
