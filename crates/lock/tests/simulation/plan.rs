//! What kind of world a seed makes.

use firekeep_layers::Rates;

use crate::clock::SECOND;

/// What is drawn from a seed, and within which bounds.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Plan {
    /// The most by which a clock's rate is off, in microseconds per second.
    pub(crate) rate: u64,
    /// Whether a clock is always off by that much, and slow.
    pub(crate) is_slow: bool,
    /// How many sections each client attempts.
    pub(crate) sections: u32,
    /// Whether processes are paused and killed.
    pub(crate) pauses: bool,
    /// Whether calls fail, get lost, come late or twice.
    pub(crate) faults: bool,
    /// Whether clients write data under the lock without its guard.
    pub(crate) is_unfenced: bool,
    /// Whether to print what happens.
    pub(crate) is_told: bool,
}

impl Plan {
    /// Everything that must hold, holds in these worlds.
    pub(crate) fn safe() -> Self {
        Self {
            rate: SECOND / u64::from(firekeep_lock::lease::RATE_ALLOWANCE),
            is_slow: false,
            sections: 4,
            pauses: true,
            faults: true,
            is_unfenced: false,
            is_told: false,
        }
    }

    /// How often things go wrong: not at all, now and then, or all the time.
    pub(crate) fn rates(self, rng: &mut fastrand::Rng) -> Rates {
        let by = if self.faults { [0.0, 1.0, 1.0, 3.0][rng.usize(0..4)] } else { 0.0 };
        Rates {
            fail: 0.02 * by,
            lose_request: 0.02 * by,
            lose_reply: 0.04 * by,
            late: 0.03 * by,
            duplicate: 0.03 * by,
            delay: 0.03 * by,
            delay_reply: 0.03 * by,
            cut: 0.02 * by,
            reset: 0.02 * by,
            coalesce: 0.02 * by,
        }
    }

    /// A clock's offset in seconds, and its rate.
    pub(crate) fn skew(self, rng: &mut fastrand::Rng) -> (i64, u64) {
        let offset = rng.i64(-3600..=3600);
        let rate = if self.is_slow {
            SECOND - self.rate
        } else {
            rng.choice([SECOND - self.rate, SECOND + self.rate, SECOND]).unwrap()
        };
        (offset, rate)
    }
}
