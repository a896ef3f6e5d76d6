//! Instants as Firestore keeps them: whole microseconds, years 1 to 9999.

use std::fmt;
use std::time::Duration;

use crate::{Error, Result};

mod parse;

/// A point in time in whole microseconds since 1970-01-01T00:00:00Z.
///
/// Firestore stores timestamps rounded *down* to the microsecond; this type can't hold more, so a
/// value read back always equals the value written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Timestamp(i64);

impl Timestamp {
    /// 0001-01-01T00:00:00Z, the earliest instant Firestore stores.
    pub const MIN: Self = Self(-62_135_596_800_000_000);
    /// 9999-12-31T23:59:59.999999Z, the latest instant Firestore stores.
    pub const MAX: Self = Self(253_402_300_799_999_999);
    /// 1970-01-01T00:00:00Z.
    pub const UNIX_EPOCH: Self = Self(0);

    /// The instant `micros` microseconds after the Unix epoch (before it when negative).
    ///
    /// # Errors
    /// [`InvalidArgument`](crate::ErrorKind::InvalidArgument) outside the years 1 to 9999.
    pub fn from_micros(micros: i64) -> Result<Self> {
        if (Self::MIN.0..=Self::MAX.0).contains(&micros) {
            Ok(Self(micros))
        } else {
            Err(Error::invalid("a timestamp lies outside the years 1 to 9999"))
        }
    }

    /// The instant `seconds` and `nanos` after the Unix epoch, rounded down to the microsecond.
    ///
    /// # Errors
    /// [`InvalidArgument`](crate::ErrorKind::InvalidArgument) outside the years 1 to 9999, or when
    /// `nanos` is not within 0 to 999,999,999.
    pub fn from_parts(seconds: i64, nanos: i32) -> Result<Self> {
        if !(0..1_000_000_000).contains(&nanos) {
            return Err(Error::invalid("a timestamp's nanoseconds lie outside 0 to 999999999"));
        }
        let micros =
            seconds.checked_mul(1_000_000).and_then(|s| s.checked_add(i64::from(nanos / 1000)));
        Self::from_micros(micros.unwrap_or(i64::MAX))
    }

    /// Microseconds since the Unix epoch.
    pub fn as_micros(self) -> i64 {
        self.0
    }

    /// Whole seconds since the Unix epoch, rounded down, and the nanoseconds left over.
    pub fn to_parts(self) -> (i64, i32) {
        let nanos = self.0.rem_euclid(1_000_000) * 1000;
        (self.0.div_euclid(1_000_000), nanos as i32)
    }

    /// This instant moved later by `by`, at most to [`Timestamp::MAX`].
    #[must_use]
    pub fn saturating_add(self, by: Duration) -> Self {
        let by = i64::try_from(by.as_micros()).unwrap_or(i64::MAX);
        Self(self.0.saturating_add(by).min(Self::MAX.0))
    }

    /// This instant moved earlier by `by`, at least to [`Timestamp::MIN`].
    #[must_use]
    pub fn saturating_sub(self, by: Duration) -> Self {
        let by = i64::try_from(by.as_micros()).unwrap_or(i64::MAX);
        Self(self.0.saturating_sub(by).max(Self::MIN.0))
    }

    /// How long after `earlier` this is, or zero when it is not after it.
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_micros(u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0))
    }

    /// The next representable instant, at most [`Timestamp::MAX`].
    #[must_use]
    pub fn next(self) -> Self {
        self.saturating_add(Duration::from_micros(1))
    }
}

impl fmt::Display for Timestamp {
    /// RFC 3339 in UTC with microseconds: `2015-02-02T14:19:00.000000Z`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (year, month, day) = civil_from_days(self.0.div_euclid(86_400_000_000));
        let micros = self.0.rem_euclid(86_400_000_000);
        let seconds = micros / 1_000_000;
        write!(
            f,
            "{year:04}-{month:02}-{day:02}T{:02}:{:02}:{:02}.{:06}Z",
            seconds / 3600,
            seconds / 60 % 60,
            seconds % 60,
            micros % 1_000_000
        )
    }
}

/// Year, month and day of the day `days` after 1970-01-01 in the proleptic Gregorian calendar.
///
/// Source: Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms", `civil_from_days`.
fn civil_from_days(days: i64) -> (i64, i64, i64) {
    let shifted = days + 719_468;
    let era = shifted.div_euclid(146_097);
    let day_of_era = shifted.rem_euclid(146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
    (year_of_era + era * 400 + i64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rounds_down_to_the_microsecond_on_both_sides_of_the_epoch() {
        let after = Timestamp::from_parts(1, 1_999).unwrap();
        assert_eq!(after.as_micros(), 1_000_001);
        let before = Timestamp::from_parts(-1, 999_999_999).unwrap();
        assert_eq!(before.as_micros(), -1);
        assert_eq!(before.to_parts(), (-1, 999_999_000));
    }

    #[test]
    fn refuses_what_firestore_refuses() {
        assert!(Timestamp::from_micros(Timestamp::MAX.0 + 1).is_err());
        assert!(Timestamp::from_micros(Timestamp::MIN.0 - 1).is_err());
        assert!(Timestamp::from_parts(0, -1).is_err());
        assert!(Timestamp::from_parts(i64::MAX, 0).is_err());
    }

    #[test]
    fn prints_rfc_3339() {
        let cases = [
            (Timestamp::MIN, "0001-01-01T00:00:00.000000Z"),
            (Timestamp::UNIX_EPOCH, "1970-01-01T00:00:00.000000Z"),
            (Timestamp(1_422_886_740_000_001), "2015-02-02T14:19:00.000001Z"),
            (Timestamp(1_709_164_800_000_000), "2024-02-29T00:00:00.000000Z"),
            (Timestamp::MAX, "9999-12-31T23:59:59.999999Z"),
        ];
        for (timestamp, text) in cases {
            assert_eq!(timestamp.to_string(), text);
        }
    }

    #[test]
    fn arithmetic_saturates() {
        assert_eq!(Timestamp::MAX.next(), Timestamp::MAX);
        assert_eq!(Timestamp::MIN.saturating_sub(Duration::MAX), Timestamp::MIN);
        assert_eq!(Timestamp(5).since(Timestamp(9)), Duration::ZERO);
        assert_eq!(Timestamp(9).since(Timestamp(5)), Duration::from_micros(4));
    }
}
