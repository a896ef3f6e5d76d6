//! The order of rows: explicit, implicit, and who is left out.

use firekeep_core::{Direction, ErrorKind, Value, field, fields};

use crate::Ctx;
use crate::case::cases;
use crate::ctx::refused;

cases! { "orders":
    without_an_order_rows_come_by_name, names_may_descend,
    ordering_excludes_documents_without_the_field, ordering_includes_an_explicit_null,
    ordering_by_a_nested_field_needs_the_whole_path, two_keys_order_one_after_the_other,
    keys_may_run_in_opposite_directions, ties_follow_the_last_direction,
    a_range_orders_by_its_field, two_ranges_order_by_field_name,
    implicit_keys_follow_the_last_direction, ordering_by_the_name_may_be_explicit,
    the_name_may_run_against_the_field, an_order_given_twice_is_refused,
    nothing_orders_after_the_name,
    a_range_may_not_be_left_out_before_the_name, a_limit_takes_the_first, a_limit_of_zero_returns_nothing,
    limit_to_last_takes_the_last_in_order, limit_to_last_needs_an_order, an_offset_skips,
    an_offset_beyond_the_end_returns_nothing, a_limit_counts_after_the_offset,
    rows_hold_every_field_and_time,
}

async fn seed(cx: &Ctx) {
    cx.seed([
        ("a", fields! { "x" => 2, "y" => 1 }),
        ("b", fields! { "x" => 1, "y" => 2 }),
        ("c", fields! { "x" => 2, "y" => 0 }),
        ("d", fields! { "x" => 1, "y" => 2 }),
    ])
    .await;
}

async fn without_an_order_rows_come_by_name(cx: Ctx) {
    seed(&cx).await;
    assert_eq!(cx.ids(cx.query()).await, ["a", "b", "c", "d"]);
}

async fn names_may_descend(cx: Ctx) {
    seed(&cx).await;
    assert_eq!(cx.ids(cx.query().descending("__name__")).await, ["d", "c", "b", "a"]);
}

async fn ordering_excludes_documents_without_the_field(cx: Ctx) {
    cx.seed([("a", fields! { "x" => 1 }), ("b", fields! { "y" => 1 })]).await;
    assert_eq!(cx.ids(cx.query().ascending("x")).await, ["a"]);
}

async fn ordering_includes_an_explicit_null(cx: Ctx) {
    cx.seed([("a", fields! { "x" => 1 }), ("b", fields! { "x" => Value::Null })]).await;
    assert_eq!(cx.ids(cx.query().ascending("x")).await, ["b", "a"]);
}

async fn ordering_by_a_nested_field_needs_the_whole_path(cx: Ctx) {
    cx.seed([
        ("a", fields! { "m" => fields! { "b" => 1 } }),
        ("b", fields! { "m" => fields! {} }),
        ("c", fields! { "m" => 5 }),
        ("d", fields! { "m" => fields! { "b" => Value::Null } }),
    ])
    .await;
    assert_eq!(cx.ids(cx.query().ascending("m.b")).await, ["d", "a"]);
}

async fn two_keys_order_one_after_the_other(cx: Ctx) {
    seed(&cx).await;
    assert_eq!(cx.ids(cx.query().ascending("x").ascending("y")).await, ["b", "d", "c", "a"]);
}

async fn keys_may_run_in_opposite_directions(cx: Ctx) {
    seed(&cx).await;
    assert_eq!(cx.ids(cx.query().ascending("x").descending("y")).await, ["d", "b", "a", "c"]);
}

async fn ties_follow_the_last_direction(cx: Ctx) {
    seed(&cx).await;
    assert_eq!(cx.ids(cx.query().descending("x")).await, ["c", "a", "d", "b"]);
    assert_eq!(cx.ids(cx.query().ascending("x")).await, ["b", "d", "a", "c"]);
}

async fn a_range_orders_by_its_field(cx: Ctx) {
    seed(&cx).await;
    assert_eq!(cx.ids(cx.query().filter(field("x").ge(1))).await, ["b", "d", "a", "c"]);
}

