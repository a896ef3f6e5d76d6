//! The sixteen weaknesses found in the reference, W1 to W16: one test each that none is ours.

#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "a test fails by panicking, and spawns what its callers would"
)]

mod support;

use std::future::Future;
use std::mem::forget;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use firekeep_core::{
    DocPath, ErrorKind as Store, ManualClock, Operation, Query, Require, Timestamp, Value, Write,
    field, fields,
};
use firekeep_layers::Fault;
use firekeep_lock::options::MAX_LEASE;
use firekeep_lock::{
    AcquireOptions, Action, Attempt, CancellationToken, Error, ErrorKind, Event, Growth, Jitter,
    Lease, Locks, Observer, Outcome, Released,
};
use firekeep_memory::IndexFile;
use firekeep_testkit::{TestBackend, backends};
use futures::future::join_all;
use support::{Bed, FENCES, LEASES, ms, secs};

/// Runs `work` as a client that is killed once it is done: everything else it does ends with it.
async fn killed<T: Send + 'static>(work: impl Future<Output = T> + Send + 'static) -> T {
    let (tell, told) = futures::channel::oneshot::channel();
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let answer = runtime.block_on(work);
        drop(runtime);
        let _ = tell.send(answer);
    });
    told.await.unwrap()
}

/// Asserts that the killed holder of `k` blocks it until its lease ends, and no longer.
async fn frees_itself(bed: &Bed, lease: Duration) {
    let ends = bed.other.lookup("k").await.unwrap().unwrap().holders[0].ends;
    let options = AcquireOptions::default().wait(secs(30)).retry_delay(ms(20));
    let next =
        bed.drive(bed.other.acquire_with("k", &options.growth(Growth::Fixed))).await.unwrap();
    let late = next.started().since(ends);
    assert!(next.started() > ends && late < secs(10), "{late:?} after a lease of {lease:?}");
    bed.release(next).await;
}

#[derive(Clone, Debug, Default)]
struct Seen(Arc<Mutex<Vec<Event>>>);

impl Observer for Seen {
    fn event(&self, event: &Event) {
        self.0.lock().unwrap().push(event.clone());
    }
}

