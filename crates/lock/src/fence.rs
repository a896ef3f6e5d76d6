//! Fencing tokens: which of two holders came later.

use std::fmt;
use std::str::FromStr;

use crate::{Error, Result};

/// A fencing token: strictly increasing with each acquisition of a key, for ever.
///
/// A resource that remembers the highest token it has seen and refuses lower ones is safe from a
/// holder that was paused beyond its lease. Written as 15 digits, so that text compares as numbers do.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Fence(u64);

impl Fence {
    /// The highest token that is given out; beyond it, acquiring is refused.
    pub const MAX: Self = Self(900_000_000_000_000);
    /// From here on each acquisition warns.
    pub const WARN: Self = Self(90_000_000_000_000);
    /// The digits of a token in text.
    pub const DIGITS: usize = 15;
    const BOUND: u64 = 999_999_999_999_999;

    /// The token `number`.
    ///
    /// # Errors
    /// [`InvalidArgument`](crate::ErrorKind::InvalidArgument) if it has more than 15 digits.
    pub fn new(number: u64) -> Result<Self> {
        if number <= Self::BOUND {
            Ok(Self(number))
        } else {
            Err(Error::invalid("fence", "has more than 15 digits"))
        }
    }

    /// The token as a number.
    pub fn as_u64(self) -> u64 {
        self.0
    }
}

impl fmt::Display for Fence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:015}", self.0)
    }
}

impl fmt::Debug for Fence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Fence({self})")
    }
}

impl FromStr for Fence {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        if text.len() != Self::DIGITS || !text.bytes().all(|b| b.is_ascii_digit()) {
            return Err(Error::invalid("fence", "must be 15 digits"));
        }
        text.parse().map(Self).map_err(|_| Error::invalid("fence", "must be 15 digits"))
    }
}

impl TryFrom<i64> for Fence {
    type Error = Error;

    fn try_from(number: i64) -> Result<Self> {
        let number = u64::try_from(number).map_err(|_| Error::invalid("fence", "is negative"))?;
        Self::new(number)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_sorts_as_numbers_do() {
        let fences = [0, 1, 9, 10, 999, 999_999_999_999_999].map(|n| Fence::new(n).unwrap());
        assert!(fences.map(|fence| fence.to_string()).is_sorted());
        assert_eq!(fences[1].to_string(), "000000000000001");
        assert_eq!("000000000000010".parse::<Fence>().unwrap(), fences[3]);
    }

    #[test]
    fn bounds_are_refused_by_name() {
        assert!(Fence::new(1_000_000_000_000_000).is_err());
        assert!(Fence::try_from(-1).is_err());
        for bad in ["", "1", "0000000000000001", "00000000000000a", "-00000000000001"] {
            let error = bad.parse::<Fence>().unwrap_err().to_string();
            assert!(error.contains("fence"), "{error}");
        }
    }
}
