//! How long to wait between attempts.

use std::time::Duration;

/// Exponential back-off with full jitter: before attempt *n* + 1, a random share of
/// `min(cap, base · 2^(n-1))`.
///
/// Full jitter spreads competitors best
/// (<https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/>); without jitter,
/// transactions that collided once collide again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Backoff {
    /// The bound before the second attempt.
    pub base: Duration,
    /// The largest bound.
    pub cap: Duration,
}

impl Default for Backoff {
    /// 100 ms doubling to 10 s.
    fn default() -> Self {
        Self { base: Duration::from_millis(100), cap: Duration::from_secs(10) }
    }
}

impl Backoff {
    /// The longest wait after `failures` failed attempts.
    pub fn bound(&self, failures: u32) -> Duration {
        let doublings = failures.saturating_sub(1).min(31);
        self.base.saturating_mul(1 << doublings).min(self.cap)
    }

    /// A random wait after `failures` failed attempts, and at least `after`.
    pub fn delay(&self, failures: u32, after: Option<Duration>) -> Duration {
        let jittered = self.bound(failures).mul_f64(fastrand::f64());
        after.map_or(jittered, |least| least.saturating_add(jittered))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn doubles_up_to_the_cap() {
        let backoff = Backoff::default();
        let bounds: Vec<_> = [1, 2, 3, 8, 40].map(|n| backoff.bound(n).as_millis()).into();
        assert_eq!(bounds, [100, 200, 400, 10_000, 10_000]);
    }

    #[test]
    fn jitter_stays_below_the_bound_and_above_what_the_server_asked_for() {
        let backoff = Backoff::default();
        assert!((0..200).all(|_| backoff.delay(2, None) <= Duration::from_millis(200)));
        let least = Duration::from_secs(3);
        assert!((0..200).all(|_| backoff.delay(1, Some(least)) >= least));
    }
}
