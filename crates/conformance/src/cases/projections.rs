//! Projections: which fields rows hold.

use firekeep_core::{Fields, field, fields};

use crate::Ctx;
use crate::case::cases;

cases! { "projections":
    a_projection_narrows_rows, a_projection_reaches_into_maps, an_unknown_field_adds_nothing,
    an_empty_projection_yields_no_fields, a_projection_of_the_name_yields_no_fields,
    overlapping_paths_yield_the_outer, quoted_paths_are_found, a_projection_keeps_times,
    a_projection_does_not_change_which_rows_match, a_projection_may_leave_out_the_order,
}

async fn first(cx: &Ctx, select: &[&str]) -> Fields {
    cx.put("a", fields! { "x" => 1, "m" => fields! { "n" => 2, "o" => 3 }, "a.b" => 4 }).await;
    let rows = cx.db().query(cx.query().select(select.iter().copied())).await.unwrap();
    rows.into_iter().next().unwrap().into_fields()
}

async fn a_projection_narrows_rows(cx: Ctx) {
    assert_eq!(first(&cx, &["x"]).await, fields! { "x" => 1 });
}

async fn a_projection_reaches_into_maps(cx: Ctx) {
    assert_eq!(first(&cx, &["m.n"]).await, fields! { "m" => fields! { "n" => 2 } });
}

async fn an_unknown_field_adds_nothing(cx: Ctx) {
    assert_eq!(first(&cx, &["x", "nowhere", "m.nowhere", "x.y"]).await.get("x"), Some(&1.into()));
    assert_eq!(first(&cx, &["nowhere"]).await, fields! {});
}

async fn an_empty_projection_yields_no_fields(cx: Ctx) {
    assert_eq!(first(&cx, &[]).await, fields! {});
}

async fn a_projection_of_the_name_yields_no_fields(cx: Ctx) {
    assert_eq!(first(&cx, &["__name__"]).await, fields! {});
}

async fn overlapping_paths_yield_the_outer(cx: Ctx) {
    let whole = fields! { "m" => fields! { "n" => 2, "o" => 3 } };
    assert_eq!(first(&cx, &["m.n", "m"]).await, whole);
}

async fn quoted_paths_are_found(cx: Ctx) {
    assert_eq!(first(&cx, &["`a.b`"]).await, fields! { "a.b" => 4 });
}

async fn a_projection_keeps_times(cx: Ctx) {
    cx.put("a", fields! { "x" => 1 }).await;
    let row = cx.db().query(cx.query().select([])).await.unwrap().remove(0);
    let whole = cx.fetch("a").await;
    assert_eq!((row.created(), row.updated()), (whole.created(), whole.updated()));
}

async fn a_projection_does_not_change_which_rows_match(cx: Ctx) {
    cx.seed([("a", fields! { "x" => 1 }), ("b", fields! { "y" => 1 })]).await;
    assert_eq!(cx.ids(cx.query().select(["x"])).await, ["a", "b"]);
}

async fn a_projection_may_leave_out_the_order(cx: Ctx) {
    cx.seed([("a", fields! { "v" => 2, "x" => 0 }), ("b", fields! { "v" => 1, "x" => 0 })]).await;
    let query = || cx.query().ascending("v").select(["x"]);
    assert_eq!(cx.ids(query()).await, ["b", "a"]);
    assert_eq!(cx.ids(query().filter(field("v").gt(1))).await, ["a"]);
}
