//! Counts, sums and averages over a query's rows.

use std::collections::BTreeMap;
use std::ops::ControlFlow;

use firekeep_core::{Aggregation, Document, FieldPath, Query, Value};

use crate::query;
use crate::state::{State, View};

/// How many index entries one billed read covers.
const ENTRIES_PER_READ: u64 = 1_000;

/// The value of each aggregation by name, and what they cost.
///
/// With a sum or an average among them, only documents that have all of their fields are rows, for
/// offset and limit too: Firestore reads one index over them.
pub(crate) fn run(
    state: &mut State,
    query: &Query,
    aggregations: &[(String, Aggregation)],
    view: View,
) -> (BTreeMap<String, Value>, u64) {
    let fields: Vec<&FieldPath> = aggregations.iter().filter_map(|(_, a)| field(a)).collect();
    let mut tallies = vec![Tally::default(); aggregations.len()];
    let bound = count_bound(aggregations);
    let mut entries = 0;
    let skipped = query::visit_holding(state, query, view, &fields, &mut |row| {
        entries += 1;
        for (tally, (_, aggregation)) in tallies.iter_mut().zip(aggregations) {
            tally.add(aggregation, row);
        }
        if bound.is_some_and(|bound| entries >= bound) {
            return ControlFlow::Break(());
        }
        ControlFlow::Continue(())
    });
    let values = aggregations.iter().zip(tallies);
    let values = values.map(|((name, kind), tally)| (name.clone(), tally.value(kind))).collect();
    (values, (entries + skipped).div_ceil(ENTRIES_PER_READ).max(1))
}

fn field(aggregation: &Aggregation) -> Option<&FieldPath> {
    match aggregation {
        Aggregation::Count { .. } => None,
        Aggregation::Sum(field) | Aggregation::Average(field) => Some(field),
    }
}

/// How many rows settle every aggregation; `None` if only all of them do.
fn count_bound(aggregations: &[(String, Aggregation)]) -> Option<u64> {
    let bounds = aggregations.iter().map(|(_, aggregation)| match aggregation {
        Aggregation::Count { up_to } => up_to.map(u64::from),
        _ => None,
    });
    bounds.collect::<Option<Vec<u64>>>()?.into_iter().max()
}

/// What one aggregation has seen so far.
#[derive(Clone, Copy, Debug, Default)]
struct Tally {
    rows: u64,
    numbers: u64,
    /// Integers add up exactly; 2^64 of them could not overflow this.
    integers: i128,
    doubles: Option<CompensatedSum>,
}

impl Tally {
    fn add(&mut self, aggregation: &Aggregation, row: &Document) {
        self.rows += 1;
        match field(aggregation).and_then(|field| row.find(field)) {
            Some(Value::Integer(number)) => {
                self.numbers += 1;
                self.integers += i128::from(*number);
            }
            Some(Value::Double(number)) => {
                self.numbers += 1;
                self.doubles.get_or_insert_default().add(*number);
            }
            _ => {}
        }
    }

    fn value(self, aggregation: &Aggregation) -> Value {
        match aggregation {
            Aggregation::Count { up_to } => {
                let rows = up_to.map_or(self.rows, |bound| self.rows.min(bound.into()));
                Value::Integer(i64::try_from(rows).unwrap_or(i64::MAX))
            }
            Aggregation::Sum(_) => self.sum(),
            Aggregation::Average(_) if self.numbers == 0 => Value::Null,
            Aggregation::Average(_) => Value::Double(self.double_sum() / self.numbers as f64),
        }
    }

    /// An integer as long as all numbers are integers and their sum fits.
    fn sum(self) -> Value {
        match (self.doubles, i64::try_from(self.integers)) {
            (None, Ok(sum)) => Value::Integer(sum),
            _ => Value::Double(self.double_sum()),
        }
    }

    fn double_sum(self) -> f64 {
        let mut sum = self.doubles.unwrap_or_default();
        sum.add(self.integers as f64);
        sum.value()
    }
}

/// Neumaier's sum, which loses nothing to the order of its terms.
#[derive(Clone, Copy, Debug, Default)]
struct CompensatedSum {
    sum: f64,
    lost: f64,
}

impl CompensatedSum {
    fn add(&mut self, number: f64) {
        let sum = self.sum + number;
        self.lost += if self.sum.abs() >= number.abs() {
            (self.sum - sum) + number
        } else {
            (number - sum) + self.sum
        };
        self.sum = sum;
    }

    fn value(self) -> f64 {
        // Beyond the largest double nothing is left to compensate.
        if self.sum.is_finite() { self.sum + self.lost } else { self.sum }
    }
}
