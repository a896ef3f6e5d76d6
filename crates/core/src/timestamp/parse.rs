//! Reading RFC 3339.

use std::str::FromStr;

use super::Timestamp;
use crate::{Error, Result};

impl FromStr for Timestamp {
    type Err = Error;

    /// Reads RFC 3339 with any offset, rounded down to the microsecond:
    /// `2015-02-02T15:19:00+01:00`, `2015-02-02 14:19:00.5Z`.
    fn from_str(text: &str) -> Result<Self> {
        let micros = parse(text)
            .ok_or_else(|| Error::invalid("a timestamp is not of the form of RFC 3339"))?;
        Self::from_micros(micros)
    }
}

fn parse(text: &str) -> Option<i64> {
    let (date, time) = (text.get(..10)?, text.get(11..)?);
    if !matches!(text.as_bytes()[10], b'T' | b't' | b' ') {
        return None;
    }
    let (clock, rest) = (time.get(..8)?, time.get(8..)?);
    let (fraction, offset) = rest.split_at(rest.find(['Z', 'z', '+', '-'])?);
    let seconds = days(date)? * 86_400 + clock_seconds(clock)? - offset_seconds(offset)?;
    Some(seconds * 1_000_000 + fraction_micros(fraction)?)
}

fn number(text: &str, digits: usize) -> Option<i64> {
    let is_plain = text.len() == digits && text.bytes().all(|byte| byte.is_ascii_digit());
    if is_plain { text.parse().ok() } else { None }
}

/// Days from 1970-01-01 to `YYYY-MM-DD` in the proleptic Gregorian calendar.
///
/// Source: Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms", `days_from_civil`.
fn days(date: &str) -> Option<i64> {
    let mut parts = date.splitn(3, '-');
    let year = number(parts.next()?, 4)?;
    let month = number(parts.next()?, 2)?;
    let day = number(parts.next()?, 2)?;
    if year < 1 || !(1..=12).contains(&month) || !(1..=days_in(year, month)).contains(&day) {
        return None;
    }
    let shifted = if month > 2 { year } else { year - 1 };
    let era = shifted.div_euclid(400);
    let year_of_era = shifted.rem_euclid(400);
    let shifted_month = if month > 2 { month - 3 } else { month + 9 };
    let day_of_year = (153 * shifted_month + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    Some(era * 146_097 + day_of_era - 719_468)
}

fn days_in(year: i64, month: i64) -> i64 {
    match month {
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Seconds since midnight of `hh:mm:ss`. Firestore knows no leap seconds.
fn clock_seconds(clock: &str) -> Option<i64> {
    let seconds = number(clock.get(6..)?, 2).filter(|seconds| *seconds < 60)?;
    if clock.as_bytes()[5] == b':' { Some(hours_minutes(clock.get(..5)?)? + seconds) } else { None }
}

fn hours_minutes(text: &str) -> Option<i64> {
    let (hours, minutes) = text.split_once(':')?;
    let hours = number(hours, 2).filter(|hours| *hours < 24)?;
    let minutes = number(minutes, 2).filter(|minutes| *minutes < 60)?;
    Some(hours * 3_600 + minutes * 60)
}

fn offset_seconds(offset: &str) -> Option<i64> {
    match offset.split_at_checked(1)? {
        ("Z" | "z", "") => Some(0),
        ("+", ahead) => hours_minutes(ahead),
        ("-", behind) => hours_minutes(behind).map(|seconds| -seconds),
        _ => None,
    }
}

/// Microseconds of `.123`, rounded down; none for no fraction.
fn fraction_micros(fraction: &str) -> Option<i64> {
    if fraction.is_empty() {
        return Some(0);
    }
    let digits = fraction.strip_prefix('.')?;
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let kept = &digits[..digits.len().min(6)];
    let scale = 10_i64.pow(6 - kept.len() as u32);
    Some(kept.parse::<i64>().ok()? * scale)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_it_prints_over_the_whole_range() {
        let step = (Timestamp::MAX.as_micros() - Timestamp::MIN.as_micros()) / 10_007;
        for index in 0..=10_007 {
            let micros = Timestamp::MIN.as_micros() + index * step;
            let timestamp = Timestamp::from_micros(micros).unwrap();
            assert_eq!(timestamp.to_string().parse::<Timestamp>().unwrap(), timestamp);
        }
    }

    #[test]
    fn reads_offsets_and_fractions() {
        let base: Timestamp = "2015-02-02T14:19:00Z".parse().unwrap();
        assert_eq!(base.as_micros(), 1_422_886_740_000_000);
        for (text, micros) in [
            ("2015-02-02t15:19:00+01:00", 0),
            ("2015-02-02 00:49:00-13:30", 0),
            ("2015-02-02T14:19:00.5z", 500_000),
            ("2015-02-02T14:19:00.1234569Z", 123_456),
            ("2015-02-02T14:19:00.000001-00:00", 1),
        ] {
            let read: Timestamp = text.parse().unwrap();
            assert_eq!(read.as_micros() - base.as_micros(), micros, "{text}");
        }
        assert!("2024-02-29T00:00:00Z".parse::<Timestamp>().is_ok());
    }

    #[test]
    fn refuses_everything_else() {
        for text in [
            "",
            "2015-02-02",
            "2015-02-02T14:19:00",
            "2015-02-02T14:19Z",
            "2015-2-02T14:19:00Z",
            "2015-02-29T00:00:00Z",
            "2015-13-01T00:00:00Z",
            "2015-00-01T00:00:00Z",
            "2015-02-02T24:00:00Z",
            "2015-02-02T23:59:60Z",
            "2015-02-02T14:19:00.Z",
            "2015-02-02T14:19:00+1:00",
            "2015-02-02T14:19:00Zx",
            "2015-02-02T14:19:00.5.5Z",
            "2015-02-02x14:19:00Z",
            "0000-01-01T00:00:00Z",
            "9999-12-31T23:59:59-00:01",
            "+015-02-02T14:19:00Z",
            "2015-02-02T14:19:00é",
            "2015-02-0éT14:19:00Z",
        ] {
            assert!(text.parse::<Timestamp>().is_err(), "{text}");
        }
    }
}
