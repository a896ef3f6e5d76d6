//! Firestore's one total order over values, and its equality.
//!
//! Types order null < boolean < number < timestamp < string < bytes < reference < geo point <
//! array < vector < map (<https://firebase.google.com/docs/firestore/manage-data/data-types>).
//! Integers and doubles compare by exact mathematical value; NaN is below every number and equal
//! to itself; zeros are equal. Strings compare by UTF-8 bytes.

use std::cmp::Ordering;

use crate::value::{Fields, GeoPoint, Value};

/// Compares two values in Firestore's order.
pub fn compare(left: &Value, right: &Value) -> Ordering {
    use Value::{
        Array, Bool, Bytes, Double, GeoPoint, Integer, Map, Null, Reference, String, Timestamp,
        Vector,
    };
    match (left, right) {
        (Null, Null) => Ordering::Equal,
        (Bool(l), Bool(r)) => l.cmp(r),
        (Integer(l), Integer(r)) => l.cmp(r),
        (Double(l), Double(r)) => compare_doubles(*l, *r),
        (Integer(l), Double(r)) => compare_mixed(*l, *r),
        (Double(l), Integer(r)) => compare_mixed(*r, *l).reverse(),
        (Timestamp(l), Timestamp(r)) => l.cmp(r),
        (String(l), String(r)) => l.as_bytes().cmp(r.as_bytes()),
        (Bytes(l), Bytes(r)) => l.cmp(r),
        (Reference(l), Reference(r)) => l.cmp(r),
        (GeoPoint(l), GeoPoint(r)) => compare_points(*l, *r),
        (Array(l), Array(r)) => compare_arrays(l, r),
        (Vector(l), Vector(r)) => compare_vectors(l, r),
        (Map(l), Map(r)) => compare_maps(l, r),
        _ => type_class(left).cmp(&type_class(right)),
    }
}

/// Whether two values are equal in Firestore's sense: `1 == 1.0`, `0.0 == -0.0`, NaN == NaN,
/// inside arrays and maps too.
pub fn equal(left: &Value, right: &Value) -> bool {
    compare(left, right) == Ordering::Equal
}

/// The rank of a value's type in the order; integers and doubles share one.
///
/// A comparison filter matches only values of the operand's class.
pub fn type_class(value: &Value) -> u8 {
    match value {
        Value::Null => 0,
        Value::Bool(_) => 1,
        Value::Integer(_) | Value::Double(_) => 2,
        Value::Timestamp(_) => 3,
        Value::String(_) => 4,
        Value::Bytes(_) => 5,
        Value::Reference(_) => 6,
        Value::GeoPoint(_) => 7,
        Value::Array(_) => 8,
        Value::Vector(_) => 9,
        Value::Map(_) => 10,
    }
}

fn compare_doubles(left: f64, right: f64) -> Ordering {
    left.partial_cmp(&right).unwrap_or_else(|| right.is_nan().cmp(&left.is_nan()))
}

/// Compares an integer with a double exactly, with no detour over a rounded double.
fn compare_mixed(integer: i64, double: f64) -> Ordering {
    // 2^63, the first double above every i64; -2^63 is an i64 itself.
    const LIMIT: f64 = 9_223_372_036_854_775_808.0;
    if double.is_nan() || double < -LIMIT {
        return Ordering::Greater;
    }
    if double >= LIMIT {
        return Ordering::Less;
    }
    let floor = double.floor();
    // Within ±2^63 a whole double converts to i64 without loss.
    integer.cmp(&(floor as i64)).then(if double > floor { Ordering::Less } else { Ordering::Equal })
}

fn compare_points(left: GeoPoint, right: GeoPoint) -> Ordering {
    compare_doubles(left.latitude(), right.latitude())
        .then_with(|| compare_doubles(left.longitude(), right.longitude()))
}

