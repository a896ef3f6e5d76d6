//! Documents, writes and queries, drawn at random.

use firekeep_core::{
    Direction, DocPath, Document, FieldPath, Fields, Filter, GeoPoint, Op, Query, ReadAt,
    Reference, Require, Timestamp, TransformOp, TxnId, TxnOptions, Value, Version, Write,
};
use proptest::prelude::*;

fn path() -> impl Strategy<Value = DocPath> {
    "[^/.\\p{C}]{1,8}/[^/.\\p{C}]{1,8}(/[a-z]{1,3}/[a-z]{1,3})?"
        .prop_filter_map("a reserved id", |text| DocPath::new(text).ok())
}

fn timestamp() -> impl Strategy<Value = Timestamp> {
    (Timestamp::MIN.as_micros()..=Timestamp::MAX.as_micros())
        .prop_map(|micros| Timestamp::from_micros(micros).unwrap())
}

fn leaf() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::Bool),
        any::<i64>().prop_map(Value::Integer),
        any::<u64>().prop_map(|bits| Value::Double(f64::from_bits(bits))),
        timestamp().prop_map(Value::Timestamp),
        any::<String>().prop_map(Value::String),
        any::<Vec<u8>>().prop_map(|bytes| Value::Bytes(bytes.into())),
        path().prop_map(|path| Value::Reference(Reference::local(path))),
        path().prop_map(|path| {
            Value::Reference(Reference::foreign("projects/other/databases/d", path))
        }),
        (-90.0..=90.0, -180.0..=180.0)
            .prop_map(|(north, east)| GeoPoint::new(north, east).unwrap().into()),
        prop::collection::vec(any::<f64>(), 1..4).prop_map(Value::Vector),
    ]
}

fn value() -> impl Strategy<Value = Value> {
    leaf().prop_recursive(3, 16, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::Array),
            prop::collection::btree_map(name(), inner, 0..4).prop_map(Value::Map),
        ]
    })
}

/// A field's name, odd ones too, but none that is reserved.
fn name() -> impl Strategy<Value = String> {
    prop_oneof!["[a-z]{1,3}", "[^\\p{C}]{1,6}"]
        .prop_filter("a reserved name", |name| !name.starts_with("__"))
}

fn fields() -> impl Strategy<Value = Fields> {
    prop::collection::btree_map(name(), value(), 0..5)
}

pub(super) fn document() -> impl Strategy<Value = Document> {
    (path(), fields(), timestamp(), timestamp())
        .prop_map(|(path, fields, created, updated)| Document::new(path, fields, created, updated))
}

/// A few writes to documents of their own.
pub(super) fn writes() -> impl Strategy<Value = Vec<Write>> {
    prop::collection::vec(write(), 0..4).prop_map(|writes| {
        let numbered = writes.into_iter().enumerate();
        numbered.map(|(n, write)| write.at(DocPath::new(format!("w/{n}")).unwrap())).collect()
    })
}

fn write() -> impl Strategy<Value = Write> {
    let change = (0..5_u8, path(), fields(), prop::option::of(require()));
    (change, prop::collection::vec((name(), transform()), 0..3)).prop_filter_map(
        "what no store would be asked",
        |((kind, path, fields, require), transforms)| {
            let write = match kind {
                0 => Write::replace(path, fields).ok()?,
                1 => Write::merge(path, fields).ok()?,
                2 => Write::transform(path),
                3 => Write::delete(path),
                _ => return Some(Write::verify(path, require?)),
            };
            let write = if let Some(require) = require { write.require(require) } else { write };
            if kind == 3 {
                return Some(write);
            }
            transforms.into_iter().try_fold(write, |write, (field, op)| {
                let field = FieldPath::from_segments([field]).ok()?;
                write.with(&field.to_string(), op).ok()
            })
        },
    )
}

fn require() -> impl Strategy<Value = Require> {
    prop_oneof![
        Just(Require::Absent),
        Just(Require::Present),
        timestamp().prop_map(|time| Require::Version(Version::at(time))),
    ]
}

