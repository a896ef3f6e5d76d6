//! Noticing that a stream has died without a word.

use std::sync::Arc;
use std::time::{Duration, Instant};

use firekeep_core::Clock;
use futures::future::BoxFuture;

/// The longest silence on a stream that is taken for life; Google's client for Node waits as long.
/// How often production sends a heartbeat is not published, and the official emulator sends none,
/// so a reopening must go unnoticed.
pub(crate) const SILENCE: Duration = Duration::from_secs(120);

/// A watchdog for one stream.
pub(crate) struct Silence {
    clock: Arc<dyn Clock>,
    since: Instant,
    timer: BoxFuture<'static, ()>,
}

impl Silence {
    /// Starts to listen.
    pub(crate) fn new(clock: &Arc<dyn Clock>) -> Self {
        let (since, timer) = (clock.monotonic(), clock.sleep(SILENCE));
        Self { clock: Arc::clone(clock), since, timer }
    }

    /// A message came. The timer stays: it is set anew only when it fires, not per message.
    pub(crate) fn heard(&mut self) {
        self.since = self.clock.monotonic();
    }

    /// Completes when nothing was heard for [`SILENCE`]. May be dropped and called again until
    /// then.
    pub(crate) async fn lasted(&mut self) {
        loop {
            (&mut self.timer).await;
            let left = SILENCE.saturating_sub(self.clock.monotonic() - self.since);
            // Also when over: a completed future must not be polled again.
            self.timer = self.clock.sleep(left);
            if left.is_zero() {
                return;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use firekeep_core::ManualClock;
    use futures::FutureExt;

    use super::*;

    #[test]
    fn only_a_whole_silence_counts() {
        let manual = ManualClock::new();
        let clock: Arc<dyn Clock> = Arc::new(manual.clone());
        let mut silence = Silence::new(&clock);
        manual.advance(SILENCE - Duration::from_secs(1));
        assert_eq!(silence.lasted().now_or_never(), None);
        silence.heard();
        manual.advance(SILENCE - Duration::from_secs(1));
        assert_eq!(silence.lasted().now_or_never(), None);
        assert_eq!(manual.next_wake(), Some(Duration::from_secs(1)));
        manual.advance(Duration::from_secs(1));
        assert_eq!(silence.lasted().now_or_never(), Some(()));
        assert_eq!(silence.lasted().now_or_never(), Some(()), "asking again is no panic");
    }
}