fn compare_arrays(left: &[Value], right: &[Value]) -> Ordering {
    first_difference(left.iter().zip(right).map(|(l, r)| compare(l, r)))
        .unwrap_or_else(|| left.len().cmp(&right.len()))
}

fn compare_vectors(left: &[f64], right: &[f64]) -> Ordering {
    left.len().cmp(&right.len()).then_with(|| {
        first_difference(left.iter().zip(right).map(|(l, r)| compare_doubles(*l, *r)))
            .unwrap_or(Ordering::Equal)
    })
}

fn compare_maps(left: &Fields, right: &Fields) -> Ordering {
    first_difference(
        left.iter().zip(right).map(|((lk, lv), (rk, rv))| {
            lk.as_bytes().cmp(rk.as_bytes()).then_with(|| compare(lv, rv))
        }),
    )
    .unwrap_or_else(|| left.len().cmp(&right.len()))
}

fn first_difference(mut comparisons: impl Iterator<Item = Ordering>) -> Option<Ordering> {
    comparisons.find(|ordering| *ordering != Ordering::Equal)
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;
    use crate::{DocPath, Timestamp, fields};

    /// One value per row, ascending; every pair is compared both ways.
    fn ladder() -> Vec<Value> {
        let reference = |path: &str| Value::from(DocPath::new(path).unwrap());
        let point = |lat, lon| Value::from(GeoPoint::new(lat, lon).unwrap());
        vec![
            Value::Null,
            false.into(),
            true.into(),
            f64::NAN.into(),
            f64::NEG_INFINITY.into(),
            (-9.3e18).into(),
            i64::MIN.into(),
            (-1.5).into(),
            (-1).into(),
            Value::Double(-0.0),
            f64::MIN_POSITIVE.into(),
            1.into(),
            1.5.into(),
            9_007_199_254_740_992_i64.into(),
            9_007_199_254_740_993_i64.into(),
            i64::MAX.into(),
            9_223_372_036_854_775_808.0.into(),
            f64::INFINITY.into(),
            Timestamp::MIN.into(),
            Timestamp::UNIX_EPOCH.into(),
            "".into(),
            "a".into(),
            "\u{e000}".into(),
            "\u{ff5a}".into(),
            "\u{1f600}".into(),
            Bytes::from_static(b"").into(),
            Bytes::from_static(b"\0").into(),
            Bytes::from_static(b"\xff").into(),
            reference("c/__id3__"),
            reference("c/a"),
            reference("c/a/b/c"),
            point(-1.0, 5.0),
            point(1.0, -5.0),
            point(1.0, 5.0),
            Value::Array(vec![]),
            [1].into(),
            [1, 1].into(),
            [2].into(),
            Value::Vector(vec![]),
            Value::Vector(vec![9.0]),
            Value::Vector(vec![1.0, 2.0]),
            fields! {}.into(),
            fields! { "a" => 1 }.into(),
            fields! { "a" => 1, "b" => 1 }.into(),
            fields! { "a" => 2 }.into(),
            fields! { "b" => 0 }.into(),
        ]
    }

    #[test]
    fn the_order_is_total_and_ascending() {
        let ladder = ladder();
        for (i, left) in ladder.iter().enumerate() {
            for (j, right) in ladder.iter().enumerate() {
                assert_eq!(compare(left, right), i.cmp(&j), "{left:?} and {right:?}");
            }
        }
    }

    #[test]
    fn equality_looks_through_number_types_everywhere() {
        let pairs: [(Value, Value); 5] = [
            (1.into(), 1.0.into()),
            (Value::Double(0.0), Value::Double(-0.0)),
            (f64::NAN.into(), f64::NAN.into()),
            ([1].into(), [1.0].into()),
            (fields! { "a" => 0 }.into(), fields! { "a" => -0.0 }.into()),
        ];
        for (left, right) in pairs {
            assert!(equal(&left, &right), "{left:?} and {right:?}");
        }
        assert_ne!(Value::from(1), Value::from(1.0), "identity is stricter");
    }
}
