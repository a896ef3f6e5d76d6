//! What is told to observers: every operation, whether it went well or not, and no secrets.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use firekeep_core::{DocPath, ErrorKind as Store, Operation, Txn, Write, fields};
use firekeep_layers::{Fault, FaultHandle};
use firekeep_lock::{
    AcquireOptions, Action, CancellationToken, CommitError, Event, Locks, Observer, Outcome,
};
use firekeep_testkit::{TestBackend, backends};
use support::{Bed, ms, secs};

#[derive(Clone, Debug, Default)]
struct Seen(Arc<Mutex<Vec<Event>>>);

impl Observer for Seen {
    fn event(&self, event: &Event) {
        self.0.lock().unwrap().push(event.clone());
    }
}

impl Seen {
    /// What was told since this was last asked.
    fn take(&self) -> Vec<(Action, Outcome)> {
        std::mem::take(&mut *self.0.lock().unwrap()).iter().map(|e| (e.action, e.outcome)).collect()
    }
}

/// Panics at every event.
#[derive(Debug)]
struct Panics;

impl Observer for Panics {
    fn event(&self, _: &Event) {
        panic!("the observer's own fault");
    }
}

fn observed(bed: &Bed) -> (Seen, Locks, FaultHandle) {
    let seen = Seen::default();
    let (db, faults) = Bed::faulty(&bed.backend);
    // One that panics first takes nothing from the next.
    let builder = Locks::builder(db).observer(Arc::new(Panics)).observer(Arc::new(seen.clone()));
    (seen, builder.build().unwrap(), faults)
}

fn denied() -> Fault {
    Fault::Fail(Store::PermissionDenied)
}

