//! The arithmetic of leases: whose time counts, and for how long.

use std::time::{Duration, Instant};

use firekeep_core::Timestamp;

/// By how much a holder's clock may run slow against the store's: one part in this many, 1 %.
///
/// Clock crystals are off by 0.01 %, and a clock that is being corrected by 0.05 %
/// (<https://www.ntp.org/documentation/4.2.8-series/clock/>). This is the only thing that is assumed of
/// any clock; what time it shows does not matter.
pub const RATE_ALLOWANCE: u32 = 100;

/// What a commit-time stamp is rounded down by at most.
pub(crate) const STAMP_RESOLUTION: Duration = Duration::from_millis(1);

/// For how long of its own time a holder may believe in a lease of `ttl`, from before it sent.
pub(crate) fn believed(ttl: Duration) -> Duration {
    ttl - ttl / RATE_ALLOWANCE
}

/// A point of the store's time, and one of ours that is no later.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Anchor {
    /// What the store's clock said.
    pub(crate) server: Timestamp,
    /// Before the request was sent to which the store answered that.
    pub(crate) before: Instant,
}

impl Anchor {
    /// Until when a holder may believe in a lease that ends at `end` by the store's clock.
    pub(crate) fn believe_until(&self, end: Timestamp) -> Instant {
        self.before + believed(end.since(self.server))
    }
}

#[cfg(test)]
mod tests {
    use firekeep_core::{Clock, ManualClock};

    use super::*;

    #[test]
    fn belief_is_shorter_than_the_lease_by_the_allowance() {
        assert_eq!(believed(Duration::from_secs(30)), Duration::from_millis(29_700));
        let clock = ManualClock::new();
        let anchor = Anchor { server: clock.wall(), before: clock.monotonic() };
        let end = clock.wall().saturating_add(Duration::from_secs(10));
        assert_eq!(anchor.believe_until(end) - clock.monotonic(), Duration::from_millis(9_900));
        let past = Anchor { server: end.saturating_add(Duration::from_secs(1)), ..anchor };
        assert_eq!(
            past.believe_until(end),
            clock.monotonic(),
            "a lease that ended is not believed in"
        );
    }
}
