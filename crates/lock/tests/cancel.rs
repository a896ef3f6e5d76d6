//! Cancelling: at every await point, by dropping or by a token, nothing is leaked.

#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "a test fails by panicking, and spawns what its callers would"
)]

mod support;

use std::pin::pin;

use firekeep_core::{DocPath, Operation, Write, fields};
use firekeep_layers::Fault;
use firekeep_lock::{
    AcquireOptions, CancellationToken, Error, ErrorKind, Guard, Lease, Locks, Released, Result,
};
use firekeep_testkit::{TestBackend, backends};
use support::{Bed, ms, poll_once, secs};

/// What a network does to the calls of one operation; nothing is lost for longer than a turn.
const NETWORKS: [[Option<Fault>; 2]; 7] = [
    [None, None],
    [Some(Fault::Delay(ms(30))), Some(Fault::DelayReply(ms(30)))],
    [Some(Fault::DelayReply(ms(30))), Some(Fault::Delay(ms(30)))],
    [Some(Fault::LoseReply), Some(Fault::DelayReply(ms(30)))],
    [Some(Fault::LoseRequest), Some(Fault::LoseReply)],
    [Some(Fault::LoseReply), Some(Fault::LoseReply)],
    [Some(Fault::Duplicate), Some(Fault::LoseRequest)],
];

/// Fresh locks on memory whose network does as told, and time that goes on while they wait.
struct Run {
    bed: Bed,
    step: u32,
}

impl Run {
    fn new(network: [Option<Fault>; 2]) -> Self {
        let bed = Bed::new(TestBackend::on_memory(firekeep_testkit::backend::NO_INDEXES));
        bed.faults.next(Operation::BatchGet, Fault::Delay(ms(20)));
        network.into_iter().flatten().for_each(|fault| bed.faults.next(Operation::Commit, fault));
        Self { bed, step: 0 }
    }

    /// Lets the other tasks take one step each, and now and then time pass.
    async fn step(&mut self) {
        tokio::task::yield_now().await;
        self.step += 1;
        if self.step.is_multiple_of(3)
            && let (Some(clock), Some(wake)) = (self.bed.backend.clock(), self.next_wake())
        {
            clock.advance(wake.min(ms(100)));
        }
    }

    fn next_wake(&self) -> Option<std::time::Duration> {
        self.bed.backend.clock().unwrap().next_wake()
    }

    /// Polls `work` at most `polls` times. `None` if it is dropped then.
    async fn poll<T>(&mut self, work: impl Future<Output = T>, polls: u32) -> Option<T> {
        let mut work = pin!(work);
        for _ in 0..polls {
            if let Some(done) = poll_once(work.as_mut()).await {
                return Some(done);
            }
            self.step().await;
        }
        None
    }

    /// Nothing holds the keys once the work in the background is done, and not by time: leases are
    /// far longer.
    async fn ends_free(self) {
        self.bed.faults.quiet();
        self.bed.until_free().await;
        let guard = self.bed.other.try_acquire("k").await.unwrap().guard().expect("a free key");
        self.bed.release(guard).await;
    }
}

/// Does `work` again and again, dropping it after one poll more each time until it completes. Answers
/// after how many polls that was.
async fn at_every_point<T>(
    network: [Option<Fault>; 2],
    work: impl AsyncFn(Locks) -> Result<T>,
    end: impl AsyncFn(&Bed, T),
) -> u32 {
    for polls in 1..500 {
        let mut run = Run::new(network);
        let locks = run.bed.locks.clone();
        let done = run.poll(work(locks), polls).await;
        let is_done = done.is_some();
        if let Some(answer) = done {
            end(&run.bed, answer.unwrap()).await;
        }
        run.ends_free().await;
        if is_done {
            return polls;
        }
    }
    panic!("never completes");
}

async fn release(bed: &Bed, guard: Guard) {
    assert_eq!(bed.drive(guard.release()).await.unwrap(), Released::Done);
}

