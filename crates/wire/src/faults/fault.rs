//! A fault with its length, and with its rate, as both are written.

use std::fmt;
use std::ops::RangeInclusive;
use std::str::FromStr;
use std::time::Duration;

use fastrand::Rng;
use firekeep_core::{Error, Result};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::kind::FaultKind;

/// One thing that goes wrong, written `kind` or `kind@length`: `lose-reply`, `delay@10ms..2s`,
/// `late@8`, `late@3s`. With a code, the length is the delay that the server asks for.
#[derive(Clone, Debug, PartialEq)]
pub struct Fault {
    pub(super) kind: FaultKind,
    pub(super) length: Length,
}

impl Fault {
    /// This, after or for as long as that kind lasts by default.
    pub fn new(kind: FaultKind) -> Self {
        Self { kind, length: Length::Default }
    }

    /// This long. Only for delays, late writes and codes.
    #[must_use]
    pub fn lasting(self, times: RangeInclusive<Duration>) -> Self {
        Self { length: Length::Time(*times.start(), *times.end()), ..self }
    }

    /// After this many calls. Only for late writes.
    #[must_use]
    pub fn after_calls(self, calls: RangeInclusive<u32>) -> Self {
        Self { length: Length::Calls(*calls.start(), *calls.end()), ..self }
    }

    /// # Errors
    /// If the kind has no such length.
    pub(super) fn check(&self) -> Result<()> {
        let fits = match self.length {
            Length::Default => true,
            Length::Calls(..) => self.kind == FaultKind::Late,
            Length::Time(..) => {
                let timed = [FaultKind::Late, FaultKind::Delay, FaultKind::DelayReply];
                timed.contains(&self.kind) || self.kind.code().is_some()
            }
        };
        let refusal =
            || Error::invalid("a fault of this kind has no such length").at_path(self.kind.name());
        fits.then_some(()).ok_or_else(refusal)
    }
}

impl From<FaultKind> for Fault {
    fn from(kind: FaultKind) -> Self {
        Self::new(kind)
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.kind, self.length)
    }
}

impl FromStr for Fault {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let (kind, length) = split(text)?;
        let fault = Self { kind: kind.parse()?, length };
        fault.check()?;
        Ok(fault)
    }
}

impl Serialize for Fault {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Fault {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
    }
}

/// How long, or after how many calls.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) enum Length {
    /// As the kind's documentation says.
    #[default]
    Default,
    Time(Duration, Duration),
    Calls(u32, u32),
}

impl Length {
    /// One of the times; of `least` to `most` where none is said.
    pub(super) fn time(self, rng: &mut Rng, least: Duration, most: Duration) -> Duration {
        let (least, most) = match self {
            Self::Time(least, most) => (least, most),
            _ => (least, most),
        };
        least + most.saturating_sub(least).mul_f64(rng.f64())
    }
}

impl fmt::Display for Length {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => Ok(()),
            Self::Time(least, most) if least == most => write!(f, "@{least:?}"),
            Self::Time(least, most) => write!(f, "@{least:?}..{most:?}"),
            Self::Calls(least, most) if least == most => write!(f, "@{least}"),
            Self::Calls(least, most) => write!(f, "@{least}..{most}"),
        }
    }
}

/// How often a fault strikes: `0.05`, or with a length, `0.05@10ms..2s`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rate {
    /// From 0 to 1.
    pub(super) rate: f64,
    pub(super) length: Length,
}

impl Rate {
    /// With this probability.
    ///
    /// # Errors
    /// If that is not between 0 and 1.
    pub fn new(rate: f64) -> Result<Self> {
        let refusal = || Error::invalid("a rate must be between 0 and 1");
        let is_rate = (0.0..=1.0).contains(&rate);
        is_rate.then_some(Self { rate, length: Length::Default }).ok_or_else(refusal)
    }
}

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.rate, self.length)
    }
}

impl FromStr for Rate {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let (rate, length) = split(text)?;
        let rate = rate.trim().parse().map_err(|_| Error::invalid("a rate must be a number"))?;
        Ok(Self { length, ..Self::new(rate)? })
    }
}

impl Serialize for Rate {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.length {
            Length::Default => serializer.serialize_f64(self.rate),
            _ => serializer.collect_str(self),
        }
    }
}

/// A number, or a text as [`FromStr`] reads it.
#[derive(Deserialize)]
#[serde(untagged)]
enum Written {
    Number(f64),
    Text(String),
}

impl<'de> Deserialize<'de> for Rate {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let rate = match Written::deserialize(deserializer)? {
            Written::Number(rate) => Self::new(rate),
            Written::Text(text) => text.parse(),
        };
        rate.map_err(D::Error::custom)
    }
}

/// Takes the length off the end.
fn split(text: &str) -> Result<(&str, Length)> {
    match text.trim().split_once('@') {
        None => Ok((text.trim(), Length::Default)),
        Some((front, length)) => Ok((front, parse_length(length)?)),
    }
}

fn parse_length(text: &str) -> Result<Length> {
    let (least, most) = text.split_once("..").unwrap_or((text, text));
    if let (Ok(least), Ok(most)) = (least.trim().parse(), most.trim().parse()) {
        return in_order(least <= most).map(|()| Length::Calls(least, most));
    }
    let (least, most) = (time(least)?, time(most)?);
    in_order(least <= most).map(|()| Length::Time(least, most))
}

fn in_order(is: bool) -> Result<()> {
    is.then_some(()).ok_or_else(|| Error::invalid("a length must not end before it begins"))
}

fn time(text: &str) -> Result<Duration> {
    let text = text.trim();
    let refusal =
        || Error::invalid("a length must be a number of calls or a time such as `10ms` or `2s`");
    let digits = text.find(|c: char| !c.is_ascii_digit() && c != '.').ok_or_else(refusal)?;
    let (number, unit) = text.split_at(digits);
    let number: f64 = number.parse().map_err(|_| refusal())?;
    let seconds = match unit {
        "ns" => 1e-9,
        "us" | "µs" => 1e-6,
        "ms" => 1e-3,
        "s" => 1.0,
        "m" => 60.0,
        _ => return Err(refusal()),
    };
    Duration::try_from_secs_f64(number * seconds).map_err(|_| refusal())
}
