//! What is left behind, in both layouts: by who gave up, and by who died.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod typescript;

use firekeep_core::{ErrorKind as StoreErrorKind, ManualClock, Operation, Query};
use firekeep_layers::{Bill, Fault, FaultHandle};
use firekeep_lock::{AcquireOptions, ErrorKind, Layout, Locks};
use firekeep_testkit::{TestBackend, backends};
use typescript::bed::{Bed, ms, release, secs, won};
use typescript::lease_path;

const THEIRS: &str = "q3J5cG9Y-Zm9vYmFyMTIz_";

backends! {
    async fn giving_up_leaves_nothing_that_a_late_commit_could_take(backend: TestBackend) {
        let bed = Bed::new(backend);
        for layout in [Layout::Syncguard, Layout::Native] {
            let sound = Locks::builder(bed.db.clone()).layout(layout).build().unwrap();
            for (key, had_fences) in [("absent", 0), ("lapsed", 1)] {
                if had_fences > 0 {
                    let (dead, _) = bed.paused();
                    drop(dead);
                    let paused = bed.db.clone().with_clock(ManualClock::new());
                    let paused = Locks::builder(paused).layout(layout).build().unwrap();
                    let options = AcquireOptions::default().lease(ms(100));
                    let guard = paused.acquire_with(key, &options).await.unwrap();
                    bed.pass_to(guard.ends().saturating_add(ms(1001))).await;
                    std::mem::forget(guard);
                }
                let (faulty, faults) = bed.faulty(layout);
                let before = bed.backend.meter().snapshot();
                give_up(&faulty, &faults, layout, key, had_fences > 0).await;
                assert_eq!(faults.late(), 1, "the commit is under way");
                // Two reads here and there, and the commit that revokes.
                bed.until(async || bed.backend.meter().since(before).writes >= 1).await;
                assert_eq!(faults.release_late().await, 1);
                assert!(!sound.is_locked(key).await.unwrap(), "{layout:?}, {key}: an orphan");
                let guard = won(&sound, key).await;
                assert_eq!(guard.fence().as_u64(), had_fences + 1, "{layout:?}, {key}");
                release(guard).await;
            }
        }
    }

    async fn clean_up_deletes_a_lease_that_ended_long_ago_and_no_counter(backend: TestBackend) {
        let bed = Bed::new(backend);
        let cleaning =
            Locks::builder(bed.db.clone()).layout(Layout::Syncguard).clean_up(true).build().unwrap();
        bed.left("k", THEIRS, secs(3), ms(1), "000000000000009").await;
        assert!(!bed.locks.is_locked("k").await.unwrap());
        assert!(bed.fields(&lease_path("k")).await.is_some(), "asking deletes nothing by default");
        assert!(!cleaning.is_locked("k").await.unwrap());
        bed.until(async || bed.fields(&lease_path("k")).await.is_none()).await;
        let guard = won(&bed.locks, "k").await;
        assert_eq!(guard.fence().to_string(), "000000000000010");
        release(guard).await;
        // Within 2 s of the end nothing is deleted, and what is live neither.
        bed.left("young", THEIRS, ms(1_600), ms(100), "000000000000001").await;
        bed.left("live", THEIRS, ms(100), secs(30), "000000000000001").await;
        for (key, is_locked) in [("young", false), ("live", true)] {
            let (locked, cost) = bed.backend.bill(async {
                let locked = cleaning.is_locked(key).await.unwrap();
                for _ in 0..20 {
                    tokio::task::yield_now().await;
                }
                locked
            }).await;
            assert_eq!((locked, cost), (is_locked, Bill { rpcs: 1, reads: 1, writes: 0, deletes: 0 }), "{key}");
            assert!(bed.fields(&lease_path(key)).await.is_some(), "{key}");
        }
    }

    async fn clean_up_works_in_the_native_layout_too(backend: TestBackend) {
        let bed = Bed::new(backend);
        let cleaning = Locks::builder(bed.db.clone()).clean_up(true).build().unwrap();
        let paused = Locks::new(bed.db.clone().with_clock(ManualClock::new()));
        let options = AcquireOptions::default().lease(ms(100));
        let guard = paused.acquire_with("k", &options).await.unwrap();
        assert!(cleaning.is_locked("k").await.unwrap());
        bed.pass_to(guard.ends().saturating_add(ms(2_010))).await;
        std::mem::forget(guard);
        let leases = async || bed.db.count(Query::collection("firekeep_locks")).await;
        assert_eq!(leases().await.unwrap(), 1);
        assert!(!cleaning.is_locked("k").await.unwrap());
        bed.until(async || leases().await.unwrap() == 0).await;
        let guard = won(&cleaning, "k").await;
        assert_eq!(guard.fence().as_u64(), 2);
        release(guard).await;
    }
}

/// Attempts to take `key` with a commit that stays on its way, and gives up without knowing.
async fn give_up(locks: &Locks, faults: &FaultHandle, layout: Layout, key: &str, lapsed: bool) {
    let late = Fault::Late { calls: u32::MAX };
    let denied = Fault::Fail(StoreErrorKind::PermissionDenied);
    match (layout, lapsed) {
        // The first commit takes the lease to be absent; it is the second that is guarded by it.
        (Layout::Native, true) => {
            faults.nth(Operation::Commit, 2, late);
            faults.nth(Operation::BatchGet, 2, denied);
        }
        (Layout::Native, false) => {
            faults.next(Operation::Commit, late);
            faults.next(Operation::BatchGet, denied);
        }
        _ => {
            faults.next(Operation::Commit, late);
            faults.nth(Operation::BatchGet, 2, denied);
        }
    }
    let error = locks.try_acquire(key).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::AuthFailed);
}
