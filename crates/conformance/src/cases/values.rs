//! What is stored is what comes back, bit by bit.

use firekeep_core::{Bytes, DocPath, Fields, GeoPoint, Reference, Timestamp, Value, fields};

use crate::Ctx;
use crate::case::cases;

cases! { "values":
    null_round_trips, booleans_round_trip, integer_extremes_round_trip, double_extremes_round_trip,
    negative_zero_keeps_its_sign, nan_round_trips, an_integer_is_not_stored_as_a_double,
    a_whole_double_is_not_stored_as_an_integer, an_integer_beyond_2_53_keeps_its_last_bit,
    strings_keep_every_code_point, the_empty_string_is_no_null, bytes_keep_every_octet,
    timestamps_keep_microseconds, timestamps_before_the_epoch_keep_microseconds,
    timestamp_extremes_round_trip, nanoseconds_round_down, geo_points_keep_their_bits,
    references_round_trip, references_to_another_database_stay_foreign, arrays_keep_their_order,
    maps_nest_in_arrays, empty_containers_are_kept, nesting_to_depth_20_is_kept,
    vectors_round_trip, field_names_may_hold_anything_plain,
    a_document_without_fields_exists,
}

async fn round_trip(cx: &Ctx, values: impl IntoIterator<Item = Value>) {
    for (index, value) in values.into_iter().enumerate() {
        let id = index.to_string();
        cx.put(&id, fields! { "v" => &value }).await;
        assert_eq!(cx.fetch(&id).await.get("v"), Some(&value));
    }
}

async fn null_round_trips(cx: Ctx) {
    round_trip(&cx, [Value::Null]).await;
}

async fn booleans_round_trip(cx: Ctx) {
    round_trip(&cx, [true.into(), false.into()]).await;
}

async fn integer_extremes_round_trip(cx: Ctx) {
    round_trip(&cx, [0, -1, i64::MIN, i64::MAX].map(Value::from)).await;
}

async fn double_extremes_round_trip(cx: Ctx) {
    let doubles = [f64::MAX, f64::MIN, f64::MIN_POSITIVE, 5e-324, f64::INFINITY, f64::NEG_INFINITY];
    round_trip(&cx, doubles.map(Value::from)).await;
}

async fn negative_zero_keeps_its_sign(cx: Ctx) {
    cx.put("z", fields! { "v" => -0.0 }).await;
    let stored = cx.fetch("z").await.get("v").unwrap().as_double().unwrap();
    assert_eq!(stored.to_bits(), (-0.0_f64).to_bits());
}

async fn nan_round_trips(cx: Ctx) {
    round_trip(&cx, [f64::NAN.into()]).await;
}

async fn an_integer_is_not_stored_as_a_double(cx: Ctx) {
    cx.put("i", fields! { "v" => 1 }).await;
    assert_eq!(cx.fetch("i").await.get("v").unwrap().as_integer(), Some(1));
}

async fn a_whole_double_is_not_stored_as_an_integer(cx: Ctx) {
    cx.put("d", fields! { "v" => 1.0 }).await;
    assert_eq!(cx.fetch("d").await.get("v").unwrap().type_name(), "double");
}

async fn an_integer_beyond_2_53_keeps_its_last_bit(cx: Ctx) {
    round_trip(&cx, [9_007_199_254_740_993_i64.into(), (-9_007_199_254_740_993_i64).into()]).await;
}

async fn strings_keep_every_code_point(cx: Ctx) {
    round_trip(&cx, ["\0", "a\u{301}", "á", "\u{e000}", "\u{1f600}", "\r\n"].map(Value::from))
        .await;
}

async fn the_empty_string_is_no_null(cx: Ctx) {
    round_trip(&cx, [Value::from("")]).await;
}

async fn bytes_keep_every_octet(cx: Ctx) {
    let all: Vec<u8> = (0..=255).collect();
    round_trip(&cx, [Bytes::from(all).into(), Bytes::new().into()]).await;
}

async fn timestamps_keep_microseconds(cx: Ctx) {
    round_trip(&cx, [Timestamp::from_micros(1_422_886_740_000_001).unwrap().into()]).await;
}

async fn timestamps_before_the_epoch_keep_microseconds(cx: Ctx) {
    round_trip(&cx, [-1, -1_000_001].map(|micros| Timestamp::from_micros(micros).unwrap().into()))
        .await;
}

async fn timestamp_extremes_round_trip(cx: Ctx) {
    round_trip(&cx, [Timestamp::MIN, Timestamp::MAX].map(Value::from)).await;
}

async fn nanoseconds_round_down(cx: Ctx) {
    let precise = Timestamp::from_parts(1, 1_999).unwrap();
    cx.put("t", fields! { "v" => precise }).await;
    let stored = cx.fetch("t").await.get("v").unwrap().as_timestamp().unwrap();
    assert_eq!(stored.to_parts(), (1, 1_000));
}

async fn geo_points_keep_their_bits(cx: Ctx) {
    let points = [(90.0, 180.0), (-90.0, -180.0), (5e-324, 0.1 + 0.2)];
    round_trip(&cx, points.map(|(lat, lon)| GeoPoint::new(lat, lon).unwrap().into())).await;
}

async fn references_round_trip(cx: Ctx) {
    round_trip(&cx, [cx.doc("other").into(), DocPath::new("a/b/c/d").unwrap().into()]).await;
}

async fn references_to_another_database_stay_foreign(cx: Ctx) {
    let elsewhere = "projects/elsewhere/databases/(default)";
    let foreign = Reference::foreign(elsewhere, DocPath::new("a/b").unwrap());
    round_trip(&cx, [foreign.into()]).await;
}

async fn arrays_keep_their_order(cx: Ctx) {
    let mixed = vec![3.into(), "a".into(), Value::Null, 1.into(), 1.into(), 1.0.into()];
    round_trip(&cx, [Value::Array(mixed)]).await;
}

async fn maps_nest_in_arrays(cx: Ctx) {
    let value = Value::from([Value::from(fields! { "inner" => [1, 2] }), 5.into()]);
    round_trip(&cx, [value]).await;
}

async fn empty_containers_are_kept(cx: Ctx) {
    let nested = fields! { "m" => fields! {}, "a" => Value::Array(vec![]) };
    round_trip(&cx, [Value::Array(vec![]), Fields::new().into(), nested.into()]).await;
}

async fn nesting_to_depth_20_is_kept(cx: Ctx) {
    let deep = (0..20).fold(Value::from(1), |inner, _| fields! { "m" => inner }.into());
    round_trip(&cx, [deep]).await;
}

async fn vectors_round_trip(cx: Ctx) {
    let longest = (0..2_048).map(f64::from).collect();
    round_trip(&cx, [Value::Vector(vec![1.5, -0.0, f64::MAX]), Value::Vector(longest)]).await;
}

async fn field_names_may_hold_anything_plain(cx: Ctx) {
    let fields = fields! {
        "a.b" => 1, "`" => 2, "\\" => 3, " " => 4, "é😀" => 5, "__x" => 6, "1" => 7, "*~/[]" => 8,
    };
    cx.put("n", fields.clone()).await;
    assert_eq!(cx.fields_of("n").await, fields);
}

async fn a_document_without_fields_exists(cx: Ctx) {
    cx.put("e", fields! {}).await;
    assert_eq!(cx.fields_of("e").await, fields! {});
}