backends! {
    async fn w1_a_lost_reply_to_an_acquisition_orphans_nothing(backend: TestBackend) {
        let bed = Bed::new(backend);
        bed.faults.next(Operation::Commit, Fault::LoseReply);
        let attempt = bed.drive(bed.locks.try_acquire("k")).await.unwrap();
        let Attempt::Won(guard) = attempt else { panic!("held, and nobody has the id") };
        assert!(bed.other.owns("k", guard.id()).await.unwrap());
        bed.release(guard).await;
    }

    async fn w2_a_release_whose_reply_is_lost_says_that_it_released(backend: TestBackend) {
        let bed = Bed::new(backend);
        let guard = bed.locks.acquire("k").await.unwrap();
        bed.faults.next(Operation::Commit, Fault::LoseReply);
        assert_eq!(bed.drive(guard.release()).await.unwrap(), Released::Done);
        bed.assert_free("k").await;
    }

    async fn w3_a_killed_client_blocks_nobody_past_its_lease(backend: TestBackend) {
        let bed = Bed::new(backend);
        bed.assert_free("k").await;
        let lease = ms(600);
        let options = AcquireOptions::default().lease(lease);
        let (db, own) = (bed.db.clone(), options.clone());
        // While it holds.
        killed(async move { forget(Locks::new(db).acquire_with("k", &own).await.unwrap()) }).await;
        frees_itself(&bed, lease).await;
        // While it acquires: the store has its commit, and it has no answer yet.
        let (db, faults) = Bed::faulty(&bed.backend);
        faults.next(Operation::Commit, Fault::DelayReply(secs(3600)));
        let sound = bed.db.clone();
        killed(async move {
            let locks = Locks::new(db);
            let mut acquire = Box::pin(locks.acquire_with("k", &options));
            loop {
                assert!(support::poll_once(acquire.as_mut()).await.is_none());
                tokio::task::yield_now().await;
                if !sound.query(Query::collection(LEASES)).await.unwrap().is_empty() {
                    return forget(acquire);
                }
            }
        })
        .await;
        frees_itself(&bed, lease).await;
    }

    async fn w4_keys_with_slashes_lock_and_release(backend: TestBackend) {
        let bed = Bed::new(backend);
        for key in ["a/b", "a/b/c", "/a", "a//b", ".", "..", "__x__"] {
            let guard = bed.locks.acquire(key).await.unwrap();
            assert!(guard.extend(secs(60)).await.unwrap());
            assert!(bed.other.extend_id(guard.id(), secs(60)).await.unwrap());
            bed.release(guard).await;
            let guard = bed.locks.acquire(key).await.unwrap();
            assert_eq!(bed.other.release_id(guard.id()).await.unwrap(), Released::Done);
            bed.assert_free(key).await;
            assert_eq!(guard.release().await.unwrap(), Released::Gone);
        }
    }

    async fn w5_a_cancelled_caller_still_releases(backend: TestBackend) {
        let bed = Bed::new(backend);
        let token = CancellationToken::new();
        let options = AcquireOptions::default().cancel(token.clone());
        let answer = bed.locks.with_lock("k", &options, async |_: Lease| {
            token.cancel();
            Err::<(), _>(Error::from(firekeep_core::Error::invalid("stopped")))
        });
        answer.await.unwrap_err();
        bed.assert_free("k").await;
    }

    async fn w6_work_under_a_lock_has_fence_notice_and_renewal(backend: TestBackend) {
        let bed = Bed::new(backend);
        let options = AcquireOptions::default().lease(ms(600));
        let work = bed.locks.with_lock("k", &options, async |lease: Lease| {
            assert_eq!(lease.fence().as_u64(), 1);
            bed.pass(ms(150)).await;
            let started = lease.started();
            for _ in 0..10 {
                bed.pass(ms(100)).await;
            }
            assert!(lease.is_held() && lease.started() > started, "renewed");
            // An operator ends it.
            assert_eq!(bed.other.release_id(lease.id()).await?, Released::Done);
            let told = lease.clone();
            let waits = tokio::spawn(async move { told.lost().await });
            bed.until("the work is told", async || lease.is_lost()).await;
            assert_eq!(waits.await.unwrap().key, lease.key().hash());
            assert!(lease.token().is_cancelled());
            Ok::<_, Error>(())
        });
        work.await.unwrap();
        bed.assert_free("k").await;
    }

    async fn w7_failures_of_the_moment_do_not_end_an_acquisition(backend: TestBackend) {
        let bed = Bed::new(backend);
        for kind in [Store::Aborted, Store::Unavailable, Store::Internal, Store::DeadlineExceeded] {
            for _ in 0..6 {
                bed.faults.next(Operation::Commit, Fault::Fail(kind));
            }
            let options = AcquireOptions::default().wait(secs(60)).retry_delay(ms(10));
            let guard = bed.drive(bed.locks.acquire_with("k", &options)).await;
            bed.release(guard.unwrap_or_else(|error| panic!("{kind}: {error}"))).await;
            bed.faults.quiet();
        }
    }

    async fn w8_no_wall_clock_decides(backend: TestBackend) {
        let bed = Bed::new(backend);
        let now = bed.now().await;
        let hour = secs(3600);
        for wall in [now.saturating_sub(hour), now.saturating_add(hour), Timestamp::UNIX_EPOCH] {
            let clock = ManualClock::at(wall);
            clock.advance(secs(48 * 3600));
            clock.set_wall(wall);
            let askew = Locks::new(bed.db.clone().with_clock(clock.clone()));
            let options = AcquireOptions::default().lease(ms(400));
            let guard = askew.acquire_with("k", &options).await.unwrap();
            assert!(guard.remaining() > ms(390) && guard.remaining() <= ms(396));
            assert!(bed.other.try_acquire("k").await.unwrap().is_held());
            bed.pass_to(guard.ends().saturating_add(ms(1))).await;
            forget(guard);
            let next = bed.other.try_acquire("k").await.unwrap().guard().unwrap();
            assert!(askew.try_acquire("k").await.unwrap().is_held(), "a live lock is stolen");
            assert_eq!(askew.lookup("k").await.unwrap().unwrap().holders[0].ends, next.ends());
            bed.release(next).await;
        }
    }

    async fn w9_nobody_queries_and_what_rises_is_not_indexed(backend: TestBackend) {
        let bed = Bed::new(backend);
        let guard = bed.locks.acquire("k").await.unwrap();
        assert!(bed.other.try_acquire("k").await.unwrap().is_held());
        assert!(guard.extend(secs(60)).await.unwrap());
        assert!(guard.release().await.unwrap().is_done());
        assert_eq!(bed.backend.meter().of(Operation::Query).rpcs, 0);
        let text = include_str!("../../../infra/firestore.indexes.json");
        let indexes = IndexFile::parse(text).unwrap();
        let is_indexed = |query: firekeep_core::Query| indexes.check(&query).is_ok();
        let by_default = IndexFile::parse(firekeep_testkit::backend::NO_INDEXES).unwrap();
        for (collection, rising) in [(LEASES, "holders.x.at"), (FENCES, "fence")] {
            let query = Query::collection(collection).filter(field(rising).gt(0)).build().unwrap();
            by_default.check(&query).unwrap();
            assert!(!is_indexed(query), "{collection}.{rising}");
        }
        let by_id = Query::collection(LEASES).filter(field("ids").array_contains("x"));
        assert!(is_indexed(by_id.build().unwrap()), "the query by id works with that file");
    }

    async fn w10_acquiring_is_one_round_trip_and_held_is_known_in_two(backend: TestBackend) {
        let bed = Bed::new(backend);
        let (guard, won) = bed.backend.bill(bed.locks.acquire("k")).await;
        assert_eq!((won.rpcs, won.reads, won.writes), (1, 0, 2));
        let (attempt, held) = bed.backend.bill(bed.other.try_acquire("k")).await;
        assert!(attempt.unwrap().is_held());
        assert_eq!((held.rpcs, held.writes), (2, 0));
        bed.release(guard.unwrap()).await;
    }

    async fn w11_a_waiter_wastes_no_time(backend: TestBackend) {
        let bed = Bed::new(backend);
        let dead = bed.paused().0.acquire_with("k", &AcquireOptions::default().lease(ms(300))).await;
        let dead = dead.unwrap();
        let ends = dead.ends();
        forget(dead);
        // It sleeps for no longer than the lease, and tries once more at its own end.
        let options = AcquireOptions::default().wait(secs(60)).retry_delay(secs(30));
        let options = options.jitter(Jitter::None);
        let guard = bed.drive(bed.locks.acquire_with("k", &options)).await.unwrap();
        assert!(guard.started().since(ends) < secs(10));
        let waits = options.clone().wait(ms(500)).retry_delay(ms(400));
        let wait = bed.other.acquire_with("k", &waits);
        let release = async {
            bed.until("it waits", async || bed.backend.meter().of(Operation::BatchGet).rpcs > 2).await;
            assert!(guard.release().await.unwrap().is_done());
        };
        let (won, ()) = bed.drive(futures::future::join(wait, release)).await;
        bed.release(won.unwrap()).await;
    }

    async fn w12_what_stays_is_one_small_counter_per_key(backend: TestBackend) {
        let bed = Bed::new(backend);
        for key in ["a", "b"] {
            for _ in 0..3 {
                bed.release(bed.locks.acquire(key).await.unwrap()).await;
            }
            drop(bed.locks.acquire(key).await.unwrap());
            bed.until_free().await;
            // One that died, one that was taken over, one that was given up.
            let options = AcquireOptions::default().lease(ms(100));
            let dead = bed.paused().0.acquire_with(key, &options).await.unwrap();
            bed.pass_to(dead.ends().saturating_add(ms(1))).await;
            forget(dead);
            bed.faults.next(Operation::Commit, Fault::LoseRequest);
            bed.faults.next(Operation::BatchGet, Fault::Fail(Store::PermissionDenied));
            bed.drive(bed.locks.try_acquire(key)).await.unwrap_err();
            bed.until_free().await;
            bed.release(bed.drive(bed.other.acquire(key)).await.unwrap()).await;
        }
        assert!(bed.documents(LEASES).await.is_empty());
        let counters = bed.documents(FENCES).await;
        assert_eq!(counters.len(), 2);
        for counter in counters {
            let names: Vec<_> = counter.fields().keys().map(ToString::to_string).collect();
            assert_eq!(names, ["fence", "key"]);
        }
        assert_eq!(bed.counters().await.iter().map(|(_, n)| *n).collect::<Vec<_>>(), [6, 6]);
    }

    async fn w13_a_hot_key_is_written_by_its_turns_and_not_by_its_waiters(backend: TestBackend) {
        let bed = Bed::new(backend);
        let held = bed.other.acquire("k").await.unwrap();
        let before = bed.backend.meter().snapshot();
        let options = AcquireOptions::default().wait(ms(600)).retry_delay(ms(20));
        let waits = join_all((0..10).map(|_| bed.locks.acquire_with("k", &options)));
        assert!(bed.drive(waits).await.iter().all(Result::is_err));
        let bill = bed.backend.meter().since(before);
        assert_eq!((bill.writes, bill.deletes), (0, 0), "refused commits write nothing");
        assert!(bill.reads <= 40, "each asks who it is once a second: {bill:?}");
        bed.release(held).await;
    }

    async fn w14_failures_are_told_by_their_kind(backend: TestBackend) {
        let bed = Bed::new(backend);
        let guard = bed.other.acquire("k").await.unwrap();
        for (store, expected) in [
            (Store::MissingIndex, ErrorKind::Internal),
            (Store::FailedPrecondition, ErrorKind::Internal),
            (Store::PermissionDenied, ErrorKind::AuthFailed),
            (Store::Unauthenticated, ErrorKind::AuthFailed),
            (Store::ResourceExhausted, ErrorKind::RateLimited),
            (Store::DeadlineExceeded, ErrorKind::NetworkTimeout),
            (Store::Unavailable, ErrorKind::ServiceUnavailable),
            (Store::Aborted, ErrorKind::ServiceUnavailable),
        ] {
            bed.faults.next(Operation::BatchGet, Fault::Fail(store));
            let error = bed.locks.is_locked("k").await.unwrap_err();
            assert_eq!((error.kind(), error.store().unwrap().kind()), (expected, store));
        }
        // A precondition that does not hold is how the store says that somebody was faster.
        for refusal in [Store::FailedPrecondition, Store::AlreadyExists, Store::Aborted] {
            bed.faults.next(Operation::Commit, Fault::Fail(refusal));
            assert!(bed.drive(bed.locks.try_acquire("k")).await.unwrap().is_held(), "{refusal}");
        }
        bed.release(guard).await;
    }

    async fn w15_no_duplicate_no_silence_and_no_garbage(backend: TestBackend) {
        let bed = Bed::new(backend);
        let seen = Seen::default();
        let (db, faults) = Bed::faulty(&bed.backend);
        let locks = Locks::builder(db).observer(Arc::new(seen.clone())).build().unwrap();
        // Failures are told, too, and what is done by handle.
        faults.next(Operation::Commit, Fault::Fail(Store::PermissionDenied));
        locks.acquire("k").await.unwrap_err();
        let guard = locks.acquire("k").await.unwrap();
        assert!(guard.extend(secs(60)).await.unwrap());
        assert!(guard.release().await.unwrap().is_done());
        let told: Vec<_> = seen.0.lock().unwrap().iter().map(|e| (e.action, e.outcome)).collect();
        for expected in [
            (Action::Acquire, Outcome::Failed),
            (Action::Acquire, Outcome::Done),
            (Action::Extend, Outcome::Done),
            (Action::Release, Outcome::Done),
            (Action::Hold, Outcome::Done),
        ] {
            assert!(told.contains(&expected), "{expected:?} is not among {told:?}");
        }
        // A release after the end clears up.
        let options = AcquireOptions::default().lease(ms(100));
        let late = bed.paused().0.acquire_with("late", &options).await.unwrap();
        bed.pass_to(late.ends().saturating_add(ms(1))).await;
        assert_eq!(late.release().await.unwrap(), Released::Expired);
        bed.assert_free("late").await;
        // One id in a dead and a live lease, which nobody writes: the live one does not stay held.
        let guard = bed.locks.acquire("live").await.unwrap();
        let copy = bed.documents(LEASES).await.pop().unwrap();
        let mut lease = copy.fields().clone();
        lease.insert("key".into(), "dead".into());
        let Some(Value::Map(holders)) = lease.get_mut("holders") else { panic!("no holders") };
        let Some(Value::Map(entry)) = holders.get_mut(guard.id().as_str()) else { panic!("no entry") };
        entry.insert("at".into(), Timestamp::UNIX_EPOCH.into());
        for dead in ["0", "z"] {
            let path = DocPath::new(format!("{LEASES}/{dead}")).unwrap();
            bed.db.set(path, lease.clone()).await.unwrap();
        }
        let _ = bed.other.release_id(guard.id()).await.unwrap();
        bed.assert_free("live").await;
        bed.assert_free("dead").await;
    }

    async fn w16_leases_and_holds_are_bounded_and_owners_named(backend: TestBackend) {
        let bed = Bed::new(backend);
        let options = AcquireOptions::default().lease(MAX_LEASE + ms(1)).max_hold(Duration::MAX);
        let error = bed.locks.acquire_with("k", &options).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidArgument);
        let options = AcquireOptions::default().lease(ms(300)).max_hold(ms(700)).owner("host-1/4711");
        let guard = bed.locks.acquire_with("k", &options).await.unwrap();
        let info = bed.other.lookup("k").await.unwrap().unwrap();
        assert_eq!(info.holders[0].owner.as_deref(), Some("host-1/4711"));
        bed.pass(ms(300)).await;
        let deadline = bed.now().await.saturating_add(secs(20));
        while guard.is_held() {
            assert!(bed.now().await < deadline, "held for ever");
            bed.pass(ms(50)).await;
        }
        assert!(guard.is_lost());
        bed.until("it is cleared away", async || bed.documents(LEASES).await.is_empty()).await;
        let next = bed.other.acquire("k").await.unwrap();
        assert_eq!(bed.other.lookup("k").await.unwrap().unwrap().holders[0].owner, None);
        let stale = Write::replace(DocPath::new("c/d").unwrap(), fields! { "n" => 1 }).unwrap();
        assert!(guard.commit(vec![stale.require(Require::Absent)]).await.unwrap_err().is_lost());
        bed.release(next).await;
    }
}
