//! Cursors: where a result starts and ends.

use firekeep_core::{Document, ErrorKind, Value, document_id, field, fields};

use crate::Ctx;
use crate::case::cases;
use crate::ctx::refused;

cases! { "cursors":
    start_at_includes_its_rows, start_after_excludes_its_rows, end_before_excludes_its_rows,
    end_at_includes_its_rows, a_window_has_two_cursors, a_cursor_may_lie_between_rows,
    a_cursor_of_another_type_is_a_position, a_cursor_descends_with_its_order,
    a_prefix_stands_for_all_its_rows, a_full_cursor_names_one_row,
    a_start_beyond_the_end_returns_nothing, an_empty_start_after_returns_nothing,
    an_empty_start_at_returns_everything, a_cursor_over_the_implicit_order_of_a_range,
    a_name_cursor_is_a_reference, a_document_cursor_continues_after_it,
    a_document_cursor_ends_before_it, document_cursors_page_without_gap_or_repeat,
    pages_stay_stable_under_equal_values, limit_to_last_counts_from_the_end_cursor,
    limit_to_last_respects_the_start_cursor, a_limit_counts_from_the_start_cursor,
    too_many_values_are_refused, a_document_without_the_key_is_no_cursor,
    a_cursor_ignores_number_types, nan_is_the_first_number_position,
}

async fn seed(cx: &Ctx) {
    cx.seed([
        ("a", fields! { "v" => 1 }),
        ("b", fields! { "v" => 2 }),
        ("c", fields! { "v" => 2 }),
        ("d", fields! { "v" => 3 }),
        ("e", fields! { "v" => "text" }),
    ])
    .await;
}

async fn start_at_includes_its_rows(cx: Ctx) {
    seed(&cx).await;
    assert_eq!(cx.ids(cx.query().ascending("v").start_at([2])).await, ["b", "c", "d", "e"]);
}

async fn start_after_excludes_its_rows(cx: Ctx) {
    seed(&cx).await;
    assert_eq!(cx.ids(cx.query().ascending("v").start_after([2])).await, ["d", "e"]);
}

async fn end_before_excludes_its_rows(cx: Ctx) {
    seed(&cx).await;
    assert_eq!(cx.ids(cx.query().ascending("v").end_before([2])).await, ["a"]);
}

async fn end_at_includes_its_rows(cx: Ctx) {
    seed(&cx).await;
    assert_eq!(cx.ids(cx.query().ascending("v").end_at([2])).await, ["a", "b", "c"]);
}

async fn a_window_has_two_cursors(cx: Ctx) {
    seed(&cx).await;
    let query = cx.query().ascending("v").start_after([1]).end_before([3]);
    assert_eq!(cx.ids(query).await, ["b", "c"]);
}

async fn a_cursor_may_lie_between_rows(cx: Ctx) {
    seed(&cx).await;
    let query = cx.query().ascending("v").start_at([1.5]).end_at([2.5]);
    assert_eq!(cx.ids(query).await, ["b", "c"]);
}

async fn a_cursor_of_another_type_is_a_position(cx: Ctx) {
    seed(&cx).await;
    let query = |v: Value| cx.query().ascending("v").start_at([v]);
    assert_eq!(cx.ids(query("".into())).await, ["e"], "no filter by type");
    assert_eq!(cx.ids(query(true.into())).await, ["a", "b", "c", "d", "e"]);
    assert_eq!(cx.ids(query(Value::Null)).await.len(), 5);
}

async fn a_cursor_descends_with_its_order(cx: Ctx) {
    seed(&cx).await;
    assert_eq!(cx.ids(cx.query().descending("v").start_at([2])).await, ["c", "b", "a"]);
    assert_eq!(cx.ids(cx.query().descending("v").end_before([2])).await, ["e", "d"]);
}

async fn pairs(cx: &Ctx) {
    cx.seed([
        ("a", fields! { "x" => 1, "y" => 1 }),
        ("b", fields! { "x" => 1, "y" => 2 }),
        ("c", fields! { "x" => 2, "y" => 1 }),
        ("d", fields! { "x" => 2, "y" => 2 }),
    ])
    .await;
}

async fn a_prefix_stands_for_all_its_rows(cx: Ctx) {
    pairs(&cx).await;
    let query = || cx.query().ascending("x").ascending("y");
    assert_eq!(cx.ids(query().start_after([1])).await, ["c", "d"]);
    assert_eq!(cx.ids(query().end_at([1])).await, ["a", "b"]);
}

async fn a_full_cursor_names_one_row(cx: Ctx) {
    pairs(&cx).await;
    let query = || cx.query().ascending("x").ascending("y");
    assert_eq!(cx.ids(query().start_after([1, 1])).await, ["b", "c", "d"]);
    assert_eq!(cx.ids(query().start_at([1, 2]).end_at([2, 1])).await, ["b", "c"]);
}

async fn a_start_beyond_the_end_returns_nothing(cx: Ctx) {
    seed(&cx).await;
    assert!(cx.ids(cx.query().ascending("v").start_at([3]).end_at([1])).await.is_empty());
}

async fn an_empty_start_after_returns_nothing(cx: Ctx) {
    seed(&cx).await;
    let none: [Value; 0] = [];
    assert!(cx.ids(cx.query().ascending("v").start_after(none)).await.is_empty());
}

