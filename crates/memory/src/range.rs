//! Ranges of keys, and what inequalities and cursors leave of one.

use firekeep_core::{Cursor, Direction, Op, Order, Query, Value};

use crate::encoding;
use crate::index::{NamePlace, Names};

/// Keys from `from` to before `to`, or to the end.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct KeyRange {
    pub(crate) from: Vec<u8>,
    pub(crate) to: Option<Vec<u8>>,
}

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

    pub(crate) fn intersect(&mut self, other: &Self) {
        self.at_least(Some(other.from.clone()));
        self.below(other.to.clone());
    }

    pub(crate) fn holds(&self, key: &[u8]) -> bool {
        *self.from <= *key && self.to.as_ref().is_none_or(|to| *key < **to)
    }
}

/// Every key that begins with `base`.
pub(crate) fn starting_with(base: Vec<u8>) -> KeyRange {
    KeyRange { to: encoding::after(base.clone()), from: base }
}

/// What the cursors leave of the order's keys.
pub(crate) fn window(query: &Query, order: &[Order], backwards: bool, names: &Names) -> KeyRange {
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

/// Narrows `range` by an inequality on the name; `false` if it can't say the whole of it.
pub(crate) fn bound_name(
    range: &mut KeyRange,
    base: &[u8],
    op: Op,
    operand: &Value,
    names: &Names,
) -> bool {
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

/// Narrows `range` by an inequality on the field behind `base`.
pub(crate) fn bound_value(
    range: &mut KeyRange,
    base: &[u8],
    direction: Direction,
    op: Op,
    operand: &Value,
) {
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