#[tokio::test]
async fn acquiring_is_dropped_at_every_point() {
    let mut points = 0;
    for network in NETWORKS {
        let polls = at_every_point(network, async |l: Locks| l.acquire("k").await, release).await;
        points += polls;
    }
    assert!(points > 20, "{points} points: the network hardly delayed anything");
}

#[tokio::test]
async fn acquiring_several_is_dropped_at_every_point() {
    let options = AcquireOptions::default();
    for network in NETWORKS {
        let work = async |locks: Locks| locks.acquire_all(["j", "k", "l"], &options).await;
        at_every_point(network, work, release).await;
    }
}

#[tokio::test]
async fn acquiring_shared_is_dropped_at_every_point() {
    let options = AcquireOptions::default().shared();
    for network in NETWORKS {
        let work = async |locks: Locks| locks.acquire_with("k", &options).await;
        at_every_point(network, work, release).await;
    }
}

#[tokio::test]
async fn waiting_for_a_holder_is_dropped_at_every_point() {
    for network in NETWORKS {
        let work = async |locks: Locks| {
            let held = locks.acquire("k").await?;
            let waits = async {
                let guard = locks.acquire("k").await?;
                Ok::<_, Error>(guard)
            };
            let releases = async {
                for _ in 0..8 {
                    tokio::task::yield_now().await;
                }
                held.release().await
            };
            let (waited, released) = futures::future::join(waits, releases).await;
            assert!(released?.is_done());
            waited
        };
        at_every_point(network, work, release).await;
    }
}

#[tokio::test]
async fn work_under_a_lock_is_dropped_at_every_point() {
    let options = AcquireOptions::default();
    for network in NETWORKS {
        let work = async |locks: Locks| {
            locks
                .with_lock("k", &options, async |lease: Lease| {
                    lease.extend(secs(50)).await?;
                    tokio::task::yield_now().await;
                    Ok(())
                })
                .await
        };
        at_every_point(network, work, async |_, ()| {}).await;
    }
}

#[tokio::test]
async fn releasing_is_dropped_at_every_point() {
    for network in NETWORKS {
        for polls in 1..500 {
            let mut run = Run::new([None, None]);
            let guard = run.bed.locks.acquire("k").await.unwrap();
            network.iter().flatten().for_each(|f| run.bed.faults.next(Operation::Commit, *f));
            let done = run.poll(guard.release(), polls).await;
            run.bed.until_free().await;
            if let Some(released) = done {
                assert_eq!(released.unwrap(), Released::Done);
                break;
            }
            assert_ne!(polls, 499, "never completes");
        }
    }
}

/// What was dropped under way leaves the guard whole: it finds out, and releases what it holds.
async fn dropped_under(network: [Option<Fault>; 2], work: impl AsyncFn(Lease)) {
    for polls in 1..500 {
        let mut run = Run::new([None, None]);
        let guard = run.bed.locks.acquire("k").await.unwrap();
        network.iter().flatten().for_each(|f| run.bed.faults.next(Operation::Commit, *f));
        let is_done = run.poll(work(guard.lease()), polls).await.is_some();
        run.bed.faults.quiet();
        assert!(run.bed.drive(guard.extend(secs(70))).await.unwrap());
        let info = run.bed.other.lookup("k").await.unwrap().unwrap();
        assert_eq!(info.holders[0].ends, guard.ends());
        release(&run.bed, guard).await;
        run.ends_free().await;
        if is_done {
            return;
        }
    }
    panic!("never completes");
}

#[tokio::test]
async fn extending_is_dropped_at_every_point() {
    for network in NETWORKS {
        dropped_under(network, async |lease: Lease| {
            assert!(lease.extend(secs(50)).await.unwrap());
        })
        .await;
    }
}

