//! Whether a history keeps the promises.
//!
//! What the store was sent and answered is checked apart from what the lock's users were told: the
//! first is recorded below the lock, by somebody who does not know what it believes.

pub mod belief;
pub mod chain;
pub mod clean;
pub mod fence;
pub mod lease;
pub mod linear;
pub mod orphan;
pub mod register;
pub mod turn;

use std::collections::BTreeMap;
use std::fmt;

use crate::history::{Event, Line, Outcome};

/// A promise that was not kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// Which promise.
    pub promise: Promise,
    /// What happened instead.
    pub what: String,
}

/// What is promised of a lock.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Promise {
    /// By the store's time, a key has one holder.
    Exclusion,
    /// By the machine's time, no two guards believe in the same key at once, stopped or not.
    Belief,
    /// Fences are unique, and rise in the order of commits.
    Fence,
    /// Guarded commits lose no update and come in the order of fences.
    Register,
    /// Each key is a mutex with an owner.
    Linear,
    /// What has ended is not revived.
    Resurrection,
    /// What callers were told is what the store says.
    Truth,
    /// Nothing is left, and every key can be had again.
    Clean,
}

/// What a check came to.
#[derive(Clone, Debug, Default)]
pub struct Verdict {
    /// The promises that were not kept.
    pub violations: Vec<Violation>,
    /// How much was looked at, by name.
    pub counts: BTreeMap<&'static str, u64>,
}

impl Verdict {
    pub(crate) fn violate(&mut self, promise: Promise, what: impl Into<String>) {
        self.violations.push(Violation { promise, what: what.into() });
    }

    pub(crate) fn count(&mut self, what: &'static str) {
        *self.counts.entry(what).or_default() += 1;
    }
}

/// Checks sections under faults: everything but [`Promise::Linear`].
pub fn sections(lines: &[Line]) -> Verdict {
    let mut verdict = Verdict::default();
    let chains = chain::chains(lines, &mut verdict);
    let turns = turn::turns(lines);
    chains.values().for_each(|chain| lease::check(chain, &mut verdict));
    chains.values().for_each(|chain| fence::check_chain(chain, &mut verdict));
    fence::check_turns(&turns, &chains, &mut verdict);
    belief::check(&turns, &mut verdict);
    register::check_journal(lines, &mut verdict);
    register::check_asked(lines, &turns, &mut verdict);
    clean::check(lines, &mut verdict);
    count(lines, &mut verdict);
    verdict
}

/// Checks calls with leases that outlast them: [`Promise::Linear`].
pub fn rounds(lines: &[Line]) -> Verdict {
    let mut verdict = Verdict::default();
    linear::check(lines, &mut verdict);
    count(lines, &mut verdict);
    verdict
}

/// How many increments of a counter were answered as done, and how many of them it lost.
pub fn lost_updates(lines: &[Line]) -> (u64, u64) {
    let acknowledged = turn::raised(lines).count() as u64;
    let kept = lines.iter().map(|line| match &line.event {
        Event::Final { count, .. } => u64::try_from(*count).unwrap_or(0),
        _ => 0,
    });
    (acknowledged, acknowledged.saturating_sub(kept.sum()))
}

fn count(lines: &[Line], verdict: &mut Verdict) {
    for line in lines {
        match &line.event {
            Event::Killed { .. } => verdict.count("killed"),
            Event::Stopped { .. } => verdict.count("stopped"),
            Event::StoreStopped => verdict.count("store stopped"),
            Event::Return { outcome: Outcome::Failed(_), .. } => verdict.count("calls failed"),
            Event::Return { outcome: Outcome::Won { .. }, .. } => verdict.count("acquired"),
            _ => {}
        }
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}: {}", self.promise, self.what)
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let counts: Vec<_> = self.counts.iter().map(|(what, n)| format!("{n} {what}")).collect();
        write!(f, "{}; {} violations", counts.join(", "), self.violations.len())?;
        self.violations.iter().take(SHOWN).try_for_each(|violation| write!(f, "\n  {violation}"))
    }
}

const SHOWN: usize = 20;

/// Hand-made histories, for the tests of the checkers.
#[cfg(test)]
pub(crate) mod made {
    use super::*;
    use crate::history::{Answer, Call, Change};

    /// Lines at the times given, by the workers given.
    pub(crate) fn lines(events: impl IntoIterator<Item = (u64, u32, Event)>) -> Vec<Line> {
        events.into_iter().map(|(at, by, event)| Line { at, by, event }).collect()
    }

    pub(crate) fn sent(n: u64, change: Change, guard: Option<i64>) -> Event {
        Event::Sent { n, lease: "l".into(), change, guard }
    }

    pub(crate) fn applied(n: u64, time: i64, started: Option<i64>, fence: Option<u64>) -> Event {
        Event::Answered { n, answer: Answer::Applied { time, started, fence } }
    }

    pub(crate) fn take(id: &str) -> Change {
        Change::Take { id: id.into(), ttl_ms: 1 }
    }

    pub(crate) fn stamp(id: &str) -> Change {
        Change::Stamp { id: id.into(), ttl_ms: 1 }
    }

    pub(crate) fn invoke(op: u64, call: Call) -> Event {
        Event::Invoke { op, key: "k".into(), call }
    }

    pub(crate) fn won(op: u64, id: &str, fence: u64, started: i64) -> Event {
        returned(op, Outcome::Won { id: id.into(), fence, started })
    }

    pub(crate) fn returned(op: u64, outcome: Outcome) -> Event {
        Event::Return { op, outcome }
    }

    pub(crate) fn promises(verdict: &Verdict) -> Vec<Promise> {
        verdict.violations.iter().map(|violation| violation.promise).collect()
    }
}
