//! A clock that is wrong.

use std::time::{Duration, Instant};

use firekeep_core::{Clock, SystemClock, Timestamp};
use futures::future::BoxFuture;

/// The machine's clocks, misread: the wall is off by a constant, and monotonic time runs fast or slow.
#[derive(Clone, Copy, Debug)]
pub struct SkewedClock {
    origin: Instant,
    wall_seconds: i64,
    rate_ppm: i64,
}

impl SkewedClock {
    /// A clock whose wall is `wall_seconds` ahead, and which gains `rate_ppm` microseconds per second.
    /// Negative numbers are behind and slow; a rate is above -1,000,000.
    pub fn new(wall_seconds: i64, rate_ppm: i64) -> Self {
        Self { origin: SystemClock.monotonic(), wall_seconds, rate_ppm }
    }

    /// What really passes while this clock advances by `own`.
    pub fn real(&self, own: Duration) -> Duration {
        scale(own, MILLION, MILLION + i128::from(self.rate_ppm))
    }

    fn own(&self, real: Duration) -> Duration {
        scale(real, MILLION + i128::from(self.rate_ppm), MILLION)
    }
}

impl Clock for SkewedClock {
    fn wall(&self) -> Timestamp {
        let off = Duration::from_secs(self.wall_seconds.unsigned_abs());
        let wall = SystemClock.wall();
        if self.wall_seconds < 0 { wall.saturating_sub(off) } else { wall.saturating_add(off) }
    }

    fn monotonic(&self) -> Instant {
        self.origin + self.own(SystemClock.monotonic().saturating_duration_since(self.origin))
    }

    fn sleep(&self, duration: Duration) -> BoxFuture<'static, ()> {
        SystemClock.sleep(self.real(duration))
    }
}

fn scale(duration: Duration, by: i128, over: i128) -> Duration {
    let nanos = i128::try_from(duration.as_nanos()).unwrap_or(i128::MAX / MILLION / 2);
    Duration::from_nanos(u64::try_from(nanos * by / over).unwrap_or(u64::MAX))
}

const MILLION: i128 = 1_000_000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_of_a_slow_clock_takes_longer_than_a_second() {
        let slow = SkewedClock::new(0, -10_000);
        let second = Duration::from_secs(1);
        assert_eq!(slow.own(second), Duration::from_millis(990));
        assert_eq!(slow.own(slow.real(second)).as_millis(), 999, "rounded down twice");
        assert!(slow.real(second) > Duration::from_millis(1_010));
        let fast = SkewedClock::new(0, 10_000);
        assert_eq!(fast.own(second), Duration::from_millis(1_010));
        assert!(fast.real(second) < second);
    }

    #[test]
    fn the_wall_is_off_and_monotonic_time_goes_on() {
        let hour = Duration::from_secs(3600);
        let ahead = SkewedClock::new(3600, 0);
        let behind = SkewedClock::new(-3600, 0);
        let apart = ahead.wall().since(behind.wall());
        assert!(apart <= 2 * hour && apart > 2 * hour - Duration::from_secs(60));
        let before = ahead.monotonic();
        assert!(ahead.monotonic() >= before);
    }
}
