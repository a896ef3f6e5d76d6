//! What a transform makes of the stored value.

use std::cmp::Ordering;

use firekeep_core::{FieldPath, Fields, Timestamp, TransformOp, Value, order};

/// Applies `op` to the value at `field` and answers the transform's result.
///
/// Scalars on the way become maps.
pub(crate) fn apply(
    fields: &mut Fields,
    field: &FieldPath,
    op: &TransformOp,
    commit_time: Timestamp,
) -> Value {
    let stored = field.find(fields);
    let (value, result) = match op {
        TransformOp::Increment(by) => same(increment(stored, by)),
        TransformOp::Maximum(other) => same(extreme(stored, other, Ordering::Greater)),
        TransformOp::Minimum(other) => same(extreme(stored, other, Ordering::Less)),
        TransformOp::ArrayUnion(elements) => (union(stored, elements), Value::Null),
        TransformOp::ArrayRemove(elements) => (remove(stored, elements), Value::Null),
        TransformOp::CommitTime => same(Value::Timestamp(in_millis(commit_time))),
        // `TransformOp` may grow; core does not build what no backend knows.
        _ => same(stored.cloned().unwrap_or(Value::Null)),
    };
    field.place(fields, value);
    result
}

/// Takes away and answers what is at `field`; nothing happens if its parent is no map.
pub(crate) fn take(mut fields: &mut Fields, field: &FieldPath) -> Option<Value> {
    let mut segments = field.segments();
    let last = segments.next_back()?;
    for segment in segments {
        match fields.get_mut(segment) {
            Some(Value::Map(inner)) => fields = inner,
            _ => return None,
        }
    }
    fields.remove(last)
}

fn same(value: Value) -> (Value, Value) {
    (value.clone(), value)
}

/// The time that Firestore sets as `REQUEST_TIME`, which has milliseconds only.
fn in_millis(time: Timestamp) -> Timestamp {
    let micros = time.as_micros();
    Timestamp::from_micros(micros - micros.rem_euclid(1000)).unwrap_or(time)
}

fn number(stored: Option<&Value>) -> Option<&Value> {
    stored.filter(|value| value.as_double().is_some())
}

fn increment(stored: Option<&Value>, by: &Value) -> Value {
    match (number(stored), by) {
        (Some(Value::Integer(stored)), Value::Integer(by)) => stored.saturating_add(*by).into(),
        (Some(stored), by) => {
            Value::Double(stored.as_double().unwrap_or(0.0) + by.as_double().unwrap_or(0.0))
        }
        (None, by) => by.clone(),
    }
}

/// The stored number or the other one; the stored one if they are equal, NaN if either is.
fn extreme(stored: Option<&Value>, other: &Value, wanted: Ordering) -> Value {
    let Some(stored) = number(stored) else { return other.clone() };
    if stored.is_nan() || other.is_nan() {
        return Value::Double(f64::NAN);
    }
    if order::compare(other, stored) == wanted { other.clone() } else { stored.clone() }
}

fn union(stored: Option<&Value>, elements: &[Value]) -> Value {
    let mut array = array(stored);
    for element in elements {
        if !array.iter().any(|known| order::equal(known, element)) {
            array.push(element.clone());
        }
    }
    Value::Array(array)
}

fn remove(stored: Option<&Value>, elements: &[Value]) -> Value {
    let mut array = array(stored);
    array.retain(|known| !elements.iter().any(|element| order::equal(known, element)));
    Value::Array(array)
}

fn array(stored: Option<&Value>) -> Vec<Value> {
    stored.and_then(Value::as_array).unwrap_or_default().to_vec()
}

#[cfg(test)]
mod tests {
    use firekeep_core::fields;

    use super::*;

    fn after(stored: impl Into<Value>, op: TransformOp) -> (Value, Value) {
        let mut fields = fields! { "n" => stored.into() };
        let result =
            apply(&mut fields, &FieldPath::parse("n").unwrap(), &op, Timestamp::UNIX_EPOCH);
        (fields["n"].clone(), result)
    }

    #[test]
    fn numbers_follow_the_emulator() {
        use TransformOp::{Increment, Maximum, Minimum};
        let nan = f64::NAN;
        let cases: [(Value, TransformOp, Value); 17] = [
            (3.into(), Maximum(3.0.into()), 3.into()),
            (3.0.into(), Maximum(3.into()), 3.0.into()),
            (0.0.into(), Maximum((-0.0).into()), 0.0.into()),
            ((-0.0).into(), Minimum(0.into()), (-0.0).into()),
            (nan.into(), Maximum(3.into()), nan.into()),
            (3.into(), Minimum(nan.into()), nan.into()),
            (3.into(), Maximum(3.5.into()), 3.5.into()),
            (
                i64::MAX.into(),
                Maximum(9_223_372_036_854_775_808.0.into()),
                9_223_372_036_854_775_808.0.into(),
            ),
            (3.into(), Increment(nan.into()), nan.into()),
            (i64::MAX.into(), Increment(1.into()), i64::MAX.into()),
            (i64::MIN.into(), Increment((-1).into()), i64::MIN.into()),
            (i64::MAX.into(), Increment(1.0.into()), 9_223_372_036_854_775_808.0.into()),
            ((-0.0).into(), Increment(0.into()), 0.0.into()),
            (f64::INFINITY.into(), Increment(f64::NEG_INFINITY.into()), nan.into()),
            (1.5.into(), Increment(1.into()), 2.5.into()),
            ("s".into(), Maximum(1.into()), 1.into()),
            (Value::Null, Increment(1.into()), 1.into()),
        ];
        for (stored, op, expected) in cases {
            let label = format!("{stored:?} {op:?}");
            assert_eq!(after(stored, op), (expected.clone(), expected), "{label}");
        }
    }

    #[test]
    fn arrays_follow_the_emulator() {
        use TransformOp::{ArrayRemove, ArrayUnion};
        let nan = Value::from(f64::NAN);
        let cases: [(Value, TransformOp, Value); 6] = [
            ([1, 1].into(), ArrayUnion(vec![1.0.into(), 2.into(), 2.into()]), [1, 1, 2].into()),
            ("x".into(), ArrayUnion(vec![]), Value::Array(vec![])),
            (
                vec![nan.clone()].into(),
                ArrayUnion(vec![nan.clone(), Value::Null]),
                vec![nan.clone(), Value::Null].into(),
            ),
            ([1].into(), ArrayRemove(vec![1.0.into()]), Value::Array(vec![])),
            (
                vec![1.into(), Value::Null, 2.into(), nan.clone()].into(),
                ArrayRemove(vec![Value::Null, nan, 1.0.into()]),
                [2].into(),
            ),
            ("x".into(), ArrayRemove(vec![1.into()]), Value::Array(vec![])),
        ];
        for (stored, op, expected) in cases {
            let label = format!("{stored:?} {op:?}");
            assert_eq!(after(stored, op), (expected, Value::Null), "{label}");
        }
    }

    #[test]
    fn commit_time_has_milliseconds_and_scalars_make_way() {
        let time = Timestamp::from_micros(-1).unwrap();
        let mut fields = fields! { "a" => 1 };
        let path = FieldPath::parse("a.b.c").unwrap();
        let result = apply(&mut fields, &path, &TransformOp::CommitTime, time);
        assert_eq!(result, Value::from(Timestamp::from_micros(-1000).unwrap()));
        assert_eq!(path.find(&fields), Some(&result));
    }
}
