//! How leases end: by the store's clock for everybody, by its own for the holder, and for good.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::mem::forget;

use firekeep_core::{Operation, Timestamp};
use firekeep_lock::options::{MAX_LEASE, MIN_LEASE};
use firekeep_lock::{AcquireOptions, Attempt, Guard, Locks, Released};
use firekeep_testkit::{TestBackend, backends};
use support::{Bed, ms, secs};

/// Acquires `k` as a client that dies right after it. Answers its guard's id and when its lease ends.
async fn dead(bed: &Bed, lease: std::time::Duration) -> (firekeep_lock::LockId, Timestamp) {
    let (guard, _) = paused(bed, lease).await;
    let (id, ends) = (guard.id().clone(), guard.ends());
    forget(guard);
    (id, ends)
}

async fn paused(bed: &Bed, lease: std::time::Duration) -> (Guard, firekeep_core::ManualClock) {
    let (locks, clock) = bed.paused();
    let guard = locks.acquire_with("k", &AcquireOptions::default().lease(lease)).await.unwrap();
    (guard, clock)
}

async fn won(locks: &Locks) -> Guard {
    match locks.try_acquire("k").await.unwrap() {
        Attempt::Won(guard) => guard,
        Attempt::Held(held) => panic!("{held:?}"),
    }
}

