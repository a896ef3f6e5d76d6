//! Time in tests: on memory it passes when nothing else can happen, on the emulator it is real.

use std::future::Future;
use std::time::Duration;

use firekeep_core::{Clock, Db, SystemClock};
use firekeep_testkit::TestBackend;
use futures::future::{Either, select};

/// The backend's database, waiting on the clock that the backend has.
pub(crate) fn clocked(backend: &TestBackend) -> Db {
    match backend.clock() {
        Some(clock) => backend.db().clone().with_clock(clock.clone()),
        None => backend.db().clone(),
    }
}

/// Waits for `work` while time passes.
pub(crate) async fn drive<T>(backend: &TestBackend, work: impl Future<Output = T> + Unpin) -> T {
    let time = std::pin::pin!(pass_time(backend));
    match select(work, time).await {
        Either::Left((answer, _)) => answer,
        Either::Right(_) => unreachable!("time has no end"),
    }
}

/// Waits until `condition` holds while time passes.
pub(crate) async fn until<F: Future<Output = bool>>(
    backend: &TestBackend,
    condition: impl Fn() -> F,
) {
    while !condition().await {
        step(backend).await;
    }
}

/// Lets tasks run, then moves the clock to where the next of them wakes.
async fn step(backend: &TestBackend) {
    for _ in 0..50 {
        tokio::task::yield_now().await;
    }
    match backend.clock() {
        Some(clock) => clock.advance(clock.next_wake().unwrap_or(Duration::from_millis(1))),
        // The emulator's time is the machine's: there is no clock to move.
        None => SystemClock.sleep(Duration::from_millis(5)).await,
    }
}

async fn pass_time(backend: &TestBackend) {
    loop {
        step(backend).await;
    }
}
