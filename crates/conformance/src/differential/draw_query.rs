//! Drawing queries.

use fastrand::Rng;
use firekeep_core::filter::FilterResult;
use firekeep_core::{Direction, FieldPath, Filter, Op, Query, QueryBuilder, Value, all, any};

use super::draw::Place;
use super::draw_value::{draw_value, pick};

/// A valid query over the documents of `place` that both kinds of store are able to run.
pub(super) fn draw_query(rng: &mut Rng, place: &Place) -> Box<Query> {
    loop {
        if let Ok(query) = builder(rng, place).build()
            && !scans_names_backwards(&query)
        {
            return Box::new(query);
        }
    }
}

/// The emulator refuses these: it has no index of names in descending order.
fn scans_names_backwards(query: &Query) -> bool {
    let backwards =
        |direction: Direction| (direction == Direction::Descending) != query.is_limit_to_last();
    query.order().first().is_some_and(|key| key.field.is_document_id() && backwards(key.direction))
}

fn builder(rng: &mut Rng, place: &Place) -> QueryBuilder {
    let mut builder = match rng.u32(0..4) {
        0 => Query::group(&place.group),
        _ => Query::collection(place.collection.as_str()),
    };
    for _ in 0..pick(rng, &[0, 0, 1, 1, 1, 2, 2, 3]) {
        builder = builder.filter(filter(rng, place, 1));
    }
    for _ in 0..pick(rng, &[0, 0, 1, 1, 2]) {
        let direction = pick(rng, &[Direction::Ascending, Direction::Descending]);
        builder = builder.order_by(pick(rng, &["a", "b", "m.n", "__name__"]), direction);
    }
    let builder = edges(rng, place, builder);
    let builder = match rng.u32(0..6) {
        0 => builder.limit(rng.u32(0..5)),
        1 => builder.limit(3).offset(rng.u32(0..3)),
        2 => builder.limit_to_last(rng.u32(1..4)),
        _ => builder,
    };
    match rng.u32(0..6) {
        0 => builder.select(pick(rng, &[vec![], vec!["a"], vec!["m.n", "b"], vec!["__name__"]])),
        _ => builder,
    }
}

/// Cursors of values that fit the order's keys, as far as it is known before it is complete.
fn edges(rng: &mut Rng, place: &Place, builder: QueryBuilder) -> QueryBuilder {
    let values = |rng: &mut Rng| -> Vec<Value> {
        match rng.u32(0..5) {
            0 => vec![name(rng, place)],
            1 => vec![draw_value(rng, 0), name(rng, place)],
            _ => vec![draw_value(rng, 0)],
        }
    };
    let builder = match rng.u32(0..6) {
        0 => builder.start_at(values(rng)),
        1 => builder.start_after(values(rng)),
        _ => builder,
    };
    match rng.u32(0..6) {
        0 => builder.end_at(values(rng)),
        1 => builder.end_before(values(rng)),
        _ => builder,
    }
}

fn name(rng: &mut Rng, place: &Place) -> Value {
    pick(rng, &place.docs).into()
}

fn filter(rng: &mut Rng, place: &Place, depth: u32) -> FilterResult {
    if depth > 0 && rng.u32(0..6) == 0 {
        let some = [filter(rng, place, depth - 1), filter(rng, place, depth - 1)];
        return if rng.u32(0..3) == 0 { all(some) } else { any(some) };
    }
    let path = pick(rng, &["a", "a", "b", "m.n", "m", "`x.y`", "__name__"]);
    let field = FieldPath::parse(path)?;
    let one = |rng: &mut Rng| match path {
        "__name__" => name(rng, place),
        _ => draw_value(rng, 1),
    };
    let op = pick(rng, &OPS);
    let operand = match op {
        Op::In | Op::NotIn | Op::ArrayContainsAny => {
            let count = rng.usize(1..4);
            Value::Array(std::iter::repeat_with(|| one(rng)).take(count).collect())
        }
        _ if op.is_unary() => Value::Null,
        _ => one(rng),
    };
    // The comparisons of a field with null or NaN have an operator of their own.
    let op = match (op, &operand) {
        (Op::Eq, Value::Null) => Op::IsNull,
        (Op::Ne, Value::Null) => Op::IsNotNull,
        (Op::Eq, operand) if operand.is_nan() => Op::IsNan,
        (Op::Ne, operand) if operand.is_nan() => Op::IsNotNan,
        _ => op,
    };
    let operand = if op.is_unary() { Value::Null } else { operand };
    Ok(Filter::Field { field, op, operand })
}

const OPS: [Op; 17] = [
    Op::Eq,
    Op::Eq,
    Op::Eq,
    Op::Lt,
    Op::Le,
    Op::Gt,
    Op::Ge,
    Op::Ne,
    Op::In,
    Op::In,
    Op::NotIn,
    Op::ArrayContains,
    Op::ArrayContainsAny,
    Op::IsNull,
    Op::IsNotNull,
    Op::IsNan,
    Op::IsNotNan,
];
