//! Lost, late and repeated messages: what took effect is answered yes, and giving up leaves nothing.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::sync::Arc;

use firekeep_core::{DocPath, ErrorKind as Store, Operation, Write, fields};
use firekeep_layers::{Fault, FaultLayer, RetryLayer, Stack};
use firekeep_lock::{AcquireOptions, ErrorKind, Guard, Locks, Released};
use firekeep_testkit::{TestBackend, backends};
use support::{Bed, LEASES, clocked, ms, secs};

const LATE: Fault = Fault::Late { calls: u32::MAX };

/// Nothing of the first holder's is in the way of the next.
async fn next_one_gets(bed: &Bed, fence: u64) {
    let next = bed.drive(bed.other.acquire("k")).await.unwrap();
    assert_eq!(next.fence().as_u64(), fence);
    bed.release(next).await;
}

/// The guard knows its lease as it is: it can do everything with it.
async fn is_whole(bed: &Bed, guard: Guard) {
    let write = Write::replace(DocPath::new("c/d").unwrap(), fields! { "n" => 1 }).unwrap();
    guard.commit(vec![write]).await.unwrap();
    assert!(guard.extend(secs(40)).await.unwrap());
    let info = bed.other.lookup("k").await.unwrap().unwrap();
    assert_eq!((info.holders[0].ends, info.fence), (guard.ends(), Some(guard.fence())));
    assert!(guard.remaining() > secs(35));
    bed.release(guard).await;
}

