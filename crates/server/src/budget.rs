//! What following something may cost.

use std::sync::Arc;
use std::time::{Duration, Instant};

use firekeep_core::Clock;

/// How many reads a device may cost at once after a quiet time.
const BURST: u32 = 6;
/// How long it takes to earn a read for a device.
const EARN: Duration = Duration::from_secs(2);

/// An allowance of billed reads. For a device: 6 at hand, one more every 2 seconds, so at most 36 in any
/// minute.
///
/// A watch costs a read per commit to what it follows, and a device that writes many times a
/// second would make a dashboard cost as many. Whoever follows a device on an allowance stops
/// following while it is used up, so the bound holds at any rate of writing, on any backend.
#[derive(Debug)]
pub(crate) struct Budget {
    clock: Arc<dyn Clock>,
    burst: u32,
    earn: Duration,
    /// When the allowance would have been at zero, had it been earned without a bound.
    empty_at: Instant,
}

impl Budget {
    /// That of a device.
    pub(crate) fn new(clock: Arc<dyn Clock>) -> Self {
        Self::of(clock, BURST, EARN)
    }

    /// `burst` reads at hand, and one more every `earn`.
    pub(crate) fn of(clock: Arc<dyn Clock>, burst: u32, earn: Duration) -> Self {
        let now = clock.monotonic();
        Self { clock, burst, earn, empty_at: now.checked_sub(earn * burst).unwrap_or(now) }
    }

    pub(crate) fn spend(&mut self, reads: u64) {
        let now = self.clock.monotonic();
        let fullest = now.checked_sub(self.earn * self.burst).unwrap_or(now);
        let reads = u32::try_from(reads).unwrap_or(u32::MAX);
        self.empty_at = self.empty_at.max(fullest) + self.earn.saturating_mul(reads);
    }

    /// How long until there is a read to spend; `None` if there is one.
    pub(crate) fn wait(&self) -> Option<Duration> {
        let affordable = self.empty_at + self.earn;
        let wait = affordable.saturating_duration_since(self.clock.monotonic());
        (!wait.is_zero()).then_some(wait)
    }
}

#[cfg(test)]
mod tests {
    use firekeep_core::ManualClock;

    use super::*;

    #[test]
    fn any_minute_has_at_most_36_reads() {
        let clock = ManualClock::new();
        let mut budget = Budget::new(Arc::new(clock.clone()));
        let mut spent = Vec::new();
        clock.advance(Duration::from_secs(3_600));
        for tick in 0..1_800 {
            while budget.wait().is_none() {
                budget.spend(1);
                spent.push(tick);
            }
            clock.advance(Duration::from_millis(100));
        }
        for start in 0..1_800 {
            let minute = spent.iter().filter(|tick| (start..start + 600).contains(*tick)).count();
            assert!(minute <= 36, "{minute} reads in the minute from tick {start}");
        }
        assert!(spent.len() >= 90, "{} reads in three minutes", spent.len());
    }

    #[test]
    fn what_was_overspent_is_earned_first() {
        let clock = ManualClock::new();
        let mut budget = Budget::new(Arc::new(clock.clone()));
        budget.spend(8);
        assert_eq!(budget.wait(), Some(EARN * 3));
        clock.advance(EARN * 3);
        assert_eq!(budget.wait(), None);
    }
}
