//! Lost replies, late commits, an absent store, a dropped future: nothing lost, nothing twice, no
//! success that is none.
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a test fails by panicking")]

mod support;

use std::collections::BTreeMap;
use std::future::Future;
use std::sync::Arc;

use firekeep_core::{Db, Effect, ErrorKind, ManualClock, Operation};
use firekeep_layers::{Fault, FaultHandle, FaultLayer, Rates, Stack};
use firekeep_telemetry::{BatchReport, Reading, Stored, Telemetry};
use futures::FutureExt;
use support::{device, reading, readings, tenant};

struct Broken {
    clock: ManualClock,
    sound: Db,
    telemetry: Telemetry,
    faults: FaultHandle,
}

impl Broken {
    fn new(seed: u64, rates: Rates) -> Self {
        let clock = ManualClock::new();
        let memory = support::memory(clock.clone());
        let layer = FaultLayer::new(seed, Arc::new(clock.clone())).everywhere(rates);
        let faults = layer.handle();
        let broken = Stack::new(memory.clone()).with(layer).build().unwrap();
        let db = Db::from_arc(broken).with_clock(clock.clone());
        let sound = Db::new(memory).with_clock(clock.clone());
        Self { clock, sound, telemetry: Telemetry::new(db), faults }
    }

    /// Runs `future`, letting time pass whenever it waits for it.
    async fn run<T>(&self, future: impl Future<Output = T>) -> T {
        futures::pin_mut!(future);
        loop {
            if let Some(done) = future.as_mut().now_or_never() {
                return done;
            }
            tokio::task::yield_now().await;
            if let Some(wake) = self.clock.next_wake() {
                self.clock.advance(wake);
            }
        }
    }

    async fn stored(&self) -> Vec<Reading> {
        let sound = Telemetry::new(self.sound.clone());
        let mut all = sound.last(&tenant(), &device("room"), 1_000).await.unwrap();
        all.reverse();
        all
    }
}

#[tokio::test]
async fn a_lost_reply_is_resolved_by_reading() {
    let broken = Broken::new(1, Rates::default());
    broken.faults.next(Operation::Commit, Fault::LoseReply);
    let stored = broken.run(broken.telemetry.write(&reading(0))).await.unwrap();
    assert_eq!(stored, Stored::Created);
    assert_eq!(broken.stored().await, [reading(0)]);
    assert_eq!(broken.faults.injected(), 1);
}

#[tokio::test]
async fn a_lost_request_is_sent_again() {
    let broken = Broken::new(1, Rates::default());
    broken.faults.next(Operation::Commit, Fault::LoseRequest);
    let report = broken.run(broken.telemetry.write_batch(&readings(0..9))).await.unwrap();
    assert_eq!(report, BatchReport { created: 9, unchanged: 0 });
    assert_eq!(broken.stored().await, readings(0..9));
}

#[tokio::test]
async fn a_commit_that_arrives_late_changes_nothing_any_more() {
    let broken = Broken::new(1, Rates::default());
    broken.faults.next(Operation::Commit, Fault::Late { calls: 50 });
    broken.run(broken.telemetry.write(&reading(0))).await.unwrap();
    broken.run(broken.telemetry.write(&reading(1))).await.unwrap();
    assert_eq!(broken.faults.late(), 1);
    broken.faults.release_late().await;
    assert_eq!(broken.stored().await, readings(0..2));
    let recent = broken.telemetry.recent(&tenant(), &device("room")).await.unwrap();
    assert_eq!(recent.readings().cloned().collect::<Vec<_>>(), readings(0..2));
}

#[tokio::test]
async fn what_can_be_neither_written_nor_read_is_unknown() {
    let broken = Broken::new(1, Rates::default());
    broken.faults.next(Operation::Commit, Fault::LoseReply);
    broken.faults.nth(Operation::BatchGet, 2, Fault::Fail(ErrorKind::Unavailable));
    let error = broken.run(broken.telemetry.write(&reading(0))).await.unwrap_err();
    assert_eq!(error.effect(), Effect::Unknown, "{error}");
    let again = broken.run(broken.telemetry.write(&reading(0))).await.unwrap();
    assert_eq!(again, Stored::Unchanged);
}

