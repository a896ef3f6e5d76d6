//! Real readings, again and again, each round later than the one before.

use std::time::Duration;

use firekeep_telemetry::{Invalid, Reading};

/// The distance between the last reading of a round and the first of the next.
const SEAM: Duration = Duration::from_secs(60);

/// Readings that start over at their end, moved to later instants.
#[derive(Debug)]
pub(crate) struct Replay {
    readings: Vec<Reading>,
    next: usize,
    round: u32,
}

impl Replay {
    /// The rounds that follow `readings`, which are not repeated unmoved. `None` without readings.
    pub(crate) fn after(mut readings: Vec<Reading>) -> Option<Self> {
        readings.sort_by(|l, r| l.at().cmp(&r.at()).then_with(|| l.id().cmp(r.id())));
        (!readings.is_empty()).then_some(Self { readings, next: 0, round: 1 })
    }

    /// The next reading, and how long after the one before it was taken.
    pub(crate) fn advance(&mut self) -> Result<(Reading, Duration), Invalid> {
        let original = &self.readings[self.next];
        let gap = match self.next.checked_sub(1) {
            Some(before) => original.at().since(self.readings[before].at()),
            None => SEAM,
        };
        let at = original.at().saturating_add(self.length() * self.round);
        let start = Reading::builder(original.tenant().clone(), original.device().clone(), at);
        let values = original.values().iter();
        let moved =
            values.fold(start, |b, (metric, m)| b.value(metric.as_str(), m.value(), m.unit()));
        // Two readings of one instant stay two.
        let reading = moved.source_key(original.id().as_str()).build()?;
        self.next += 1;
        if self.next == self.readings.len() {
            (self.next, self.round) = (0, self.round.saturating_add(1));
        }
        Ok((reading, gap))
    }

    /// How long one round is.
    fn length(&self) -> Duration {
        let (first, last) = (&self.readings[0], &self.readings[self.readings.len() - 1]);
        last.at().since(first.at()) + SEAM
    }
}

#[cfg(test)]
mod tests {
    use firekeep::Timestamp;
    use firekeep_telemetry::{DeviceId, TenantId, Unit};

    use super::*;

    fn reading(second: i64, value: f64) -> Reading {
        let (tenant, device) = (TenantId::new("demo").unwrap(), DeviceId::new("d").unwrap());
        let at = Timestamp::from_micros(second * 1_000_000).unwrap();
        Reading::builder(tenant, device, at)
            .value("co2", value, Unit::PartsPerMillion)
            .build()
            .unwrap()
    }

    #[test]
    fn rounds_follow_each_other_with_the_distances_of_the_first() {
        let mut replay = Replay::after(vec![reading(0, 1.0), reading(59, 2.0)]).unwrap();
        let seconds: Vec<_> = (0..4)
            .map(|_| {
                let (reading, gap) = replay.advance().unwrap();
                (
                    reading.at().as_micros() / 1_000_000,
                    reading.values().values().next().unwrap().value(),
                    gap.as_secs(),
                )
            })
            .collect();
        assert_eq!(seconds, [(119, 1.0, 60), (178, 2.0, 59), (238, 1.0, 60), (297, 2.0, 59)]);
    }

    #[test]
    fn readings_of_one_instant_stay_two() {
        let twin = |key: &str| {
            let (tenant, device) = (TenantId::new("demo").unwrap(), DeviceId::new("d").unwrap());
            let start = Reading::builder(tenant, device, Timestamp::UNIX_EPOCH).source_key(key);
            start.value("co2", 1.0, Unit::PartsPerMillion).build().unwrap()
        };
        let mut replay = Replay::after(vec![twin(""), twin("1")]).unwrap();
        let (first, second) = (replay.advance().unwrap().0, replay.advance().unwrap().0);
        assert_eq!(first.at(), second.at());
        assert_ne!(first.id(), second.id());
    }

    #[test]
    fn nothing_can_not_be_replayed() {
        assert!(Replay::after(vec![]).is_none());
    }
}
