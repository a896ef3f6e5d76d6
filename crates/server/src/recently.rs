//! What the last minute cost.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use firekeep_core::Clock;
use firekeep_layers::Bill;

const MINUTE: Duration = Duration::from_secs(60);
/// A sample older than this says nothing about the last minute.
const STALE: Duration = Duration::from_secs(75);

/// Samples of a meter, taken whenever somebody asks: pages do every 5 seconds.
#[derive(Debug)]
pub(crate) struct Recently {
    clock: Arc<dyn Clock>,
    samples: Mutex<VecDeque<(Instant, Bill)>>,
}

impl Recently {
    pub(crate) fn new(clock: Arc<dyn Clock>, now: Bill) -> Self {
        let samples = Mutex::new(VecDeque::from([(clock.monotonic(), now)]));
        Self { clock, samples }
    }

    /// What was billed since the newest sample that is at least a minute old, or since the oldest
    /// there is; nothing if nobody asked for longer than that.
    pub(crate) fn bill(&self, total: Bill) -> Bill {
        let now = self.clock.monotonic();
        let age = |sample: &(Instant, Bill)| now.saturating_duration_since(sample.0);
        let mut samples = self.samples.lock().unwrap_or_else(PoisonError::into_inner);
        while samples.front().is_some_and(|sample| age(sample) > STALE)
            || samples.get(1).is_some_and(|sample| age(sample) >= MINUTE)
        {
            samples.pop_front();
        }
        // Many pages ask; a sample a second is plenty.
        if samples.back().is_none_or(|sample| age(sample) >= Duration::from_secs(1)) {
            samples.push_back((now, total));
        }
        samples.front().map_or(Bill::ZERO, |(_, then)| total - *then)
    }
}

#[cfg(test)]
mod tests {
    use firekeep_core::ManualClock;

    use super::*;

    #[test]
    fn forgets_what_is_more_than_a_minute_ago() {
        let clock = ManualClock::new();
        let recently = Recently::new(Arc::new(clock.clone()), Bill::ZERO);
        let reads = |reads| Bill { reads, ..Bill::ZERO };
        assert_eq!(recently.bill(reads(7)), reads(7), "the start counts");
        for total in 8..28 {
            clock.advance(Duration::from_secs(5));
            recently.bill(reads(total));
        }
        assert_eq!(recently.bill(reads(27)), reads(12));
        clock.advance(Duration::from_secs(3_600));
        assert_eq!(recently.bill(reads(1_000)), Bill::ZERO, "an hour is no minute");
    }
}
