//! How far a task is.

use std::fmt;

/// How far a task is within a tag: errors < not started < steps < finished, which is the order of
/// the numbers. There are no rules of transition: a status may go down, and leave "finished".
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Status(i32);

impl Status {
    /// Nothing was done yet; also what a task that never reported has.
    pub const NOT_STARTED: Self = Self(0);
    /// Done.
    pub const FINISHED: Self = Self(i32::MAX);

    /// The status with this number.
    pub const fn new(status: i32) -> Self {
        Self(status)
    }

    /// The number.
    pub const fn as_i32(self) -> i32 {
        self.0
    }

    /// Whether this is an error: a negative number.
    pub const fn is_error(self) -> bool {
        self.0 < 0
    }

    /// Whether this is [`FINISHED`](Self::FINISHED).
    pub const fn is_finished(self) -> bool {
        self.0 == i32::MAX
    }

    /// Whether a task in this status does no more by itself: finished, or an error.
    pub const fn is_terminal(self) -> bool {
        self.is_error() || self.is_finished()
    }
}

impl From<i32> for Status {
    fn from(status: i32) -> Self {
        Self(status)
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            0 => f.write_str("not started"),
            i32::MAX => f.write_str("finished"),
            error if error < 0 => write!(f, "error {error}"),
            step => write!(f, "step {step}"),
        }
    }
}
