//! One condition on one field: what matches it.

use firekeep_core::{Bytes, GeoPoint, Timestamp, Value, any, document_id, field, fields};

use crate::Ctx;
use crate::case::cases;

cases! { "filters":
    equality_looks_through_number_types, equality_of_zeros_ignores_the_sign,
    equality_compares_maps_and_arrays_whole, equality_needs_the_field,
    a_comparison_matches_only_its_type, bounds_are_inclusive_or_not_as_asked,
    a_range_of_strings_returns_only_strings, a_range_of_arrays_excludes_vectors,
    a_range_over_null_matches_nothing, a_range_over_nan_matches_nothing, a_range_excludes_nan,
    is_null_matches_only_null, is_nan_matches_only_nan, in_matches_any_element,
    in_looks_through_number_types, in_ignores_null_and_nan, in_compares_arrays_whole,
    array_contains_finds_an_element, array_contains_looks_through_number_types,
    array_contains_matches_arrays_only, array_contains_null_matches_nothing,
    array_contains_nan_matches_nothing, an_array_holding_nan_equals_itself,
    array_contains_any_finds_either, a_document_matching_twice_is_returned_once,
    nested_fields_are_reached_through_maps, quoted_fields_are_found,
    names_compare_as_references, names_may_be_listed, every_type_compares_for_equality,
    a_filter_on_an_empty_collection_returns_nothing,
}

async fn matching(
    cx: &Ctx,
    values: &[Value],
    filter: firekeep_core::filter::FilterResult,
) -> Vec<usize> {
    cx.seed_values(values).await;
    again(cx, filter).await
}

async fn again(cx: &Ctx, filter: firekeep_core::filter::FilterResult) -> Vec<usize> {
    let mut found: Vec<usize> =
        cx.ids(cx.query().filter(filter)).await.iter().map(|id| id.parse().unwrap()).collect();
    found.sort_unstable();
    found
}

async fn equality_looks_through_number_types(cx: Ctx) {
    let values = [1.into(), 1.0.into(), 2.into(), "1".into(), true.into()];
    assert_eq!(matching(&cx, &values, field("v").eq(1)).await, [0, 1]);
    assert_eq!(again(&cx, field("v").eq(1.0)).await, [0, 1]);
}

async fn equality_of_zeros_ignores_the_sign(cx: Ctx) {
    let values = [0.into(), 0.0.into(), Value::Double(-0.0), Value::Null];
    assert_eq!(matching(&cx, &values, field("v").eq(-0.0)).await, [0, 1, 2]);
}

async fn equality_compares_maps_and_arrays_whole(cx: Ctx) {
    let map = |n: i64| Value::from(fields! { "a" => n, "b" => [n] });
    let values = [map(1), map(2), [1, 2].into(), [1].into(), fields! { "a" => 1 }.into()];
    assert_eq!(matching(&cx, &values, field("v").eq(map(1))).await, [0]);
    assert_eq!(again(&cx, field("v").eq([1.0, 2.0])).await, [2]);
}

async fn equality_needs_the_field(cx: Ctx) {
    cx.seed([("0", fields! { "w" => 1 }), ("1", fields! { "v" => 1 })]).await;
    assert_eq!(again(&cx, field("v").eq(1)).await, [1]);
}

async fn a_comparison_matches_only_its_type(cx: Ctx) {
    let values = [Value::Null, false.into(), 1.into(), "a".into(), [1].into()];
    assert_eq!(matching(&cx, &values, field("v").lt(5)).await, [2]);
    assert_eq!(again(&cx, field("v").ge(false)).await, [1]);
}

async fn bounds_are_inclusive_or_not_as_asked(cx: Ctx) {
    let values = [1, 2, 3].map(Value::from);
    assert_eq!(matching(&cx, &values, field("v").lt(2)).await, [0]);
    assert_eq!(again(&cx, field("v").le(2)).await, [0, 1]);
    assert_eq!(again(&cx, field("v").gt(2)).await, [2]);
    assert_eq!(again(&cx, field("v").ge(2)).await, [1, 2]);
}