async fn two_ranges_order_by_field_name(cx: Ctx) {
    cx.seed([("1", fields! { "a" => 1, "b" => 2 }), ("2", fields! { "a" => 2, "b" => 1 })]).await;
    let query = cx.query().filter(field("b").gt(0)).filter(field("a").gt(0));
    assert_eq!(cx.ids(query).await, ["1", "2"], "by `a` first, though `b` was named first");
}

async fn implicit_keys_follow_the_last_direction(cx: Ctx) {
    cx.seed([
        ("1", fields! { "a" => 1, "b" => 1 }),
        ("2", fields! { "a" => 1, "b" => 2 }),
        ("3", fields! { "a" => 1, "b" => 2 }),
    ])
    .await;
    let query = cx.query().filter(field("b").gt(0)).descending("a");
    assert_eq!(cx.ids(query).await, ["3", "2", "1"]);
}

async fn ordering_by_the_name_may_be_explicit(cx: Ctx) {
    seed(&cx).await;
    let query = cx.query().ascending("x").ascending("__name__");
    assert_eq!(cx.ids(query).await, ["b", "d", "a", "c"]);
}

async fn the_name_may_run_against_the_field(cx: Ctx) {
    seed(&cx).await;
    let query = cx.query().ascending("x").order_by("__name__", Direction::Descending);
    assert_eq!(cx.ids(query).await, ["d", "b", "c", "a"]);
}

async fn an_order_given_twice_is_refused(cx: Ctx) {
    let query = cx.query().ascending("x").descending("x");
    refused(cx.db().query(query).await, ErrorKind::InvalidArgument);
}

async fn nothing_orders_after_the_name(cx: Ctx) {
    let query = cx.query().ascending("__name__").ascending("x");
    refused(cx.db().query(query).await, ErrorKind::InvalidArgument);
}

async fn a_limit_takes_the_first(cx: Ctx) {
    seed(&cx).await;
    assert_eq!(cx.ids(cx.query().limit(2)).await, ["a", "b"]);
    assert_eq!(cx.ids(cx.query().descending("x").limit(3)).await, ["c", "a", "d"]);
    assert_eq!(cx.ids(cx.query().limit(99)).await.len(), 4);
}

async fn a_limit_of_zero_returns_nothing(cx: Ctx) {
    seed(&cx).await;
    assert!(cx.ids(cx.query().limit(0)).await.is_empty());
}

async fn limit_to_last_takes_the_last_in_order(cx: Ctx) {
    seed(&cx).await;
    assert_eq!(cx.ids(cx.query().ascending("x").limit_to_last(3)).await, ["d", "a", "c"]);
    assert_eq!(cx.ids(cx.query().descending("x").limit_to_last(1)).await, ["b"]);
}

async fn limit_to_last_needs_an_order(cx: Ctx) {
    refused(cx.db().query(cx.query().limit_to_last(1)).await, ErrorKind::InvalidArgument);
}

async fn an_offset_skips(cx: Ctx) {
    seed(&cx).await;
    assert_eq!(cx.ids(cx.query().offset(1)).await, ["b", "c", "d"]);
}

async fn an_offset_beyond_the_end_returns_nothing(cx: Ctx) {
    seed(&cx).await;
    assert!(cx.ids(cx.query().offset(9)).await.is_empty());
}

async fn a_limit_counts_after_the_offset(cx: Ctx) {
    seed(&cx).await;
    assert_eq!(cx.ids(cx.query().offset(1).limit(2)).await, ["b", "c"]);
}

async fn rows_hold_every_field_and_time(cx: Ctx) {
    cx.put("a", fields! { "x" => 1, "m" => fields! { "n" => [1] } }).await;
    let rows = cx.db().query(cx.query().ascending("x")).await.unwrap();
    assert_eq!(rows, [cx.fetch("a").await]);
}

async fn a_range_may_not_be_left_out_before_the_name(cx: Ctx) {
    let query = cx.query().filter(field("x").gt(1)).ascending("__name__");
    refused(cx.db().query(query).await, ErrorKind::InvalidArgument);
}
