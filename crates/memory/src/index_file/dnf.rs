//! A filter as a disjunction of conjunctions, seen as indexes see it.

use firekeep_core::{FieldPath, Filter, Op, Value};

/// One conjunction: what an index scan must find, values aside.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Conjunction {
    /// The fields that are compared for equality, sorted.
    pub(crate) equal: Vec<FieldPath>,
    /// The arrays that are searched for an element, sorted.
    pub(crate) contains: Vec<FieldPath>,
}

/// A filter in disjunctive normal form.
#[derive(Debug)]
pub(crate) struct Dnf {
    /// The conjunctions that differ in fields, at least one.
    pub(crate) conjunctions: Vec<Conjunction>,
    /// Whether there are several conjunctions, each element of an `in` counted.
    pub(crate) is_disjunction: bool,
}

impl Dnf {
    pub(crate) fn of(filter: Option<&Filter>) -> Self {
        let mut conjunctions: Vec<Conjunction> = Vec::new();
        for conditions in filter.map_or_else(|| vec![vec![]], expand) {
            let conjunction = Conjunction::of(&conditions);
            if !conjunctions.contains(&conjunction) {
                conjunctions.push(conjunction);
            }
        }
        Self { conjunctions, is_disjunction: filter.is_some_and(|filter| count(filter) > 1) }
    }
}

impl Conjunction {
    fn of(conditions: &[(&FieldPath, Op)]) -> Self {
        let mut conjunction = Self::default();
        for &(field, op) in conditions {
            // Every index ends with the name, so conditions on it need no field of their own.
            if field.is_document_id() || op.is_inequality() {
                continue;
            }
            match op {
                Op::ArrayContains | Op::ArrayContainsAny => &mut conjunction.contains,
                _ => &mut conjunction.equal,
            }
            .push(field.clone());
        }
        for fields in [&mut conjunction.equal, &mut conjunction.contains] {
            fields.sort();
            fields.dedup();
        }
        conjunction
    }
}

/// The conjunctions of a filter. The elements of an `in` differ in value only and need the same
/// index, so an `in` stays one condition here.
fn expand(filter: &Filter) -> Vec<Vec<(&FieldPath, Op)>> {
    match filter {
        Filter::Field { field, op, .. } => vec![vec![(field, *op)]],
        Filter::Any(filters) => filters.iter().flat_map(expand).collect(),
        Filter::All(filters) => filters.iter().map(expand).fold(vec![vec![]], |left, right| {
            left.iter()
                .flat_map(|l| right.iter().map(|r| l.iter().chain(r).copied().collect()))
                .collect()
        }),
    }
}

fn count(filter: &Filter) -> usize {
    match filter {
        Filter::Field {
            op: Op::In | Op::ArrayContainsAny, operand: Value::Array(list), ..
        } => list.len(),
        Filter::Field { .. } => 1,
        Filter::All(filters) => filters.iter().map(count).fold(1, usize::saturating_mul),
        Filter::Any(filters) => filters.iter().map(count).fold(0, usize::saturating_add),
    }
}

#[cfg(test)]
mod tests {
    use firekeep_core::{all, any, field};

    use super::*;

    #[test]
    fn and_distributes_over_or() {
        let filter = all([
            field("t").eq(1),
            any([field("a").eq(1), all([field("b").gt(0), field("c").array_contains(1)])]),
        ]);
        let dnf = Dnf::of(Some(&filter.unwrap()));
        let path = |text| FieldPath::parse(text).unwrap();
        assert!(dnf.is_disjunction);
        assert_eq!(
            dnf.conjunctions,
            [
                Conjunction { equal: vec![path("a"), path("t")], contains: vec![] },
                Conjunction { equal: vec![path("t")], contains: vec![path("c")] },
            ]
        );
    }

    #[test]
    fn the_elements_of_an_in_are_disjuncts_of_one_shape() {
        for (elements, is_disjunction) in [(vec![1], false), (vec![1, 2], true)] {
            let dnf = Dnf::of(Some(&field("a").is_in(elements).unwrap()));
            assert_eq!((dnf.conjunctions.len(), dnf.is_disjunction), (1, is_disjunction));
        }
        assert_eq!(Dnf::of(None).conjunctions, [Conjunction::default()]);
    }
}
