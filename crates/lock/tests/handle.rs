//! What becomes of a lock that goes out of hand: dropped, cancelled, panicked over.

#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "a test fails by panicking, and spawns what its callers would"
)]

mod support;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use firekeep_core::{
    Clock, Db, DocPath, ErrorKind as Store, ManualClock, Operation, Query, SystemClock, Write,
    fields,
};
use firekeep_layers::Fault;
use firekeep_lock::{AcquireOptions, CommitError, Error, ErrorKind, Lease, Locks, Released};
use firekeep_memory::MemoryStore;
use firekeep_testkit::{TestBackend, backends};
use futures::executor::block_on;
use support::{Bed, LEASES, secs};

/// The errors that a callback was told, and the locks that tell it.
fn telling(bed: &Bed) -> (Locks, firekeep_layers::FaultHandle, Arc<Mutex<Vec<ErrorKind>>>) {
    let (db, faults) = Bed::faulty(&bed.backend);
    let told = Arc::new(Mutex::new(Vec::new()));
    let tell = Arc::clone(&told);
    let builder = Locks::builder(db);
    let builder = builder.on_release_error(move |error| tell.lock().unwrap().push(error.kind()));
    (builder.build().unwrap(), faults, told)
}

#[derive(Debug)]
enum Failure {
    Work,
    Lock(ErrorKind),
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Lock(error.kind())
    }
}

fn denied() -> Fault {
    Fault::Fail(Store::PermissionDenied)
}

