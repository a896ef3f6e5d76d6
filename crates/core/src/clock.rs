//! Time from outside: the one place that reads the machine's clocks.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use futures::channel::oneshot;
use futures::future::{BoxFuture, FutureExt};

use crate::timestamp::Timestamp;

pub use shifted::ShiftedClock;

mod shifted;

/// A source of time.
///
/// [`wall`](Clock::wall) is what `MemoryStore` stamps commits with; no feature reads it, because
/// the store is the clock. It may jump in either direction. [`monotonic`](Clock::monotonic)
/// measures durations and never goes back, but its rate is that of the machine.
pub trait Clock: fmt::Debug + Send + Sync + 'static {
    /// The civil time, in microseconds.
    fn wall(&self) -> Timestamp;

    /// The monotonic time.
    fn monotonic(&self) -> Instant;

    /// Completes once [`monotonic`](Clock::monotonic) has advanced by `duration`.
    ///
    /// # Cancellation
    /// Dropping the future forgets the timer.
    fn sleep(&self, duration: Duration) -> BoxFuture<'static, ()>;
}

/// The machine's own clocks. Its timers need no async runtime.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

#[allow(clippy::disallowed_methods, reason = "this is the one wrapper of the machine's clocks")]
impl Clock for SystemClock {
    fn wall(&self) -> Timestamp {
        let since_epoch = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
        Timestamp::UNIX_EPOCH.saturating_add(since_epoch.unwrap_or_default())
    }

    fn monotonic(&self) -> Instant {
        Instant::now()
    }

    fn sleep(&self, duration: Duration) -> BoxFuture<'static, ()> {
        futures_timer::Delay::new(duration).boxed()
    }
}

/// A clock that moves only when told to. Clones share the time.
///
/// ```
/// use std::time::Duration;
/// use firekeep_core::{Clock, ManualClock};
/// let clock = ManualClock::new();
/// let before = clock.wall();
/// clock.advance(Duration::from_secs(30));
/// assert_eq!(clock.wall().since(before), Duration::from_secs(30));
/// ```
#[derive(Clone)]
pub struct ManualClock(Arc<Mutex<Manual>>);

struct Manual {
    origin: Instant,
    elapsed: Duration,
    wall: Timestamp,
    sleepers: Vec<(Duration, oneshot::Sender<()>)>,
}

impl ManualClock {
    /// A clock at 2025-01-01T00:00:00Z.
    pub fn new() -> Self {
        Self::at(Timestamp::UNIX_EPOCH.saturating_add(Duration::from_secs(1_735_689_600)))
    }

    /// A clock at `wall`.
    pub fn at(wall: Timestamp) -> Self {
        let origin = SystemClock.monotonic();
        Self(Arc::new(Mutex::new(Manual {
            origin,
            elapsed: Duration::ZERO,
            wall,
            sleepers: vec![],
        })))
    }

    /// Moves both times forward and wakes the sleepers whose time has come, earliest first.
    pub fn advance(&self, by: Duration) {
        let mut manual = self.lock();
        manual.elapsed += by;
        manual.wall = manual.wall.saturating_add(by);
        let now = manual.elapsed;
        let (mut due, waiting) =
            std::mem::take(&mut manual.sleepers).into_iter().partition::<Vec<_>, _>(|s| s.0 <= now);
        manual.sleepers = waiting;
        drop(manual);
        due.sort_by_key(|sleeper| sleeper.0);
        for (_, wake) in due {
            // The sleeper may have been dropped.
            let _ = wake.send(());
        }
    }

    /// Makes the wall clock jump, as a correction by the operator would; nobody wakes.
    pub fn set_wall(&self, wall: Timestamp) {
        self.lock().wall = wall;
    }

    /// How long until the earliest sleeper that is still waiting wakes; `None` without one.
    pub fn next_wake(&self) -> Option<Duration> {
        let manual = self.lock();
        let waiting = manual.sleepers.iter().filter(|sleeper| !sleeper.1.is_canceled());
        waiting.map(|sleeper| sleeper.0.saturating_sub(manual.elapsed)).min()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Manual> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Default for ManualClock {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for ManualClock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ManualClock({})", self.lock().wall)
    }
}

impl Clock for ManualClock {
    fn wall(&self) -> Timestamp {
        self.lock().wall
    }

    fn monotonic(&self) -> Instant {
        let manual = self.lock();
        manual.origin + manual.elapsed
    }

    fn sleep(&self, duration: Duration) -> BoxFuture<'static, ()> {
        if duration.is_zero() {
            return std::future::ready(()).boxed();
        }
        let (wake, woken) = oneshot::channel();
        let mut manual = self.lock();
        let at = manual.elapsed.saturating_add(duration);
        manual.sleepers.retain(|sleeper| !sleeper.1.is_canceled());
        manual.sleepers.push((at, wake));
        drop(manual);
        // A dropped clock ends no sleep: time that never moves again is never reached.
        async move {
            if woken.await.is_err() {
                std::future::pending::<()>().await;
            }
        }
        .boxed()
    }
}

#[cfg(test)]
mod tests {
    use futures::executor::block_on;

    use super::*;

    #[test]
    fn sleepers_wake_when_their_time_has_come_and_not_before() {
        let clock = ManualClock::new();
        let mut short = clock.sleep(Duration::from_secs(1));
        let mut long = clock.sleep(Duration::from_secs(3));
        assert_eq!(clock.next_wake(), Some(Duration::from_secs(1)));
        clock.advance(Duration::from_secs(2));
        block_on(&mut short);
        assert!(long.as_mut().now_or_never().is_none());
        assert_eq!(clock.next_wake(), Some(Duration::from_secs(1)));
        drop(long);
        assert_eq!(clock.next_wake(), None);
    }

    #[test]
    fn the_wall_may_jump_without_moving_monotonic_time() {
        let clock = ManualClock::new();
        let before = clock.monotonic();
        clock.set_wall(Timestamp::UNIX_EPOCH);
        assert_eq!(clock.wall(), Timestamp::UNIX_EPOCH);
        assert_eq!(clock.monotonic(), before);
    }

    #[test]
    fn the_system_clock_sleeps_without_a_runtime() {
        let before = SystemClock.monotonic();
        block_on(SystemClock.sleep(Duration::from_millis(1)));
        assert!(SystemClock.monotonic() - before >= Duration::from_millis(1));
    }
}
