//! Critical sections under short leases, with everything that protects what they do.

use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

use anyhow::Result;
use fastrand::Rng;
use firekeep_core::{DocPath, Value, Write, fields};
use firekeep_layers::Fault;
use firekeep_lock::{AcquireOptions, CommitError, Guard, Lease};
use futures::future::{Either, select};
use futures::poll;

use super::{SOCKET, Worker};
use crate::history::{Call, Outcome};
use crate::outside::{Ask, Outside};

/// The keys of an episode.
pub(crate) const KEYS: [&str; 3] = ["orders/7", "stock", "__x__"];
/// The leases, in milliseconds.
const LEASES: std::ops::RangeInclusive<u64> = 300..=800;
/// Where the registers are.
pub(crate) const REGISTERS: &str = "registers";
/// Where each write of a register leaves an entry.
pub(crate) const JOURNAL: &str = "journal";

pub(super) async fn run(worker: Worker) -> Result<()> {
    let mut rng = Rng::with_seed(worker.orders.seed);
    let mut outside = Outside::connect(&worker.orders.folder.join(SOCKET))?;
    while !worker.is_over() {
        let at = rng.usize(..KEYS.len());
        let options = AcquireOptions::default()
            .lease(Duration::from_millis(rng.u64(LEASES)))
            .wait(Duration::from_millis(rng.u64(0..2000)))
            .retry_delay(Duration::from_millis(20))
            .renew(rng.bool());
        let options = if rng.u8(..4) == 0 { options.fair() } else { options };
        let op = worker.invoke(KEYS[at], Call::Acquire);
        let acquired = worker.locks.acquire_with(KEYS[at], &options).await;
        if let Some(guard) = worker.acquired(op, acquired.map(Some)) {
            section(&worker, &mut rng, &mut outside, Turn { at, op }, guard).await?;
        }
        worker.pause(rng.u64(0..30)).await;
    }
    Ok(())
}

#[derive(Clone, Copy)]
struct Turn {
    at: usize,
    op: u64,
}

/// A few steps under the lock. A worker goes on after the lock is lost, as a program would that does
/// not look: what it does then must come to nothing.
async fn section(
    worker: &Worker,
    rng: &mut Rng,
    outside: &mut Outside,
    turn: Turn,
    guard: Guard,
) -> Result<()> {
    let key = KEYS[turn.at];
    for _ in 0..rng.u8(1..6) {
        worker.tell_belief(turn.op, &guard);
        match rng.u8(..8) {
            // One that may still happen would be lost to the next one of the same holder.
            0..=3 if !raise(worker, rng, turn, &guard).await? => break,
            0..=3 => {}
            4..=5 => {
                let id = guard.id().hash().as_str().to_owned();
                let fence = guard.fence().as_u64();
                outside.ask(&Ask { key: key.to_owned(), turn: turn.op, id, fence })?;
            }
            6 => extend(worker, rng, turn, &guard).await,
            _ => worker.pause(rng.u64(0..300)).await,
        }
        worker.tell_belief(turn.op, &guard);
    }
    // A guard that is dropped releases in the background, at a time that the history does not know.
    worker.release(key, turn.op, guard).await;
    Ok(())
}

async fn extend(worker: &Worker, rng: &mut Rng, turn: Turn, lease: &Lease) {
    let millis = rng.u64(LEASES);
    if rng.u8(..3) == 0 {
        worker.next_commit(Fault::DelayReply(slowly(rng)));
    }
    let op = worker.invoke(KEYS[turn.at], Call::Extend(turn.op));
    // While the request is under way, the belief must fit whatever comes of it.
    let mut extending = pin!(lease.extend(Duration::from_millis(millis)));
    let extended = loop {
        if let Poll::Ready(extended) = poll!(&mut extending) {
            break extended;
        }
        worker.tell_belief(turn.op, lease);
        if let Either::Left((extended, _)) = select(&mut extending, pin!(worker.pause(3))).await {
            break extended;
        }
    };
    let outcome = match extended {
        Ok(true) => Outcome::Done,
        Ok(false) => Outcome::Lost,
        Err(error) => Outcome::Failed(error.kind().name().to_owned()),
    };
    worker.returned(op, outcome);
}

/// For longer than some leases.
fn slowly(rng: &mut Rng) -> Duration {
    Duration::from_millis(rng.u64(100..1200))
}

/// Raises the register of the key by one: a read, and a commit that only the holder can make. Whether
/// it is known how that ended.
async fn raise(worker: &Worker, rng: &mut Rng, turn: Turn, lease: &Lease) -> Result<bool> {
    let register = DocPath::new(format!("{REGISTERS}/{}", turn.at))?;
    let Ok(found) = worker.db.get(&register).await else { return Ok(true) };
    let from = found.as_ref().and_then(|found| found.get("count")).and_then(Value::as_integer);
    let from = from.unwrap_or(0);
    let op = worker.invoke(KEYS[turn.at], Call::Raise(turn.op));
    let fence = i64::try_from(lease.fence().as_u64())?;
    let entry = fields! {
        "key" => KEYS[turn.at], "op" => i64::try_from(op)?, "from" => from, "fence" => fence,
    };
    let writes = vec![
        Write::replace(register, fields! { "count" => from + 1 })?,
        Write::replace(DocPath::new(format!("{JOURNAL}/{op:x}"))?, entry)?,
    ];
    if rng.u8(..6) == 0 {
        // It leaves while the lock is held, and arrives when it may not be.
        worker.next_commit(Fault::Delay(slowly(rng)));
    }
    let outcome = outcome(lease.commit(writes).await.map(drop));
    let is_known = !matches!(outcome, Outcome::Failed(_));
    worker.returned(op, outcome);
    Ok(is_known)
}

pub(super) fn outcome(committed: Result<(), CommitError>) -> Outcome {
    match committed {
        Ok(()) => Outcome::Done,
        Err(error) if error.is_lost() => Outcome::Lost,
        Err(CommitError::Store(error)) => Outcome::Failed(error.kind().name().to_owned()),
        Err(error) => Outcome::Failed(error.to_string()),
    }
}
