//! The total order over values, as an ordering query shows it.

use firekeep_core::{Bytes, DocPath, GeoPoint, Timestamp, Value, Write, fields};

use crate::Ctx;
use crate::case::cases;

cases! { "order":
    types_follow_their_ranks, false_comes_before_true, integers_and_doubles_interleave,
    integers_beyond_2_53_compare_exactly_with_doubles, nan_comes_before_every_number,
    zeros_are_equal_and_tie_by_name, equal_numbers_of_both_types_tie_by_name,
    timestamps_order_by_microsecond, strings_order_by_utf8_bytes, a_prefix_comes_first,
    bytes_order_by_octet, references_order_segment_by_segment, geo_points_order_by_latitude_first,
    arrays_order_by_element_then_length, vectors_order_by_dimension_first,
    maps_order_by_key_then_value_then_size, descending_reverses_every_type,
    numeric_ids_come_before_text_ids, names_order_by_utf8_bytes,
}

/// Stores one document per value in a shuffled order of names, and checks that ordering by `v`
/// yields the values as listed, which the ties of a list without equals can't disturb.
async fn ascends(cx: &Ctx, values: Vec<Value>) {
    let mut writes = Vec::new();
    for (index, value) in values.iter().enumerate() {
        // Names run against the values, so that an order by name can't pass for one by value.
        let id = format!("{:03}", values.len() - index);
        writes.push(Write::replace(cx.doc(&id), fields! { "v" => value }).unwrap());
    }
    cx.db().commit(writes).await.unwrap();
    let rows = cx.db().query(cx.query().ascending("v")).await.unwrap();
    let found: Vec<_> = rows.iter().map(|row| row.get("v").unwrap().clone()).collect();
    assert_eq!(found, values);
}

fn one_of_each_type() -> Vec<Value> {
    vec![
        Value::Null,
        true.into(),
        5.into(),
        Timestamp::UNIX_EPOCH.into(),
        "a".into(),
        Bytes::from_static(b"a").into(),
        DocPath::new("a/b").unwrap().into(),
        GeoPoint::new(0.0, 0.0).unwrap().into(),
        [1].into(),
        Value::Vector(vec![1.0]),
        fields! { "a" => 1 }.into(),
    ]
}

async fn types_follow_their_ranks(cx: Ctx) {
    ascends(&cx, one_of_each_type()).await;
}

async fn false_comes_before_true(cx: Ctx) {
    ascends(&cx, vec![false.into(), true.into()]).await;
}

async fn integers_and_doubles_interleave(cx: Ctx) {
    ascends(&cx, vec![(-1.5).into(), (-1).into(), 0.5.into(), 1.into(), 1.5.into(), 2.into()])
        .await;
}

async fn integers_beyond_2_53_compare_exactly_with_doubles(cx: Ctx) {
    let two_63 = 9_223_372_036_854_775_808.0;
    ascends(
        &cx,
        vec![
            (-9.3e18).into(),
            i64::MIN.into(),
            9_007_199_254_740_991_i64.into(),
            9_007_199_254_740_992.0.into(),
            9_007_199_254_740_993_i64.into(),
            i64::MAX.into(),
            two_63.into(),
        ],
    )
    .await;
}

async fn nan_comes_before_every_number(cx: Ctx) {
    let infinity = f64::INFINITY;
    ascends(&cx, vec![true.into(), f64::NAN.into(), (-infinity).into(), 0.into(), infinity.into()])
        .await;
}

async fn zeros_are_equal_and_tie_by_name(cx: Ctx) {
    cx.seed([
        ("a", fields! { "v" => 0.0 }),
        ("b", fields! { "v" => -0.0 }),
        ("c", fields! { "v" => 0 }),
        ("d", fields! { "v" => -0.0 }),
    ])
    .await;
    assert_eq!(cx.ids(cx.query().ascending("v")).await, ["a", "b", "c", "d"]);
}

