//! Who kills and stops.

use std::time::Duration;

use anyhow::{Result, ensure};
use fastrand::Rng;
use firekeep_core::{Clock, SystemClock};

use crate::fleet::Fleet;
use crate::ground::{self, MILLI};
use crate::worker::Work;

/// Something that happens later.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Act {
    Respawn(u32),
    GoOn(u32),
    StoreGoesOn,
}

/// Troubles the fleet.
#[derive(Debug)]
pub struct Nemesis {
    rng: Rng,
    work: Work,
    later: Vec<(u64, Act)>,
    stops_in_between: u32,
}

impl Nemesis {
    /// Draws its acts from `seed`.
    pub fn new(seed: u64, work: Work) -> Self {
        Self { rng: Rng::with_seed(seed), work, later: vec![], stops_in_between: 0 }
    }

    /// Troubles `fleet` for `length`; the control for as long as it takes to show something.
    ///
    /// # Errors
    /// What the operating system answers; a worker that ended by itself.
    pub async fn rage(&mut self, fleet: &mut Fleet, length: Duration) -> Result<()> {
        let end = ground::now() + u64::try_from(length.as_nanos())?;
        while ground::now() < end || self.shows_too_little(end) {
            self.due(fleet)?;
            let ended = fleet.unexpected_ends();
            ensure!(ended.is_empty(), "the workers {ended:?} ended by themselves");
            match self.work {
                Work::Sections => self.strike(fleet, STOPS),
                Work::Rounds => self.strike(fleet, SHORT_STOPS),
                Work::Plain | Work::Guarded => self.stop_in_between(fleet),
            }
            let pause = match self.work {
                Work::Plain | Work::Guarded => 1,
                Work::Sections | Work::Rounds => self.rng.u64(20..150),
            };
            SystemClock.sleep(Duration::from_millis(pause)).await;
        }
        Ok(())
    }

    /// Does what is due.
    fn due(&mut self, fleet: &mut Fleet) -> Result<()> {
        let now = ground::now();
        let (due, later) =
            std::mem::take(&mut self.later).into_iter().partition(|(at, _)| *at <= now);
        self.later = later;
        let due: Vec<(u64, Act)> = due;
        for (_, act) in due {
            match act {
                Act::Respawn(worker) => fleet.spawn(worker)?,
                Act::GoOn(worker) => fleet.go_on(worker),
                Act::StoreGoesOn => fleet.store_goes_on(),
            }
        }
        Ok(())
    }

    /// Strikes at random. One worker at least is left alone.
    fn strike(&mut self, fleet: &mut Fleet, stops: std::ops::Range<u64>) {
        let what = self.rng.u8(..100);
        if what < 3 {
            fleet.stop_store();
            self.plan(STORE_STOPS, Act::StoreGoesOn);
            return;
        }
        if what >= 25 {
            return;
        }
        let Some(worker) = fleet.any_running(1) else { return };
        if what < 10 {
            fleet.kill(worker);
            self.plan(1..300, Act::Respawn(worker));
        } else {
            fleet.stop(worker);
            self.plan(stops, Act::GoOn(worker));
        }
    }

    /// Stops one worker at a time beyond its lease, between its reading and its writing.
    fn stop_in_between(&mut self, fleet: &mut Fleet) {
        let Some(worker) = fleet.last_to_speak() else { return };
        if self.later.is_empty() && self.rng.bool() {
            fleet.stop(worker);
            self.stops_in_between += 1;
            self.plan(STOPS_IN_BETWEEN, Act::GoOn(worker));
        }
    }

    /// On a slow machine few workers come between reading and writing in time.
    fn shows_too_little(&self, end: u64) -> bool {
        let is_control = matches!(self.work, Work::Plain | Work::Guarded);
        is_control && self.stops_in_between < ENOUGH_STOPS && ground::now() < end + PATIENCE
    }

    fn plan(&mut self, millis: std::ops::Range<u64>, act: Act) {
        self.later.push((ground::now() + self.rng.u64(millis) * MILLI, act));
    }
}

/// Around the longest lease of the sections, and beyond.
const STOPS: std::ops::Range<u64> = 200..2000;
/// Where leases outlast the run, what matters is who is slow.
const SHORT_STOPS: std::ops::Range<u64> = 5..300;
/// Beyond the lease of the counter.
const STOPS_IN_BETWEEN: std::ops::Range<u64> = 450..700;
const ENOUGH_STOPS: u32 = 3;
const PATIENCE: u64 = 20_000 * MILLI;
const STORE_STOPS: std::ops::Range<u64> = 100..900;
