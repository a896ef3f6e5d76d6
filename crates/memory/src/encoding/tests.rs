use firekeep_core::{Bytes, Fields, GeoPoint, Timestamp};
use proptest::prelude::*;

use super::*;

fn key(value: &Value, direction: Direction) -> Vec<u8> {
    let mut key = Vec::new();
    push_value(&mut key, value, direction);
    key
}

fn path_key(path: &DocPath) -> Vec<u8> {
    let mut key = Vec::new();
    push_path(&mut key, path);
    key
}

fn segment() -> impl Strategy<Value = String> {
    prop_oneof![
        "[ab\u{0}\u{1}é]{1,3}",
        any::<i64>()
            .prop_filter("zero is reserved", |n| *n != 0)
            .prop_map(|n| format!("__id{n}__")),
        (1..12_i64).prop_map(|n| format!("__id{n}__")),
    ]
}

fn path() -> impl Strategy<Value = DocPath> {
    prop::collection::vec((segment(), segment()), 1..3).prop_map(|pairs| {
        let segments: Vec<_> = pairs.into_iter().flat_map(|(c, d)| [c, d]).collect();
        DocPath::new(segments.join("/")).unwrap()
    })
}

fn number() -> impl Strategy<Value = Value> {
    let edges =
        [0, 1, -1, 1 << 53, (1 << 53) + 1, -(1 << 53) - 1, i64::MAX, i64::MAX - 1, i64::MIN];
    prop_oneof![
        any::<i64>().prop_map(Value::from),
        prop::sample::select(edges.to_vec()).prop_map(Value::from),
        prop::sample::select(edges.to_vec()).prop_map(|n| Value::from(n as f64)),
        any::<f64>().prop_map(Value::from),
        (-3..3_i32).prop_map(|n| Value::from(f64::from(n) / 2.0)),
        prop::sample::select(vec![-0.0, f64::NAN, f64::INFINITY, f64::NEG_INFINITY])
            .prop_map(Value::from),
    ]
}

fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        number(),
        (-2..2_i64).prop_map(|n| Value::from(Timestamp::from_micros(n).unwrap())),
        "[a\u{0}\u{ff5a}\u{1f600}]{0,3}".prop_map(Value::from),
        prop::collection::vec(prop::sample::select(vec![0, 1, 255_u8]), 0..4)
            .prop_map(|bytes| Value::from(Bytes::from(bytes))),
        path().prop_map(Value::from),
        path().prop_map(|path| Reference::foreign("projects/p/databases/d", path).into()),
        (-1..2_i32, -1..2_i32).prop_map(|(a, b)| GeoPoint::new(a.into(), b.into()).unwrap().into()),
        prop::collection::vec(-1.0..2.0_f64, 0..3).prop_map(Value::Vector),
    ];
    leaf.prop_recursive(2, 8, 3, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..3).prop_map(Value::Array),
            prop::collection::btree_map("[ab\u{0}]{0,2}", inner, 0..3)
                .prop_map(|map| Value::Map(map.into_iter().collect::<Fields>())),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(4000) })]

    #[test]
    fn keys_order_as_values_do(left in value(), right in value()) {
        let order = order::compare(&left, &right);
        let asc = |v| key(v, Direction::Ascending);
        prop_assert_eq!(asc(&left).cmp(&asc(&right)), order);
        let desc = |v| key(v, Direction::Descending);
        prop_assert_eq!(desc(&left).cmp(&desc(&right)), order.reverse());
    }

    #[test]
    fn numbers_interleave_exactly(left in number(), right in number()) {
        let asc = |v| key(v, Direction::Ascending);
        prop_assert_eq!(asc(&left).cmp(&asc(&right)), order::compare(&left, &right));
    }

    #[test]
    fn keys_of_unequal_values_never_begin_one_another(left in value(), right in value()) {
        let (l, r) = (key(&left, Direction::Ascending), key(&right, Direction::Ascending));
        prop_assert_eq!(l.starts_with(&r), order::equal(&left, &right));
    }

    #[test]
    fn names_order_as_paths_do(left in path(), right in path()) {
        prop_assert_eq!(path_key(&left).cmp(&path_key(&right)), left.cmp(&right));
    }
}

#[test]
fn the_key_after_a_prefix_is_above_all_its_continuations() {
    assert_eq!(after(vec![1, 2]), Some(vec![1, 3]));
    assert_eq!(after(vec![1, 255]), Some(vec![2]));
    assert_eq!(after(vec![255]), None);
    assert_eq!(after(vec![]), None);
}