async fn an_empty_start_at_returns_everything(cx: Ctx) {
    seed(&cx).await;
    let none: [Value; 0] = [];
    assert_eq!(cx.ids(cx.query().ascending("v").start_at(none)).await.len(), 5);
}

async fn a_cursor_over_the_implicit_order_of_a_range(cx: Ctx) {
    seed(&cx).await;
    let query = cx.query().filter(field("v").ge(1)).start_after([2]);
    assert_eq!(cx.ids(query).await, ["d"]);
}

async fn a_name_cursor_is_a_reference(cx: Ctx) {
    seed(&cx).await;
    assert_eq!(cx.ids(cx.query().start_at([cx.doc("d")])).await, ["d", "e"]);
    assert_eq!(cx.ids(cx.query().end_at([cx.doc("bb")])).await, ["a", "b"]);
    refused(cx.db().query(cx.query().start_at(["d"])).await, ErrorKind::InvalidArgument);
    let within = cx.query().filter(document_id().gt(cx.doc("a"))).end_at([cx.doc("c")]);
    assert_eq!(cx.ids(within).await, ["b", "c"]);
}

async fn row(cx: &Ctx, id: &str) -> Document {
    cx.fetch(id).await
}

async fn a_document_cursor_continues_after_it(cx: Ctx) {
    seed(&cx).await;
    let b = row(&cx, "b").await;
    let query = cx.query().ascending("v").start_after_document(&b);
    assert_eq!(cx.ids(query).await, ["c", "d", "e"], "its twin `c` is not skipped");
}

async fn a_document_cursor_ends_before_it(cx: Ctx) {
    seed(&cx).await;
    let c = row(&cx, "c").await;
    let query = cx.query().ascending("v").end_before_document(&c);
    assert_eq!(cx.ids(query).await, ["a", "b"]);
}

async fn page_through(cx: &Ctx, descending: bool, size: u32) -> Vec<String> {
    let mut found = Vec::new();
    let mut last: Option<Document> = None;
    loop {
        let query = cx.query();
        let query = if descending { query.descending("v") } else { query.ascending("v") };
        let query = query.limit(size);
        let query = match &last {
            Some(row) => query.start_after_document(row),
            None => query,
        };
        let rows = cx.db().query(query).await.unwrap();
        found.extend(rows.iter().map(|row| row.id().to_owned()));
        match rows.into_iter().last() {
            Some(row) => last = Some(row),
            None => return found,
        }
    }
}

async fn document_cursors_page_without_gap_or_repeat(cx: Ctx) {
    seed(&cx).await;
    for size in 1..=3 {
        assert_eq!(page_through(&cx, false, size).await, ["a", "b", "c", "d", "e"]);
        assert_eq!(page_through(&cx, true, size).await, ["e", "d", "c", "b", "a"]);
    }
}

async fn pages_stay_stable_under_equal_values(cx: Ctx) {
    cx.seed_values(&vec![7.into(); 9]).await;
    let expected: Vec<_> = (0..9).map(|n| format!("{n:03}")).collect();
    assert_eq!(page_through(&cx, false, 2).await, expected);
    assert!(page_through(&cx, true, 4).await.iter().rev().eq(&expected));
}

async fn limit_to_last_counts_from_the_end_cursor(cx: Ctx) {
    seed(&cx).await;
    let query = cx.query().ascending("v").end_at([2]).limit_to_last(2);
    assert_eq!(cx.ids(query).await, ["b", "c"]);
}

async fn limit_to_last_respects_the_start_cursor(cx: Ctx) {
    seed(&cx).await;
    let query = cx.query().ascending("v").start_after([2]).limit_to_last(9);
    assert_eq!(cx.ids(query).await, ["d", "e"]);
}

async fn a_limit_counts_from_the_start_cursor(cx: Ctx) {
    seed(&cx).await;
    assert_eq!(cx.ids(cx.query().ascending("v").start_at([2]).limit(2)).await, ["b", "c"]);
}

async fn too_many_values_are_refused(cx: Ctx) {
    let a: Value = cx.doc("a").into();
    let query = cx.query().ascending("v").start_at([1.into(), a, 2.into()]);
    refused(cx.db().query(query).await, ErrorKind::InvalidArgument);
}

async fn a_document_without_the_key_is_no_cursor(cx: Ctx) {
    seed(&cx).await;
    let a = row(&cx, "a").await;
    let query = cx.query().ascending("other").start_after_document(&a);
    refused(cx.db().query(query).await, ErrorKind::InvalidArgument);
}

async fn a_cursor_ignores_number_types(cx: Ctx) {
    seed(&cx).await;
    let query = cx.query().ascending("v").start_at([2.0]).end_at([2.0]);
    assert_eq!(cx.ids(query).await, ["b", "c"]);
}

async fn nan_is_the_first_number_position(cx: Ctx) {
    cx.seed_values(&[f64::NAN.into(), f64::NEG_INFINITY.into(), true.into(), 1.into()]).await;
    let query = || cx.query().ascending("v");
    assert_eq!(cx.ids(query().start_at([f64::NAN])).await, ["000", "001", "003"]);
    assert_eq!(cx.ids(query().start_after([f64::NAN])).await, ["001", "003"]);
}
