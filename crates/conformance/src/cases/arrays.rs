//! Transforms of arrays: union and removal.

use firekeep_core::{TransformOp, Value, Write, fields};

use crate::Ctx;
use crate::case::cases;

cases! { "arrays":
    a_union_appends_in_order, a_union_skips_what_is_there, a_union_takes_duplicates_once,
    a_union_keeps_duplicates_that_are_there, a_union_treats_equal_numbers_as_one,
    a_union_treats_nan_and_null_as_equal_to_themselves, a_union_compares_maps_by_value,
    a_union_of_a_scalar_starts_anew, a_union_of_nothing_on_nothing_is_an_empty_array,
    a_removal_drops_every_equal, a_removal_drops_equal_numbers_of_both_types,
    a_removal_of_nothing_there_changes_nothing, a_removal_from_a_scalar_leaves_an_empty_array,
    array_transforms_report_null,
}

use TransformOp::{ArrayRemove, ArrayUnion};

async fn leaves<const N: usize>(
    cx: &Ctx,
    before: Option<Value>,
    op: TransformOp,
    expected: [Value; N],
) {
    let (reported, stored) = cx.transform(before, op).await;
    assert_eq!(stored, Value::Array(expected.into()));
    assert_eq!(reported, Value::Null);
}

fn list<const N: usize>(elements: [i64; N]) -> Option<Value> {
    Some(elements.into())
}

async fn a_union_appends_in_order(cx: Ctx) {
    let op = ArrayUnion(vec![5.into(), 3.into()]);
    leaves(&cx, list([4]), op, [4, 5, 3].map(Value::from)).await;
}

async fn a_union_skips_what_is_there(cx: Ctx) {
    let op = ArrayUnion(vec![2.into(), 3.into(), 1.into()]);
    leaves(&cx, list([1, 2]), op, [1, 2, 3].map(Value::from)).await;
}

async fn a_union_takes_duplicates_once(cx: Ctx) {
    let op = ArrayUnion(vec![7.into(), 7.into(), 7.0.into()]);
    leaves(&cx, list([]), op, [7.into()]).await;
}

async fn a_union_keeps_duplicates_that_are_there(cx: Ctx) {
    let op = ArrayUnion(vec![2.into()]);
    leaves(&cx, list([1, 1]), op, [1, 1, 2].map(Value::from)).await;
}

async fn a_union_treats_equal_numbers_as_one(cx: Ctx) {
    let op = ArrayUnion(vec![1.0.into(), Value::Double(-0.0)]);
    leaves(&cx, list([1, 0]), op, [1.into(), 0.into()]).await;
}

async fn a_union_treats_nan_and_null_as_equal_to_themselves(cx: Ctx) {
    let before = Value::Array(vec![f64::NAN.into(), Value::Null]);
    let op = ArrayUnion(vec![f64::NAN.into(), Value::Null]);
    leaves(&cx, Some(before), op, [f64::NAN.into(), Value::Null]).await;
}

async fn a_union_compares_maps_by_value(cx: Ctx) {
    let before = Value::from([Value::from(fields! { "a" => 1 })]);
    let op = ArrayUnion(vec![fields! { "a" => 1.0 }.into(), fields! { "a" => 2 }.into()]);
    leaves(&cx, Some(before), op, [fields! { "a" => 1 }.into(), fields! { "a" => 2 }.into()]).await;
}

async fn a_union_of_a_scalar_starts_anew(cx: Ctx) {
    leaves(&cx, Some("text".into()), ArrayUnion(vec![1.into()]), [1.into()]).await;
}

async fn a_union_of_nothing_on_nothing_is_an_empty_array(cx: Ctx) {
    leaves(&cx, None, ArrayUnion(vec![]), []).await;
}

async fn a_removal_drops_every_equal(cx: Ctx) {
    let op = ArrayRemove(vec![1.into(), 3.into()]);
    leaves(&cx, list([1, 2, 1, 3, 2]), op, [2, 2].map(Value::from)).await;
}

async fn a_removal_drops_equal_numbers_of_both_types(cx: Ctx) {
    let before = Value::Array(vec![1.into(), 1.0.into(), 2.into()]);
    leaves(&cx, Some(before), ArrayRemove(vec![1.0.into()]), [2.into()]).await;
}

async fn a_removal_of_nothing_there_changes_nothing(cx: Ctx) {
    let before = cx.put("a", fields! { "v" => [1, 2] }).await.version;
    let write = Write::transform(cx.doc("a")).with("v", ArrayRemove(vec![9.into()])).unwrap();
    assert_eq!(cx.write(write).await.version, before);
}

async fn a_removal_from_a_scalar_leaves_an_empty_array(cx: Ctx) {
    leaves(&cx, Some(5.into()), ArrayRemove(vec![5.into()]), []).await;
}

async fn array_transforms_report_null(cx: Ctx) {
    let write = Write::transform(cx.doc("a"));
    let write = write.with("u", ArrayUnion(vec![1.into()])).unwrap();
    let write = write.with("r", ArrayRemove(vec![1.into()])).unwrap();
    assert_eq!(cx.write(write).await.transform_results, [Value::Null, Value::Null]);
}
