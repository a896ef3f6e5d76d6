//! `!=`, not-in, is-not-null, is-not-nan: what they leave out.

use firekeep_core::{ErrorKind, Value, document_id, field, fields};

use crate::Ctx;
use crate::case::cases;
use crate::ctx::refused;

cases! { "negations":
    not_equal_excludes_the_value, not_equal_excludes_null_and_missing,
    not_equal_returns_every_other_type, not_equal_returns_nan,
    not_equal_looks_through_number_types, not_in_excludes_each_element,
    not_in_excludes_null_and_missing, not_in_with_null_returns_nothing,
    not_in_with_nan_returns_nan, is_not_null_returns_nan, is_not_null_needs_the_field,
    is_not_nan_excludes_nan_and_null, a_negation_orders_by_its_field,
    names_may_be_excluded, a_name_is_never_null,
}

/// The values of the rows that `filter` keeps of null, NaN, 1, "a" and a document without `v`.
async fn kept(cx: &Ctx, filter: firekeep_core::filter::FilterResult) -> Vec<Value> {
    cx.seed([
        ("missing", fields! { "w" => 1 }),
        ("null", fields! { "v" => Value::Null }),
        ("nan", fields! { "v" => f64::NAN }),
        ("one", fields! { "v" => 1 }),
        ("text", fields! { "v" => "a" }),
    ])
    .await;
    let rows = cx.db().query(cx.query().filter(filter)).await.unwrap();
    rows.iter().map(|row| row.get("v").unwrap().clone()).collect()
}

fn nan() -> Value {
    f64::NAN.into()
}

async fn not_equal_excludes_the_value(cx: Ctx) {
    assert!(!kept(&cx, field("v").ne(1)).await.contains(&1.into()));
}

async fn not_equal_excludes_null_and_missing(cx: Ctx) {
    assert_eq!(kept(&cx, field("v").ne("none of them")).await.len(), 3);
}

async fn not_equal_returns_every_other_type(cx: Ctx) {
    assert!(kept(&cx, field("v").ne(1)).await.contains(&"a".into()));
}

async fn not_equal_returns_nan(cx: Ctx) {
    assert!(kept(&cx, field("v").ne(1)).await.contains(&nan()));
}

async fn not_equal_looks_through_number_types(cx: Ctx) {
    assert_eq!(kept(&cx, field("v").ne(1.0)).await, [nan(), "a".into()]);
}

async fn not_in_excludes_each_element(cx: Ctx) {
    let listed = [Value::from(1.0), "a".into()];
    assert_eq!(kept(&cx, field("v").not_in(listed)).await, [nan()]);
}

async fn not_in_excludes_null_and_missing(cx: Ctx) {
    assert_eq!(kept(&cx, field("v").not_in([7])).await, [nan(), 1.into(), "a".into()]);
}

async fn not_in_with_null_returns_nothing(cx: Ctx) {
    assert!(kept(&cx, field("v").not_in([Value::Null, 7.into()])).await.is_empty());
}

async fn not_in_with_nan_returns_nan(cx: Ctx) {
    assert_eq!(kept(&cx, field("v").not_in([f64::NAN])).await, [nan(), 1.into(), "a".into()]);
}

async fn is_not_null_returns_nan(cx: Ctx) {
    assert_eq!(kept(&cx, field("v").ne(Value::Null)).await, [nan(), 1.into(), "a".into()]);
}

async fn is_not_null_needs_the_field(cx: Ctx) {
    cx.seed([("a", fields! { "v" => 1 }), ("b", fields! { "w" => 1 })]).await;
    assert_eq!(cx.ids(cx.query().filter(field("v").ne(Value::Null))).await, ["a"]);
}

async fn is_not_nan_excludes_nan_and_null(cx: Ctx) {
    assert_eq!(kept(&cx, field("v").ne(f64::NAN)).await, [1.into(), "a".into()]);
}

async fn a_negation_orders_by_its_field(cx: Ctx) {
    cx.seed([
        ("a", fields! { "v" => 3 }),
        ("b", fields! { "v" => 1 }),
        ("c", fields! { "v" => 2 }),
    ])
    .await;
    assert_eq!(cx.ids(cx.query().filter(field("v").ne(9))).await, ["b", "c", "a"]);
}

async fn names_may_be_excluded(cx: Ctx) {
    cx.seed([("a", fields! {}), ("b", fields! {}), ("c", fields! {})]).await;
    assert_eq!(cx.ids(cx.query().filter(document_id().ne(cx.doc("b")))).await, ["a", "c"]);
    let some = document_id().not_in([cx.doc("a"), cx.doc("c")]);
    assert_eq!(cx.ids(cx.query().filter(some)).await, ["b"]);
}

async fn a_name_is_never_null(cx: Ctx) {
    for filter in [document_id().ne(Value::Null), document_id().eq(f64::NAN)] {
        refused(cx.db().query(cx.query().filter(filter)).await, ErrorKind::InvalidArgument);
    }
}
