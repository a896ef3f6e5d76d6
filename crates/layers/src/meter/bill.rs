//! Sums of what was asked for and billed.

use std::collections::{BTreeMap, HashSet};
use std::iter::Sum;
use std::ops::{Add, Sub};

use firekeep_core::{Change, ErrorKind, Lookups, Operation, Write};

/// What a number of operations cost.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Bill {
    /// Requests sent.
    pub rpcs: u64,
    /// Documents read, as billed.
    pub reads: u64,
    /// Documents written, as billed.
    pub writes: u64,
    /// Documents deleted, as billed.
    pub deletes: u64,
}

impl Bill {
    /// Nothing.
    pub const ZERO: Self = Self { rpcs: 0, reads: 0, writes: 0, deletes: 0 };

    /// What answered lookups are billed: one read per distinct path.
    pub fn of_lookups(answer: &Lookups) -> Self {
        let paths = || answer.lookups.iter().map(|lookup| &lookup.path);
        // Comparing a few paths is cheaper than hashing them, and allocates nothing.
        let distinct = if answer.lookups.len() <= 16 {
            paths().enumerate().filter(|(at, path)| !paths().take(*at).any(|p| p == *path)).count()
        } else {
            paths().collect::<HashSet<_>>().len()
        };
        Self { reads: distinct as u64, ..Self::ZERO }
    }

    /// What applied writes are billed: one write, delete or read per write, delete or verify.
    pub fn of_writes(writes: &[Write]) -> Self {
        let of_write = |write: &Write| match write.change() {
            Change::Delete => Self { deletes: 1, ..Self::ZERO },
            Change::Verify => Self { reads: 1, ..Self::ZERO },
            _ => Self { writes: 1, ..Self::ZERO },
        };
        writes.iter().map(of_write).sum()
    }
}

impl Add for Bill {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self {
            rpcs: self.rpcs + other.rpcs,
            reads: self.reads + other.reads,
            writes: self.writes + other.writes,
            deletes: self.deletes + other.deletes,
        }
    }
}

/// What was added since an earlier bill of the same meter.
impl Sub for Bill {
    type Output = Self;

    fn sub(self, earlier: Self) -> Self {
        Self {
            rpcs: self.rpcs.saturating_sub(earlier.rpcs),
            reads: self.reads.saturating_sub(earlier.reads),
            writes: self.writes.saturating_sub(earlier.writes),
            deletes: self.deletes.saturating_sub(earlier.deletes),
        }
    }
}

impl Sum for Bill {
    fn sum<I: Iterator<Item = Self>>(bills: I) -> Self {
        bills.fold(Self::ZERO, Add::add)
    }
}

/// A breakdown of what a meter counted: bills by label and operation, errors by operation and kind.
///
/// Holds no zeros: two breakdowns are equal if the same was counted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// By label (empty for calls without one) and operation.
    pub bills: BTreeMap<(String, Operation), Bill>,
    /// How many attempts of an operation failed with a kind.
    pub errors: BTreeMap<(Operation, ErrorKind), u64>,
}

impl Usage {
    /// Everything summed up.
    pub fn total(&self) -> Bill {
        self.bills.values().copied().sum()
    }

    /// What one operation cost.
    pub fn of(&self, operation: Operation) -> Bill {
        self.sum(|(_, of)| *of == operation)
    }

    /// What was done on behalf of `label`.
    pub fn labelled(&self, label: &str) -> Bill {
        self.sum(|(of, _)| of == label)
    }

    /// How many attempts failed.
    pub fn failures(&self) -> u64 {
        self.errors.values().sum()
    }

    fn sum(&self, select: impl Fn(&(String, Operation)) -> bool) -> Bill {
        self.bills.iter().filter(|(key, _)| select(key)).map(|(_, bill)| *bill).sum()
    }
}

/// What was added since an earlier breakdown of the same meter.
impl Sub<&Usage> for Usage {
    type Output = Self;

    fn sub(mut self, earlier: &Self) -> Self {
        for (key, bill) in &mut self.bills {
            *bill = *bill - earlier.bills.get(key).copied().unwrap_or_default();
        }
        for (key, count) in &mut self.errors {
            *count = count.saturating_sub(earlier.errors.get(key).copied().unwrap_or_default());
        }
        self.bills.retain(|_, bill| *bill != Bill::ZERO);
        self.errors.retain(|_, count| *count != 0);
        self
    }
}
