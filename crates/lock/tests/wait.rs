//! Waiting: how often, for how long, and what ends it.

#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "a test fails by panicking, and spawns what its callers would"
)]

mod support;

use std::mem::forget;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use firekeep_core::{ErrorKind as Store, Operation};
use firekeep_layers::Fault;
use firekeep_lock::{
    AcquireOptions, Action, ErrorKind, Event, Growth, Jitter, Locks, Observer, Outcome,
};
use firekeep_testkit::{TestBackend, backends};
use support::{Bed, ms, secs};

/// How each acquisition went: outcome, attempts, how long it took.
#[derive(Clone, Debug, Default)]
struct Acquisitions(Arc<Mutex<Vec<(Outcome, u32, Duration)>>>);

impl Observer for Acquisitions {
    fn event(&self, event: &Event) {
        if event.action == Action::Acquire {
            self.0.lock().unwrap().push((event.outcome, event.attempts, event.took));
        }
    }
}

impl Acquisitions {
    fn of(bed: &Bed) -> (Self, Locks) {
        let seen = Self::default();
        let builder = Locks::builder(bed.db.clone()).observer(Arc::new(seen.clone()));
        (seen, builder.build().unwrap())
    }

    fn last(&self) -> (Outcome, u32, Duration) {
        *self.0.lock().unwrap().last().unwrap()
    }
}

fn patient() -> AcquireOptions {
    AcquireOptions::default().jitter(Jitter::None)
}

backends! {
    async fn a_free_lock_is_had_at_the_first_attempt(backend: TestBackend) {
        let bed = Bed::new(backend);
        let (seen, locks) = Acquisitions::of(&bed);
        let guard = locks.acquire("k").await.unwrap();
        assert_eq!((seen.last().0, seen.last().1), (Outcome::Done, 1));
        assert_eq!(guard.ends().since(guard.started()), secs(30), "the default lease");
        bed.release(guard).await;
    }

    async fn a_waiter_gets_the_lock_once_it_is_released(backend: TestBackend) {
        let bed = Bed::new(backend);
        let guard = bed.other.acquire("k").await.unwrap();
        let locks = bed.locks.clone();
        let options = AcquireOptions::default().wait(secs(60));
        let waiter = tokio::spawn(async move { locks.acquire_with("k", &options).await });
        bed.until("it waits", async || bed.backend.meter().of(Operation::BatchGet).rpcs > 0).await;
        assert!(guard.release().await.unwrap().is_done());
        let next = bed.drive(waiter).await.unwrap().unwrap();
        assert_eq!(next.fence().as_u64(), 2);
        bed.release(next).await;
    }

    async fn retries_bound_the_attempts(backend: TestBackend) {
        let bed = Bed::new(backend);
        let (seen, locks) = Acquisitions::of(&bed);
        let held = bed.other.acquire("k").await.unwrap();
        for retries in [0, 1, 3] {
            let options = patient().retries(retries).retry_delay(ms(10)).growth(Growth::Fixed);
            let error = bed.drive(locks.acquire_with("k", &options)).await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::AcquisitionTimeout);
            assert!(error.to_string().contains(&format!("{} attempts", retries + 1)), "{error}");
            assert_eq!(error.key(), Some(&held.key().hash()));
            let (outcome, attempts, took) = seen.last();
            assert_eq!((outcome, attempts), (Outcome::TimedOut, retries + 1));
            assert!(took >= ms(10) * retries, "{took:?}");
            if bed.backend.is_memory() {
                assert_eq!(took, ms(10) * retries);
            }
        }
        bed.release(held).await;
    }

    async fn the_wait_bounds_the_time_and_its_end_is_tried(backend: TestBackend) {
        let bed = Bed::new(backend);
        let (seen, locks) = Acquisitions::of(&bed);
        let held = bed.other.acquire("k").await.unwrap();
        let options = patient().wait(ms(300)).retry_delay(ms(200)).growth(Growth::Fixed);
        let error = bed.drive(locks.acquire_with("k", &options)).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::AcquisitionTimeout);
        let (outcome, attempts, took) = seen.last();
        assert_eq!((outcome, attempts), (Outcome::TimedOut, 3), "at 0, 200 and 300 ms");
        assert!(took >= ms(300), "{took:?}");
        let now = locks.acquire_with("k", &options.wait(Duration::ZERO)).await.unwrap_err();
        assert_eq!(now.kind(), ErrorKind::AcquisitionTimeout);
        assert_eq!(seen.last().1, 1, "no wait is one attempt");
        bed.release(held).await;
    }

    async fn a_waiter_wakes_when_a_dead_holder_s_lease_ends(backend: TestBackend) {
        let bed = Bed::new(backend);
        let options = AcquireOptions::default().lease(ms(300));
        let dead = bed.paused().0.acquire_with("k", &options).await.unwrap();
        let ends = dead.ends();
        forget(dead);
        // The back-off alone would sleep for a minute.
        let options = patient().wait(secs(3600)).retry_delay(secs(60)).growth(Growth::Fixed);
        let next = bed.drive(bed.locks.acquire_with("k", &options)).await.unwrap();
        let late = next.started().since(ends);
        assert!(late <= if bed.backend.is_memory() { ms(1) } else { secs(20) }, "{late:?}");
        bed.release(next).await;
    }

    async fn failures_of_the_moment_do_not_end_a_wait(backend: TestBackend) {
        let bed = Bed::new(backend);
        // Five attempts' worth: each sends up to four times.
        for _ in 0..20 {
            bed.faults.next(Operation::Commit, Fault::Fail(Store::Unavailable));
        }
        let options = AcquireOptions::default().wait(secs(60)).retry_delay(ms(10));
        let guard = bed.drive(bed.locks.acquire_with("k", &options)).await.unwrap();
        assert_eq!(bed.faults.injected(), 20);
        bed.release(guard).await;
    }

    async fn failures_that_last_are_the_answer_in_the_end(backend: TestBackend) {
        let bed = Bed::new(backend);
        for _ in 0..200 {
            bed.faults.next(Operation::Commit, Fault::Fail(Store::ResourceExhausted));
        }
        let options = AcquireOptions::default().wait(ms(300)).retry_delay(ms(10));
        let error = bed.drive(bed.locks.acquire_with("k", &options)).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::RateLimited, "what the store said last");
        bed.faults.quiet();
        bed.assert_free("k").await;
    }

    async fn failures_for_good_end_a_wait_at_once(backend: TestBackend) {
        let bed = Bed::new(backend);
        let (refused, struck) = (Fault::Fail(Store::PermissionDenied), bed.faults.injected());
        bed.faults.next(Operation::Commit, refused);
        let options = AcquireOptions::default().wait(secs(3600));
        // Nobody lets time pass here.
        let error = bed.locks.acquire_with("k", &options).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::AuthFailed);
        assert_eq!(bed.faults.injected(), struck + 1);
    }

    async fn waiting_writes_nothing(backend: TestBackend) {
        let bed = Bed::new(backend);
        let held = bed.other.acquire_with("k", &AcquireOptions::default().renew(false)).await;
        let held = held.unwrap();
        let options = patient().wait(ms(500)).retry_delay(ms(50)).growth(Growth::Fixed);
        let (refused, bill) = bed.backend.bill(bed.drive(bed.locks.acquire_with("k", &options))).await;
        refused.unwrap_err();
        assert_eq!((bill.writes, bill.deletes), (0, 0));
        assert!(bill.reads <= 4, "who holds it is asked once a second: {bill:?}");
        bed.release(held).await;
    }
}

