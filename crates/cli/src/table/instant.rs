//! Civil times of a building as instants.

use clap::ValueEnum;
use firekeep::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::{AmbiguousOffset, Disambiguation, TimeZone};

/// How to read times that don't state their offset from UTC.
#[derive(Clone, Debug)]
pub(crate) struct Instants {
    pub(crate) zone: TimeZone,
    pub(crate) fold: Fold,
}

/// What a time means that occurs twice because clocks were set back.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Fold {
    /// The line is bad.
    #[default]
    Refuse,
    /// The first of the two.
    Earlier,
    /// The second of the two.
    Later,
}

impl Instants {
    /// The instant of `text`: `2015-02-02 14:19:00` in the zone, or RFC 3339 with an offset.
    ///
    /// The error says what was expected.
    pub(crate) fn parse(&self, text: &str) -> Result<Timestamp, String> {
        let text = text.trim();
        if let Ok(instant) = text.parse::<jiff::Timestamp>() {
            return stored(instant);
        }
        // Without a time of day, `DateTime` would read a date as its midnight.
        let civil = text.contains(':').then(|| text.parse::<DateTime>().ok()).flatten();
        let civil = civil.ok_or("expected a time as `2015-02-02 14:19:00` or RFC 3339")?;
        let candidates = self.zone.to_ambiguous_zoned(civil);
        if matches!(candidates.offset(), AmbiguousOffset::Gap { .. }) {
            return Err(
                "clocks were set forward over this time: it does not exist in the zone".into()
            );
        }
        let how = match self.fold {
            Fold::Refuse if candidates.is_ambiguous() => {
                return Err("clocks were set back over this time: it exists twice in the zone; \
                            choose with --fold earlier or later"
                    .into());
            }
            Fold::Refuse | Fold::Earlier => Disambiguation::Earlier,
            Fold::Later => Disambiguation::Later,
        };
        let zoned = candidates.disambiguate(how);
        stored(zoned.map_err(|_| "expected a time within the years 1 to 9999")?.timestamp())
    }
}

fn stored(instant: jiff::Timestamp) -> Result<Timestamp, String> {
    Timestamp::from_micros(instant.as_microsecond())
        .map_err(|_| "expected a time within the years 1 to 9999".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn instants(zone: &str, fold: Fold) -> Instants {
        Instants { zone: TimeZone::get(zone).unwrap(), fold }
    }

    #[test]
    fn civil_times_are_those_of_the_zone_and_offsets_win() {
        let utc = instants("UTC", Fold::Refuse);
        let parsed = utc.parse("2015-02-02 14:19:59").unwrap();
        assert_eq!(parsed.to_string(), "2015-02-02T14:19:59.000000Z");
        let mons = instants("Europe/Brussels", Fold::Refuse);
        let parsed = mons.parse("2015-02-02 14:19:59").unwrap();
        assert_eq!(parsed.to_string(), "2015-02-02T13:19:59.000000Z");
        let parsed = mons.parse("2015-02-02T14:19:59.5-05:00").unwrap();
        assert_eq!(parsed.to_string(), "2015-02-02T19:19:59.500000Z");
    }

    #[test]
    fn a_time_that_never_was_or_was_twice_is_not_guessed() {
        let mons = |fold| instants("Europe/Brussels", fold);
        let gap = mons(Fold::Later).parse("2015-03-29 02:30:00").unwrap_err();
        assert!(gap.contains("does not exist"), "{gap}");
        let twice = "2015-10-25 02:30:00";
        assert!(mons(Fold::Refuse).parse(twice).unwrap_err().contains("exists twice"));
        let earlier = mons(Fold::Earlier).parse(twice).unwrap();
        let later = mons(Fold::Later).parse(twice).unwrap();
        assert_eq!(later.since(earlier), std::time::Duration::from_secs(3600));
    }

    #[test]
    fn anything_else_is_refused() {
        for bad in ["", "2015-02-02", "02/02/2015 14:19", "2015-02-30 00:00:00", "yesterday"] {
            assert!(instants("UTC", Fold::Refuse).parse(bad).is_err(), "{bad}");
        }
    }
}
