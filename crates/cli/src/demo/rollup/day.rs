//! A device's readings of one day, and what they come to.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use firekeep::{Direction, Fields, Timestamp, fields};
use firekeep_telemetry::{DeviceId, Reading, TenantId, Window};

const DAY: Duration = Duration::from_secs(24 * 3600);
/// How many standard deviations from the mean a value may be.
const PLAUSIBLE: f64 = 6.0;

/// One day of one device, by UTC.
#[derive(Clone, Debug)]
pub(super) struct DeviceDay {
    tenant: TenantId,
    device: DeviceId,
    begin: Timestamp,
    readings: u64,
}

impl DeviceDay {
    /// The days that `readings` are of, in order.
    pub(super) fn all(readings: &[Reading]) -> Vec<Self> {
        let mut days: BTreeMap<(Timestamp, String), Self> = BTreeMap::new();
        for reading in readings {
            let since = reading.at().as_micros().rem_euclid(DAY.as_micros() as i64);
            let begin = reading.at().saturating_sub(Duration::from_micros(since.unsigned_abs()));
            let (tenant, device) = (reading.tenant().clone(), reading.device().clone());
            let new = || Self { tenant, device, begin, readings: 0 };
            let key = (begin, reading.device().to_string());
            days.entry(key).or_insert_with(new).readings += 1;
        }
        days.into_values().collect()
    }

    pub(super) fn tenant(&self) -> &TenantId {
        &self.tenant
    }

    pub(super) fn device(&self) -> &DeviceId {
        &self.device
    }

    /// How many readings it had when the job was made.
    pub(super) fn readings(&self) -> u64 {
        self.readings
    }

    pub(super) fn window(&self) -> Window {
        let to = self.begin.saturating_add(DAY);
        Window { from: Some(self.begin), to: Some(to), order: Direction::Ascending }
    }
}

impl fmt::Display for DeviceDay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let begin = self.begin.to_string();
        write!(f, "{} {}", self.device, begin.split('T').next().unwrap_or(&begin))
    }
}

/// What a day comes to, by metric.
#[derive(Debug, Default)]
pub(super) struct Summary(BTreeMap<String, Range>);

#[derive(Debug)]
struct Range {
    least: f64,
    mean: f64,
    most: f64,
}

impl Summary {
    /// Sums up, and answers how many values were left out because they are far from all others.
    pub(super) fn of(readings: &[Reading]) -> (Self, usize) {
        let mut by_metric: BTreeMap<String, Vec<f64>> = BTreeMap::new();
        for (metric, measured) in readings.iter().flat_map(|reading| reading.values()) {
            by_metric.entry(metric.to_string()).or_default().push(measured.value());
        }
        let mut left_out = 0;
        let summed = by_metric.into_iter().filter_map(|(metric, mut values)| {
            let all = values.len();
            let (mean, deviation) = spread(&values)?;
            values.retain(|value| (value - mean).abs() <= PLAUSIBLE * deviation);
            left_out += all - values.len();
            Some((metric, Range::of(&values)?))
        });
        let summary = Self(summed.collect());
        (summary, left_out)
    }

    pub(super) fn metrics(&self) -> usize {
        self.0.len()
    }

    pub(super) fn to_fields(&self) -> Fields {
        let range = |range: &Range| {
            fields! { "min" => range.least, "mean" => range.mean, "max" => range.most }
        };
        self.0.iter().map(|(metric, of)| (metric.clone(), range(of).into())).collect()
    }
}

impl Range {
    fn of(values: &[f64]) -> Option<Self> {
        let (mean, _) = spread(values)?;
        let least = values.iter().copied().fold(f64::INFINITY, f64::min);
        let most = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        Some(Self { least, mean, most })
    }
}

/// The mean and the standard deviation.
fn spread(values: &[f64]) -> Option<(f64, f64)> {
    if values.is_empty() {
        return None;
    }
    let count = values.len() as f64;
    let mean = values.iter().sum::<f64>() / count;
    let variance = values.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / count;
    Some((mean, variance.sqrt()))
}

#[cfg(test)]
mod tests {
    use firekeep_telemetry::Unit;

    use super::*;

    fn reading(second: i64, value: f64) -> Reading {
        let (tenant, device) = (TenantId::new("demo").unwrap(), DeviceId::new("d").unwrap());
        let at = Timestamp::from_micros(second * 1_000_000).unwrap();
        let start = Reading::builder(tenant, device, at);
        start.value("co2", value, Unit::PartsPerMillion).build().unwrap()
    }

    #[test]
    fn readings_are_of_the_day_that_they_were_taken_in() {
        let days = DeviceDay::all(&[86_399, 86_400, -1, 0].map(|second| reading(second, 1.0)));
        let shown: Vec<_> = days.iter().map(|day| (day.to_string(), day.readings())).collect();
        let day = |date: &str, readings| (format!("d {date}"), readings);
        assert_eq!(shown, [day("1969-12-31", 1), day("1970-01-01", 2), day("1970-01-02", 1)]);
    }

    #[test]
    fn what_is_far_from_all_others_is_left_out() {
        let mut readings: Vec<_> = (0..100).map(|n| reading(n, 400.0 + (n % 3) as f64)).collect();
        readings.push(reading(100, 1e9));
        let (summary, left_out) = Summary::of(&readings);
        assert_eq!((left_out, summary.metrics()), (1, 1));
        let range = &summary.0["co2"];
        assert_eq!((range.least, range.most), (400.0, 402.0));
        assert!((range.mean - 400.99).abs() < 0.001, "{}", range.mean);
        assert_eq!(Summary::of(&[]).0.metrics(), 0);
    }
}
