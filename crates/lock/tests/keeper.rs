//! The keeper: it renews in time, within bounds, and says exactly when the lock is lost.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use firekeep_core::{Clock, ErrorKind as Store, ManualClock, Operation, Timestamp};
use firekeep_layers::Fault;
use firekeep_lock::{
    AcquireOptions, Action, ErrorKind, Event, Lease, Locks, Lost, Observer, Outcome, Released,
};
use firekeep_testkit::{TestBackend, backends};
use support::{Bed, LEASES, ms, poll_once, secs, yields};

fn on_memory() -> (Bed, ManualClock) {
    let backend = TestBackend::on_memory(firekeep_testkit::backend::NO_INDEXES);
    let clock = backend.clock().unwrap().clone();
    (Bed::new(backend), clock)
}

fn leased(lease: Duration) -> AcquireOptions {
    AcquireOptions::default().lease(lease)
}

/// Lets `time` pass in steps of `step`, everybody running in between.
async fn pass(clocks: &[&ManualClock], time: Duration, step: Duration) {
    let mut passed = Duration::ZERO;
    while passed < time {
        let step = step.min(time - passed);
        clocks.iter().for_each(|clock| clock.advance(step));
        yields().await;
        passed += step;
    }
}

/// Whether a lease is lost by now, as who awaits it would see.
async fn is_told(lease: &Lease) -> Option<Lost> {
    let lost = lease.lost();
    let mut lost = std::pin::pin!(lost);
    poll_once(lost.as_mut()).await
}

#[derive(Clone, Debug, Default)]
struct Seen(Arc<Mutex<Vec<(Action, Outcome)>>>);

impl Observer for Seen {
    fn event(&self, event: &Event) {
        self.0.lock().unwrap().push((event.action, event.outcome));
    }
}

backends! {
    async fn a_live_holder_keeps_its_lock_over_many_leases(backend: TestBackend) {
        let bed = Bed::new(backend);
        let guard = bed.locks.acquire_with("k", &leased(ms(600))).await.unwrap();
        for _ in 0..8 {
            bed.pass(ms(150)).await;
            assert!(guard.is_held());
        }
        for _ in 0..8 {
            bed.pass(ms(150)).await;
            assert!(bed.other.try_acquire("k").await.unwrap().is_held());
        }
        assert_eq!(guard.fence().as_u64(), 1);
        bed.release(guard).await;
    }

    async fn who_was_taken_over_is_told_at_its_next_renewal(backend: TestBackend) {
        let bed = Bed::new(backend);
        let (locks, clock) = bed.paused();
        let guard = locks.acquire_with("k", &leased(ms(300))).await.unwrap();
        bed.pass_to(guard.ends().saturating_add(ms(1))).await;
        let next = bed.other.try_acquire("k").await.unwrap().guard().unwrap();
        assert!(guard.is_held() && is_told(&guard).await.is_none());
        clock.advance(ms(120));
        bed.until("it is told", async || guard.is_lost()).await;
        assert_eq!(is_told(&guard).await.unwrap().key, guard.key().hash());
        assert!(guard.token().is_cancelled());
        assert_eq!(guard.remaining(), Duration::ZERO);
        bed.release(next).await;
    }

    async fn a_renewal_whose_message_is_lost_loses_nothing(backend: TestBackend) {
        let bed = Bed::new(backend);
        let guard = bed.locks.acquire_with("k", &leased(secs(2))).await.unwrap();
        for (round, fault) in [Fault::LoseReply, Fault::LoseRequest, Fault::Duplicate].iter().enumerate() {
            bed.faults.next(Operation::Commit, *fault);
            let struck = || bed.faults.injected() > round as u64;
            bed.until("the renewal is struck", async || struck()).await;
            let started = guard.started();
            bed.until("it is renewed", async || guard.started() > started).await;
            assert!(guard.is_held());
        }
        bed.release(guard).await;
    }
}

#[tokio::test]
async fn the_lease_is_renewed_at_a_third() {
    let (bed, clock) = on_memory();
    let guard = bed.locks.acquire_with("k", &leased(secs(30))).await.unwrap();
    // The keeper counts from when it begins.
    yields().await;
    let commits = || bed.backend.meter().of(Operation::Commit).rpcs;
    let before = commits();
    pass(&[&clock], secs(8) - ms(1), ms(100)).await;
    assert_eq!(commits(), before, "a fifth early at most");
    pass(&[&clock], secs(2) + ms(1), ms(100)).await;
    assert_eq!(commits(), before + 1, "never late");
    pass(&[&clock], secs(600), ms(500)).await;
    let renewals = commits() - before;
    assert!((58..=76).contains(&renewals), "{renewals} in ten minutes");
    assert!(guard.remaining() > secs(17), "{:?}", guard.remaining());
    bed.release(guard).await;
}

