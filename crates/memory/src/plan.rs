//! Turning a query into ranges of keys.
//!
//! The filter becomes a disjunction of conjunctions. Each conjunction is one scan: its equalities
//! and one array condition are the key's first parts, then what the order's leading fields are
//! bound to narrows the range. Only what no range can say is left to be checked row by row.

use firekeep_core::{Direction, FieldPath, Filter, Op, Order, Query, Value};

use crate::encoding;
use crate::index::{NamePlace, Names, Part, Shape, push};
use crate::matching;
use crate::range::{KeyRange, bound_name, bound_value, starting_with, window};

/// How a query is answered.
#[derive(Debug)]
pub(crate) struct Plan {
    /// One per conjunction; a row may come from several.
    pub(crate) scans: Vec<Scan>,
    /// Whether rows come from the end of the keys.
    pub(crate) backwards: bool,
    /// What the cursors leave of the order's keys.
    pub(crate) window: KeyRange,
    /// How names stand in the keys.
    pub(crate) names: Names,
}

/// One range of one index.
#[derive(Debug)]
pub(crate) struct Scan {
    pub(crate) shape: Shape,
    /// The parts compared for equality.
    pub(crate) prefix: Vec<u8>,
    /// The range of what follows.
    pub(crate) range: KeyRange,
    /// What must be checked row by row.
    pub(crate) rest: Vec<Condition>,
}

/// One comparison of one field.
pub(crate) type Condition = (FieldPath, Op, Value);

/// Plans `query`, which is not limit-to-last: that is turned round first.
pub(crate) fn plan(query: &Query) -> Plan {
    let (order, backwards) = normalized(query.order());
    let names = Names::of(query.scope());
    let window = window(query, &order, backwards, &names);
    let conjunctions = query.filter().map_or_else(|| vec![Vec::new()], disjuncts);
    let scans = conjunctions
        .into_iter()
        .filter(|conjunction| conjunction.iter().all(can_hold))
        .map(|conjunction| scan(conjunction, &order, &names, &window))
        .collect();
    Plan { scans, backwards, window, names }
}

/// The order with the name ascending, and whether that turns it round.
pub(crate) fn normalized(order: &[Order]) -> (Vec<Order>, bool) {
    let backwards = order.last().is_some_and(|name| name.direction == Direction::Descending);
    let turn = |order: &Order| Order {
        field: order.field.clone(),
        direction: if backwards { order.direction.reversed() } else { order.direction },
    };
    (order.iter().map(turn).collect(), backwards)
}

/// The filter's conjunctions; every element of an `in` and of an array-contains-any makes one.
fn disjuncts(filter: &Filter) -> Vec<Vec<Condition>> {
    match filter {
        Filter::Field { field, op: Op::In, operand } => each(field, Op::Eq, operand),
        Filter::Field { field, op: Op::ArrayContainsAny, operand } => {
            each(field, Op::ArrayContains, operand)
        }
        Filter::Field { field, op, operand } => {
            vec![vec![(field.clone(), *op, operand.clone())]]
        }
        Filter::Any(filters) => filters.iter().flat_map(disjuncts).collect(),
        Filter::All(filters) => filters.iter().map(disjuncts).fold(vec![vec![]], |left, right| {
            let pairs = left.iter().flat_map(|l| right.iter().map(move |r| (l, r)));
            pairs.map(|(l, r)| l.iter().chain(r).cloned().collect()).collect()
        }),
    }
}

fn each(field: &FieldPath, op: Op, operands: &Value) -> Vec<Vec<Condition>> {
    let operands = operands.as_array().unwrap_or_default().iter();
    operands.map(|operand| vec![(field.clone(), op, operand.clone())]).collect()
}

/// Whether the condition can hold for any value at all.
fn can_hold((_, op, operand): &Condition) -> bool {
    match op {
        Op::Eq | Op::Lt | Op::Le | Op::Gt | Op::Ge | Op::ArrayContains => {
            matching::is_comparable(operand)
        }
        _ => true,
    }
}