backends! {
    async fn a_guard_that_is_dropped_releases_in_the_background(backend: TestBackend) {
        let bed = Bed::new(backend);
        let guard = bed.locks.acquire("k").await.unwrap();
        let lease = guard.lease();
        let lost = lease.clone();
        let mut lost = Box::pin(async move { lost.lost().await });
        drop(guard);
        bed.until("the lock is free", async || bed.documents(LEASES).await.is_empty()).await;
        bed.until("the lease knows", async || !lease.is_held()).await;
        assert!(lease.token().is_cancelled() && !lease.is_lost());
        assert!(support::poll_once(lost.as_mut()).await.is_none(), "released is not lost");
        let next = bed.other.acquire("k").await.unwrap();
        assert_eq!(next.fence().as_u64(), 2);
        bed.release(next).await;
    }

    async fn leases_do_not_hold_and_do_nothing_afterwards(backend: TestBackend) {
        let bed = Bed::new(backend);
        let guard = bed.locks.acquire("k").await.unwrap();
        let lease = guard.lease();
        bed.release(guard).await;
        let rpcs = bed.backend.meter().snapshot().rpcs;
        assert!(!lease.extend(secs(60)).await.unwrap());
        let write = Write::replace(DocPath::new("c/d").unwrap(), fields! { "n" => 1 }).unwrap();
        assert!(lease.commit(vec![write]).await.unwrap_err().is_lost());
        let body = async |_: firekeep_core::Txn| Ok::<_, CommitError>(());
        assert!(lease.transact(body).await.unwrap_err().is_lost());
        assert_eq!((lease.remaining(), lease.is_held()), (Duration::ZERO, false));
        assert_eq!(bed.backend.meter().snapshot().rpcs, rpcs, "nothing was sent");
    }

    async fn a_guard_may_be_dropped_outside_of_the_runtime(backend: TestBackend) {
        let bed = Bed::new(backend);
        let guard = bed.locks.acquire("k").await.unwrap();
        std::thread::spawn(move || drop(guard)).join().unwrap();
        bed.until("the lock is free", async || bed.documents(LEASES).await.is_empty()).await;
    }

    async fn a_token_of_a_lease_does_nothing_to_the_lock(backend: TestBackend) {
        let bed = Bed::new(backend);
        let guard = bed.locks.acquire("k").await.unwrap();
        guard.token().cancel();
        assert!(guard.is_held() && !guard.token().is_cancelled());
        assert!(guard.extend(secs(60)).await.unwrap());
        let token = guard.token();
        bed.release(guard).await;
        assert!(token.is_cancelled(), "released is no longer held");
    }

    async fn work_under_a_lock_gets_its_lease_and_its_answer_out(backend: TestBackend) {
        let bed = Bed::new(backend);
        let options = AcquireOptions::default();
        let answer = bed.locks.with_lock("k", &options, async |lease: Lease| {
            assert!(bed.other.owns("k", lease.id()).await?);
            let inner = bed.locks.with_lock("inner", &options, async |inner: Lease| {
                Ok::<_, Error>(inner.fence().as_u64())
            });
            Ok::<_, Error>((lease.fence().as_u64(), inner.await?))
        });
        assert_eq!(answer.await.unwrap(), (1, 1));
        bed.assert_free("k").await;
        bed.assert_free("inner").await;
    }

    async fn an_error_of_the_work_comes_out_and_the_lock_is_released(backend: TestBackend) {
        let bed = Bed::new(backend);
        let options = AcquireOptions::default();
        let work = async |_: Lease| Err::<(), _>(Failure::Work);
        let failed = bed.locks.with_lock("k", &options, work).await;
        assert!(matches!(failed, Err(Failure::Work)), "{failed:?}");
        bed.assert_free("k").await;
    }

    async fn who_does_not_get_the_lock_does_not_run(backend: TestBackend) {
        let bed = Bed::new(backend);
        let guard = bed.other.acquire("k").await.unwrap();
        let options = AcquireOptions::default().wait(Duration::ZERO);
        let work = async |_: Lease| -> Result<(), Failure> { panic!("two holders") };
        let refused = bed.drive(bed.locks.with_lock("k", &options, work)).await;
        assert!(matches!(refused, Err(Failure::Lock(ErrorKind::AcquisitionTimeout))), "{refused:?}");
        bed.release(guard).await;
    }

    async fn a_failed_release_takes_nothing_from_the_work(backend: TestBackend) {
        let bed = Bed::new(backend);
        let (locks, faults, told) = telling(&bed);
        let options = AcquireOptions::default();
        let answer = locks.with_lock("a", &options, async |_: Lease| {
            faults.next(Operation::Commit, denied());
            Ok::<_, Error>(7)
        });
        assert_eq!(answer.await.unwrap(), 7);
        let failed = locks.with_lock("b", &options, async |_: Lease| {
            faults.next(Operation::Commit, denied());
            Err::<(), _>(Failure::Work)
        });
        assert!(matches!(failed.await, Err(Failure::Work)), "the work's error wins");
        assert_eq!(*told.lock().unwrap(), [ErrorKind::AuthFailed; 2]);
    }

    async fn a_release_that_fails_in_the_background_is_told(backend: TestBackend) {
        let bed = Bed::new(backend);
        let (locks, faults, told) = telling(&bed);
        let guard = locks.acquire("k").await.unwrap();
        faults.next(Operation::Commit, denied());
        drop(guard);
        bed.until("it is told", async || !told.lock().unwrap().is_empty()).await;
        assert_eq!(*told.lock().unwrap(), [ErrorKind::AuthFailed]);
        let guard = locks.acquire("other").await.unwrap();
        faults.next(Operation::Commit, denied());
        assert_eq!(guard.release().await.unwrap_err().kind(), ErrorKind::AuthFailed);
        assert_eq!(told.lock().unwrap().len(), 1, "who awaits it is told by the answer");
    }

    async fn a_callback_that_panics_harms_nobody(backend: TestBackend) {
        let bed = Bed::new(backend);
        let (db, faults) = Bed::faulty(&bed.backend);
        let calls = Arc::new(Mutex::new(0));
        let count = Arc::clone(&calls);
        let builder = Locks::builder(db).on_release_error(move |_| {
            *count.lock().unwrap_or_else(|poisoned| poisoned.into_inner()) += 1;
            panic!("the callback's own fault");
        });
        let locks = builder.build().unwrap();
        let options = AcquireOptions::default();
        let answer = locks.with_lock("a", &options, async |_: Lease| {
            faults.next(Operation::Commit, denied());
            Ok::<_, Error>(7)
        });
        assert_eq!(answer.await.unwrap(), 7);
        let guard = locks.acquire("b").await.unwrap();
        faults.next(Operation::Commit, denied());
        drop(guard);
        bed.until("both are told", async || *calls.lock().unwrap() == 2).await;
        bed.release(locks.acquire("c").await.unwrap()).await;
    }

    async fn work_that_panics_releases(backend: TestBackend) {
        let bed = Bed::new(backend);
        let locks = bed.locks.clone();
        let work = tokio::spawn(async move {
            let options = AcquireOptions::default();
            locks.with_lock("k", &options, async |_: Lease| -> Result<(), Error> {
                panic!("the work's own fault")
            })
            .await
        });
        assert!(work.await.unwrap_err().is_panic());
        bed.until("the lock is free", async || bed.documents(LEASES).await.is_empty()).await;
    }

    async fn leaving_early_releases(backend: TestBackend) {
        let bed = Bed::new(backend);
        let early = async || -> Result<(), Failure> {
            let _guard = bed.locks.acquire("k").await?;
            Err(Failure::Work)
        };
        assert!(matches!(early().await, Err(Failure::Work)));
        bed.until("the lock is free", async || bed.documents(LEASES).await.is_empty()).await;
    }

    async fn a_release_goes_on_without_who_asked_for_it(backend: TestBackend) {
        let bed = Bed::new(backend);
        let guard = bed.locks.acquire("k").await.unwrap();
        drop(guard.release());
        bed.until("the lock is free", async || bed.documents(LEASES).await.is_empty()).await;
        let guard = bed.locks.acquire("k").await.unwrap();
        bed.faults.next(Operation::Commit, Fault::LoseRequest);
        let mut release = Box::pin(guard.release());
        assert!(support::poll_once(release.as_mut()).await.is_none());
        drop(release);
        bed.until("the lock is free", async || bed.documents(LEASES).await.is_empty()).await;
    }

    async fn a_renewal_under_way_does_not_outlive_the_release(backend: TestBackend) {
        let bed = Bed::new(backend);
        let guard = bed.locks.acquire("k").await.unwrap();
        bed.faults.next(Operation::Commit, Fault::Delay(secs(2)));
        let extending = tokio::spawn({
            let lease = guard.lease();
            async move { lease.extend(secs(90)).await }
        });
        bed.until("the extension is under way", async || bed.faults.injected() == 1).await;
        assert_eq!(bed.drive(guard.release()).await.unwrap(), Released::Done);
        let _ = bed.drive(extending).await.unwrap();
        bed.assert_free("k").await;
    }
}

