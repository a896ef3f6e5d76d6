//! What a lock does for those who use it well: the contract of the reference, on every backend.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use firekeep_lock::{AcquireOptions, Attempt, LockId, Mode, Released};
use firekeep_testkit::{TestBackend, backends};
use futures::future::join_all;
use support::{Bed, secs};

backends! {
    async fn a_lock_lives_from_acquire_to_release(backend: TestBackend) {
        let bed = Bed::new(backend);
        bed.assert_free("k").await;
        let guard = bed.locks.acquire("k").await.unwrap();
        assert_eq!((guard.key().as_str(), guard.fence().to_string().as_str()), ("k", "000000000000001"));
        assert!(guard.is_held() && !guard.is_lost());
        assert!(bed.other.is_locked("k").await.unwrap());
        assert!(bed.other.owns("k", guard.id()).await.unwrap());
        assert!(guard.extend(secs(60)).await.unwrap());
        assert!(guard.remaining() > secs(58), "{:?}", guard.remaining());
        assert_eq!(guard.fence().as_u64(), 1, "an extension is no acquisition");
        bed.release(guard).await;
    }

    async fn keys_are_independent(backend: TestBackend) {
        let bed = Bed::new(backend);
        let first = bed.locks.acquire("a").await.unwrap();
        let second = bed.locks.acquire("b").await.unwrap();
        assert_ne!(first.id(), second.id());
        assert_eq!((first.fence().as_u64(), second.fence().as_u64()), (1, 1));
        bed.release(first).await;
        assert!(bed.other.is_locked("b").await.unwrap());
        bed.release(second).await;
    }

    async fn a_held_lock_is_an_answer_and_takes_nothing(backend: TestBackend) {
        let bed = Bed::new(backend);
        let guard = bed.locks.acquire("k").await.unwrap();
        let Attempt::Held(held) = bed.other.try_acquire("k").await.unwrap() else {
            panic!("two holders")
        };
        assert!(held.remaining > secs(25) && held.remaining <= secs(31), "{held:?}");
        assert!(bed.other.owns("k", guard.id()).await.unwrap());
        bed.release(guard).await;
        assert_eq!(bed.counters().await, [("k".to_owned(), 1)], "a refusal uses no fence up");
    }

    async fn of_many_at_once_one_wins(backend: TestBackend) {
        let bed = Bed::new(backend);
        let attempts = join_all((0..20).map(|_| bed.locks.try_acquire("k"))).await;
        let mut won: Vec<_> = attempts.into_iter().filter_map(|a| a.unwrap().guard()).collect();
        assert_eq!(won.len(), 1);
        assert_eq!(won[0].fence().as_u64(), 1);
        bed.release(won.remove(0)).await;
    }

    async fn what_was_released_can_be_acquired_again_at_once(backend: TestBackend) {
        let bed = Bed::new(backend);
        for round in 1..=10 {
            let locks = if round % 2 == 0 { &bed.locks } else { &bed.other };
            let guard = locks.try_acquire("k").await.unwrap().guard().unwrap();
            assert_eq!(guard.fence().as_u64(), round);
            bed.release(guard).await;
        }
    }

    async fn waiters_are_served_one_after_the_other(backend: TestBackend) {
        let bed = Bed::new(backend);
        let options = AcquireOptions::default().wait(secs(60));
        let turns = (0..5).map(|_| async {
            let guard = bed.locks.acquire_with("k", &options).await.unwrap();
            let fence = guard.fence().as_u64();
            tokio::task::yield_now().await;
            assert_eq!(guard.release().await.unwrap(), Released::Done);
            fence
        });
        let mut fences = bed.drive(join_all(turns)).await;
        fences.sort_unstable();
        assert_eq!(fences, [1, 2, 3, 4, 5]);
        bed.assert_free("k").await;
    }

    async fn an_id_releases_once(backend: TestBackend) {
        let bed = Bed::new(backend);
        let guard = bed.locks.acquire("k").await.unwrap();
        let id = guard.id().clone();
        assert!(bed.other.extend_id(&id, secs(60)).await.unwrap());
        assert_eq!(bed.other.release_id(&id).await.unwrap(), Released::Done);
        bed.assert_free("k").await;
        assert_eq!(bed.other.release_id(&id).await.unwrap(), Released::Gone);
        assert!(!bed.other.extend_id(&id, secs(60)).await.unwrap());
        assert_eq!(guard.release().await.unwrap(), Released::Gone, "the guard finds out");
        bed.assert_free("k").await;
    }

    async fn an_unknown_id_holds_nothing(backend: TestBackend) {
        let bed = Bed::new(backend);
        let id = LockId::parse("AAAAAAAAAAAAAAAAAAAAAA").unwrap();
        assert_eq!(bed.locks.release_id(&id).await.unwrap(), Released::Gone);
        assert!(!bed.locks.extend_id(&id, secs(1)).await.unwrap());
        assert_eq!(bed.locks.lookup_id(&id).await.unwrap(), None);
        assert!(!bed.locks.owns("k", &id).await.unwrap());
        assert!(bed.counters().await.is_empty());
    }

    async fn wrong_ids_leave_the_owner_alone(backend: TestBackend) {
        let bed = Bed::new(backend);
        let guard = bed.locks.acquire("k").await.unwrap();
        let elsewhere = bed.locks.acquire("elsewhere").await.unwrap();
        let wrong = LockId::parse("-_AAAAAAAAAAAAAAAAAAAA").unwrap();
        let released = join_all((0..10).map(|_| bed.other.release_id(&wrong))).await;
        assert!(released.into_iter().all(|released| released.unwrap() == Released::Gone));
        assert!(!bed.other.extend_id(&wrong, secs(60)).await.unwrap());
        assert!(!bed.other.owns("k", elsewhere.id()).await.unwrap());
        assert!(guard.extend(secs(30)).await.unwrap());
        bed.release(guard).await;
        bed.release(elsewhere).await;
    }

    async fn an_old_id_does_nothing_to_the_next_holder(backend: TestBackend) {
        let bed = Bed::new(backend);
        let first = bed.locks.acquire("k").await.unwrap();
        let old = first.id().clone();
        bed.release(first).await;
        let second = bed.other.acquire("k").await.unwrap();
        assert!(!bed.locks.extend_id(&old, secs(60)).await.unwrap());
        assert_eq!(bed.locks.release_id(&old).await.unwrap(), Released::Gone);
        assert!(!bed.locks.owns("k", &old).await.unwrap());
        assert!(bed.locks.owns("k", second.id()).await.unwrap());
        bed.release(second).await;
    }

    async fn several_keys_are_all_or_none(backend: TestBackend) {
        let bed = Bed::new(backend);
        let options = AcquireOptions::default();
        let taken = bed.other.acquire("b").await.unwrap();
        assert!(bed.locks.try_acquire_all(["a", "b", "c"], &options).await.unwrap().is_held());
        assert!(!bed.other.is_locked("a").await.unwrap());
        bed.release(taken).await;
        let guard = bed.locks.acquire_all(["c", "b", "a"], &options).await.unwrap();
        let keys: Vec<_> = guard.keys().map(|key| key.as_str().to_owned()).collect();
        assert_eq!(keys, ["c", "b", "a"]);
        let fences: Vec<_> = guard.fences().iter().map(|fence| fence.as_u64()).collect();
        assert_eq!(fences, [1, 2, 1], "each key has its own");
        assert!(bed.other.try_acquire("a").await.unwrap().is_held());
        assert!(guard.extend(secs(60)).await.unwrap());
        bed.release(guard).await;
    }

    async fn several_keys_in_any_order_do_not_deadlock(backend: TestBackend) {
        let bed = Bed::new(backend);
        let options = AcquireOptions::default().wait(secs(120));
        let orders = [["a", "b", "c"], ["b", "c", "a"], ["c", "a", "b"], ["c", "b", "a"]];
        let (locks, options) = (&bed.locks, &options);
        let turns = orders.map(|keys| async move {
            let guard = locks.acquire_all(keys, options).await.unwrap();
            tokio::task::yield_now().await;
            assert_eq!(guard.release().await.unwrap(), Released::Done);
        });
        bed.drive(join_all(turns)).await;
        let each = |key: &str| (key.to_owned(), 4);
        assert_eq!(bed.counters().await, [each("a"), each("b"), each("c")]);
        assert!(bed.documents(support::LEASES).await.is_empty());
    }

    async fn several_keys_are_released_by_one_id(backend: TestBackend) {
        let bed = Bed::new(backend);
        let options = AcquireOptions::default();
        let guard = bed.locks.acquire_all(["a", "b"], &options).await.unwrap();
        assert!(bed.other.extend_id(guard.id(), secs(60)).await.unwrap());
        for key in ["a", "b"] {
            let info = bed.other.lookup(key).await.unwrap().unwrap();
            assert_eq!(info.holders[0].ends.since(info.holders[0].started), secs(60));
        }
        assert_eq!(bed.other.release_id(guard.id()).await.unwrap(), Released::Done);
        bed.assert_free("a").await;
        bed.assert_free("b").await;
        assert_eq!(guard.release().await.unwrap(), Released::Gone);
    }

    async fn a_lookup_tells_who_holds_and_no_secrets(backend: TestBackend) {
        let bed = Bed::new(backend);
        let options = AcquireOptions::default().owner("worker-7");
        let guard = bed.locks.acquire_with("secret-key", &options).await.unwrap();
        let by_key = bed.other.lookup("secret-key").await.unwrap().unwrap();
        let by_id = bed.other.lookup_id(guard.id()).await.unwrap().unwrap();
        for info in [&by_key, &by_id] {
            assert_eq!((info.mode, info.fence), (Mode::Exclusive, Some(guard.fence())));
            assert_eq!((&info.key, info.raw_key()), (&guard.key().hash(), "secret-key"));
            let [holding] = info.holders.as_slice() else { panic!("one holder") };
            assert_eq!((&holding.id, holding.raw_id()), (&guard.id().hash(), guard.id().as_str()));
            assert_eq!((holding.acquired, holding.started), (guard.started(), guard.started()));
            assert_eq!((holding.ends, holding.owner.as_deref()), (guard.ends(), Some("worker-7")));
            let shown = format!("{info:?} {holding:?} {guard:?}");
            assert!(!shown.contains("secret-key") && !shown.contains(guard.id().as_str()));
        }
        bed.release(guard).await;
        assert_eq!(bed.other.lookup("secret-key").await.unwrap(), None);
    }

    async fn lookups_at_once_agree(backend: TestBackend) {
        let bed = Bed::new(backend);
        let guard = bed.locks.acquire("k").await.unwrap();
        let found = join_all((0..8).map(|_| bed.other.lookup("k"))).await;
        for info in found {
            assert_eq!(info.unwrap().unwrap().holders[0].raw_id(), guard.id().as_str());
        }
        bed.release(guard).await;
    }

    async fn an_error_leaves_everything_as_it_was(backend: TestBackend) {
        let bed = Bed::new(backend);
        let guard = bed.locks.acquire("k").await.unwrap();
        bed.locks.acquire("").await.unwrap_err();
        guard.extend(secs(0)).await.unwrap_err();
        bed.locks.extend_id(guard.id(), secs(0)).await.unwrap_err();
        let options = AcquireOptions::default();
        bed.locks.acquire_all(["a", "a"], &options).await.unwrap_err();
        assert!(guard.is_held() && bed.other.owns("k", guard.id()).await.unwrap());
        bed.release(guard).await;
        assert_eq!(bed.counters().await, [("k".to_owned(), 1)]);
    }
}
