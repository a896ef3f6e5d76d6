//! Commits under a lock: they land while it is held, and at no other time.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::sync::atomic::{AtomicU32, Ordering};

use firekeep_core::{
    Document, Effect, ErrorKind as Store, ManualClock, Operation, Require, Txn, Value, Write,
    fields,
};
use firekeep_layers::Fault;
use firekeep_lock::{AcquireOptions, CommitError, Guard, Locks};
use firekeep_testkit::{TestBackend, backends};
use support::{Bed, ms, secs, yields};

fn write(n: i64) -> Write {
    Write::replace(path("c/d"), fields! { "n" => n }).unwrap()
}

fn path(text: &str) -> firekeep_core::DocPath {
    firekeep_core::DocPath::new(text).unwrap()
}

async fn written(bed: &Bed) -> Option<i64> {
    let found: Option<Document> = bed.db.get("c/d").await.unwrap();
    found.and_then(|doc| doc.get("n").and_then(Value::as_integer))
}

/// A holder that was paused until another had its lock, and that other.
async fn taken_over(bed: &Bed) -> (Guard, ManualClock, Guard) {
    let (locks, clock) = bed.paused();
    let guard = locks.acquire_with("k", &AcquireOptions::default().lease(ms(100))).await.unwrap();
    bed.pass_to(guard.ends().saturating_add(ms(1))).await;
    let next = bed.other.try_acquire("k").await.unwrap().guard().unwrap();
    assert!(guard.is_held(), "its own clock stands still");
    (guard, clock, next)
}

/// Reads and writes under the lock, in a transaction.
async fn transact(guard: &Guard, n: i64) -> Result<i64, CommitError> {
    guard
        .transact(|txn: Txn| async move {
            let before = txn.get("c/d").await?;
            txn.write(write(n));
            let number = |doc: Document| doc.get("n").and_then(Value::as_integer);
            Ok::<_, CommitError>(before.and_then(number).unwrap_or_default())
        })
        .await
}

