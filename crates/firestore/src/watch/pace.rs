//! How long a watch waits before it reconnects.

use std::time::Duration;

/// Exponential back-off with jitter: 1 s before the first reconnect, half as much again before
/// each further one, at most 60 s, each give or take half.
///
/// The jitter keeps the watchers of a server that restarts from coming back all at once. Unlike
/// [`Backoff`](firekeep_core::Backoff), whose full jitter may be next to nothing, each wait has a
/// floor: a server that closes a stream as soon as it is open costs at most two RPCs a second.
#[derive(Debug, Default)]
pub(crate) struct Pace {
    failures: u32,
}

impl Pace {
    /// How many streams have failed since the last that delivered something.
    pub(crate) fn failures(&self) -> u32 {
        self.failures
    }

    /// A stream delivers: the next wait is the shortest again.
    pub(crate) fn recovered(&mut self) {
        self.failures = 0;
    }

    /// A stream failed: how long to wait before the next.
    pub(crate) fn failed(&mut self) -> Duration {
        self.failures = self.failures.saturating_add(1);
        self.jittered()
    }

    /// The server sheds load: waits the longest, and so do further failures.
    pub(crate) fn overloaded(&mut self) -> Duration {
        self.failures = self.failures.saturating_add(1).max(FAILURES_TO_LONGEST);
        self.jittered()
    }

    /// The middle of the wait before the next stream.
    fn middle(&self) -> Duration {
        let steps = self.failures.clamp(1, FAILURES_TO_LONGEST) - 1;
        SHORTEST.mul_f64(1.5_f64.powi(steps as i32)).min(LONGEST)
    }

    fn jittered(&self) -> Duration {
        self.middle().mul_f64(0.5 + fastrand::f64())
    }
}

const SHORTEST: Duration = Duration::from_secs(1);
const LONGEST: Duration = Duration::from_secs(60);
/// 1.5^11 s is the first beyond 60 s.
const FAILURES_TO_LONGEST: u32 = 12;

#[cfg(test)]
mod tests {
    use super::*;

    fn within_half(wait: Duration, middle: f64) -> bool {
        (middle * 0.5..=middle * 1.5).contains(&wait.as_secs_f64())
    }

    #[test]
    fn waits_grow_by_half_up_to_a_minute() {
        let mut pace = Pace::default();
        let middles: Vec<_> = (0..20)
            .map(|_| {
                pace.failed();
                pace.middle().as_secs_f64()
            })
            .collect();
        assert_eq!(middles[..4], [1.0, 1.5, 2.25, 3.375]);
        assert!((57.0..58.0).contains(&middles[10]), "{middles:?}");
        assert_eq!(middles[11..], [60.0; 9]);
    }

    #[test]
    fn jitter_is_at_most_half_and_uses_its_room() {
        let waits: Vec<_> = (0..1_000).map(|_| Pace::default().failed()).collect();
        assert!(waits.iter().all(|wait| within_half(*wait, 1.0)));
        assert!(waits.iter().any(|wait| *wait < Duration::from_millis(600)));
        assert!(waits.iter().any(|wait| *wait > Duration::from_millis(1_400)));
    }

    #[test]
    fn a_stream_that_delivers_starts_anew() {
        let mut pace = Pace::default();
        while pace.failures() < 9 {
            pace.failed();
        }
        pace.recovered();
        assert_eq!(pace.failures(), 0);
        assert!(within_half(pace.failed(), 1.0));
    }

    #[test]
    fn an_overloaded_server_gets_the_longest_wait_at_once() {
        let mut pace = Pace::default();
        assert!(within_half(pace.overloaded(), 60.0));
        assert!(within_half(pace.failed(), 60.0));
    }
}
