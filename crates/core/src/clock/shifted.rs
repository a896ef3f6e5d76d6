//! A clock that runs by itself and can be moved on.

use std::collections::BTreeMap;
use std::fmt;
use std::future::Future;
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use futures::channel::oneshot;
use futures::future::{BoxFuture, FutureExt, select};

use super::Clock;
use crate::timestamp::Timestamp;

/// A clock that runs as the one below it does, ahead of it by as much as it was told to.
///
/// For a server under test: its time passes by itself, and a test that waits for a lease to expire
/// moves it on instead. Clones share the time.
///
/// ```
/// use std::sync::Arc;
/// use std::time::Duration;
/// use firekeep_core::{Clock, ManualClock, ShiftedClock};
/// let below = ManualClock::new();
/// let clock = ShiftedClock::over(Arc::new(below.clone()));
/// let mut nap = clock.sleep(Duration::from_secs(60));
/// clock.advance(Duration::from_secs(45));
/// below.advance(Duration::from_secs(15));
/// futures::executor::block_on(&mut nap);
/// assert_eq!(clock.wall().since(below.wall()), Duration::from_secs(45));
/// ```
#[derive(Clone)]
pub struct ShiftedClock(Arc<Shifted>);

struct Shifted {
    below: Arc<dyn Clock>,
    shift: Mutex<Shift>,
}

#[derive(Default)]
struct Shift {
    /// How far both times are ahead.
    ahead: Duration,
    /// How far the wall is ahead of that, in microseconds.
    wall: i64,
    /// Whom to wake when the clock moves on, by when their time comes.
    sleepers: BTreeMap<(Instant, u64), oneshot::Sender<()>>,
    next: u64,
}

impl ShiftedClock {
    /// A clock that agrees with `below` until it is moved.
    pub fn over(below: Arc<dyn Clock>) -> Self {
        Self(Arc::new(Shifted { below, shift: Mutex::default() }))
    }

    /// Moves both times forward and wakes the sleepers whose time has come, earliest first. By a
    /// thousand years altogether at most, so that no time overflows.
    pub fn advance(&self, by: Duration) {
        let mut shift = self.0.lock();
        shift.ahead = shift.ahead.saturating_add(by).min(MAX_AHEAD);
        // The others have to work out anew how long to sleep by the clock below.
        let sleepers = std::mem::take(&mut shift.sleepers);
        drop(shift);
        for wake in sleepers.into_values() {
            // The sleeper may have been dropped.
            let _ = wake.send(());
        }
    }

    /// Makes the wall clock jump by `micros` microseconds, backwards if negative, as a correction
    /// by the operator would; nobody wakes.
    pub fn shift_wall(&self, micros: i64) {
        let mut shift = self.0.lock();
        shift.wall = shift.wall.saturating_add(micros);
    }

    /// How far [`advance`](Self::advance) has moved the clock altogether.
    pub fn ahead(&self) -> Duration {
        self.0.lock().ahead
    }
}

impl Clock for ShiftedClock {
    fn wall(&self) -> Timestamp {
        let (ahead, wall) = {
            let shift = self.0.lock();
            (shift.ahead, shift.wall)
        };
        let time = self.0.below.wall().saturating_add(ahead);
        let jump = Duration::from_micros(wall.unsigned_abs());
        if wall < 0 { time.saturating_sub(jump) } else { time.saturating_add(jump) }
    }

    fn monotonic(&self) -> Instant {
        self.0.now(&self.0.lock())
    }

    fn sleep(&self, duration: Duration) -> BoxFuture<'static, ()> {
        let Some(until) = self.monotonic().checked_add(duration) else {
            return std::future::pending().boxed();
        };
        let shifted = Arc::clone(&self.0);
        let mut nap = shifted.nap(until);
        async move {
            while let Some(over) = nap.take() {
                over.await;
                nap = shifted.nap(until);
            }
        }
        .boxed()
    }
}

impl Shifted {
    fn lock(&self) -> MutexGuard<'_, Shift> {
        self.shift.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn now(&self, shift: &Shift) -> Instant {
        self.below.monotonic() + shift.ahead
    }

    /// Lasts until the clock moves on or `until` comes by itself; `None` if it has come.
    fn nap(self: &Arc<Self>, until: Instant) -> Option<impl Future<Output = ()> + use<>> {
        let (wake, moved) = oneshot::channel();
        let mut shift = self.lock();
        let left = until.saturating_duration_since(self.now(&shift));
        if left.is_zero() {
            return None;
        }
        shift.next += 1;
        let key = (until, shift.next);
        shift.sleepers.insert(key, wake);
        drop(shift);
        let timer = self.below.sleep(left);
        let asleep = Asleep { shifted: Arc::clone(self), key };
        Some(async move {
            let _asleep = asleep;
            select(timer, pin!(moved)).await;
        })
    }
}

