//! Shared locks: many readers, or one writer, in one document.

#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "a test fails by panicking, and spawns what its callers would"
)]

mod support;

use std::mem::forget;

use firekeep_core::Operation;
use firekeep_layers::Fault;
use firekeep_lock::{AcquireOptions, Attempt, Guard, Locks, Mode, Released};
use firekeep_testkit::{TestBackend, backends};
use futures::future::join_all;
use support::{Bed, LEASES, holders, ms, secs};

fn shared() -> AcquireOptions {
    AcquireOptions::default().shared()
}

async fn reader(bed: &Bed, locks: &Locks) -> Guard {
    bed.drive(locks.acquire_with("k", &shared())).await.unwrap()
}

async fn write_is_refused(bed: &Bed) -> bool {
    bed.other.try_acquire("k").await.unwrap().is_held()
}

backends! {
    async fn readers_share_and_exclude_writers(backend: TestBackend) {
        let bed = Bed::new(backend);
        let mut readers = Vec::new();
        for n in 1..=5 {
            let guard = reader(&bed, if n % 2 == 0 { &bed.locks } else { &bed.other }).await;
            assert_eq!(guard.fence().as_u64(), n, "each has a fence of its own");
            readers.push(guard);
        }
        assert!(write_is_refused(&bed).await);
        let info = bed.other.lookup("k").await.unwrap().unwrap();
        assert_eq!((info.mode, info.holders.len()), (Mode::Shared, 5));
        for guard in &readers {
            assert!(info.holders.iter().any(|holding| holding.raw_id() == guard.id().as_str()));
            assert!(bed.other.owns("k", guard.id()).await.unwrap());
        }
        let last = readers.pop().unwrap();
        for guard in readers {
            let id = guard.id().clone();
            assert_eq!(guard.release().await.unwrap(), Released::Done);
            assert!(!bed.other.owns("k", &id).await.unwrap());
            assert!(write_is_refused(&bed).await);
        }
        bed.release(last).await;
        let writer = bed.other.try_acquire("k").await.unwrap().guard().unwrap();
        assert_eq!(writer.fence().as_u64(), 6, "a writer's fence is above those of all readers");
        bed.release(writer).await;
    }

    async fn a_writer_excludes_readers(backend: TestBackend) {
        let bed = Bed::new(backend);
        let writer = bed.other.acquire("k").await.unwrap();
        let Attempt::Held(held) = bed.locks.try_acquire_with("k", &shared()).await.unwrap() else {
            panic!("a reader beside a writer")
        };
        assert!(held.remaining > secs(20));
        bed.release(writer).await;
        let one = reader(&bed, &bed.locks).await;
        bed.release(one).await;
    }

    async fn the_last_reader_out_deletes_the_document_in_any_order(backend: TestBackend) {
        let bed = Bed::new(backend);
        for order in [[0, 1, 2], [2, 1, 0], [1, 0, 2]] {
            let mut readers = Vec::new();
            for _ in 0..3 {
                readers.push(Some(reader(&bed, &bed.locks).await));
            }
            for (left, at) in (0..3).rev().zip(order) {
                assert_eq!(readers[at].take().unwrap().release().await.unwrap(), Released::Done);
                let leases = bed.documents(LEASES).await;
                assert_eq!(leases.iter().map(|l| holders(l).len()).sum::<usize>(), left);
            }
            assert!(bed.documents(LEASES).await.is_empty());
        }
    }

    async fn readers_at_once_all_get_in_and_out(backend: TestBackend) {
        let bed = Bed::new(backend);
        let options = shared().wait(secs(120)).retry_delay(ms(5));
        let guards = bed.drive(join_all((0..8).map(|_| bed.locks.acquire_with("k", &options)))).await;
        let guards: Vec<_> = guards.into_iter().map(Result::unwrap).collect();
        let mut fences: Vec<_> = guards.iter().map(|guard| guard.fence().as_u64()).collect();
        fences.sort_unstable();
        fences.dedup();
        assert_eq!(fences.len(), 8, "no two readers have one fence");
        let released = bed.drive(join_all(guards.into_iter().map(Guard::release))).await;
        assert!(released.into_iter().all(|released| released.unwrap() == Released::Done));
        bed.assert_free("k").await;
    }

    async fn readers_extend_each_its_own(backend: TestBackend) {
        let bed = Bed::new(backend);
        let one = reader(&bed, &bed.locks).await;
        let two = reader(&bed, &bed.other).await;
        assert!(one.extend(secs(90)).await.unwrap());
        assert!(two.extend(secs(60)).await.unwrap());
        assert!(one.extend(secs(80)).await.unwrap());
        let info = bed.other.lookup("k").await.unwrap().unwrap();
        for (guard, lease) in [(&one, secs(80)), (&two, secs(60))] {
            let of = |id: &str| info.holders.iter().find(|h| h.raw_id() == id).unwrap().clone();
            let holding = of(guard.id().as_str());
            assert_eq!((holding.ends, holding.ends.since(holding.started)), (guard.ends(), lease));
        }
        assert!(one.release().await.unwrap().is_done());
        bed.release(two).await;
    }

    async fn a_dead_reader_blocks_writers_until_its_lease_ends(backend: TestBackend) {
        let bed = Bed::new(backend);
        let dead = bed.paused().0.acquire_with("k", &shared().lease(ms(500))).await.unwrap();
        let ends = dead.ends();
        forget(dead);
        let live = reader(&bed, &bed.locks).await;
        assert!(live.release().await.unwrap().is_done());
        assert!(write_is_refused(&bed).await);
        bed.pass_to(ends.saturating_add(ms(1))).await;
        assert!(!bed.other.is_locked("k").await.unwrap());
        let writer = bed.other.try_acquire("k").await.unwrap().guard().unwrap();
        bed.release(writer).await;
    }

    async fn a_dead_reader_is_forgotten_by_the_next(backend: TestBackend) {
        let bed = Bed::new(backend);
        let dead = bed.paused().0.acquire_with("k", &shared().lease(ms(100))).await.unwrap();
        bed.pass_to(dead.ends().saturating_add(ms(1))).await;
        forget(dead);
        let live = reader(&bed, &bed.locks).await;
        assert_eq!(holders(&bed.documents(LEASES).await[0]).len(), 1);
        bed.release(live).await;
    }

    async fn lost_messages_leave_neither_orphans_nor_false_answers(backend: TestBackend) {
        let bed = Bed::new(backend);
        let other = reader(&bed, &bed.other).await;
        for fault in [Fault::LoseReply, Fault::LoseRequest, Fault::Duplicate] {
            // The first commit finds another reader, the second one joins it.
            bed.faults.nth(Operation::Commit, 2, fault);
            let guard = reader(&bed, &bed.locks).await;
            bed.faults.next(Operation::Commit, fault);
            assert!(bed.drive(guard.extend(secs(70))).await.unwrap(), "{fault:?}");
            assert_eq!(guard.ends().since(guard.started()), secs(70), "{fault:?}");
            let id = guard.id().clone();
            bed.faults.next(Operation::Commit, fault);
            assert_eq!(bed.drive(guard.release()).await.unwrap(), Released::Done, "{fault:?}");
            assert!(!bed.other.owns("k", &id).await.unwrap());
            bed.faults.quiet();
        }
        bed.release(other).await;
    }

    async fn an_extension_that_did_not_happen_is_not_claimed_because_another_came(backend: TestBackend) {
        let bed = Bed::new(backend);
        let (locks, _) = bed.paused();
        let guard = reader(&bed, &bed.locks).await;
        bed.faults.next(Operation::Commit, Fault::LoseRequest);
        let lease = guard.lease();
        let extending = tokio::spawn(async move { lease.extend(secs(90)).await });
        bed.until("its request is lost", async || bed.faults.injected() == 1).await;
        // The version moves while the extension looks for what became of it.
        let newcomer = locks.acquire_with("k", &shared()).await.unwrap();
        assert!(bed.drive(extending).await.unwrap().unwrap());
        let info = bed.other.lookup("k").await.unwrap().unwrap();
        let holding = info.holders.iter().find(|h| h.raw_id() == guard.id().as_str()).unwrap();
        assert_eq!(holding.ends.since(holding.started), secs(90), "it says so, so it must be so");
        assert!(newcomer.release().await.unwrap().is_done());
        bed.release(guard).await;
    }

    async fn giving_up_on_sharing_leaves_the_others_alone(backend: TestBackend) {
        let bed = Bed::new(backend);
        let other = reader(&bed, &bed.other).await;
        bed.faults.nth(Operation::Commit, 2, Fault::Late { calls: u32::MAX });
        bed.faults.nth(Operation::BatchGet, 2, Fault::Fail(firekeep_core::ErrorKind::PermissionDenied));
        bed.drive(bed.locks.try_acquire_with("k", &shared())).await.unwrap_err();
        bed.until("the late commit is barred", async || {
            let lease = &bed.documents(LEASES).await[0];
            lease.get("revoked").is_some() && holders(lease).len() == 1
        })
        .await;
        assert_eq!(bed.faults.release_late().await, 1);
        assert_eq!(holders(&bed.documents(LEASES).await[0]).len(), 1, "an orphan");
        assert!(bed.other.owns("k", other.id()).await.unwrap());
        assert!(other.extend(secs(60)).await.unwrap());
        bed.release(other).await;
    }

    async fn sharing_and_excluding_waiters_are_all_served(backend: TestBackend) {
        let bed = Bed::new(backend);
        let turns = (0..8).map(|n| {
            let options = AcquireOptions::default().wait(secs(300)).retry_delay(ms(10));
            let options = if n % 3 == 0 { options } else { options.shared() };
            let bed = &bed;
            async move {
                let guard = bed.locks.acquire_with("k", &options).await.unwrap();
                support::yields().await;
                assert_eq!(guard.release().await.unwrap(), Released::Done);
            }
        });
        bed.drive(join_all(turns)).await;
        bed.assert_free("k").await;
        assert_eq!(bed.counters().await, [("k".to_owned(), 8)]);
    }
}
