//! Drawing values: few of each kind, so that they meet, and the odd ones among them.

use fastrand::Rng;
use firekeep_core::{Bytes, DocPath, Fields, GeoPoint, Timestamp, Value, fields};

/// One of `from`.
pub(super) fn pick<T: Clone>(rng: &mut Rng, from: &[T]) -> T {
    from[rng.usize(0..from.len())].clone()
}

/// Fields `a`, `b`, `m` and `x.y`, each there or not.
pub(super) fn draw_fields(rng: &mut Rng) -> Fields {
    let mut fields = Fields::new();
    for name in ["a", "b", "m", "x.y"] {
        if rng.u32(0..3) > 0 {
            let value = if name == "m" { map(rng) } else { draw_value(rng, 1) };
            fields.insert(name.to_owned(), value);
        }
    }
    fields
}

fn map(rng: &mut Rng) -> Value {
    match rng.u32(0..6) {
        0 => draw_value(rng, 0),
        1 => Fields::new().into(),
        2 => fields! { "n" => draw_value(rng, 0), "o" => fields! { "p" => number(rng) } }.into(),
        _ => fields! { "n" => draw_value(rng, 1) }.into(),
    }
}

/// A value, with containers nested at most `depth` deep.
pub(super) fn draw_value(rng: &mut Rng, depth: u32) -> Value {
    match rng.u32(0..if depth > 0 { 22 } else { 18 }) {
        0 => Value::Null,
        1 => rng.bool().into(),
        2..9 => number(rng),
        9 => pick(rng, &[-1, 0, 1, 1_500]).pipe(Timestamp::from_micros),
        10..14 => pick(rng, &["", "a", "aa", "b", "é", "\u{e000}", "\u{1f600}"]).into(),
        14 => Bytes::from_static(pick(rng, &[b"" as &[u8], b"\0", b"a", b"\xff"])).into(),
        15 => pick(rng, &["c/a", "c/__id3__", "c/a/d/e"]).pipe(DocPath::new),
        16 => GeoPoint::new(rng.i32(-1..2).into(), rng.i32(-1..2).into())
            .map_or(Value::Null, Value::from),
        17 => Value::Vector(pick(rng, &[vec![1.0], vec![2.0], vec![1.0, 0.0]])),
        18..21 => array(rng),
        _ => fields! { "n" => draw_value(rng, depth - 1), "a" => number(rng) }.into(),
    }
}

fn array(rng: &mut Rng) -> Value {
    let count = rng.usize(0..3);
    Value::Array(std::iter::repeat_with(|| draw_value(rng, 0)).take(count).collect())
}

/// A number, often one of those where kinds of numbers differ.
pub(super) fn number(rng: &mut Rng) -> Value {
    match rng.u32(0..10) {
        0..4 => rng.i64(-2..4).into(),
        4..6 => pick(rng, &[-1.5, 0.5, 1.0, 2.0, 3.0]).into(),
        6 => pick(rng, &[0.0, -0.0]).into(),
        7 => pick(rng, &[i64::MAX, i64::MIN, TWO_53, TWO_53 + 1]).into(),
        8 => pick(rng, &[f64::INFINITY, f64::NEG_INFINITY, TWO_53 as f64, TWO_63]).into(),
        _ => f64::NAN.into(),
    }
}

const TWO_53: i64 = 9_007_199_254_740_992;
const TWO_63: f64 = 9_223_372_036_854_775_808.0;

/// Makes a value of a draw that a checked constructor takes.
trait Pipe: Sized {
    fn pipe<T: Into<Value>>(self, make: impl FnOnce(Self) -> firekeep_core::Result<T>) -> Value {
        make(self).map_or(Value::Null, Into::into)
    }
}

impl<T> Pipe for T {}