fn transform() -> impl Strategy<Value = TransformOp> {
    let number =
        || prop_oneof![any::<i64>().prop_map(Value::Integer), any::<f64>().prop_map(Value::Double)];
    let elements = || prop::collection::vec(leaf(), 0..3);
    prop_oneof![
        number().prop_map(TransformOp::Increment),
        number().prop_map(TransformOp::Maximum),
        number().prop_map(TransformOp::Minimum),
        elements().prop_map(TransformOp::ArrayUnion),
        elements().prop_map(TransformOp::ArrayRemove),
        Just(TransformOp::CommitTime),
    ]
}

pub(super) fn read_at() -> impl Strategy<Value = ReadAt> {
    prop_oneof![
        Just(ReadAt::Latest),
        timestamp().prop_map(ReadAt::Time),
        Just(ReadAt::Txn(TxnId::new("token"))),
        Just(ReadAt::Begin(TxnOptions::default())),
    ]
}

/// A query whose rows are neither skipped nor counted from the end: the client reverses the one, the
/// server counts the other.
pub(super) fn query() -> impl Strategy<Value = Query> {
    let scope = (any::<bool>(), "[a-z]{1,3}", path());
    let filters = prop::collection::vec(filter(), 0..3);
    let order = prop::collection::btree_map("[a-c]", any::<bool>(), 0..3);
    let cursors = (prop::option::of(edge()), prop::option::of(edge()));
    (scope, filters, order, cursors, prop::option::of(0..100_u32)).prop_filter_map(
        "what core refuses",
        |((is_group, id, path), filters, order, (start, end), limit)| {
            let mut query = match is_group {
                true => Query::group(&id),
                false => Query::collection(path.collection(&id).ok()?),
            };
            for filter in filters {
                query = query.filter(Ok(filter));
            }
            for (field, falls) in &order {
                let way = if *falls { Direction::Descending } else { Direction::Ascending };
                query = query.order_by(field, way);
            }
            let fitting = |(mut values, before): (Vec<Value>, bool)| {
                values.truncate(order.len());
                (values, before)
            };
            query = match start.map(fitting) {
                Some((values, true)) => query.start_at(values),
                Some((values, false)) => query.start_after(values),
                None => query,
            };
            query = match end.map(fitting) {
                Some((values, true)) => query.end_before(values),
                Some((values, false)) => query.end_at(values),
                None => query,
            };
            if let Some(limit) = limit {
                query = query.limit(limit);
            }
            query.build().ok()
        },
    )
}

fn edge() -> impl Strategy<Value = (Vec<Value>, bool)> {
    (prop::collection::vec(leaf(), 0..3), any::<bool>())
}

/// A condition, or several of them joined. Null and NaN have operators of their own.
fn filter() -> impl Strategy<Value = Filter> {
    let plain = || {
        leaf().prop_filter("an operator of its own", |value| {
            !matches!(value, Value::Null) && !value.as_double().is_some_and(f64::is_nan)
        })
    };
    let single = prop_oneof![
        Just(Op::Eq),
        Just(Op::Lt),
        Just(Op::Le),
        Just(Op::Gt),
        Just(Op::Ge),
        Just(Op::ArrayContains)
    ];
    let unary = prop_oneof![Just(Op::IsNull), Just(Op::IsNan)];
    let listed = prop::collection::vec(plain(), 1..4).prop_map(Value::Array);
    let several = prop_oneof![Just(Op::In), Just(Op::ArrayContainsAny)];
    let condition = prop_oneof![(single, plain()), (unary, Just(Value::Null)), (several, listed),];
    let condition = ("[a-c]", condition).prop_map(|(field, (op, operand))| Filter::Field {
        field: FieldPath::parse(&field).unwrap(),
        op,
        operand,
    });
    condition.prop_recursive(2, 6, 3, |inner| {
        let some = || prop::collection::vec(inner.clone(), 1..3);
        prop_oneof![some().prop_map(Filter::All), some().prop_map(Filter::Any)]
    })
}
