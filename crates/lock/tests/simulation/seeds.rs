//! Many seeds at once, and what came of them.

use std::fmt;
use std::panic::catch_unwind;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

use crate::counts::Counts;
use crate::plan::Plan;
use crate::property::{Property, Violation};
use crate::world::{self, Outcome};

/// How many seeds a plain `cargo test` runs.
const SEEDS: u64 = 2_000;
/// How many failing seeds are printed.
const SHOWN: usize = 5;

/// What came of all seeds.
pub(crate) struct Summary {
    seeds: u64,
    failures: Vec<(u64, Violation)>,
    pub(crate) counts: Counts,
}

/// How many seeds to run.
pub(crate) fn count() -> u64 {
    variable("FIREKEEP_LOCK_SEEDS").unwrap_or(SEEDS)
}

/// Runs the seeds from 0, or the one that is asked for, on as many threads as the machine has.
pub(crate) fn run(plan: Plan, seeds: u64) -> Summary {
    let one = variable("FIREKEEP_LOCK_SEED");
    let (first, end) = one.map_or((0, seeds), |one| (one, one + 1));
    let plan = Plan { is_told: one.is_some(), ..plan };
    let (next, end) = (AtomicU64::new(first), AtomicU64::new(end));
    let threads = thread::available_parallelism().map_or(1, usize::from);
    let parts = thread::scope(|scope| {
        let part = || work(plan, &next, &end);
        let threads: Vec<_> = (0..threads).map(|_| scope.spawn(part)).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect::<Vec<_>>()
    });
    let mut all =
        Summary { seeds: end.into_inner() - first, failures: vec![], counts: Counts::default() };
    for (failures, counts) in parts {
        all.failures.extend(failures);
        all.counts.add(&counts);
    }
    all.failures.sort_by_key(|(seed, violation)| (*seed, violation.at));
    println!("{all}");
    all
}

fn work(plan: Plan, next: &AtomicU64, end: &AtomicU64) -> (Vec<(u64, Violation)>, Counts) {
    let (mut failures, mut counts) = (Vec::new(), Counts::default());
    let is_first_enough = variable("FIREKEEP_LOCK_FIRST").is_some();
    loop {
        let seed = next.fetch_add(1, Ordering::Relaxed);
        if seed >= end.load(Ordering::Relaxed) {
            return (failures, counts);
        }
        let outcome = catch_unwind(|| world::run(seed, plan)).unwrap_or_else(|_| Outcome::panic());
        counts.add(&outcome.counts);
        failures.extend(outcome.violations.into_iter().map(|violation| (seed, violation)));
        if is_first_enough && !failures.is_empty() {
            end.fetch_min(seed + 1, Ordering::Relaxed);
        }
    }
}

impl Summary {
    /// How often `property` did not hold.
    pub(crate) fn count(&self, property: Property) -> usize {
        self.failures.iter().filter(|(_, violation)| violation.property == property).count()
    }

    /// Fails, with the seeds, unless all properties that `must` hold do.
    pub(crate) fn demand(&self, must: impl Fn(Property) -> bool) {
        let broken: Vec<_> = self.failures.iter().filter(|(_, v)| must(v.property)).collect();
        let mut shown: Vec<_> =
            broken.iter().map(|(seed, violation)| format!("seed {seed}: {violation}")).collect();
        shown.truncate(SHOWN);
        assert!(
            broken.is_empty(),
            "{} violations, among them\n{}\nagain: FIREKEEP_LOCK_SEED={} cargo test -p firekeep-lock \
             --test simulation\n",
            broken.len(),
            shown.join("\n"),
            broken[0].0
        );
    }

    /// Fails unless the worlds were eventful: a simulation in which nothing happens proves nothing.
    pub(crate) fn demand_exercise(&self) {
        let Counts { won, takeovers, extensions, lost, guarded, fenced_off, unknown, .. } =
            self.counts;
        let eventful = [won, takeovers, extensions, lost, guarded, fenced_off, unknown];
        assert!(self.seeds < 1000 || eventful.iter().all(|count| *count > 0), "{self}");
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} seeds, {} violations, {:?}", self.seeds, self.failures.len(), self.counts)
    }
}

fn variable(name: &str) -> Option<u64> {
    #[allow(clippy::disallowed_methods, reason = "whoever runs the tests says how many seeds")]
    let value = std::env::var(name).ok()?;
    Some(value.parse().unwrap_or_else(|_| panic!("`{name}` must be a number")))
}
