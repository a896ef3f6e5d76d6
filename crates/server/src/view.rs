//! What is known of a followed device at one time: its last readings, each with when it came.

use std::collections::BTreeMap;

use firekeep_telemetry::{LiveUpdate, RECENT_CAPACITY, Reading, ReadingId, Timestamp};

/// How a feed is doing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Status {
    /// It has not heard from the store yet.
    #[default]
    Connecting,
    /// What it shows is true.
    Live,
    /// It lost the store and shows what it last knew.
    Reconnecting,
}

impl Status {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Connecting => "connecting",
            Self::Live => "live",
            Self::Reconnecting => "reconnecting",
        }
    }
}

/// A point in a view's history. A viewer that has seen `seq` of the same epoch and generation
/// misses only what came after it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Mark {
    /// Which feed: random, so that marks of a feed before a restart mean nothing.
    pub(crate) epoch: u64,
    /// How often readings went away other than by being too old.
    pub(crate) generation: u64,
    pub(crate) seq: u64,
}

impl Mark {
    pub(crate) fn to_text(self) -> String {
        format!("{:x}-{:x}-{:x}", self.epoch, self.generation, self.seq)
    }

    pub(crate) fn from_text(text: &str) -> Option<Self> {
        let mut parts = text.split('-').map(|part| u64::from_str_radix(part, 16).ok());
        let mark = Self { epoch: parts.next()??, generation: parts.next()??, seq: parts.next()?? };
        parts.next().is_none().then_some(mark)
    }
}

type Points = BTreeMap<(Timestamp, ReadingId), (u64, Reading)>;

/// The last readings of a device as a feed knows them.
#[derive(Clone, Debug, Default)]
pub(crate) struct View {
    pub(crate) status: Status,
    mark: Mark,
    points: Points,
    /// What a reset has brought so far, until it is caught up.
    rebuilt: Option<Points>,
}

impl View {
    pub(crate) fn new() -> Self {
        let mark = Mark { epoch: fastrand::u64(..), ..Mark::default() };
        Self { mark, ..Self::default() }
    }

    pub(crate) fn mark(&self) -> Mark {
        self.mark
    }

    /// The newest `n` readings, oldest first.
    pub(crate) fn last(&self, n: usize) -> impl Iterator<Item = &Reading> {
        let skipped = self.points.len().saturating_sub(n);
        self.points.values().skip(skipped).map(|(_, reading)| reading)
    }

    /// The readings that came after `seen`, oldest first; `None` if they don't tell all.
    pub(crate) fn since(&self, seen: Mark) -> Option<impl Iterator<Item = &Reading>> {
        let is_same = seen.epoch == self.mark.epoch && seen.generation == self.mark.generation;
        let newer = self.points.values().filter(move |(seq, _)| *seq > seen.seq);
        (is_same && seen.seq <= self.mark.seq).then(|| newer.map(|(_, reading)| reading))
    }

    /// Everything follows anew; what is shown stays until it is there.
    pub(crate) fn reset(&mut self) {
        self.rebuilt = Some(Points::new());
    }

    pub(crate) fn apply(&mut self, update: LiveUpdate) {
        self.mark.seq += 1;
        let seq = self.mark.seq;
        let points = self.rebuilt.as_mut().unwrap_or(&mut self.points);
        let keyed = |reading: Reading| ((reading.at(), reading.id().clone()), (seq, reading));
        for (key, point) in update.added.into_iter().map(keyed) {
            points.entry(key).or_insert(point);
        }
        points.retain(|(_, id), _| !update.removed.contains(id));
        if let Some(floor) = update.floor {
            points.retain(|(at, _), _| *at >= floor);
        }
        while points.len() > RECENT_CAPACITY {
            points.pop_first();
        }
        if update.caught_up {
            self.status = Status::Live;
            self.finish_rebuild(update.floor);
        }
    }

    fn finish_rebuild(&mut self, floor: Option<Timestamp>) {
        let Some(mut rebuilt) = self.rebuilt.take() else { return };
        for (key, point) in &mut rebuilt {
            if let Some(earlier) = self.points.get(key) {
                *point = earlier.clone();
            }
        }
        let is_gone = |(at, id): &(Timestamp, ReadingId)| {
            floor.is_none_or(|floor| *at >= floor) && !rebuilt.contains_key(&(*at, id.clone()))
        };
        if self.points.keys().any(is_gone) {
            self.mark.generation += 1;
        }
        self.points = rebuilt;
    }
}

#[cfg(test)]
mod tests {
    use firekeep_telemetry::{DeviceId, TenantId, Unit};

    use super::*;

    fn reading(at: i64) -> Reading {
        let (t, d) = (TenantId::new("t").unwrap(), DeviceId::new("d").unwrap());
        let at = Timestamp::from_micros(at).unwrap();
        Reading::builder(t, d, at).value("x", at.as_micros() as f64, Unit::One).build().unwrap()
    }

    fn update(at: &[i64], caught_up: bool) -> LiveUpdate {
        LiveUpdate {
            added: at.iter().map(|at| reading(*at)).collect(),
            removed: vec![],
            floor: at.first().map(|at| Timestamp::from_micros(*at).unwrap()),
            read_time: Timestamp::UNIX_EPOCH,
            caught_up,
            position: String::new(),
            billed_reads: 1,
        }
    }

    fn instants<'a>(readings: impl Iterator<Item = &'a Reading>) -> Vec<i64> {
        readings.map(|reading| reading.at().as_micros()).collect()
    }

    #[test]
    fn a_viewer_gets_what_it_misses() {
        let mut view = View::new();
        view.apply(update(&[1, 2], true));
        let seen = view.mark();
        view.apply(LiveUpdate { floor: None, ..update(&[3], true) });
        assert_eq!(instants(view.since(seen).unwrap()), [3]);
        assert_eq!(instants(view.last(2)), [2, 3]);
        assert!(view.since(Mark { epoch: seen.epoch ^ 1, ..seen }).is_none());
        assert_eq!(Mark::from_text(&seen.to_text()), Some(seen));
        assert_eq!(Mark::from_text("1-2"), None);
        assert_eq!(Mark::from_text("1-2-3-4"), None);
    }

    #[test]
    fn a_reset_that_brings_the_same_is_not_noticed() {
        let mut view = View::new();
        view.apply(update(&[1, 2], true));
        let seen = view.mark();
        view.reset();
        view.apply(update(&[1], false));
        assert_eq!(instants(view.last(9)), [1, 2], "what is shown stays");
        view.apply(LiveUpdate { floor: None, ..update(&[2, 3], true) });
        assert_eq!(instants(view.since(seen).unwrap()), [3]);
    }

    #[test]
    fn a_reset_that_takes_readings_away_starts_viewers_anew() {
        let mut view = View::new();
        view.apply(update(&[1, 2], true));
        let seen = view.mark();
        view.reset();
        view.apply(update(&[1], true));
        assert!(view.since(seen).is_none());
        assert_eq!(instants(view.last(9)), [1]);
    }

    #[test]
    fn a_window_is_bounded() {
        let mut view = View::new();
        let all: Vec<i64> = (0..500).collect();
        view.apply(update(&all, true));
        assert_eq!(view.last(1_000).count(), RECENT_CAPACITY);
    }
}