backends! {
    async fn attempts_and_acquisitions(backend: TestBackend) {
        let bed = Bed::new(backend);
        let (seen, locks, faults) = observed(&bed);
        let guard = locks.try_acquire("k").await.unwrap().guard().unwrap();
        assert_eq!(seen.take(), [(Action::Try, Outcome::Done)]);
        assert!(locks.try_acquire("k").await.unwrap().is_held());
        assert_eq!(seen.take(), [(Action::Try, Outcome::Refused)]);
        let options = AcquireOptions::default().wait(Duration::ZERO);
        locks.acquire_with("k", &options).await.unwrap_err();
        assert_eq!(seen.take(), [(Action::Acquire, Outcome::TimedOut)]);
        let options = AcquireOptions::default().retries(1).retry_delay(ms(10));
        bed.drive(locks.acquire_with("k", &options)).await.unwrap_err();
        let waited = [(Action::Acquire, Outcome::TimedOut), (Action::Wait, Outcome::TimedOut)];
        assert_eq!(seen.take(), waited);
        let token = CancellationToken::new();
        token.cancel();
        let cancelled = AcquireOptions::default().cancel(token);
        locks.acquire_with("k", &cancelled).await.unwrap_err();
        assert_eq!(seen.take(), [(Action::Acquire, Outcome::Cancelled)]);
        bed.release(guard).await;
        seen.take();
        faults.next(Operation::Commit, denied());
        locks.try_acquire("k").await.unwrap_err();
        faults.next(Operation::Commit, denied());
        locks.acquire("k").await.unwrap_err();
        assert_eq!(seen.take(), [(Action::Try, Outcome::Failed), (Action::Acquire, Outcome::Failed)]);
        bed.release(locks.acquire("k").await.unwrap()).await;
        assert_eq!(seen.take()[0], (Action::Acquire, Outcome::Done));
    }

    async fn extensions_commits_and_releases(backend: TestBackend) {
        let bed = Bed::new(backend);
        let (seen, locks, faults) = observed(&bed);
        let write = || Write::replace(DocPath::new("c/d").unwrap(), fields! { "n" => 1 }).unwrap();
        let guard = locks.acquire("k").await.unwrap();
        seen.take();
        assert!(guard.extend(secs(60)).await.unwrap());
        guard.commit(vec![write()]).await.unwrap();
        assert_eq!(seen.take(), [(Action::Extend, Outcome::Done), (Action::Commit, Outcome::Done)]);
        faults.next(Operation::Commit, denied());
        guard.extend(secs(60)).await.unwrap_err();
        faults.next(Operation::Commit, denied());
        guard.commit(vec![write()]).await.unwrap_err();
        let absent = write().require(firekeep_core::Require::Absent);
        guard.commit(vec![absent]).await.unwrap_err();
        assert_eq!(
            seen.take(),
            [
                (Action::Extend, Outcome::Failed),
                (Action::Commit, Outcome::Failed),
                (Action::Commit, Outcome::Refused),
            ]
        );
        bed.release(guard).await;
        assert_eq!(seen.take(), [(Action::Release, Outcome::Done), (Action::Hold, Outcome::Done)]);
        let guard = locks.acquire("k").await.unwrap();
        assert!(bed.other.release_id(guard.id()).await.unwrap().is_done());
        seen.take();
        assert!(!guard.extend(secs(60)).await.unwrap());
        guard.commit(vec![write()]).await.unwrap_err();
        assert_eq!(
            seen.take(),
            [
                (Action::Lose, Outcome::Lost),
                (Action::Extend, Outcome::Lost),
                (Action::Commit, Outcome::Lost),
            ]
        );
        assert!(!guard.release().await.unwrap().is_done());
        assert_eq!(seen.take()[0], (Action::Release, Outcome::Lost));
        let guard = locks.acquire("other").await.unwrap();
        seen.take();
        faults.next(Operation::Commit, denied());
        guard.release().await.unwrap_err();
        assert_eq!(seen.take()[0], (Action::Release, Outcome::Failed));
    }

    async fn transactions(backend: TestBackend) {
        let bed = Bed::new(backend);
        let (seen, locks, _) = observed(&bed);
        let guard = locks.acquire("k").await.unwrap();
        seen.take();
        let write = || Write::replace(DocPath::new("c/d").unwrap(), fields! { "n" => 1 }).unwrap();
        let writes = |txn: Txn| async move {
            txn.write(write());
            Ok::<_, CommitError>(())
        };
        guard.transact(writes).await.unwrap();
        assert_eq!(seen.take(), [(Action::Commit, Outcome::Done)]);
        let failing = guard.transact(|_: Txn| async {
            Err::<(), CommitError>(firekeep_core::Error::invalid("the body's own").into())
        });
        failing.await.unwrap_err();
        assert_eq!(seen.take(), [(Action::Commit, Outcome::Cancelled)]);
        assert!(bed.other.release_id(guard.id()).await.unwrap().is_done());
        assert!(guard.transact(writes).await.unwrap_err().is_lost());
        assert_eq!(seen.take(), [(Action::Lose, Outcome::Lost), (Action::Commit, Outcome::Lost)]);
    }

    async fn what_is_done_by_id(backend: TestBackend) {
        let bed = Bed::new(backend);
        let (seen, locks, faults) = observed(&bed);
        let guard = bed.other.acquire("k").await.unwrap();
        assert!(locks.extend_id(guard.id(), secs(60)).await.unwrap());
        faults.next(Operation::Commit, denied());
        locks.extend_id(guard.id(), secs(60)).await.unwrap_err();
        assert!(locks.release_id(guard.id()).await.unwrap().is_done());
        assert_eq!(
            seen.take(),
            [
                (Action::Extend, Outcome::Done),
                (Action::Extend, Outcome::Failed),
                (Action::Release, Outcome::Done),
            ]
        );
        assert!(!locks.release_id(guard.id()).await.unwrap().is_done());
        assert_eq!(seen.take(), [], "an id that is nowhere has no key to tell of");
    }

    async fn questions(backend: TestBackend) {
        let bed = Bed::new(backend);
        let (seen, locks, faults) = observed(&bed);
        assert!(!locks.is_locked("k").await.unwrap());
        assert_eq!(locks.lookup("k").await.unwrap(), None);
        assert_eq!(seen.take(), [(Action::Lookup, Outcome::Refused); 2]);
        let guard = bed.other.acquire("k").await.unwrap();
        assert!(locks.is_locked("k").await.unwrap());
        assert!(locks.lookup("k").await.unwrap().is_some());
        assert!(locks.owns("k", guard.id()).await.unwrap());
        assert_eq!(seen.take(), [(Action::Lookup, Outcome::Done); 3]);
        faults.next(Operation::BatchGet, denied());
        locks.is_locked("k").await.unwrap_err();
        assert_eq!(seen.take(), [(Action::Lookup, Outcome::Failed)]);
        bed.release(guard).await;
    }

    async fn renewals_and_losses(backend: TestBackend) {
        let bed = Bed::new(backend);
        let (seen, locks, _) = observed(&bed);
        let guard = locks.acquire_with("k", &AcquireOptions::default().lease(secs(1))).await.unwrap();
        seen.take();
        bed.until("it is renewed", async || !seen.0.lock().unwrap().is_empty()).await;
        assert_eq!(seen.take()[0], (Action::Renew, Outcome::Done));
        assert!(bed.other.release_id(guard.id()).await.unwrap().is_done());
        bed.until("it is lost", async || guard.is_lost()).await;
        let lost = seen.take();
        assert!(lost.contains(&(Action::Lose, Outcome::Lost)), "{lost:?}");
    }

    async fn events_measure_and_hold_no_secrets(backend: TestBackend) {
        let bed = Bed::new(backend);
        let (seen, locks, _) = observed(&bed);
        let held = bed.other.acquire("secret-key").await.unwrap();
        let options = AcquireOptions::default().retries(2).retry_delay(ms(20));
        bed.drive(locks.acquire_with("secret-key", &options)).await.unwrap_err();
        let events = std::mem::take(&mut *seen.0.lock().unwrap());
        assert_eq!(events[0].attempts, 3);
        assert!(events[0].took >= ms(30), "{:?}", events[0].took);
        assert_eq!(events[0].key, held.key().hash());
        bed.release(held).await;
        let guard = locks.acquire("secret-key").await.unwrap();
        bed.pass(ms(50)).await;
        bed.release(guard).await;
        let events = seen.0.lock().unwrap().clone();
        let hold = events.iter().find(|event| event.action == Action::Hold).unwrap();
        assert!(hold.took >= ms(50), "{:?}", hold.took);
        assert!(!format!("{events:?}").contains("secret-key"));
    }
}

#[test]
fn names_are_a_closed_set() {
    let names: Vec<_> = Action::ALL.iter().map(|action| action.name()).collect();
    let mut distinct = names.clone();
    distinct.sort_unstable();
    distinct.dedup();
    assert_eq!(distinct.len(), names.len());
    assert!(names.iter().all(|name| name.bytes().all(|b| b.is_ascii_lowercase() || b == b'-')));
}
