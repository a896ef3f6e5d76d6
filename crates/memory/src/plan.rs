//! Turning a query into ranges of keys.
//!
//! The filter becomes a disjunction of conjunctions. Each conjunction is one scan: its equalities
//! and one array condition are the key's first parts, then what the order's leading fields are
//! bound to narrows the range. Only what no range can say is left to be checked row by row.

use firekeep_core::{Cursor, Direction, FieldPath, Filter, Op, Order, Query, Value};

use crate::encoding;
use crate::index::{NamePlace, Names, Part, Shape, push};
use crate::matching;

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

/// Keys from `from` to before `to`, or to the end.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct KeyRange {
    pub(crate) from: Vec<u8>,
    pub(crate) to: Option<Vec<u8>>,
}

/// One comparison of one field.
pub(crate) type Condition = (FieldPath, Op, Value);

impl KeyRange {
    fn at_least(&mut self, key: Option<Vec<u8>>) {
        match key {
            Some(key) if key > self.from => self.from = key,
            Some(_) => {}
            None => self.to = Some(self.from.clone()),
        }
    }

    fn below(&mut self, key: Option<Vec<u8>>) {
        if let Some(key) = key
            && self.to.as_ref().is_none_or(|to| key < *to)
        {
            self.to = Some(key);
        }
    }

    fn intersect(&mut self, other: &Self) {
        self.at_least(Some(other.from.clone()));
        self.below(other.to.clone());
    }

    pub(crate) fn holds(&self, key: &[u8]) -> bool {
        *self.from <= *key && self.to.as_ref().is_none_or(|to| *key < **to)
    }
}

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

fn starting_with(base: Vec<u8>) -> KeyRange {
    KeyRange { to: encoding::after(base.clone()), from: base }
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

/// Narrows `range` by an inequality on the name; `false` if it can't say the whole of it.
fn bound_name(range: &mut KeyRange, base: &[u8], op: Op, operand: &Value, names: &Names) -> bool {
    let (at, after) = around_name(base, operand, names);
    match op {
        Op::Gt => range.at_least(after),
        Op::Ge => range.at_least(at),
        Op::Lt => range.below(at),
        Op::Le => range.below(after),
        _ => return false,
    }
    true
}

/// The first keys at and after the name in `operand`.
fn around_name(base: &[u8], operand: &Value, names: &Names) -> (Option<Vec<u8>>, Option<Vec<u8>>) {
    match names.place(operand) {
        NamePlace::First => (Some(base.to_vec()), Some(base.to_vec())),
        NamePlace::Last => (encoding::after(base.to_vec()), encoding::after(base.to_vec())),
        NamePlace::At(name) => {
            let key = [base, &name].concat();
            (Some(key.clone()), encoding::after(key))
        }
    }
}

fn bound_value(range: &mut KeyRange, base: &[u8], direction: Direction, op: Op, operand: &Value) {
    let key = |value: &Value| {
        let mut key = base.to_vec();
        encoding::push_value(&mut key, value, direction);
        key
    };
    // In ascending keys; a descending part swaps both ends.
    let (low, high) = match op {
        Op::Gt => (Edge::After(key(operand)), Edge::After(class(base, operand, direction))),
        Op::Ge => (Edge::At(key(operand)), Edge::After(class(base, operand, direction))),
        Op::Lt => (lowest(base, operand, direction), Edge::At(key(operand))),
        Op::Le => (lowest(base, operand, direction), Edge::After(key(operand))),
        _ => (Edge::After(key(&Value::Null)), Edge::Open),
    };
    match direction {
        Direction::Ascending => {
            range.at_least(low.key());
            if !matches!(high, Edge::Open) {
                range.below(high.key());
            }
        }
        Direction::Descending => {
            if !matches!(high, Edge::Open) {
                range.at_least(high.turned().key());
            }
            range.below(low.turned().key());
        }
    }
}

/// Where a range begins or ends: at all keys with a prefix, or after them.
enum Edge {
    At(Vec<u8>),
    After(Vec<u8>),
    Open,
}

impl Edge {
    fn key(self) -> Option<Vec<u8>> {
        match self {
            Self::At(key) => Some(key),
            Self::After(key) => encoding::after(key),
            Self::Open => None,
        }
    }

    fn turned(self) -> Self {
        match self {
            Self::At(key) => Self::After(key),
            Self::After(key) => Self::At(key),
            Self::Open => Self::Open,
        }
    }
}

/// What every key of the operand's type begins with.
fn class(base: &[u8], operand: &Value, direction: Direction) -> Vec<u8> {
    let tag = encoding::class_tag(operand);
    let tag = if direction == Direction::Descending { !tag } else { tag };
    [base, &[tag]].concat()
}

/// Where the values begin that an inequality finds: with the operand's type, but not with NaN.
fn lowest(base: &[u8], operand: &Value, direction: Direction) -> Edge {
    if operand.as_double().is_none() {
        return Edge::At(class(base, operand, direction));
    }
    let mut key = base.to_vec();
    encoding::push_value(&mut key, &Value::Double(f64::NAN), direction);
    Edge::After(key)
}

/// What the cursors leave of the order's keys.
fn window(query: &Query, order: &[Order], backwards: bool, names: &Names) -> KeyRange {
    let mut window = KeyRange::default();
    let (first, last) =
        if backwards { (query.end(), query.start()) } else { (query.start(), query.end()) };
    // Seen backwards, what is just before a row comes just after it in the keys.
    let edge = |cursor: &Cursor| cursor_key(cursor, order, names, cursor.before != backwards);
    if let Some(cursor) = first {
        window.at_least(edge(cursor));
    }
    if let Some(cursor) = last {
        window.below(edge(cursor));
    }
    window
}

/// The first key at (or else after) all rows with the cursor's values; `None` past every key.
fn cursor_key(cursor: &Cursor, order: &[Order], names: &Names, at: bool) -> Option<Vec<u8>> {
    let mut key = Vec::new();
    for (value, part) in cursor.values.iter().zip(order) {
        if part.field.is_document_id() {
            let (first, after) = around_name(&key, value, names);
            return if at { first } else { after };
        }
        encoding::push_value(&mut key, value, part.direction);
    }
    if at { Some(key) } else { encoding::after(key) }
}
