//! What each operation costs, to the RPC and the billed document: the `# Cost` sections as assertions.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::time::Duration;

use firekeep_core::{DocPath, Write, fields};
use firekeep_layers::Bill;
use firekeep_lock::{AcquireOptions, Locks, Released};
use firekeep_testkit::{TestBackend, backends};

const fn bill(rpcs: u64, reads: u64, writes: u64, deletes: u64) -> Bill {
    Bill { rpcs, reads, writes, deletes }
}

fn locks(backend: &TestBackend) -> Locks {
    Locks::new(match backend.clock() {
        Some(clock) => backend.db().clone().with_clock(clock.clone()),
        None => backend.db().clone(),
    })
}

backends! {
    async fn acquire_extend_and_release_are_one_commit_each(backend: TestBackend) {
        let locks = locks(&backend);
        for round in 1..=2 {
            let (guard, cost) = backend.bill(locks.acquire("k")).await;
            let guard = guard.unwrap();
            assert_eq!(cost, bill(1, 0, 2, 0), "acquire, round {round}");
            assert_eq!(guard.fence().as_u64(), round);
            let (extended, cost) = backend.bill(guard.extend(Duration::from_secs(60))).await;
            assert!(extended.unwrap());
            assert_eq!(cost, bill(1, 0, 1, 0), "extend");
            let (released, cost) = backend.bill(guard.release()).await;
            assert_eq!(released.unwrap(), Released::Done);
            assert_eq!(cost, bill(1, 0, 0, 1), "release");
        }
    }

    async fn that_a_lock_is_held_is_known_in_two(backend: TestBackend) {
        let locks = locks(&backend);
        let guard = locks.acquire("k").await.unwrap();
        let (attempt, cost) = backend.bill(locks.try_acquire("k")).await;
        assert!(attempt.unwrap().is_held());
        assert_eq!(cost, bill(2, 2, 0, 0));
        assert!(guard.release().await.unwrap().is_done());
        assert!(!locks.is_locked("k").await.unwrap());
    }

    async fn several_keys_are_one_commit(backend: TestBackend) {
        let locks = locks(&backend);
        let options = AcquireOptions::default();
        let (guard, cost) = backend.bill(locks.acquire_all(["a", "b", "c"], &options)).await;
        let guard = guard.unwrap();
        assert_eq!(cost, bill(1, 0, 6, 0));
        assert_eq!(guard.keys().count(), 3);
        let (extended, cost) = backend.bill(guard.extend(Duration::from_secs(60))).await;
        assert!(extended.unwrap());
        assert_eq!(cost, bill(1, 0, 3, 0));
        let (released, cost) = backend.bill(guard.release()).await;
        assert_eq!((released.unwrap(), cost), (Released::Done, bill(1, 0, 0, 3)));
    }

    async fn a_guarded_commit_is_one_rpc_and_a_read_for_the_check(backend: TestBackend) {
        let locks = locks(&backend);
        let guard = locks.acquire("k").await.unwrap();
        let write = Write::replace(DocPath::new("c/d").unwrap(), fields! { "n" => 1 }).unwrap();
        let (committed, cost) = backend.bill(guard.commit(vec![write])).await;
        assert_eq!(committed.unwrap().writes.len(), 1);
        assert_eq!(cost, bill(1, 1, 1, 0));
        assert!(guard.release().await.unwrap().is_done());
    }

    async fn asking_is_one_rpc(backend: TestBackend) {
        let locks = locks(&backend);
        let guard = locks.acquire("k").await.unwrap();
        let (locked, cost) = backend.bill(locks.is_locked("k")).await;
        assert_eq!((locked.unwrap(), cost), (true, bill(1, 1, 0, 0)));
        let (info, cost) = backend.bill(locks.lookup("k")).await;
        assert_eq!((info.unwrap().unwrap().fence, cost), (Some(guard.fence()), bill(1, 2, 0, 0)));
        let (info, cost) = backend.bill(locks.lookup_id(guard.id())).await;
        assert_eq!((info.unwrap().unwrap().raw_key(), cost), ("k", bill(2, 3, 0, 0)));
        assert!(guard.release().await.unwrap().is_done());
    }
}
