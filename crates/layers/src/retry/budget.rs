//! How much all calls together may repeat.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use parking_lot::Mutex;

/// A bound on retries that all calls of a [`RetryLayer`](crate::RetryLayer) share.
///
/// Per-call limits don't protect a service that is down: with five attempts, every call becomes
/// five, just when the service can bear the least, and it stays down for as long as its clients
/// stay polite one by one. So retries are paid from a bucket of tokens. Each call puts in a
/// fraction of a token, each retry takes out a whole one, and an empty bucket ends retrying at once:
/// a broken service sees its usual load plus that fraction, while a few failures among many
/// successes are retried as ever. A small steady refill lets quiet processes retry, too.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct BudgetOptions {
    /// Tokens that each call puts in: the share of additional load in the long run. 0.2 by default.
    pub per_call: f64,
    /// Tokens that each second puts in, whatever is called. 1 by default.
    pub per_second: f64,
    /// The most tokens that are kept, and how many there are at first. 100 by default.
    pub capacity: f64,
}

impl Default for BudgetOptions {
    fn default() -> Self {
        Self { per_call: 0.2, per_second: 1.0, capacity: 100.0 }
    }
}

/// The bucket. Deposits are a counter that a withdrawal folds in, so that a call which succeeds
/// takes no lock.
#[derive(Debug)]
pub(super) struct Budget {
    options: BudgetOptions,
    calls: AtomicU64,
    bucket: Mutex<Bucket>,
}

#[derive(Debug)]
struct Bucket {
    tokens: f64,
    as_of: Instant,
}

impl Budget {
    pub(super) fn new(options: BudgetOptions, now: Instant) -> Self {
        let bucket = Mutex::new(Bucket { tokens: options.capacity, as_of: now });
        Self { options, calls: AtomicU64::new(0), bucket }
    }

    /// Takes note of a call.
    pub(super) fn deposit(&self) {
        self.calls.fetch_add(1, Ordering::Relaxed);
    }

    /// Pays for a retry at `now`; `false` if there is nothing to pay with.
    pub(super) fn withdraw(&self, now: Instant) -> bool {
        let mut bucket = self.bucket.lock();
        let calls = self.calls.swap(0, Ordering::Relaxed) as f64;
        let seconds = now.saturating_duration_since(bucket.as_of).as_secs_f64();
        let earned = calls * self.options.per_call + seconds * self.options.per_second;
        bucket.tokens = (bucket.tokens + earned).min(self.options.capacity);
        bucket.as_of = bucket.as_of.max(now);
        let pays = bucket.tokens >= 1.0;
        if pays {
            bucket.tokens -= 1.0;
        }
        pays
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use firekeep_core::{Clock, ManualClock};

    use super::*;

    fn budget(capacity: f64) -> (Budget, Instant) {
        let now = ManualClock::new().monotonic();
        (Budget::new(BudgetOptions { capacity, ..BudgetOptions::default() }, now), now)
    }

    #[test]
    fn an_outage_is_retried_by_the_reserve_and_then_by_a_fraction_of_the_calls() {
        let (budget, now) = budget(10.0);
        let retried = (0..1_000).filter(|_| {
            budget.deposit();
            budget.withdraw(now)
        });
        // A reserve of 10 and a fifth of 1,000 calls, up to the rounding of the last token.
        assert!((209..=211).contains(&retried.count()));
    }

    #[test]
    fn time_refills_and_the_capacity_bounds_it() {
        let (budget, now) = budget(2.0);
        assert_eq!((0..9).filter(|_| budget.withdraw(now)).count(), 2);
        let later = now + Duration::from_secs(1);
        assert_eq!((0..9).filter(|_| budget.withdraw(later)).count(), 1);
        let much_later = now + Duration::from_secs(1_000);
        assert_eq!((0..9).filter(|_| budget.withdraw(much_later)).count(), 2);
    }
}
