//! Production's limits that wear off with time: writes per document, and growth per collection.

use std::collections::HashMap;
use std::time::{Duration, Instant};

/// How often each document was written lately.
#[derive(Debug, Default)]
pub(super) struct DocumentRates(HashMap<String, Bucket>);

#[derive(Clone, Copy, Debug)]
struct Bucket {
    /// Writes that are not worn off yet.
    level: f64,
    at: Instant,
}

impl DocumentRates {
    /// Counts a write to each of `documents`, unless one was written more often than `rate` per
    /// second over ten seconds; then nothing is counted.
    pub(super) fn admit(&mut self, documents: &[&str], rate: f64, now: Instant) -> bool {
        let room = (rate * AVERAGED.as_secs_f64()).max(1.0);
        let level = |bucket: &Bucket| {
            let worn = now.saturating_duration_since(bucket.at).as_secs_f64() * rate;
            (bucket.level - worn).max(0.0)
        };
        // What has worn off is as if it had never been.
        if self.0.len() >= MANY {
            self.0.retain(|_, bucket| level(bucket) > 0.0);
        }
        let levels: Vec<f64> =
            documents.iter().map(|name| self.0.get(*name).map_or(0.0, level)).collect();
        if levels.iter().any(|level| level + 1.0 > room + 1e-9) {
            return false;
        }
        for (name, level) in documents.iter().zip(levels) {
            self.0.insert((*name).to_owned(), Bucket { level: level + 1.0, at: now });
        }
        true
    }
}

/// How much traffic each collection has had.
#[derive(Debug, Default)]
pub(super) struct Ramps(HashMap<String, Traffic>);

#[derive(Clone, Copy, Debug)]
struct Traffic {
    window: Instant,
    /// Operations in the window.
    count: f64,
    /// Per second, in the window.
    limit: f64,
    second: Instant,
    /// Operations in the second.
    burst: f64,
}

impl Ramps {
    /// Counts `operations` on `collection`, unless it may not have that many in this second yet.
    /// Collections begin with `base` operations per second.
    pub(super) fn admit(
        &mut self,
        collection: &str,
        operations: f64,
        base: f64,
        now: Instant,
    ) -> bool {
        let fresh = Traffic { window: now, count: 0.0, limit: base, second: now, burst: 0.0 };
        let traffic = self.0.entry(collection.to_owned()).or_insert(fresh);
        traffic.pass(base, now);
        if traffic.burst + operations > traffic.limit {
            return false;
        }
        traffic.burst += operations;
        traffic.count += operations;
        true
    }
}

impl Traffic {
    /// Begins the window and the second that `now` is in.
    fn pass(&mut self, base: f64, now: Instant) {
        let windows = now.saturating_duration_since(self.window).as_secs() / WINDOW.as_secs();
        if windows > 0 {
            let grown = self.count / WINDOW.as_secs_f64() * GROWTH;
            // A whole window without traffic, and the collection is as good as new.
            self.limit = if windows == 1 { grown.max(base) } else { base };
            self.window += WINDOW * u32::try_from(windows).unwrap_or(u32::MAX);
            self.count = 0.0;
        }
        let seconds = now.saturating_duration_since(self.second).as_secs();
        if seconds > 0 {
            self.second += Duration::from_secs(seconds);
            self.burst = 0.0;
        }
    }
}

/// Over how long writes to a document are averaged.
const AVERAGED: Duration = Duration::from_secs(10);
/// How often traffic may grow, and to how much of what it was.
const WINDOW: Duration = Duration::from_secs(300);
const GROWTH: f64 = 1.5;
/// From how many documents on it pays to look for those that can be forgotten.
const MANY: usize = 100_000;

#[cfg(test)]
mod tests {
    use firekeep_core::{Clock, ManualClock};

    use super::*;

    #[test]
    fn a_document_takes_one_write_a_second_and_ten_at_once() {
        let (clock, mut rates) = (ManualClock::new(), DocumentRates::default());
        let mut write = |clock: &ManualClock| rates.admit(&["d"], 1.0, clock.monotonic());
        assert_eq!((0..12).filter(|_| write(&clock)).count(), 10);
        clock.advance(Duration::from_secs(3));
        assert_eq!((0..12).filter(|_| write(&clock)).count(), 3);
        assert!(rates.admit(&["other"], 1.0, clock.monotonic()));
    }

    #[test]
    fn traffic_grows_by_half_every_five_minutes_and_falls_back_when_there_is_none() {
        let (clock, mut ramps) = (ManualClock::new(), Ramps::default());
        let mut second = |clock: &ManualClock| {
            let passed = (0..100).filter(|_| ramps.admit("c", 1.0, 10.0, clock.monotonic()));
            let passed = passed.count();
            clock.advance(Duration::from_secs(1));
            passed
        };
        for limit in [10, 15, 22] {
            for _ in 0..300 {
                assert_eq!(second(&clock), limit);
            }
        }
        clock.advance(Duration::from_secs(900));
        assert_eq!(second(&clock), 10);
    }
}