async fn equal_numbers_of_both_types_tie_by_name(cx: Ctx) {
    cx.seed([
        ("a", fields! { "v" => 1.0 }),
        ("b", fields! { "v" => 1 }),
        ("c", fields! { "v" => 1.0 }),
    ])
    .await;
    assert_eq!(cx.ids(cx.query().ascending("v")).await, ["a", "b", "c"]);
    assert_eq!(cx.ids(cx.query().descending("v")).await, ["c", "b", "a"]);
}

async fn timestamps_order_by_microsecond(cx: Ctx) {
    let at = |micros| Timestamp::from_micros(micros).unwrap().into();
    ascends(&cx, vec![Timestamp::MIN.into(), at(-1), at(0), at(1), Timestamp::MAX.into()]).await;
}

async fn strings_order_by_utf8_bytes(cx: Ctx) {
    // UTF-16 would put the last, a surrogate pair, first of the four.
    ascends(&cx, ["Z", "a", "é", "\u{e000}", "\u{ff5a}", "\u{1f600}"].map(Value::from).into())
        .await;
}

async fn a_prefix_comes_first(cx: Ctx) {
    ascends(&cx, ["", "a", "a\0", "aa", "b"].map(Value::from).into()).await;
}

async fn bytes_order_by_octet(cx: Ctx) {
    let bytes = |octets: &'static [u8]| Bytes::from_static(octets).into();
    ascends(&cx, vec![bytes(b""), bytes(b"\0"), bytes(b"\0\0"), bytes(b"\x7f"), bytes(b"\xff")])
        .await;
}

async fn references_order_segment_by_segment(cx: Ctx) {
    let paths = ["c/__id-1__", "c/__id2__", "c/__id10__", "c/a", "c/a/b/c", "c/a!", "ca/a"];
    ascends(&cx, paths.map(|path| DocPath::new(path).unwrap().into()).into()).await;
}

async fn geo_points_order_by_latitude_first(cx: Ctx) {
    let points = [(-1.0, 50.0), (0.0, -50.0), (0.0, 50.0), (1.0, -50.0)];
    ascends(&cx, points.map(|(lat, lon)| GeoPoint::new(lat, lon).unwrap().into()).into()).await;
}

async fn arrays_order_by_element_then_length(cx: Ctx) {
    let values: Vec<Value> = vec![
        Value::Array(vec![]),
        [Value::Null].into(),
        [1].into(),
        [1, 1].into(),
        [1, 2].into(),
        [2].into(),
        ["a"].into(),
    ];
    ascends(&cx, values).await;
}

async fn vectors_order_by_dimension_first(cx: Ctx) {
    let vectors = [vec![8.0], vec![9.0], vec![1.0, 1.0], vec![1.0, 2.0], vec![0.0, 0.0, 0.0]];
    ascends(&cx, vectors.map(Value::Vector).into()).await;
}

async fn maps_order_by_key_then_value_then_size(cx: Ctx) {
    let maps = [
        fields! {},
        fields! { "a" => 1 },
        fields! { "a" => 1, "b" => 1 },
        fields! { "a" => 2 },
        fields! { "aa" => 0 },
        fields! { "b" => 0 },
    ];
    ascends(&cx, maps.map(Value::from).into()).await;
}

async fn descending_reverses_every_type(cx: Ctx) {
    let values = one_of_each_type();
    cx.seed_values(&values).await;
    let rows = cx.db().query(cx.query().descending("v")).await.unwrap();
    let found: Vec<_> = rows.iter().rev().map(|row| row.get("v").unwrap().clone()).collect();
    assert_eq!(found, values);
}

async fn numeric_ids_come_before_text_ids(cx: Ctx) {
    let ids = ["__id-9223372036854775808__", "__id-5__", "__id3__", "__id20__", "!", "3", "a"];
    for id in ids {
        cx.put(id, fields! {}).await;
    }
    assert_eq!(cx.ids(cx.query()).await, ids);
}

async fn names_order_by_utf8_bytes(cx: Ctx) {
    let ids = ["A", "a", "a!", "aa", "é", "\u{e000}", "\u{1f600}"];
    for id in ids {
        cx.put(id, fields! {}).await;
    }
    assert_eq!(cx.ids(cx.query()).await, ids);
}
