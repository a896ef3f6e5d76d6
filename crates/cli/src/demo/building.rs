//! A building that never was: rooms that people enter and leave, air that they use up.

use std::time::Duration;

use firekeep::Timestamp;
use firekeep_telemetry::{DeviceId, Invalid, Reading, TenantId, Unit};

/// How far apart two readings of a room are.
pub(crate) const STEP: Duration = Duration::from_secs(60);

const MINUTES_A_DAY: i64 = 24 * 60;
/// CO2 outdoors, ppm.
const FRESH_AIR: f64 = 420.0;

/// What sets one room apart from another.
#[derive(Clone, Copy, Debug)]
struct Plan {
    name: &'static str,
    /// The most people at once.
    seats: u32,
    /// When people are in, minutes since midnight.
    hours: (i64, i64),
    /// Floor area, m²: how slowly the air changes.
    area: f64,
    /// Daylight at noon, lux.
    daylight: f64,
}

const PLANS: &[Plan] = &[
    Plan { name: "atrium", seats: 14, hours: (450, 1170), area: 220.0, daylight: 900.0 },
    Plan { name: "lab", seats: 5, hours: (510, 1260), area: 70.0, daylight: 120.0 },
    Plan { name: "meeting-room", seats: 10, hours: (540, 1050), area: 34.0, daylight: 260.0 },
    Plan { name: "office-north", seats: 6, hours: (470, 1080), area: 48.0, daylight: 320.0 },
    Plan { name: "office-south", seats: 6, hours: (490, 1110), area: 48.0, daylight: 640.0 },
];

/// A simulated building: the same seed and start give the same readings for ever.
#[derive(Debug)]
pub(crate) struct Building {
    tenant: TenantId,
    rooms: Vec<Room>,
    now: Timestamp,
    random: fastrand::Rng,
}

#[derive(Debug)]
struct Room {
    device: DeviceId,
    plan: Plan,
    people: u32,
    temperature: f64,
    humidity: f64,
    co2: f64,
}

impl Building {
    pub(crate) fn new(tenant: TenantId, start: Timestamp, seed: u64) -> Result<Self, Invalid> {
        let rooms = PLANS.iter().map(Room::new).collect::<Result<_, _>>()?;
        Ok(Self { tenant, rooms, now: start, random: fastrand::Rng::with_seed(seed) })
    }

    /// One reading of each room, all of one instant; the next call is a minute later.
    pub(crate) fn measure(&mut self) -> Result<Vec<Reading>, Invalid> {
        let minute = self.now.as_micros().div_euclid(60_000_000).rem_euclid(MINUTES_A_DAY);
        let mut readings = Vec::with_capacity(self.rooms.len());
        for room in &mut self.rooms {
            room.live_a_minute(minute, &mut self.random);
            readings.push(room.reading(&self.tenant, self.now, minute, &mut self.random)?);
        }
        self.now = self.now.saturating_add(STEP);
        Ok(readings)
    }
}

impl Room {
    fn new(plan: &Plan) -> Result<Self, Invalid> {
        Ok(Self {
            device: DeviceId::new(plan.name)?,
            plan: *plan,
            people: 0,
            temperature: 20.0,
            humidity: 38.0,
            co2: FRESH_AIR,
        })
    }

    fn live_a_minute(&mut self, minute: i64, random: &mut fastrand::Rng) {
        self.people = self.visitors(minute, random);
        let people = f64::from(self.people);
        // A person breathes out about 0.3 l CO2 a minute; ventilation renews part of the air.
        let volume = self.plan.area * 2.8;
        let renewed = if self.is_open(minute) { 0.035 } else { 0.012 };
        self.co2 += people * 300.0 / volume - renewed * (self.co2 - FRESH_AIR) + noise(random, 2.0);
        self.co2 = self.co2.max(FRESH_AIR - 15.0);
        let sun = daylight(minute) * self.plan.daylight / 500.0;
        let wanted = if self.is_open(minute) { 21.5 } else { 18.5 } + sun + people * 0.12;
        self.temperature += 0.012 * (wanted - self.temperature) + noise(random, 0.02);
        let wanted = 36.0 + people * 0.9 - 1.4 * (self.temperature - 20.0);
        self.humidity += 0.02 * (wanted - self.humidity) + noise(random, 0.08);
    }

