//! Which task is next.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use firekeep::{Clock, SystemClock};

/// The tasks that are not done, each with the instant from when on it may be looked at.
#[derive(Debug)]
pub(super) struct Queue(Mutex<BinaryHeap<Reverse<(Instant, u32)>>>);

impl Queue {
    pub(super) fn new(tasks: impl Iterator<Item = u32>) -> Self {
        let now = SystemClock.monotonic();
        Self(Mutex::new(tasks.map(|task| Reverse((now, task))).collect()))
    }

    /// Puts a task back that somebody else has.
    pub(super) fn put_back(&self, task: u32, after: Duration) {
        self.tasks().push(Reverse((SystemClock.monotonic() + after, task)));
    }

    /// Takes the next task, and waits until it may be looked at. `None` once there is none: who puts
    /// one back takes it up.
    pub(super) async fn next(&self) -> Option<u32> {
        let Reverse((at, task)) = self.tasks().pop()?;
        let rest = at.saturating_duration_since(SystemClock.monotonic());
        if !rest.is_zero() {
            SystemClock.sleep(rest).await;
        }
        Some(task)
    }

    fn tasks(&self) -> MutexGuard<'_, BinaryHeap<Reverse<(Instant, u32)>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