/// A sleeper that is to be woken when the clock moves, for as long as this lives.
struct Asleep {
    shifted: Arc<Shifted>,
    key: (Instant, u64),
}

impl Drop for Asleep {
    fn drop(&mut self) {
        self.shifted.lock().sleepers.remove(&self.key);
    }
}

impl fmt::Debug for ShiftedClock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ShiftedClock({:?} ahead of {:?})", self.ahead(), self.0.below)
    }
}

/// How far a clock may be moved on: a thousand years.
const MAX_AHEAD: Duration = Duration::from_secs(1_000 * 365 * 86_400);

#[cfg(test)]
mod tests {
    use futures::executor::block_on;

    use super::*;
    use crate::{ManualClock, SystemClock};

    const SECOND: Duration = Duration::from_secs(1);

    fn clocks() -> (ShiftedClock, ManualClock) {
        let below = ManualClock::new();
        (ShiftedClock::over(Arc::new(below.clone())), below)
    }

    #[test]
    fn it_runs_with_the_clock_below_and_ahead_of_it() {
        let (clock, below) = clocks();
        assert_eq!((clock.wall(), clock.monotonic()), (below.wall(), below.monotonic()));
        let before = (below.wall(), below.monotonic());
        clock.advance(10 * SECOND);
        assert_eq!((below.wall(), below.monotonic()), before, "the clock below stands");
        below.advance(SECOND);
        assert_eq!(clock.wall().since(before.0), 11 * SECOND);
        assert_eq!(clock.monotonic() - before.1, 11 * SECOND);
        assert_eq!(clock.ahead(), 10 * SECOND);
    }

    #[test]
    fn the_wall_may_jump_either_way_without_moving_monotonic_time() {
        let (clock, below) = clocks();
        clock.advance(SECOND);
        let monotonic = clock.monotonic();
        clock.shift_wall(-3_000_000);
        assert_eq!(below.wall().since(clock.wall()), 2 * SECOND);
        clock.shift_wall(5_000_000);
        assert_eq!(clock.wall().since(below.wall()), 3 * SECOND);
        assert_eq!(clock.monotonic(), monotonic);
    }

    #[test]
    fn sleepers_wake_by_the_shifted_time_whichever_clock_moves() {
        let (clock, below) = clocks();
        let mut naps = [1, 5, 9].map(|seconds| clock.sleep(seconds * SECOND));
        clock.advance(2 * SECOND);
        block_on(&mut naps[0]);
        assert!((&mut naps[1]).now_or_never().is_none());
        assert_eq!(below.next_wake(), Some(3 * SECOND), "the next is timed anew");
        below.advance(3 * SECOND);
        block_on(&mut naps[1]);
        assert!((&mut naps[2]).now_or_never().is_none());
        clock.advance(4 * SECOND);
        block_on(&mut naps[2]);
    }

    #[test]
    fn a_sleeper_that_was_not_polled_yet_sleeps_all_the_same() {
        let (clock, _) = clocks();
        let nap = clock.sleep(SECOND);
        clock.advance(SECOND);
        assert_eq!(nap.now_or_never(), Some(()));
        assert_eq!(clock.sleep(Duration::ZERO).now_or_never(), Some(()));
    }

    #[test]
    fn a_dropped_sleeper_is_forgotten() {
        let (clock, below) = clocks();
        drop(clock.sleep(SECOND));
        assert!(clock.0.lock().sleepers.is_empty());
        assert_eq!(below.next_wake(), None);
    }

    #[test]
    fn no_move_overflows() {
        let (clock, _) = clocks();
        clock.advance(Duration::MAX);
        clock.advance(Duration::MAX);
        clock.shift_wall(i64::MAX);
        assert_eq!(clock.ahead(), MAX_AHEAD);
        assert_eq!(clock.wall(), Timestamp::MAX);
        clock.shift_wall(i64::MIN);
        clock.shift_wall(i64::MIN);
        assert_eq!(clock.wall(), Timestamp::MIN);
        assert!(clock.sleep(Duration::MAX).now_or_never().is_none());
    }

    #[test]
    fn a_thread_asleep_by_the_machine_s_clock_wakes_when_time_is_moved() {
        let clock = ShiftedClock::over(Arc::new(SystemClock));
        let hour = clock.sleep(Duration::from_secs(3_600));
        let sleeper = std::thread::spawn(move || block_on(hour));
        clock.advance(Duration::from_secs(3_600));
        sleeper.join().unwrap();
    }
}
