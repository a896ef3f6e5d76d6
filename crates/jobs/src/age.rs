//! Ages, as people write them: `90d`, `1d12h`.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use crate::error::{Error, Result};

/// How old something is: more than nothing, less than 100,000 years.
///
/// As text, one or several numbers, each with its unit: `mo` (30 days), `w`, `d`, `h`, `m` (minutes),
/// `s` or `ms`, in either case: `90d`, `1d12h`, `3MO`. A unit occurs once.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Age(Duration);

impl Age {
    /// Checks an age.
    ///
    /// # Errors
    /// [`Error::Invalid`] for less than 1 ms or more than 100,000 years.
    pub fn new(age: Duration) -> Result<Self> {
        let millis = age.as_millis();
        if millis == 0 || millis > u128::from(MOST) {
            return Err(Error::invalid("age", "must be 1 ms to 100,000 years"));
        }
        Ok(Self(Duration::from_millis(millis as u64)))
    }

    /// The age, in whole milliseconds.
    pub fn as_duration(self) -> Duration {
        self.0
    }
}

impl FromStr for Age {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let lower = text.trim().to_ascii_lowercase();
        let (mut rest, mut millis, mut seen) = (lower.as_str(), 0_u64, [false; UNITS.len()]);
        while !rest.is_empty() {
            let digits = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
            let (number, tail) = rest.split_at(digits);
            let letters = tail.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(tail.len());
            let (unit, tail) = tail.split_at(letters);
            let known = UNITS.iter().position(|(name, _)| *name == unit).ok_or_else(malformed)?;
            if number.is_empty() || std::mem::replace(&mut seen[known], true) {
                return Err(malformed());
            }
            let units: u64 = number.parse().map_err(|_| too_long())?;
            let length = units.checked_mul(UNITS[known].1).ok_or_else(too_long)?;
            millis = millis.checked_add(length).ok_or_else(too_long)?;
            rest = tail;
        }
        if lower.is_empty() {
            return Err(malformed());
        }
        Self::new(Duration::from_millis(millis))
    }
}

impl fmt::Display for Age {
    /// The shortest exact text, without months and weeks: `36h` is `1d12h`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut rest = self.0.as_millis() as u64;
        for (name, length) in UNITS.into_iter().filter(|(name, _)| !matches!(*name, "mo" | "w")) {
            if rest >= length {
                write!(f, "{}{name}", rest / length)?;
                rest %= length;
            }
        }
        Ok(())
    }
}

fn malformed() -> Error {
    Error::invalid("age", "must be numbers with `mo`, `w`, `d`, `h`, `m`, `s` or `ms`: `1d12h`")
}

fn too_long() -> Error {
    Error::invalid("age", "must be 1 ms to 100,000 years")
}

const DAY: u64 = 24 * 60 * 60 * 1000;
/// 100,000 years.
const MOST: u64 = 36_525_000 * DAY;
/// In milliseconds, longest first.
const UNITS: [(&str, u64); 7] = [
    ("mo", 30 * DAY),
    ("w", 7 * DAY),
    ("d", DAY),
    ("h", 60 * 60 * 1000),
    ("m", 60 * 1000),
    ("s", 1000),
    ("ms", 1),
];
