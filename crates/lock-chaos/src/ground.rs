//! The time that all processes of a machine agree on, whatever their own clocks are made to say.

use nix::time::{ClockId, clock_gettime};

/// Nanoseconds of the machine's monotonic clock. It runs on while a process is stopped, and means the
/// same in every process.
///
/// # Panics
/// On a system without such a clock.
pub fn now() -> u64 {
    let time = clock_gettime(ClockId::CLOCK_MONOTONIC).expect("the machine has a monotonic clock");
    u64::try_from(time.tv_sec()).unwrap_or(0) * 1_000_000_000
        + u64::try_from(time.tv_nsec()).unwrap_or(0)
}

/// Nanoseconds in a millisecond.
pub const MILLI: u64 = 1_000_000;