/// Without any runtime, threads do the background work.
#[test]
fn all_of_it_works_without_a_runtime() {
    let db = Db::new(MemoryStore::new());
    let locks = Locks::new(db.clone());
    let guard = block_on(locks.acquire("k")).unwrap();
    assert_eq!(block_on(guard.release()).unwrap(), Released::Done);
    let guard = block_on(locks.acquire("k")).unwrap();
    assert!(block_on(guard.extend(secs(60))).unwrap());
    drop(guard);
    let leases = || block_on(db.query(Query::collection(LEASES))).unwrap();
    let gone = (0..10_000).any(|_| {
        block_on(SystemClock.sleep(Duration::from_millis(1)));
        leases().is_empty()
    });
    assert!(gone, "the thread releases");
}

/// A runtime that has ended releases nothing, as a process that has ended: the lease ends by itself.
#[test]
fn a_guard_that_outlives_its_runtime_blocks_nobody_past_its_lease() {
    let clock = ManualClock::new();
    let store = MemoryStore::builder().clock(clock.clone()).build();
    let db = Db::new(store).with_clock(clock.clone());
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let guard = runtime.block_on(async { Locks::new(db.clone()).acquire("k").await }).unwrap();
    let ends = guard.ends();
    drop(runtime);
    drop(guard);
    clock.advance(ends.since(clock.wall()) + support::ms(1));
    let next = block_on(Locks::new(db).try_acquire("k")).unwrap().guard().unwrap();
    assert_eq!(next.fence().as_u64(), 2);
    assert_eq!(block_on(next.release()).unwrap(), Released::Done);
}