#[tokio::test]
async fn holders_that_began_together_do_not_renew_together() {
    let (bed, clock) = on_memory();
    let mut guards = Vec::new();
    for n in 0..10 {
        guards.push(bed.locks.acquire_with(format!("k{n}"), &leased(secs(30))).await.unwrap());
    }
    pass(&[&clock], secs(12), ms(10)).await;
    let mut starts: Vec<_> = guards.iter().map(|guard| guard.started()).collect();
    starts.sort_unstable();
    starts.dedup();
    assert!(starts.len() > 5, "{starts:?}");
}

#[tokio::test]
async fn nothing_is_sent_after_the_release() {
    let (bed, clock) = on_memory();
    let guard = bed.locks.acquire_with("k", &leased(secs(30))).await.unwrap();
    pass(&[&clock], secs(25), ms(500)).await;
    bed.release(guard).await;
    yields().await;
    assert_eq!(clock.next_wake(), None, "nobody waits for anything");
    let before = bed.backend.meter().snapshot();
    pass(&[&clock], secs(600), secs(1)).await;
    assert_eq!(bed.backend.meter().since(before).rpcs, 0);
}

#[tokio::test]
async fn without_renewal_the_loss_is_told_at_the_local_deadline_exactly() {
    let (bed, clock) = on_memory();
    let guard = bed.locks.acquire_with("k", &leased(secs(10)).renew(false)).await.unwrap();
    let token = guard.token();
    pass(&[&clock], secs(10) - ms(101), secs(1)).await;
    assert!(guard.is_held() && is_told(&guard).await.is_none() && !token.is_cancelled());
    pass(&[&clock], ms(1), ms(1)).await;
    assert_eq!(is_told(&guard).await.unwrap().key, guard.key().hash());
    assert!(token.is_cancelled() && guard.is_lost());
    assert_eq!(guard.release().await.unwrap(), Released::Expired);
}

#[tokio::test]
async fn a_store_that_is_gone_loses_the_lock_at_the_local_deadline_exactly() {
    let (bed, clock) = on_memory();
    let guard = bed.locks.acquire_with("k", &leased(secs(10))).await.unwrap();
    for _ in 0..500 {
        bed.faults.next(Operation::Commit, Fault::Fail(Store::Unavailable));
    }
    pass(&[&clock], secs(10) - ms(101), ms(10)).await;
    assert!(bed.faults.injected() > 10, "it tries and tries");
    assert!(guard.is_held() && is_told(&guard).await.is_none());
    pass(&[&clock], ms(1), ms(1)).await;
    assert!(guard.is_lost() && is_told(&guard).await.is_some());
}

#[tokio::test]
async fn a_read_that_takes_long_takes_back_nothing_that_was_believed() {
    let (bed, clock) = on_memory();
    let guard = bed.locks.acquire_with("k", &leased(secs(10))).await.unwrap();
    // Whether the first renewal happened is known from a read that arrives six seconds later.
    bed.faults.next(Operation::Commit, Fault::LoseReply);
    bed.faults.next(Operation::BatchGet, Fault::Delay(secs(6)));
    let believed = guard.remaining();
    assert_eq!(believed, ms(9_900));
    pass(&[&clock], believed - ms(1), ms(10)).await;
    assert_eq!(bed.faults.injected(), 2);
    assert!(guard.is_held() && is_told(&guard).await.is_none());
    assert!(bed.other.try_acquire("k").await.unwrap().is_held());
    pass(&[&clock], secs(60), ms(50)).await;
    assert!(guard.is_held(), "it is renewed as before");
    bed.release(guard).await;
}

#[tokio::test]
async fn a_store_that_comes_back_in_time_loses_nothing() {
    let (bed, clock) = on_memory();
    let guard = bed.locks.acquire_with("k", &leased(secs(10))).await.unwrap();
    for _ in 0..500 {
        bed.faults.next(Operation::Commit, Fault::Fail(Store::Unavailable));
    }
    pass(&[&clock], secs(9), ms(10)).await;
    bed.faults.quiet();
    pass(&[&clock], secs(60), ms(50)).await;
    assert!(guard.is_held());
    bed.release(guard).await;
}

