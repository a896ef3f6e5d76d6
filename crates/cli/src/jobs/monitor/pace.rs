//! How fast a job comes on.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// How far back the rate looks.
const WINDOW: Duration = Duration::from_secs(60);

/// How much was done, and when.
#[derive(Debug, Default)]
pub(super) struct Pace(VecDeque<(Instant, u64)>);

impl Pace {
    /// Notes that so much is done.
    pub(super) fn note(&mut self, now: Instant, done: u64) {
        // What is done may become less: a task that is tried again.
        while self.0.back().is_some_and(|(_, before)| *before > done) {
            self.0.pop_back();
        }
        if self.0.back().is_none_or(|(_, before)| *before < done) {
            self.0.push_back((now, done));
        }
        while self.0.len() > 2
            && self.0.get(1).is_some_and(|(at, _)| now.duration_since(*at) > WINDOW)
        {
            self.0.pop_front();
        }
    }

    /// How many a second, as of `now`; none before there is anything to go by.
    pub(super) fn rate(&self, now: Instant) -> Option<f64> {
        let ((since, first), (_, last)) = (self.0.front()?, self.0.back()?);
        let seconds = now.saturating_duration_since(*since).as_secs_f64();
        (last > first && seconds > 0.0).then(|| (last - first) as f64 / seconds)
    }

    /// For how long still, if it goes on like this and so many are left.
    pub(super) fn left(&self, now: Instant, rest: u64) -> Option<Duration> {
        let seconds = rest as f64 / self.rate(now)?;
        Duration::try_from_secs_f64(seconds).ok()
    }
}

#[cfg(test)]
mod tests {
    use firekeep::{Clock, ManualClock};

    use super::*;

    #[test]
    fn the_rate_is_that_of_the_last_minute_and_falls_while_nothing_happens() {
        let clock = ManualClock::new();
        let mut pace = Pace::default();
        assert_eq!(pace.rate(clock.monotonic()), None);
        for done in 0..=10 {
            pace.note(clock.monotonic(), done);
            clock.advance(Duration::from_secs(1));
        }
        let now = clock.monotonic();
        assert_eq!(pace.left(now, 20), Some(Duration::from_secs(22)));
        clock.advance(Duration::from_secs(9));
        assert_eq!(pace.rate(clock.monotonic()), Some(0.5));
        pace.note(clock.monotonic(), 3);
        assert_eq!(pace.rate(clock.monotonic()), Some(0.15));
    }
}