async fn a_range_of_strings_returns_only_strings(cx: Ctx) {
    let values = ["a".into(), "b".into(), Bytes::from_static(b"a").into(), 0.into(), "".into()];
    assert_eq!(matching(&cx, &values, field("v").lt("b")).await, [0, 4]);
}

async fn a_range_of_arrays_excludes_vectors(cx: Ctx) {
    let values =
        [[1].into(), [2].into(), Value::Vector(vec![5.0]), fields! { "a" => 1 }.into(), 9.into()];
    assert_eq!(matching(&cx, &values, field("v").gt([1])).await, [1]);
    assert_eq!(again(&cx, field("v").ge(Value::Vector(vec![1.0]))).await, [2]);
    assert_eq!(again(&cx, field("v").ge(fields! {})).await, [3]);
}

async fn a_range_over_null_matches_nothing(cx: Ctx) {
    let values = [Value::Null, 1.into(), "a".into()];
    assert!(matching(&cx, &values, field("v").ge(Value::Null)).await.is_empty());
    assert!(again(&cx, field("v").le(Value::Null)).await.is_empty());
}

async fn a_range_over_nan_matches_nothing(cx: Ctx) {
    let values = [f64::NAN.into(), 1.into(), f64::NEG_INFINITY.into()];
    assert!(matching(&cx, &values, field("v").ge(f64::NAN)).await.is_empty());
    assert!(again(&cx, field("v").lt(f64::NAN)).await.is_empty());
}

async fn a_range_excludes_nan(cx: Ctx) {
    let values = [f64::NAN.into(), 1.into(), f64::NEG_INFINITY.into()];
    assert_eq!(matching(&cx, &values, field("v").le(1)).await, [1, 2]);
}

async fn is_null_matches_only_null(cx: Ctx) {
    let values = [Value::Null, 0.into(), "".into(), false.into()];
    cx.put("9", fields! { "w" => 1 }).await;
    assert_eq!(matching(&cx, &values, field("v").eq(Value::Null)).await, [0]);
}

async fn is_nan_matches_only_nan(cx: Ctx) {
    let values = [f64::NAN.into(), 0.into(), Value::Null, f64::INFINITY.into()];
    assert_eq!(matching(&cx, &values, field("v").eq(f64::NAN)).await, [0]);
}

async fn in_matches_any_element(cx: Ctx) {
    let values = [1.into(), 2.into(), "a".into(), 3.into()];
    let wanted = [Value::from("a"), 3.into(), 7.into()];
    assert_eq!(matching(&cx, &values, field("v").is_in(wanted)).await, [2, 3]);
}

async fn in_looks_through_number_types(cx: Ctx) {
    let values = [1.into(), 1.0.into(), Value::Double(-0.0)];
    assert_eq!(matching(&cx, &values, field("v").is_in([1.0, 0.0])).await, [0, 1, 2]);
}

async fn in_ignores_null_and_nan(cx: Ctx) {
    let values = [Value::Null, f64::NAN.into(), 1.into()];
    let wanted = [Value::Null, f64::NAN.into(), 1.into()];
    assert_eq!(matching(&cx, &values, field("v").is_in(wanted)).await, [2]);
}

async fn in_compares_arrays_whole(cx: Ctx) {
    let values = [[1, 2].into(), [2, 1].into(), 1.into()];
    assert_eq!(matching(&cx, &values, field("v").is_in([[1, 2]])).await, [0]);
}

async fn array_contains_finds_an_element(cx: Ctx) {
    let values = [["a", "b"].into(), ["c"].into(), Value::Array(vec![])];
    assert_eq!(matching(&cx, &values, field("v").array_contains("b")).await, [0]);
}

async fn array_contains_looks_through_number_types(cx: Ctx) {
    let values = [[1].into(), [1.0].into(), [2].into()];
    assert_eq!(matching(&cx, &values, field("v").array_contains(1.0)).await, [0, 1]);
}

