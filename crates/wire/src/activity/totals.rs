//! Counters by method.

use std::sync::atomic::{AtomicU64, Ordering};

use firekeep_layers::Bill;
use serde::Serialize;

use crate::faults::Method;

/// What is counted of every method.
#[derive(Debug, Default)]
pub(super) struct Totals([Counters; ROWS]);

#[derive(Debug, Default)]
struct Counters {
    calls: AtomicU64,
    errors: AtomicU64,
    reads: AtomicU64,
    writes: AtomicU64,
    deletes: AtomicU64,
}

/// What was counted of one method.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub(crate) struct Total {
    pub(crate) calls: u64,
    pub(crate) errors: u64,
    pub(crate) reads: u64,
    pub(crate) writes: u64,
    pub(crate) deletes: u64,
}

/// Which row a method has; what is no method has the last.
pub(super) fn row(method: Option<Method>) -> usize {
    let known = |method| Method::ALL.iter().position(|known| *known == method);
    method.and_then(known).unwrap_or(ROWS - 1)
}

/// What a row's method is called.
pub(super) fn name(row: usize) -> &'static str {
    Method::ALL.get(row).map_or("unknown", |method| method.name())
}

const ROWS: usize = Method::ALL.len() + 1;

impl Totals {
    pub(super) fn call(&self, method: usize, failed: bool) {
        let counters = &self.0[method];
        counters.calls.fetch_add(1, Ordering::Relaxed);
        if failed {
            counters.errors.fetch_add(1, Ordering::Relaxed);
        }
    }

    pub(super) fn bill(&self, method: usize, bill: Bill) {
        let of = &self.0[method];
        for (counter, by) in
            [(&of.reads, bill.reads), (&of.writes, bill.writes), (&of.deletes, bill.deletes)]
        {
            if by > 0 {
                counter.fetch_add(by, Ordering::Relaxed);
            }
        }
    }

    pub(super) fn all(&self) -> Vec<(&'static str, Total)> {
        let totals = (0..).map(name).zip(self.0.iter().map(Counters::load));
        totals.filter(|(_, total)| *total != Total::default()).collect()
    }
}

impl Counters {
    fn load(&self) -> Total {
        let [calls, errors, reads, writes, deletes] =
            [&self.calls, &self.errors, &self.reads, &self.writes, &self.deletes]
                .map(|counter| counter.load(Ordering::Relaxed));
        Total { calls, errors, reads, writes, deletes }
    }
}