#[tokio::test]
async fn an_absent_store_is_no_unknown_effect_and_tells_how_far_a_batch_came() {
    let broken = Broken::new(1, Rates::default());
    broken.faults.nth(Operation::Commit, 2, Fault::Fail(ErrorKind::Unavailable));
    let batch = readings(0..1_000);
    let error = broken.run(broken.telemetry.write_batch(&batch)).await.unwrap_err();
    assert_eq!((error.done, error.index), (499, None));
    assert_eq!(error.source.effect(), Effect::None);
    assert_eq!(broken.stored().await, batch[..499]);
    let rest = broken.run(broken.telemetry.write_batch(&batch[error.done..])).await.unwrap();
    assert_eq!(rest.created, 501);
}

#[tokio::test]
async fn a_dropped_write_leaves_all_or_nothing_and_the_handle_goes_on() {
    for polls in 0..12 {
        let broken = Broken::new(1, Rates::default());
        let slow = Fault::DelayReply(std::time::Duration::from_secs(5));
        broken.faults.next(Operation::Commit, slow);
        let (first, second) = (reading(0), reading(1));
        {
            let write = broken.telemetry.write(&first);
            futures::pin_mut!(write);
            for _ in 0..polls {
                let _ = write.as_mut().now_or_never();
                tokio::task::yield_now().await;
            }
        }
        let stored = broken.stored().await;
        let recent = broken.telemetry.recent(&tenant(), &device("room")).await.unwrap();
        assert_eq!(recent.readings().cloned().collect::<Vec<_>>(), stored, "all or nothing");
        broken.run(broken.telemetry.write(&second)).await.unwrap();
        broken.run(broken.telemetry.write(&first)).await.unwrap();
        assert_eq!(broken.stored().await, readings(0..2));
    }
}

/// Two handles write overlapping batches over a bad network, 150 times over: whatever either was
/// told is stored is stored, once, as it was sent, and the device's document holds the newest.
#[tokio::test]
async fn over_any_bad_network_what_is_confirmed_is_stored_once() {
    let rates = Rates {
        fail: 0.05,
        lose_request: 0.05,
        lose_reply: 0.10,
        late: 0.05,
        duplicate: 0.05,
        delay: 0.05,
        ..Rates::default()
    };
    let (mut struck, mut failed) = (0, 0);
    for seed in 0..150 {
        let broken = Broken::new(seed, rates);
        let (one, two) = (broken.telemetry.clone(), Telemetry::new(broken.telemetry.db().clone()));
        let mut confirmed = BTreeMap::new();
        for round in 0..4 {
            let (left, right) =
                (readings(round * 20..round * 20 + 30), readings(round * 20 + 10..round * 20 + 35));
            let (l, r) = broken
                .run(async { futures::join!(one.write_batch(&left), two.write_batch(&right)) })
                .await;
            for (batch, result) in [(&left, l), (&right, r)] {
                let done = match &result {
                    Ok(report) => report.created + report.unchanged,
                    Err(error) => error.done,
                };
                failed += usize::from(result.is_err());
                confirmed.extend(
                    batch[..done]
                        .iter()
                        .map(|reading| (reading.at(), reading))
                        .map(|(at, r)| (at, r.clone())),
                );
            }
        }
        broken.faults.quiet();
        broken.faults.release_late().await;
        let stored = broken.stored().await;
        for reading in confirmed.values() {
            assert!(stored.contains(reading), "seed {seed}: a confirmed reading is missing");
        }
        let recent = one.recent(&tenant(), &device("room")).await.unwrap();
        assert_eq!(recent.readings().cloned().collect::<Vec<_>>(), stored, "seed {seed}");
        struck += broken.faults.injected();
    }
    assert!(struck > 500, "only {struck} faults struck");
    assert!(failed > 10, "only {failed} batches failed");
}