fn scan(
    mut conjunction: Vec<Condition>,
    order: &[Order],
    names: &Names,
    window: &KeyRange,
) -> Scan {
    let mut range = ordered_range(&mut conjunction, order, names);
    range.intersect(window);
    let mut parts = equal_parts(&mut conjunction, order);
    parts.sort_by(|left, right| left.0.cmp(&right.0));
    let mut prefix = Vec::new();
    parts.iter().for_each(|(_, value)| push(&mut prefix, value));
    let equal = parts.into_iter().map(|(part, _)| part).collect();
    Scan { shape: Shape { equal, order: order.to_vec() }, prefix, range, rest: conjunction }
}

/// Takes out of `conjunction` what becomes a key's first parts.
fn equal_parts(conjunction: &mut Vec<Condition>, order: &[Order]) -> Vec<(Part, Value)> {
    let mut parts: Vec<(Part, Value)> = Vec::new();
    conjunction.retain(|(field, op, operand)| {
        let ordered = order.iter().any(|key| key.field == *field);
        let part = match (op, equal_to(*op, operand)) {
            (_, Some(value)) if !ordered => (Part::Field(field.clone()), value),
            (Op::ArrayContains, _) => (Part::Element(field.clone()), operand.clone()),
            _ => return true,
        };
        // A second demand on the same part, or a second array, is checked row by row.
        let taken = parts.iter().any(|(known, _)| {
            *known == part.0 || matches!((known, &part.0), (Part::Element(_), Part::Element(_)))
        });
        if !taken {
            parts.push(part);
        }
        taken
    });
    parts
}

/// The one value that the condition lets through, if it is one.
fn equal_to(op: Op, operand: &Value) -> Option<Value> {
    match op {
        Op::Eq => Some(operand.clone()),
        Op::IsNull => Some(Value::Null),
        Op::IsNan => Some(Value::Double(f64::NAN)),
        _ => None,
    }
}

/// Takes out of `conjunction` what bounds the leading fields of `order`, and answers that range.
fn ordered_range(conjunction: &mut Vec<Condition>, order: &[Order], names: &Names) -> KeyRange {
    let mut base = Vec::new();
    for key in order {
        let equality = conjunction.iter().position(|(field, op, operand)| {
            *field == key.field && equal_to(*op, operand).is_some()
        });
        let fixed = equality.and_then(|at| {
            let (_, op, operand) = &conjunction[at];
            let extended = extended(&base, key, &equal_to(*op, operand)?, names)?;
            Some((at, extended))
        });
        let Some((at, extended)) = fixed else {
            return bounded(conjunction, &base, key, names);
        };
        base = extended;
        conjunction.remove(at);
    }
    starting_with(base)
}

/// `base` with `value` behind it; `None` for a name that is outside of the scope.
fn extended(base: &[u8], key: &Order, value: &Value, names: &Names) -> Option<Vec<u8>> {
    let mut extended = base.to_vec();
    if key.field.is_document_id() {
        match names.place(value) {
            NamePlace::At(name) => extended.extend(name),
            NamePlace::First | NamePlace::Last => return None,
        }
    } else {
        encoding::push_value(&mut extended, value, key.direction);
    }
    Some(extended)
}

/// The keys that begin with `base` and go on within every inequality on `key`.
fn bounded(conjunction: &mut Vec<Condition>, base: &[u8], key: &Order, names: &Names) -> KeyRange {
    let mut range = starting_with(base.to_vec());
    conjunction.retain(|(field, op, operand)| {
        if *field != key.field || !op.is_inequality() {
            return true;
        }
        if key.field.is_document_id() {
            return !bound_name(&mut range, base, *op, operand, names);
        }
        bound_value(&mut range, base, key.direction, *op, operand);
        matches!(op, Op::Ne | Op::NotIn | Op::IsNotNan)
    });
    range
}