async fn array_contains_matches_arrays_only(cx: Ctx) {
    let values = [1.into(), [1].into(), Value::Vector(vec![1.0]), fields! { "a" => 1 }.into()];
    assert_eq!(matching(&cx, &values, field("v").array_contains(1)).await, [1]);
}

async fn array_contains_null_matches_nothing(cx: Ctx) {
    let values = [Value::from([Value::Null]), Value::Null];
    assert!(matching(&cx, &values, field("v").array_contains(Value::Null)).await.is_empty());
}

async fn array_contains_nan_matches_nothing(cx: Ctx) {
    let values = [[f64::NAN].into(), f64::NAN.into()];
    assert!(matching(&cx, &values, field("v").array_contains(f64::NAN)).await.is_empty());
}

async fn an_array_holding_nan_equals_itself(cx: Ctx) {
    let values = [[f64::NAN].into(), f64::NAN.into(), [1.0].into()];
    assert_eq!(matching(&cx, &values, field("v").eq([f64::NAN])).await, [0]);
}

async fn array_contains_any_finds_either(cx: Ctx) {
    let values = [[1, 2].into(), [3].into(), [4].into(), 1.into()];
    assert_eq!(matching(&cx, &values, field("v").array_contains_any([3, 2])).await, [0, 1]);
}

async fn a_document_matching_twice_is_returned_once(cx: Ctx) {
    let values = [[1, 2, 3].into(), [2].into()];
    assert_eq!(matching(&cx, &values, field("v").array_contains_any([1, 2, 3])).await, [0, 1]);
    let twice = any([field("v").eq([2]), field("v").array_contains(2)]);
    assert_eq!(again(&cx, twice).await, [0, 1]);
}

async fn nested_fields_are_reached_through_maps(cx: Ctx) {
    cx.seed([
        ("0", fields! { "m" => fields! { "n" => 1 } }),
        ("1", fields! { "m" => 1 }),
        ("2", fields! { "m.n" => 1 }),
        ("3", fields! { "m" => [fields! { "n" => 1 }] }),
    ])
    .await;
    assert_eq!(again(&cx, field("m.n").eq(1)).await, [0]);
}

async fn quoted_fields_are_found(cx: Ctx) {
    cx.seed([("0", fields! { "m" => fields! { "n" => 1 } }), ("1", fields! { "m.n" => 1 })]).await;
    assert_eq!(again(&cx, field("`m.n`").eq(1)).await, [1]);
}

async fn names_compare_as_references(cx: Ctx) {
    cx.seed_values(&[1.into(), 2.into(), 3.into()]).await;
    assert_eq!(again(&cx, document_id().gt(cx.doc("000"))).await, [1, 2]);
    assert_eq!(again(&cx, document_id().le(cx.doc("001"))).await, [0, 1]);
    assert_eq!(again(&cx, document_id().eq(cx.doc("001"))).await, [1]);
}

async fn names_may_be_listed(cx: Ctx) {
    cx.seed_values(&[1.into(), 2.into(), 3.into()]).await;
    let names = [cx.doc("002"), cx.doc("missing"), cx.doc("000")];
    assert_eq!(again(&cx, document_id().is_in(names)).await, [0, 2]);
}

async fn every_type_compares_for_equality(cx: Ctx) {
    let values = [
        true.into(),
        5.into(),
        Timestamp::from_micros(5).unwrap().into(),
        "5".into(),
        Bytes::from_static(b"5").into(),
        cx.doc("5").into(),
        GeoPoint::new(5.0, 5.0).unwrap().into(),
        [5].into(),
        Value::Vector(vec![5.0]),
        fields! { "5" => 5 }.into(),
    ];
    cx.seed_values(&values).await;
    for (index, value) in values.iter().enumerate() {
        assert_eq!(again(&cx, field("v").eq(value)).await, [index], "{value:?}");
    }
}

async fn a_filter_on_an_empty_collection_returns_nothing(cx: Ctx) {
    assert!(again(&cx, field("v").eq(1)).await.is_empty());
}