/// The times of all attempts of the default wait, without jitter; the reference gave up its last 1.9 s.
#[tokio::test]
async fn the_default_schedule_uses_all_of_the_wait() {
    let bed = Bed::new(TestBackend::on_memory(firekeep_testkit::backend::NO_INDEXES));
    let (seen, locks) = Acquisitions::of(&bed);
    let held = bed.other.acquire("k").await.unwrap();
    bed.drive(locks.acquire_with("k", &patient())).await.unwrap_err();
    // At 0, 100, 300, 700, 1500, 2500, 3500, 4500 and 5000 ms.
    assert_eq!(seen.last(), (Outcome::TimedOut, 9, secs(5)));
    let clock = bed.backend.clock().unwrap().clone();
    let release = async {
        firekeep_core::Clock::sleep(&clock, ms(4900)).await;
        assert!(held.release().await.unwrap().is_done());
    };
    let patient = patient();
    let acquire = locks.acquire_with("k", &patient);
    let (won, ()) = bed.drive(futures::future::join(acquire, release)).await;
    assert_eq!(seen.last(), (Outcome::Done, 9, secs(5)), "the end is tried, and not slept through");
    bed.release(won.unwrap()).await;
}

/// Jitter takes from the waits and adds nothing.
#[tokio::test]
async fn jitter_shortens_the_waits() {
    let bed = Bed::new(TestBackend::on_memory(firekeep_testkit::backend::NO_INDEXES));
    let (seen, locks) = Acquisitions::of(&bed);
    let _held = bed.other.acquire("k").await.unwrap();
    let options = AcquireOptions::default().retries(4).growth(Growth::Fixed);
    for (jitter, least) in [(Jitter::Equal, ms(200)), (Jitter::Full, ms(0))] {
        let mut times = Vec::new();
        for _ in 0..20 {
            let options = options.clone().jitter(jitter);
            bed.drive(locks.acquire_with("k", &options)).await.unwrap_err();
            times.push(seen.last().2);
        }
        assert!(times.iter().all(|took| (least..=ms(400)).contains(took)), "{times:?}");
        times.dedup();
        assert!(times.len() > 10, "{jitter:?} is no jitter: {times:?}");
    }
}