    /// People come and go one at a time, towards the number usual for the hour; most leave for
    /// lunch.
    fn visitors(&self, minute: i64, random: &mut fastrand::Rng) -> u32 {
        let share = match minute {
            _ if !self.is_open(minute) => 0.0,
            720..780 => 0.25,
            _ => 0.75,
        };
        let usual = (f64::from(self.plan.seats) * share).round() as u32;
        match random.f64() {
            // Somebody forgot something, or leaves early.
            chance if chance < 0.04 && self.is_open(minute) => {
                (self.people + 1).min(self.plan.seats)
            }
            chance if chance < 0.08 => self.people.saturating_sub(1),
            chance if chance < 0.30 && self.people < usual => self.people + 1,
            chance if chance < 0.30 && self.people > usual => self.people - 1,
            _ => self.people,
        }
    }

    fn is_open(&self, minute: i64) -> bool {
        (self.plan.hours.0..self.plan.hours.1).contains(&minute)
    }

    fn reading(
        &self,
        tenant: &TenantId,
        at: Timestamp,
        minute: i64,
        random: &mut fastrand::Rng,
    ) -> Result<Reading, Invalid> {
        let lamps = if self.people > 0 { 340.0 } else { 0.0 };
        let light = daylight(minute) * self.plan.daylight + lamps + noise(random, 6.0);
        Reading::builder(tenant.clone(), self.device.clone(), at)
            .value("temperature", rounded(self.temperature, 2), Unit::Celsius)
            .value("humidity", rounded(self.humidity.clamp(15.0, 85.0), 2), Unit::Percent)
            .value("light", rounded(light.max(0.0), 1), Unit::Lux)
            .value("co2", rounded(self.co2, 1), Unit::PartsPerMillion)
            .value("occupancy", f64::from(self.people), Unit::One)
            .build()
    }
}

/// 0 at night, 1 at noon.
fn daylight(minute: i64) -> f64 {
    let angle = (minute - 6 * 60) as f64 / (12.0 * 60.0) * std::f64::consts::PI;
    if (0..720).contains(&(minute - 360)) { angle.sin().max(0.0) } else { 0.0 }
}

/// Roughly normal, within three times `spread`.
fn noise(random: &mut fastrand::Rng, spread: f64) -> f64 {
    (random.f64() + random.f64() + random.f64() - 1.5) * 2.0 * spread
}

fn rounded(value: f64, digits: i32) -> f64 {
    let scale = 10_f64.powi(digits);
    (value * scale).round() / scale
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(seed: u64) -> Vec<Reading> {
        let mut building =
            Building::new(TenantId::new("demo").unwrap(), Timestamp::UNIX_EPOCH, seed).unwrap();
        (0..MINUTES_A_DAY).flat_map(|_| building.measure().unwrap()).collect()
    }

    fn mean(readings: &[Reading], metric: &str, minutes: std::ops::Range<i64>) -> f64 {
        let minute = |reading: &Reading| reading.at().as_micros() / 60_000_000;
        let chosen = readings.iter().filter(|reading| minutes.contains(&minute(reading)));
        let values: Vec<f64> = chosen.map(|r| r.value(metric).unwrap().value()).collect();
        values.iter().sum::<f64>() / values.len() as f64
    }

    #[test]
    fn a_seed_fixes_every_reading() {
        assert_eq!(day(7), day(7));
        assert_ne!(day(7), day(8));
    }

    #[test]
    fn a_day_has_the_shape_of_a_day() {
        let day = day(1);
        assert_eq!(day.len(), PLANS.len() * MINUTES_A_DAY as usize);
        let (night, noon, lunch) = (60..300, 600..720, 745..780);
        for metric in ["temperature", "light", "co2", "occupancy"] {
            let (night, noon) =
                (mean(&day, metric, night.clone()), mean(&day, metric, noon.clone()));
            assert!(noon > night, "{metric}: {noon} at noon, {night} at night");
        }
        assert!(mean(&day, "occupancy", lunch) < mean(&day, "occupancy", noon) / 1.5);
    }

    #[test]
    fn no_reading_is_absurd() {
        for reading in day(3) {
            let within = |metric, low, high| {
                let value = reading.value(metric).unwrap().value();
                assert!((low..=high).contains(&value), "{metric}: {value}");
            };
            within("temperature", 15.0, 28.0);
            within("humidity", 20.0, 70.0);
            within("light", 0.0, 1_400.0);
            within("co2", 400.0, 2_000.0);
            within("occupancy", 0.0, 14.0);
        }
    }
}