#[tokio::test]
async fn a_guarded_commit_is_dropped_at_every_point() {
    for network in NETWORKS {
        dropped_under(network, async |lease: Lease| {
            let path = DocPath::new("c/d").unwrap();
            // Its reply may be lost: then the answer says that it may have happened.
            let _ = lease.commit(vec![Write::replace(path, fields! { "n" => 1 }).unwrap()]).await;
        })
        .await;
    }
}

backends! {
    async fn a_token_cancelled_before_stops_every_operation(backend: TestBackend) {
        let bed = Bed::new(backend);
        let token = CancellationToken::new();
        token.cancel();
        let options = AcquireOptions::default().cancel(token);
        let (answers, bill) = bed.backend.bill(async {
            let work = async |_: Lease| -> Result<()> { panic!("run without a lock") };
            [
                bed.locks.try_acquire_with("k", &options).await.err(),
                bed.locks.acquire_with("k", &options).await.err(),
                bed.locks.try_acquire_all(["a", "b"], &options).await.err(),
                bed.locks.acquire_all(["a", "b"], &options).await.err(),
                bed.locks.with_lock("k", &options, work).await.err(),
            ]
        })
        .await;
        for error in answers {
            assert_eq!(error.unwrap().kind(), ErrorKind::Aborted);
        }
        assert_eq!(bill.rpcs, 0);
        bed.assert_free("k").await;
    }

    async fn a_token_that_is_not_cancelled_serves_many(backend: TestBackend) {
        let bed = Bed::new(backend);
        let token = CancellationToken::new();
        let options = AcquireOptions::default().cancel(token.clone());
        for _ in 0..3 {
            bed.release(bed.locks.acquire_with("k", &options).await.unwrap()).await;
        }
        let guard = bed.locks.acquire_with("k", &options).await.unwrap();
        token.cancel();
        assert!(guard.is_held(), "it cancels acquiring and not holding");
        assert!(guard.extend(secs(60)).await.unwrap());
        bed.release(guard).await;
    }

    async fn a_wait_that_is_cancelled_ends_at_once(backend: TestBackend) {
        let bed = Bed::new(backend);
        let guard = bed.other.acquire("k").await.unwrap();
        let token = CancellationToken::new();
        let options = AcquireOptions::default().wait(secs(3600)).retry_delay(secs(600));
        let options = options.cancel(token.clone());
        let locks = bed.locks.clone();
        let waiter = tokio::spawn(async move { locks.acquire_with("k", &options).await.map(drop) });
        let reads = || bed.backend.meter().of(Operation::BatchGet).rpcs;
        bed.until("it waits", async || reads() > 0).await;
        token.cancel();
        // No time has to pass for it.
        let error = waiter.await.unwrap().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Aborted);
        assert_eq!(guard.release().await.unwrap(), Released::Done);
        // Its last attempt may be under way, and win for a moment.
        bed.until_free().await;
    }

    async fn an_attempt_that_is_cancelled_ends_at_once_and_keeps_nothing(backend: TestBackend) {
        let bed = Bed::new(backend);
        for fault in [Fault::DelayReply(ms(50)), Fault::Delay(ms(50)), Fault::LoseReply] {
            bed.faults.next(Operation::Commit, fault);
            if fault == Fault::LoseReply {
                bed.faults.next(Operation::BatchGet, Fault::Delay(ms(50)));
            }
            let token = CancellationToken::new();
            let options = AcquireOptions::default().cancel(token.clone());
            let mut acquire = Box::pin(bed.locks.acquire_with("k", &options));
            let before = bed.faults.injected();
            while bed.faults.injected() == before {
                assert!(poll_once(acquire.as_mut()).await.is_none());
                tokio::task::yield_now().await;
            }
            token.cancel();
            let error = poll_once(acquire.as_mut()).await.expect("at once").unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Aborted, "{fault:?}");
            drop(acquire);
            let next = bed.drive(bed.other.acquire("k")).await.unwrap();
            assert_eq!(next.release().await.unwrap(), Released::Done);
        }
        // What was cancelled comes to its end in the background, and may win for a moment there.
        bed.until_free().await;
    }
}
