//! What time a client believes it is, and whether it runs at all.

use std::fmt;
use std::future::poll_fn;
use std::sync::{Arc, Mutex};
use std::task::{Poll, Waker};
use std::time::{Duration, Instant};

use firekeep_core::{Clock, ManualClock, Timestamp};
use futures::FutureExt;
use futures::future::BoxFuture;

/// A clock that is wrong: its wall by an offset, its monotonic time by its rate. Its sleepers wake only
/// while its process runs.
#[derive(Clone, Debug)]
pub(crate) struct SkewedClock {
    truth: ManualClock,
    origin: Instant,
    /// How far the wall is off, in seconds.
    offset: i64,
    /// How many of its microseconds make one true second.
    rate: u64,
    pub(crate) gate: Gate,
}

impl SkewedClock {
    pub(crate) fn new(truth: ManualClock, offset: i64, rate: u64) -> Self {
        let origin = truth.monotonic();
        Self { truth, origin, offset, rate, gate: Gate::default() }
    }

    fn true_elapsed(&self) -> u64 {
        nanos(self.truth.monotonic() - self.origin)
    }

    fn elapsed(&self) -> u64 {
        scale(self.true_elapsed(), self.rate, SECOND)
    }
}

impl Clock for SkewedClock {
    fn wall(&self) -> Timestamp {
        let offset = Duration::from_secs(self.offset.unsigned_abs());
        let wall = self.truth.wall();
        if self.offset < 0 { wall.saturating_sub(offset) } else { wall.saturating_add(offset) }
    }

    fn monotonic(&self) -> Instant {
        self.origin + Duration::from_nanos(self.elapsed())
    }

    fn sleep(&self, duration: Duration) -> BoxFuture<'static, ()> {
        if duration.is_zero() {
            return std::future::ready(()).boxed();
        }
        let wake = scale(self.elapsed() + nanos(duration), SECOND, self.rate) + 1;
        let timer = self.truth.sleep(Duration::from_nanos(wake - self.true_elapsed()));
        let gate = self.gate.clone();
        async move {
            timer.await;
            gate.pass().await;
        }
        .boxed()
    }
}

/// Whether a process runs. While it does not, neither its timers nor its answers reach it, so that none
/// of its tasks has anything to do.
#[derive(Clone, Default)]
pub(crate) struct Gate(Arc<Mutex<Door>>);

#[derive(Default)]
struct Door {
    is_shut: bool,
    is_dead: bool,
    waiting: Vec<Waker>,
}

impl Gate {
    pub(crate) fn is_shut(&self) -> bool {
        self.0.lock().unwrap().is_shut
    }

    pub(crate) fn shut(&self) {
        self.0.lock().unwrap().is_shut = true;
    }

    /// Shuts the gate for ever.
    pub(crate) fn kill(&self) {
        let mut door = self.0.lock().unwrap();
        (door.is_shut, door.is_dead) = (true, true);
    }

    pub(crate) fn is_dead(&self) -> bool {
        self.0.lock().unwrap().is_dead
    }

    pub(crate) fn open(&self) {
        let mut door = self.0.lock().unwrap();
        door.is_shut = door.is_dead;
        let waiting = if door.is_shut { Vec::new() } else { std::mem::take(&mut door.waiting) };
        drop(door);
        waiting.into_iter().for_each(Waker::wake);
    }

    /// Completes once the process runs.
    pub(crate) async fn pass(&self) {
        poll_fn(|cx| {
            let mut door = self.0.lock().unwrap();
            if door.is_shut {
                door.waiting.push(cx.waker().clone());
                Poll::Pending
            } else {
                Poll::Ready(())
            }
        })
        .await;
    }
}

impl fmt::Debug for Gate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Gate({})", if self.is_shut() { "shut" } else { "open" })
    }
}

fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap()
}

fn scale(nanos: u64, by: u64, of: u64) -> u64 {
    u64::try_from(u128::from(nanos) * u128::from(by) / u128::from(of)).unwrap()
}

/// The microseconds in a second: the rate of a clock that is right.
pub(crate) const SECOND: u64 = 1_000_000;

#[test]
fn a_fast_clock_wakes_early_and_a_shut_gate_holds_everyone() {
    let truth = ManualClock::new();
    let clock = SkewedClock::new(truth.clone(), -3600, SECOND + SECOND / 100);
    let (before, mut sleep) = (clock.monotonic(), clock.sleep(Duration::from_millis(1010)));
    truth.advance(Duration::from_millis(999));
    assert!((&mut sleep).now_or_never().is_none());
    clock.gate.shut();
    truth.advance(Duration::from_millis(2));
    assert!(clock.monotonic() - before >= Duration::from_millis(1010));
    assert!((&mut sleep).now_or_never().is_none());
    clock.gate.open();
    assert!(sleep.now_or_never().is_some());
    assert_eq!(truth.wall().since(clock.wall()), Duration::from_secs(3600));
}
