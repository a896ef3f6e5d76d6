//! Where the counters are: a fixed table of labels, each with a row of counters per operation.

use std::fmt;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

use firekeep_core::{ErrorKind, Operation};

use super::bill::{Bill, Usage};

/// All counters of a meter. Rows are added, never moved or removed, so counting takes no lock.
pub(super) struct Ledger {
    rows: [OnceLock<Row>; ROWS],
    errors: [[AtomicU64; ErrorKind::ALL.len()]; Operation::ALL.len()],
}

/// The counters of one label.
#[derive(Default)]
struct Row {
    label: Box<str>,
    cells: [Cell; Operation::ALL.len()],
}

#[derive(Default)]
struct Cell {
    rpcs: AtomicU64,
    reads: AtomicU64,
    writes: AtomicU64,
    deletes: AtomicU64,
}

/// Where one call is counted.
pub(super) struct Entry {
    ledger: Arc<Ledger>,
    row: usize,
    operation: Operation,
}

/// How many labels are told apart, the one for the rest included.
const ROWS: usize = 64;
/// The row of labels that find no other place.
const OTHER: usize = ROWS - 1;
/// The label of that row.
const OTHER_LABEL: &str = "other";

impl Default for Ledger {
    fn default() -> Self {
        Self { rows: std::array::from_fn(|_| OnceLock::new()), errors: Default::default() }
    }
}

impl Ledger {
    pub(super) fn entry(ledger: &Arc<Self>, label: Option<&str>, operation: Operation) -> Entry {
        let row = ledger.row_of(label.unwrap_or_default());
        Entry { ledger: Arc::clone(ledger), row, operation }
    }

    /// Finds the label's row, from its hash onwards, and claims a free one for a new label.
    fn row_of(&self, label: &str) -> usize {
        let mut hasher = DefaultHasher::new();
        label.hash(&mut hasher);
        let first = (hasher.finish() % OTHER as u64) as usize;
        let mut probes = (first..OTHER).chain(0..first);
        let found = probes.find(|&row| &*self.row(row, label).label == label);
        found.unwrap_or_else(|| {
            self.row(OTHER, OTHER_LABEL);
            OTHER
        })
    }

    fn row(&self, row: usize, label: &str) -> &Row {
        self.rows[row].get_or_init(|| Row { label: label.into(), cells: Default::default() })
    }

    /// The bills of the labels and operations that `select` picks.
    pub(super) fn sum(&self, select: impl Fn(&str, Operation) -> bool) -> Bill {
        let cells = self.cells().filter(|(label, operation, _)| select(label, *operation));
        cells.map(|(_, _, bill)| bill).sum()
    }

    pub(super) fn usage(&self) -> Usage {
        let mut usage = Usage::default();
        for (label, operation, bill) in self.cells().filter(|(_, _, bill)| *bill != Bill::ZERO) {
            // A caller may itself use the label of the row for the rest.
            let sum = usage.bills.entry((label.to_owned(), operation)).or_default();
            *sum = *sum + bill;
        }
        for (operation, kinds) in Operation::ALL.into_iter().zip(&self.errors) {
            for (kind, count) in ErrorKind::ALL.into_iter().zip(kinds) {
                let count = count.load(Ordering::Relaxed);
                if count > 0 {
                    usage.errors.insert((operation, kind), count);
                }
            }
        }
        usage
    }

    fn cells(&self) -> impl Iterator<Item = (&str, Operation, Bill)> {
        let rows = self.rows.iter().filter_map(OnceLock::get);
        rows.flat_map(|row| {
            let cells = Operation::ALL.into_iter().zip(&row.cells);
            cells.map(|(operation, cell)| (&*row.label, operation, cell.load()))
        })
    }
}

impl fmt::Debug for Ledger {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.usage().fmt(f)
    }
}

impl Cell {
    fn load(&self) -> Bill {
        let [rpcs, reads, writes, deletes] = [&self.rpcs, &self.reads, &self.writes, &self.deletes]
            .map(|counter| counter.load(Ordering::Relaxed));
        Bill { rpcs, reads, writes, deletes }
    }
}

impl Entry {
    pub(super) fn add(&self, bill: Bill) {
        let Some(row) = self.ledger.rows[self.row].get() else { return };
        let cell = &row.cells[self.operation as usize];
        for (counter, by) in [
            (&cell.rpcs, bill.rpcs),
            (&cell.reads, bill.reads),
            (&cell.writes, bill.writes),
            (&cell.deletes, bill.deletes),
        ] {
            if by > 0 {
                counter.fetch_add(by, Ordering::Relaxed);
            }
        }
    }

    pub(super) fn add_error(&self, kind: ErrorKind) {
        self.ledger.errors[self.operation as usize][kind as usize].fetch_add(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tables_are_in_the_order_of_the_enums() {
        assert!(Operation::ALL.iter().enumerate().all(|(at, &op)| op as usize == at));
        assert!(ErrorKind::ALL.iter().enumerate().all(|(at, &kind)| kind as usize == at));
    }

    #[test]
    fn labels_beyond_the_table_share_a_row_and_nothing_is_lost() {
        let ledger = Arc::new(Ledger::default());
        for label in (0..200).map(|n| format!("label-{n}")) {
            for _ in 0..2 {
                let entry = Ledger::entry(&ledger, Some(&label), Operation::Query);
                entry.add(Bill { rpcs: 1, ..Bill::ZERO });
            }
        }
        let usage = ledger.usage();
        assert_eq!(usage.bills.len(), ROWS);
        assert_eq!(usage.labelled("label-0").rpcs, 2);
        assert_eq!(usage.labelled(OTHER_LABEL).rpcs, 2 * (200 - OTHER as u64));
        assert_eq!(usage.total().rpcs, 400);
    }
}
