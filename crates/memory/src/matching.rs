//! Which documents a filter keeps.

use std::cmp::Ordering;

use firekeep_core::{DocPath, FieldPath, Fields, Filter, Op, Reference, Value, order};

/// Whether the document at `path` with `fields` passes `filter`.
pub(crate) fn matches(filter: &Filter, path: &DocPath, fields: &Fields) -> bool {
    match filter {
        Filter::Field { field, op, operand } => holds(field, *op, operand, path, fields),
        Filter::All(filters) => filters.iter().all(|filter| matches(filter, path, fields)),
        Filter::Any(filters) => filters.iter().any(|filter| matches(filter, path, fields)),
    }
}

/// Whether one condition holds. A field that is absent passes none.
pub(crate) fn holds(
    field: &FieldPath,
    op: Op,
    operand: &Value,
    path: &DocPath,
    fields: &Fields,
) -> bool {
    if field.is_document_id() {
        let name = Value::Reference(Reference::local(path.clone()));
        return passes(&name, op, operand);
    }
    field.find(fields).is_some_and(|value| passes(value, op, operand))
}

/// Whether a field that is there passes.
fn passes(value: &Value, op: Op, operand: &Value) -> bool {
    match op {
        Op::Eq => equals(value, operand),
        Op::Ne => !is_null(value) && !equals(value, operand) && !is_null(operand),
        Op::Lt => compares(value, operand, Ordering::is_lt),
        Op::Le => compares(value, operand, Ordering::is_le),
        Op::Gt => compares(value, operand, Ordering::is_gt),
        Op::Ge => compares(value, operand, Ordering::is_ge),
        Op::In => elements(operand).iter().any(|element| equals(value, element)),
        Op::NotIn => {
            !is_null(value)
                && elements(operand).iter().all(|element| {
                    // A null in the list makes every comparison undecided, and nothing passes.
                    !is_null(element) && !equals(value, element)
                })
        }
        Op::ArrayContains => elements(value).iter().any(|element| equals(element, operand)),
        Op::ArrayContainsAny => elements(value)
            .iter()
            .any(|element| elements(operand).iter().any(|wanted| equals(element, wanted))),
        Op::IsNull => is_null(value),
        Op::IsNotNull => !is_null(value),
        Op::IsNan => value.is_nan(),
        Op::IsNotNan => !is_null(value) && !value.is_nan(),
    }
}

/// Whether `operand`, as the operand of a comparison, can equal anything at all: null and NaN
/// can't, for which there are operators of their own.
pub(crate) fn is_comparable(operand: &Value) -> bool {
    !is_null(operand) && !operand.is_nan()
}

fn equals(value: &Value, operand: &Value) -> bool {
    is_comparable(operand) && order::equal(value, operand)
}

fn compares(value: &Value, operand: &Value, wanted: fn(Ordering) -> bool) -> bool {
    // NaN has its place in the order, but no inequality finds it.
    is_comparable(operand)
        && !value.is_nan()
        && order::type_class(value) == order::type_class(operand)
        && wanted(order::compare(value, operand))
}

fn is_null(value: &Value) -> bool {
    matches!(value, Value::Null)
}

fn elements(value: &Value) -> &[Value] {
    value.as_array().unwrap_or_default()
}