#[tokio::test]
async fn a_hold_ends_at_its_bound_however_often_it_is_renewed() {
    let (bed, clock) = on_memory();
    let seen = Seen::default();
    let builder = Locks::builder(bed.db.clone()).observer(Arc::new(seen.clone()));
    let locks = builder.build().unwrap();
    let options = leased(secs(10)).max_hold(secs(60));
    let guard = locks.acquire_with("k", &options).await.unwrap();
    pass(&[&clock], secs(60) - ms(1), ms(250)).await;
    assert!(guard.is_held());
    assert!(guard.remaining() <= ms(1), "{:?}", guard.remaining());
    pass(&[&clock], ms(1), ms(1)).await;
    assert!(guard.is_lost() && is_told(&guard).await.is_some());
    assert!(!guard.extend(secs(10)).await.unwrap(), "nor by hand");
    bed.until("it is cleared away", async || bed.documents(LEASES).await.is_empty()).await;
    let seen = seen.0.lock().unwrap().clone();
    assert!(seen.contains(&(Action::Lose, Outcome::Lost)), "{seen:?}");
    assert!(seen.iter().filter(|s| **s == (Action::Renew, Outcome::Done)).count() > 10, "{seen:?}");
}

#[tokio::test]
async fn a_hold_may_be_without_bound() {
    let (bed, clock) = on_memory();
    let options = leased(secs(10)).max_hold(Duration::MAX);
    let guard = bed.locks.acquire_with("k", &options).await.unwrap();
    pass(&[&clock], secs(600), secs(1)).await;
    assert!(guard.is_held());
    bed.release(guard).await;
}

#[tokio::test]
async fn a_shortened_lease_is_renewed_in_time_and_an_unrenewed_one_lost_in_time() {
    let (bed, clock) = on_memory();
    let guard = bed.locks.acquire_with("k", &leased(secs(30))).await.unwrap();
    yields().await;
    assert!(guard.extend(secs(1)).await.unwrap());
    pass(&[&clock], secs(20), ms(50)).await;
    assert!(guard.is_held());
    bed.release(guard).await;
    let guard = bed.locks.acquire_with("k", &leased(secs(30)).renew(false)).await.unwrap();
    yields().await;
    assert!(guard.extend(secs(1)).await.unwrap());
    pass(&[&clock], ms(989), ms(43)).await;
    assert!(is_told(&guard).await.is_none());
    pass(&[&clock], ms(1), ms(1)).await;
    assert!(is_told(&guard).await.is_some());
}

#[tokio::test]
async fn a_wall_clock_that_is_off_or_jumps_changes_nothing() {
    for hours in [-1_i64, 1] {
        let (bed, clock) = on_memory();
        let own = ManualClock::new();
        // The client's monotonic time is its own, too.
        own.advance(secs(100_000));
        let jump = |by: i64| {
            let micros = own.wall().as_micros() + by * 3_600_000_000;
            own.set_wall(Timestamp::from_micros(micros).unwrap());
        };
        jump(hours);
        let locks = Locks::new(bed.db.clone().with_clock(own.clone()));
        let guard = locks.acquire_with("k", &leased(secs(30))).await.unwrap();
        assert!(guard.remaining() > secs(29), "{:?}", guard.remaining());
        for _ in 0..6 {
            pass(&[&clock, &own], secs(20), ms(250)).await;
            assert!(guard.is_held() && bed.other.try_acquire("k").await.unwrap().is_held());
            jump(-2 * hours);
            jump(3 * hours);
        }
        bed.release(guard).await;
        let dead = bed.other.acquire_with("k", &leased(secs(30)).renew(false)).await.unwrap();
        let ends = dead.ends();
        std::mem::forget(dead);
        assert!(locks.try_acquire("k").await.unwrap().is_held(), "judged by the store's time");
        clock.advance(ends.since(clock.wall()) + ms(1));
        let next = locks.try_acquire("k").await.unwrap().guard().unwrap();
        bed.release(next).await;
    }
}

#[tokio::test]
async fn a_renewal_that_is_refused_for_good_is_tried_until_the_lease_ends() {
    let (bed, clock) = on_memory();
    let guard = bed.locks.acquire_with("k", &leased(secs(10))).await.unwrap();
    bed.faults.next(Operation::Commit, Fault::Fail(Store::PermissionDenied));
    pass(&[&clock], secs(5), ms(50)).await;
    assert_eq!(bed.faults.injected(), 1);
    pass(&[&clock], secs(60), ms(50)).await;
    assert!(guard.is_held(), "the next renewal went through");
    bed.faults.next(Operation::Commit, Fault::Fail(Store::PermissionDenied));
    let error = guard.extend(secs(10)).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::AuthFailed);
    bed.release(guard).await;
}