backends! {
    async fn a_dead_holder_blocks_until_its_lease_ends_and_no_longer(backend: TestBackend) {
        let bed = Bed::new(backend);
        let (_, ends) = dead(&bed, secs(1)).await;
        if bed.backend.is_memory() {
            bed.pass_to(ends).await;
        }
        assert!(bed.other.try_acquire("k").await.unwrap().is_held(), "the end itself is within");
        assert!(bed.other.is_locked("k").await.unwrap());
        bed.pass_to(ends.saturating_add(ms(1))).await;
        assert!(!bed.other.is_locked("k").await.unwrap());
        let next = won(&bed.other).await;
        assert!(next.started() > ends, "leases by the store's clock are disjoint");
        assert_eq!(next.fence().as_u64(), 2);
        bed.release(next).await;
    }

    async fn what_lapsed_is_nobodys(backend: TestBackend) {
        let bed = Bed::new(backend);
        let (id, ends) = dead(&bed, MIN_LEASE).await;
        bed.pass_to(ends.saturating_add(ms(1))).await;
        assert_eq!(bed.other.lookup("k").await.unwrap(), None);
        assert_eq!(bed.other.lookup_id(&id).await.unwrap(), None);
        assert!(!bed.other.owns("k", &id).await.unwrap());
        assert!(!bed.other.is_locked("k").await.unwrap());
        assert_eq!(bed.documents(support::LEASES).await.len(), 1, "asking changes nothing");
    }

    async fn what_lapsed_is_not_revived_by_its_id(backend: TestBackend) {
        let bed = Bed::new(backend);
        let (id, ends) = dead(&bed, MIN_LEASE).await;
        bed.pass_to(ends.saturating_add(ms(1))).await;
        assert!(!bed.other.extend_id(&id, secs(60)).await.unwrap());
        assert!(!bed.other.is_locked("k").await.unwrap());
        bed.release(won(&bed.other).await).await;
    }

    async fn an_extension_moves_the_end(backend: TestBackend) {
        let bed = Bed::new(backend);
        let (guard, _) = paused(&bed, ms(500)).await;
        let before = guard.ends();
        bed.pass(ms(10)).await;
        assert!(guard.extend(secs(30)).await.unwrap());
        assert!(guard.ends() > before.saturating_add(secs(25)));
        bed.pass_to(before.saturating_add(ms(1))).await;
        assert!(bed.other.try_acquire("k").await.unwrap().is_held(), "beyond the old end");
        let info = bed.other.lookup("k").await.unwrap().unwrap();
        assert_eq!(info.holders[0].ends, guard.ends());
        assert!(info.holders[0].acquired < info.holders[0].started, "since when stays");
        bed.release(guard).await;
    }

    async fn an_extension_replaces_and_does_not_add(backend: TestBackend) {
        let bed = Bed::new(backend);
        let guard = bed.locks.acquire("k").await.unwrap();
        for lease in [secs(60), secs(10), ms(500), secs(20)] {
            assert!(guard.extend(lease).await.unwrap());
            assert_eq!(guard.ends().since(guard.started()), lease);
            assert!(guard.remaining() <= lease, "{:?}", guard.remaining());
            let info = bed.other.lookup("k").await.unwrap().unwrap();
            assert_eq!(info.holders[0].ends, guard.ends());
        }
        assert_eq!(guard.fence().as_u64(), 1);
        bed.release(guard).await;
    }

    async fn the_shortest_and_the_longest_lease_are_kept(backend: TestBackend) {
        let bed = Bed::new(backend);
        for lease in [MIN_LEASE, MAX_LEASE] {
            let options = AcquireOptions::default().lease(lease).max_hold(MAX_LEASE);
            let guard = bed.paused().0.acquire_with("k", &options).await.unwrap();
            assert_eq!(guard.ends().since(guard.started()), lease);
            assert!(guard.remaining() <= lease - lease / 100, "{:?}", guard.remaining());
            bed.release(guard).await;
        }
    }

    async fn fences_rise_across_leases_that_ended(backend: TestBackend) {
        let bed = Bed::new(backend);
        for round in 1..=4 {
            let (_, ends) = dead(&bed, MIN_LEASE).await;
            assert_eq!(bed.counters().await, [("k".to_owned(), round)]);
            bed.pass_to(ends.saturating_add(ms(1))).await;
        }
        let guard = won(&bed.other).await;
        assert_eq!(guard.fence().as_u64(), 5);
        bed.release(guard).await;
        assert_eq!(bed.counters().await, [("k".to_owned(), 5)], "counters outlive everything");
    }

    async fn a_late_release_of_what_lapsed_says_so_and_clears_up(backend: TestBackend) {
        let bed = Bed::new(backend);
        let (guard, _) = paused(&bed, MIN_LEASE).await;
        bed.pass_to(guard.ends().saturating_add(ms(1))).await;
        assert_eq!(guard.release().await.unwrap(), Released::Expired);
        bed.assert_free("k").await;
        let (id, ends) = dead(&bed, MIN_LEASE).await;
        bed.pass_to(ends.saturating_add(ms(1))).await;
        assert_eq!(bed.other.release_id(&id).await.unwrap(), Released::Expired);
        bed.assert_free("k").await;
    }

    async fn who_was_taken_over_knows_when_it_asks(backend: TestBackend) {
        let bed = Bed::new(backend);
        let (guard, _) = paused(&bed, MIN_LEASE).await;
        bed.pass_to(guard.ends().saturating_add(ms(1))).await;
        let next = won(&bed.other).await;
        assert!(guard.is_held(), "its clock stands still, so it can't know");
        assert!(!guard.extend(secs(60)).await.unwrap());
        assert!(guard.is_lost() && guard.token().is_cancelled());
        assert_eq!(guard.release().await.unwrap(), Released::Expired);
        assert!(bed.other.owns("k", next.id()).await.unwrap());
        bed.release(next).await;
    }

    async fn a_paused_release_leaves_the_next_holder_alone(backend: TestBackend) {
        let bed = Bed::new(backend);
        let (guard, _) = paused(&bed, MIN_LEASE).await;
        bed.pass_to(guard.ends().saturating_add(ms(1))).await;
        let next = won(&bed.other).await;
        assert_eq!(guard.release().await.unwrap(), Released::Gone);
        bed.release(next).await;
    }

    async fn a_holder_stops_believing_before_others_may_acquire(backend: TestBackend) {
        let bed = Bed::new(backend);
        let (locks, clock) = bed.paused();
        let options = AcquireOptions::default().lease(secs(100)).renew(false);
        let guard = locks.acquire_with("k", &options).await.unwrap();
        clock.advance(secs(99) - ms(1));
        assert!(guard.is_held(), "a hundredth is allowed for the rates of clocks");
        clock.advance(ms(1));
        assert!(!guard.is_held() && guard.is_lost());
        assert_eq!(guard.remaining(), secs(0));
        let before = bed.backend.meter().of(Operation::Commit);
        assert!(!guard.extend(secs(100)).await.unwrap());
        assert_eq!(bed.backend.meter().of(Operation::Commit).writes, before.writes);
        bed.until("what was lost is cleared away", async || {
            bed.documents(support::LEASES).await.is_empty()
        })
        .await;
        assert_eq!(guard.release().await.unwrap(), Released::Expired);
    }
}
