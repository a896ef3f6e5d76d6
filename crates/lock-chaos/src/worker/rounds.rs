//! Single calls on a key that changes every now and then, with leases that outlast the run.

use std::time::Duration;

use anyhow::Result;
use fastrand::Rng;
use firekeep_lock::{AcquireOptions, Attempt, Guard};

use super::Worker;
use crate::ground::{self, MILLI};
use crate::history::{Call, Outcome};

/// For how long all workers use the same key.
const ROUND: u64 = 400 * MILLI;
/// Calls of one worker in a round: what a search can still order.
const CALLS: u32 = 30;
const LEASE: Duration = Duration::from_secs(3600);

pub(super) async fn run(worker: Worker) -> Result<()> {
    let mut rng = Rng::with_seed(worker.orders.seed);
    let mut last = 0;
    while !worker.is_over() {
        let round = ground::now() / ROUND;
        if round != last {
            last = round;
            play(&worker, &mut rng, round).await;
        }
        worker.pause(5).await;
    }
    Ok(())
}

async fn play(worker: &Worker, rng: &mut Rng, round: u64) {
    let key = format!("round-{round}");
    let mut held: Option<(u64, Guard)> = None;
    for _ in 0..CALLS {
        if worker.is_over() || ground::now() / ROUND != round {
            break;
        }
        held = match (held, rng.u8(..6)) {
            (held, 0) => {
                is_locked(worker, &key).await;
                held
            }
            (None, _) => try_acquire(worker, &key).await,
            (Some((turn, guard)), 1..=2) => {
                extend(worker, &key, turn, &guard).await;
                Some((turn, guard))
            }
            (Some((turn, guard)), _) => {
                worker.release(&key, turn, guard).await;
                None
            }
        };
        worker.pause(rng.u64(0..8)).await;
    }
    if let Some((turn, guard)) = held {
        worker.release(&key, turn, guard).await;
    }
}

async fn try_acquire(worker: &Worker, key: &str) -> Option<(u64, Guard)> {
    let options = AcquireOptions::default().lease(LEASE).renew(false);
    let op = worker.invoke(key, Call::Acquire);
    let attempt = worker.locks.try_acquire_with(key, &options).await;
    let guard = worker.acquired(
        op,
        attempt.map(|attempt| match attempt {
            Attempt::Won(guard) => Some(guard),
            Attempt::Held(_) => None,
        }),
    )?;
    Some((op, guard))
}

async fn extend(worker: &Worker, key: &str, turn: u64, guard: &Guard) {
    let op = worker.invoke(key, Call::Extend(turn));
    let outcome = match guard.extend(LEASE).await {
        Ok(true) => Outcome::Done,
        Ok(false) => Outcome::Lost,
        Err(error) => Outcome::Failed(error.kind().name().to_owned()),
    };
    worker.returned(op, outcome);
}

async fn is_locked(worker: &Worker, key: &str) {
    let op = worker.invoke(key, Call::IsLocked);
    let outcome = match worker.locks.is_locked(key).await {
        Ok(locked) => Outcome::Locked(locked),
        Err(error) => Outcome::Failed(error.kind().name().to_owned()),
    };
    worker.returned(op, outcome);
}