backends! {
    async fn an_acquisition_whose_reply_is_lost_is_won(backend: TestBackend) {
        let bed = Bed::new(backend);
        bed.faults.next(Operation::Commit, Fault::LoseReply);
        let guard = bed.drive(bed.locks.try_acquire("k")).await.unwrap().guard().unwrap();
        assert_eq!(guard.fence().as_u64(), 1);
        assert_eq!(bed.counters().await, [("k".to_owned(), 1)], "and won once");
        is_whole(&bed, guard).await;
    }

    async fn an_acquisition_whose_request_is_lost_is_sent_again(backend: TestBackend) {
        let bed = Bed::new(backend);
        bed.faults.next(Operation::Commit, Fault::LoseRequest);
        let guard = bed.drive(bed.locks.try_acquire("k")).await.unwrap().guard().unwrap();
        assert_eq!(guard.fence().as_u64(), 1);
        is_whole(&bed, guard).await;
    }

    async fn what_was_won_and_ended_before_it_was_found_is_won_anew(backend: TestBackend) {
        let bed = Bed::new(backend);
        let options = AcquireOptions::default().lease(secs(1));
        bed.faults.next(Operation::Commit, Fault::LoseReply);
        bed.faults.next(Operation::BatchGet, Fault::Delay(ms(1100)));
        let attempt = bed.drive(bed.locks.try_acquire_with("k", &options)).await;
        let guard = attempt.unwrap().guard().unwrap();
        assert!(guard.is_held(), "a guard of a lease that is over is of no use");
        assert_eq!(guard.fence().as_u64(), 2);
        bed.release(guard).await;
    }

    async fn several_keys_whose_reply_is_lost_are_won(backend: TestBackend) {
        let bed = Bed::new(backend);
        let options = AcquireOptions::default();
        for fault in [Fault::LoseReply, Fault::LoseRequest] {
            bed.faults.next(Operation::Commit, fault);
            let attempt = bed.drive(bed.locks.try_acquire_all(["a", "b"], &options)).await;
            let guard = attempt.unwrap().guard().unwrap();
            bed.faults.next(Operation::Commit, fault);
            assert!(bed.drive(guard.extend(secs(60))).await.unwrap());
            bed.faults.next(Operation::Commit, fault);
            assert_eq!(bed.drive(guard.release()).await.unwrap(), Released::Done);
            assert!(bed.held().await.is_empty());
        }
        assert_eq!(bed.counters().await, [("a".to_owned(), 2), ("b".to_owned(), 2)]);
    }

    async fn a_late_copy_of_what_was_sent_again_is_refused(backend: TestBackend) {
        let bed = Bed::new(backend);
        bed.faults.next(Operation::Commit, LATE);
        let guard = bed.drive(bed.locks.try_acquire("k")).await.unwrap().guard().unwrap();
        assert_eq!(bed.faults.release_late().await, 1);
        assert_eq!(bed.counters().await, [("k".to_owned(), 1)], "the precondition holds it off");
        is_whole(&bed, guard).await;
    }

    async fn a_late_copy_does_not_follow_the_release_of_what_was_sent_again(backend: TestBackend) {
        let bed = Bed::new(backend);
        bed.faults.next(Operation::Commit, LATE);
        let guard = bed.drive(bed.locks.try_acquire("k")).await.unwrap().guard().unwrap();
        assert_eq!(bed.drive(guard.release()).await.unwrap(), Released::Done);
        // The lease is gone, and yet the first commit must not find it absent.
        assert_eq!(bed.faults.release_late().await, 1);
        assert!(!bed.other.is_locked("k").await.unwrap());
        assert_eq!(bed.counters().await, [("k".to_owned(), 1)], "it was refused");
        next_one_gets(&bed, 2).await;
    }

    async fn a_commit_that_arrives_after_giving_up_is_refused(backend: TestBackend) {
        let bed = Bed::new(backend);
        bed.faults.next(Operation::Commit, LATE);
        bed.faults.next(Operation::BatchGet, Fault::Fail(Store::PermissionDenied));
        let error = bed.drive(bed.locks.try_acquire("k")).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::AuthFailed);
        bed.until("the late commit is barred", async || {
            !bed.documents(LEASES).await.is_empty()
        })
        .await;
        assert!(bed.held().await.is_empty());
        assert_eq!(bed.faults.release_late().await, 1);
        assert!(bed.held().await.is_empty(), "an orphan");
        next_one_gets(&bed, 1).await;
    }

    async fn a_commit_that_arrived_before_giving_up_is_undone(backend: TestBackend) {
        let bed = Bed::new(backend);
        bed.faults.next(Operation::Commit, Fault::LoseReply);
        bed.faults.next(Operation::BatchGet, Fault::Fail(Store::PermissionDenied));
        bed.drive(bed.locks.try_acquire("k")).await.unwrap_err();
        bed.until_free().await;
        next_one_gets(&bed, 2).await;
    }

    async fn of_two_sends_one_may_be_late_and_the_other_undone(backend: TestBackend) {
        let bed = Bed::new(backend);
        bed.faults.next(Operation::Commit, LATE);
        bed.faults.next(Operation::Commit, Fault::LoseReply);
        bed.faults.nth(Operation::BatchGet, 2, Fault::Fail(Store::PermissionDenied));
        bed.drive(bed.locks.try_acquire("k")).await.unwrap_err();
        bed.until("what landed is undone and the other barred", async || {
            let leases = bed.documents(LEASES).await;
            leases.iter().any(|lease| support::holders(lease).is_empty())
        })
        .await;
        assert_eq!(bed.faults.release_late().await, 1);
        assert!(bed.held().await.is_empty(), "an orphan");
        next_one_gets(&bed, 2).await;
    }

    async fn what_arrives_twice_happens_once(backend: TestBackend) {
        let bed = Bed::new(backend);
        bed.faults.next(Operation::Commit, Fault::Duplicate);
        let guard = bed.locks.try_acquire("k").await.unwrap().guard().unwrap();
        assert_eq!(bed.counters().await, [("k".to_owned(), 1)]);
        bed.faults.next(Operation::Commit, Fault::Duplicate);
        assert!(guard.extend(secs(60)).await.unwrap());
        bed.faults.next(Operation::Commit, Fault::Duplicate);
        bed.release(guard).await;
        next_one_gets(&bed, 2).await;
    }

    async fn an_extension_answers_yes_if_its_reply_or_its_request_is_lost(backend: TestBackend) {
        let bed = Bed::new(backend);
        for fault in [Fault::LoseReply, Fault::LoseRequest, LATE, Fault::Duplicate] {
            let guard = bed.locks.acquire("k").await.unwrap();
            bed.faults.next(Operation::Commit, fault);
            assert!(bed.drive(guard.extend(secs(90))).await.unwrap(), "{fault:?}");
            assert_eq!(guard.ends().since(guard.started()), secs(90), "{fault:?}");
            assert!(guard.remaining() > secs(80), "{fault:?}");
            bed.faults.release_late().await;
            is_whole(&bed, guard).await;
        }
    }

    async fn a_release_answers_yes_if_its_reply_or_its_request_is_lost(backend: TestBackend) {
        let bed = Bed::new(backend);
        for (round, fault) in [Fault::LoseReply, Fault::LoseRequest, LATE].into_iter().enumerate() {
            let guard = bed.locks.acquire("k").await.unwrap();
            bed.faults.next(Operation::Commit, fault);
            assert_eq!(bed.drive(guard.release()).await.unwrap(), Released::Done, "{fault:?}");
            bed.assert_free("k").await;
            let next = bed.other.acquire("k").await.unwrap();
            bed.faults.release_late().await;
            assert!(bed.other.owns("k", next.id()).await.unwrap(), "a late release is refused");
            bed.release(next).await;
            assert_eq!(bed.counters().await, [("k".to_owned(), 2 * (round as i64 + 1))]);
        }
    }

    async fn ids_answer_yes_if_a_reply_or_a_request_is_lost(backend: TestBackend) {
        let bed = Bed::new(backend);
        for fault in [Fault::LoseReply, Fault::LoseRequest] {
            let guard = bed.other.acquire("k").await.unwrap();
            bed.faults.next(Operation::Commit, fault);
            assert!(bed.locks.extend_id(guard.id(), secs(60)).await.unwrap(), "{fault:?}");
            bed.faults.next(Operation::Commit, fault);
            let released = bed.locks.release_id(guard.id()).await.unwrap();
            assert_eq!(released, Released::Done, "{fault:?}");
            bed.assert_free("k").await;
            assert_eq!(guard.release().await.unwrap(), Released::Gone);
        }
    }

    async fn failures_of_the_moment_are_sat_out(backend: TestBackend) {
        let bed = Bed::new(backend);
        for kind in [Store::Unavailable, Store::Internal, Store::ResourceExhausted, Store::Aborted] {
            let fail = || bed.faults.next(Operation::Commit, Fault::Fail(kind));
            fail();
            let guard = bed.drive(bed.locks.acquire("k")).await.unwrap();
            fail();
            assert!(bed.drive(guard.extend(secs(60))).await.unwrap(), "{kind}");
            fail();
            assert_eq!(bed.drive(guard.release()).await.unwrap(), Released::Done, "{kind}");
            bed.assert_free("k").await;
        }
    }

    async fn failures_for_good_are_named_and_leave_the_lease_to_its_end(backend: TestBackend) {
        let bed = Bed::new(backend);
        let denied = || {
            bed.faults.next(Operation::Commit, Fault::Fail(Store::PermissionDenied));
        };
        denied();
        let error = bed.drive(bed.locks.acquire("k")).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::AuthFailed);
        bed.assert_free("k").await;
        let guard = bed.locks.acquire("k").await.unwrap();
        denied();
        assert_eq!(guard.extend(secs(60)).await.unwrap_err().kind(), ErrorKind::AuthFailed);
        assert!(guard.is_held(), "a failed extension loses nothing");
        denied();
        let id = guard.id().clone();
        let error = guard.release().await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::AuthFailed);
        assert_eq!(error.store().unwrap().kind(), Store::PermissionDenied);
        assert!(bed.other.owns("k", &id).await.unwrap());
    }

    async fn a_release_that_came_too_late_does_not_claim_to_have_been_in_time(backend: TestBackend) {
        let bed = Bed::new(backend);
        let clock = bed.db.clock().clone();
        let layer = FaultLayer::new(1, clock);
        let faults = layer.handle();
        let (_, own) = bed.paused();
        let stack = Stack::from_arc(Arc::clone(bed.backend.db().store())).with(layer);
        let db = clocked(&bed.backend, firekeep_core::Db::from_arc(stack.build().unwrap()));
        let locks = Locks::new(db.with_clock(own.clone()));
        let options = AcquireOptions::default().lease(ms(200)).renew(false);
        let guard = locks.acquire_with("k", &options).await.unwrap();
        let ends = guard.ends();
        faults.next(Operation::Commit, Fault::LoseRequest);
        let mut release = Box::pin(guard.release());
        while faults.injected() == 0 {
            assert!(support::poll_once(release.as_mut()).await.is_none());
            tokio::task::yield_now().await;
        }
        // The releasing client waits before it looks; meanwhile the lease ends.
        bed.pass_to(ends.saturating_add(ms(1))).await;
        let next = bed.other.try_acquire("k").await.unwrap().guard().unwrap();
        let released = loop {
            if let Some(released) = support::poll_once(release.as_mut()).await {
                break released.unwrap();
            }
            own.advance(own.next_wake().unwrap_or_default().min(ms(20)));
            tokio::task::yield_now().await;
        };
        assert_ne!(released, Released::Done, "the request never arrived");
        bed.release(next).await;
    }

    async fn all_holds_above_a_retry_layer_too(backend: TestBackend) {
        let bed = Bed::new(backend);
        for fault in [Fault::LoseReply, Fault::LoseRequest, LATE, Fault::Duplicate] {
            let layer = FaultLayer::new(1, Arc::clone(bed.db.clock()));
            let faults = layer.handle();
            let retry = RetryLayer::new(Arc::clone(bed.db.clock()));
            let stack = Stack::from_arc(Arc::clone(bed.backend.db().store()));
            let store = stack.with(layer).with(retry).build().unwrap();
            let locks = Locks::new(clocked(&bed.backend, firekeep_core::Db::from_arc(store)));
            faults.next(Operation::Commit, fault);
            let guard = bed.drive(locks.acquire("k")).await.unwrap();
            faults.next(Operation::Commit, fault);
            assert!(bed.drive(guard.extend(secs(60))).await.unwrap(), "{fault:?}");
            faults.next(Operation::Commit, fault);
            assert_eq!(bed.drive(guard.release()).await.unwrap(), Released::Done, "{fault:?}");
            assert!(!bed.other.is_locked("k").await.unwrap());
            assert!(bed.held().await.is_empty());
        }
        assert_eq!(bed.counters().await, [("k".to_owned(), 4)], "each won once");
    }
}
