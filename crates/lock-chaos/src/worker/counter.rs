//! The control: a counter that is raised under the lock, plainly or guarded.

use std::io::Write as _;
use std::time::Duration;

use anyhow::Result;
use firekeep_core::{DocPath, Value, Write, fields};
use firekeep_layers::Fault;
use firekeep_lock::{AcquireOptions, Guard};

use super::sections::outcome;
use super::{Work, Worker};
use crate::history::{Call, Outcome};

/// The key, and the document that holds the counter.
pub(crate) const KEY: &str = "counter";
pub(crate) const COUNTER: &str = "counters/one";
/// The lease: shorter than the nemesis stops a worker for.
pub(crate) const LEASE: Duration = Duration::from_millis(300);
/// How long a write takes to leave.
const WORK: Duration = Duration::from_millis(15);

pub(super) async fn run(worker: Worker) -> Result<()> {
    let options = AcquireOptions::default()
        .lease(LEASE)
        .wait(Duration::from_secs(5))
        .retry_delay(Duration::from_millis(10))
        .renew(false);
    while !worker.is_over() {
        let op = worker.invoke(KEY, Call::Acquire);
        let acquired = worker.locks.acquire_with(KEY, &options).await;
        if let Some(guard) = worker.acquired(op, acquired.map(Some)) {
            if !guard.is_lost() {
                raise(&worker, op, &guard).await?;
            }
            worker.release(KEY, op, guard).await;
        }
        worker.pause(5).await;
    }
    Ok(())
}

/// Reads and writes: what every program does that trusts in its lock.
async fn raise(worker: &Worker, turn: u64, guard: &Guard) -> Result<()> {
    let path = DocPath::new(COUNTER)?;
    let found = worker.db.get(&path).await?;
    let count = found.as_ref().and_then(|found| found.get("count")).and_then(Value::as_integer);
    // The write takes a while to leave. Who directs this may stop the process then: after whatever the
    // guard asks itself before it sends, which is what no guard can help.
    worker.next_commit(Fault::Delay(WORK));
    writeln!(std::io::stdout(), "between")?;
    let fields = fields! { "count" => count.unwrap_or(0) + 1 };
    if worker.orders.work == Work::Plain {
        let op = worker.invoke(KEY, Call::RaisePlainly(turn));
        worker.db.set(path, fields).await?;
        worker.returned(op, Outcome::Done);
    } else {
        let op = worker.invoke(KEY, Call::Raise(turn));
        let committed = guard.commit(vec![Write::replace(path, fields)?]).await;
        worker.returned(op, outcome(committed.map(drop)));
    }
    Ok(())
}