backends! {
    async fn what_is_committed_under_the_lock_is_there(backend: TestBackend) {
        let bed = Bed::new(backend);
        let guard = bed.locks.acquire("k").await.unwrap();
        let committed = guard.commit(vec![write(1)]).await.unwrap();
        assert_eq!(committed.writes.len(), 1, "the check does not show");
        assert_eq!(written(&bed).await, Some(1));
        assert_eq!(transact(&guard, 2).await.unwrap(), 1);
        assert_eq!(written(&bed).await, Some(2));
        guard.commit(vec![]).await.unwrap();
        bed.release(guard).await;
    }

    async fn after_a_takeover_nothing_is_written(backend: TestBackend) {
        let bed = Bed::new(backend);
        let (guard, _, next) = taken_over(&bed).await;
        next.commit(vec![write(2)]).await.unwrap();
        let error = guard.commit(vec![write(1)]).await.unwrap_err();
        assert!(error.is_lost() && error.effect() == Effect::None, "{error}");
        assert_eq!(written(&bed).await, Some(2));
        assert!(guard.is_lost() && guard.token().is_cancelled());
        bed.release(next).await;
    }

    async fn after_a_takeover_no_transaction_commits(backend: TestBackend) {
        let bed = Bed::new(backend);
        let (guard, _, next) = taken_over(&bed).await;
        next.commit(vec![write(2)]).await.unwrap();
        assert!(transact(&guard, 1).await.unwrap_err().is_lost());
        assert_eq!(written(&bed).await, Some(2));
        bed.release(next).await;
    }

    async fn after_the_next_holder_is_gone_too_nothing_is_written(backend: TestBackend) {
        let bed = Bed::new(backend);
        let (guard, _, next) = taken_over(&bed).await;
        bed.release(next).await;
        assert!(guard.commit(vec![write(1)]).await.unwrap_err().is_lost());
        let again = bed.other.acquire("k").await.unwrap();
        assert!(guard.commit(vec![write(1)]).await.unwrap_err().is_lost());
        assert_eq!(written(&bed).await, None);
        bed.release(again).await;
    }

    async fn once_the_local_deadline_is_over_nothing_is_sent(backend: TestBackend) {
        let bed = Bed::new(backend);
        let (locks, clock) = bed.paused();
        let options = AcquireOptions::default().lease(secs(30)).renew(false);
        let guard = locks.acquire_with("k", &options).await.unwrap();
        clock.advance(ms(29_700));
        let (lost, bill) = bed.backend.bill(guard.commit(vec![write(1)])).await;
        assert!(lost.unwrap_err().is_lost());
        assert_eq!((bill.writes, written(&bed).await), (0, None));
    }

    async fn a_renewal_in_between_is_no_loss(backend: TestBackend) {
        let bed = Bed::new(backend);
        let guard = bed.locks.acquire("k").await.unwrap();
        // Another handle by id moves the version, and this guard does not know.
        assert!(bed.other.extend_id(guard.id(), secs(60)).await.unwrap());
        guard.commit(vec![write(1)]).await.unwrap();
        assert_eq!(written(&bed).await, Some(1));
        assert!(bed.other.extend_id(guard.id(), secs(60)).await.unwrap());
        assert_eq!(transact(&guard, 2).await.unwrap(), 1);
        assert_eq!(written(&bed).await, Some(2));
        bed.release(guard).await;
    }

    async fn commits_race_extensions_and_all_land(backend: TestBackend) {
        let bed = Bed::new(backend);
        let guard = bed.locks.acquire("k").await.unwrap();
        let commits = async {
            for n in 1..=20 {
                guard.commit(vec![write(n)]).await.unwrap();
                yields().await;
            }
        };
        let extensions = async {
            for _ in 0..20 {
                assert!(guard.extend(secs(60)).await.unwrap());
                tokio::task::yield_now().await;
            }
        };
        bed.drive(futures::future::join(commits, extensions)).await;
        assert_eq!(written(&bed).await, Some(20));
        bed.release(guard).await;
    }

    async fn a_refusal_of_the_writes_themselves_is_the_store_s_answer(backend: TestBackend) {
        let bed = Bed::new(backend);
        let guard = bed.locks.acquire("k").await.unwrap();
        guard.commit(vec![write(1)]).await.unwrap();
        let create = write(2).require(Require::Absent);
        for moves in [false, true] {
            if moves {
                assert!(bed.other.extend_id(guard.id(), secs(60)).await.unwrap());
            }
            let refused = guard.commit(vec![create.clone()]).await.unwrap_err();
            let CommitError::Store(error) = refused else { panic!("{refused}") };
            assert_eq!(error.kind(), Store::AlreadyExists);
            assert!(guard.is_held());
        }
        let refused = guard.transact(|txn: Txn| {
            let create = create.clone();
            async move {
                txn.write(create);
                Ok::<_, CommitError>(())
            }
        });
        assert!(matches!(refused.await.unwrap_err(), CommitError::Store(_)));
        assert_eq!(written(&bed).await, Some(1));
        bed.release(guard).await;
    }

    async fn an_error_of_the_body_comes_out_and_nothing_is_written(backend: TestBackend) {
        let bed = Bed::new(backend);
        let guard = bed.locks.acquire("k").await.unwrap();
        let failed = guard.transact(|txn: Txn| async move {
            txn.write(write(1));
            let error = firekeep_core::Error::invalid("the body's own");
            Err::<(), CommitError>(error.into())
        });
        let error = failed.await.unwrap_err();
        assert!(error.to_string().contains("the body's own"), "{error}");
        assert_eq!(written(&bed).await, None);
        bed.release(guard).await;
    }

    async fn a_lost_reply_says_that_it_may_have_happened(backend: TestBackend) {
        let bed = Bed::new(backend);
        let guard = bed.locks.acquire("k").await.unwrap();
        bed.faults.next(Operation::Commit, Fault::LoseReply);
        let error = guard.commit(vec![write(1)]).await.unwrap_err();
        assert_eq!(error.effect(), Effect::Unknown);
        assert!(!error.is_lost() && guard.is_held());
        assert_eq!(written(&bed).await, Some(1), "and here it has");
        guard.commit(vec![write(2)]).await.unwrap();
        bed.release(guard).await;
    }

    async fn a_late_commit_is_refused_once_the_lock_has_moved_on(backend: TestBackend) {
        let bed = Bed::new(backend);
        let guard = bed.locks.acquire("k").await.unwrap();
        bed.faults.next(Operation::Commit, Fault::Late { calls: u32::MAX });
        assert_eq!(guard.commit(vec![write(1)]).await.unwrap_err().effect(), Effect::Unknown);
        bed.release(guard).await;
        let next = bed.other.acquire("k").await.unwrap();
        next.commit(vec![write(2)]).await.unwrap();
        assert_eq!(bed.faults.release_late().await, 1);
        assert_eq!(written(&bed).await, Some(2), "a stale write landed");
        bed.release(next).await;
    }

    async fn every_key_of_several_is_checked(backend: TestBackend) {
        let bed = Bed::new(backend);
        let (locks, _) = bed.paused();
        let options = AcquireOptions::default().lease(ms(100));
        let guard = locks.acquire_all(["a", "b"], &options).await.unwrap();
        guard.commit(vec![write(1)]).await.unwrap();
        bed.pass_to(guard.ends().saturating_add(ms(1))).await;
        let next = bed.other.try_acquire("b").await.unwrap().guard().unwrap();
        assert!(guard.commit(vec![write(2)]).await.unwrap_err().is_lost());
        assert_eq!(written(&bed).await, Some(1));
        bed.release(next).await;
    }

    async fn readers_that_share_commit_while_others_come_and_go(backend: TestBackend) {
        let bed = Bed::new(backend);
        let shared = AcquireOptions::default().shared();
        let one = bed.locks.acquire_with("k", &shared).await.unwrap();
        let two = bed.other.acquire_with("k", &shared).await.unwrap();
        one.commit(vec![write(1)]).await.unwrap();
        assert!(two.release().await.unwrap().is_done());
        one.commit(vec![write(2)]).await.unwrap();
        assert_eq!(written(&bed).await, Some(2));
        bed.release(one).await;
    }

    async fn a_lock_s_own_documents_can_t_be_written_under_it(backend: TestBackend) {
        let bed = Bed::new(backend);
        let guard = bed.locks.acquire("k").await.unwrap();
        let lease = bed.documents(support::LEASES).await[0].path().clone();
        let refused = guard.commit(vec![Write::delete(lease)]).await.unwrap_err();
        assert!(!refused.is_lost(), "{refused}");
        assert!(guard.is_held());
        bed.release(guard).await;
    }

    async fn many_workers_lose_no_update_without_any_other_check(backend: TestBackend) {
        let bed = Bed::new(backend);
        let options = AcquireOptions::default().wait(secs(120)).retry_delay(ms(10));
        let turns = AtomicU32::new(0);
        let worker = |locks: Locks| {
            let (bed, options, turns) = (&bed, &options, &turns);
            async move {
                for _ in 0..3 {
                    let guard = locks.acquire_with("k", options).await.unwrap();
                    let before = written(bed).await.unwrap_or_default();
                    yields().await;
                    guard.commit(vec![write(before + 1)]).await.unwrap();
                    assert!(guard.release().await.unwrap().is_done());
                    turns.fetch_add(1, Ordering::Relaxed);
                }
            }
        };
        let workers = (0..5).map(|n| worker(if n % 2 == 0 { &bed.locks } else { &bed.other }.clone()));
        bed.drive(futures::future::join_all(workers)).await;
        assert_eq!(written(&bed).await, Some(15));
        assert_eq!(turns.into_inner(), 15);
    }
}
