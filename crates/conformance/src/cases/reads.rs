//! Reading documents by path.

use std::time::Duration;

use firekeep_core::{BatchGet, DocPath, ErrorKind, FieldPath, Fields, Lookup, ReadAt, fields};

use crate::Ctx;
use crate::case::cases;
use crate::ctx::refused;

cases! { "reads":
    answers_come_in_request_order, a_repeated_path_is_answered_each_time,
    missing_documents_are_answered, an_empty_request_is_answered_empty,
    one_request_has_one_read_time, a_read_sees_the_commit_before_it,
    the_read_time_is_not_before_the_version, a_mask_narrows_the_fields,
    a_nested_mask_keeps_the_path_to_the_field, an_empty_mask_yields_no_fields,
    a_mask_of_unknown_fields_yields_none, a_mask_keeps_times, quoted_mask_paths_find_odd_names,
    a_past_time_shows_the_version_of_then, a_past_time_before_creation_shows_nothing,
    a_past_time_shows_a_document_deleted_since, a_future_time_is_refused,
    created_and_updated_are_the_commits,
}

async fn lookups(cx: &Ctx, request: BatchGet) -> Vec<Lookup> {
    cx.store().batch_get(cx.cx(), request).await.unwrap().lookups
}

async fn masked(cx: &Ctx, id: &str, mask: &[&str]) -> Fields {
    let mask = Some(mask.iter().map(|path| FieldPath::parse(path).unwrap()).collect());
    let request = BatchGet { mask, ..BatchGet::new(vec![cx.doc(id)]) };
    lookups(cx, request).await.remove(0).document.unwrap().into_fields()
}

async fn answers_come_in_request_order(cx: Ctx) {
    cx.seed([("a", fields! {}), ("b", fields! {}), ("c", fields! {})]).await;
    let paths: Vec<DocPath> = ["c", "x", "a", "b"].map(|id| cx.doc(id)).into();
    let found = lookups(&cx, BatchGet::new(paths.clone())).await;
    assert_eq!(found.iter().map(|lookup| lookup.path.clone()).collect::<Vec<_>>(), paths);
    let there: Vec<_> = found.iter().map(|lookup| lookup.document.is_some()).collect();
    assert_eq!(there, [true, false, true, true]);
}

async fn a_repeated_path_is_answered_each_time(cx: Ctx) {
    cx.put("a", fields! { "v" => 1 }).await;
    let paths = ["a", "x", "a", "x"].map(|id| cx.doc(id)).into();
    let found = lookups(&cx, BatchGet::new(paths)).await;
    assert_eq!(found.len(), 4);
    assert_eq!(found[0], found[2]);
    assert_eq!(found[1], found[3]);
    assert!(found[0].document.is_some() && found[1].document.is_none());
}

async fn missing_documents_are_answered(cx: Ctx) {
    let found = lookups(&cx, BatchGet::new(vec![cx.doc("x")])).await;
    assert_eq!(found.len(), 1);
    assert!(found[0].document.is_none());
    assert_eq!(found[0].path, cx.doc("x"));
}

async fn an_empty_request_is_answered_empty(cx: Ctx) {
    assert!(lookups(&cx, BatchGet::new(vec![])).await.is_empty());
}

async fn one_request_has_one_read_time(cx: Ctx) {
    cx.put("a", fields! {}).await;
    let paths = ["a", "x", "b"].map(|id| cx.doc(id)).into();
    let found = lookups(&cx, BatchGet::new(paths)).await;
    assert!(found.iter().all(|lookup| lookup.read_time == found[0].read_time));
}

async fn a_read_sees_the_commit_before_it(cx: Ctx) {
    for round in 0..5 {
        cx.put("a", fields! { "round" => round }).await;
        assert_eq!(cx.fields_of("a").await, fields! { "round" => round });
    }
}

async fn the_read_time_is_not_before_the_version(cx: Ctx) {
    cx.put("a", fields! {}).await;
    let found = lookups(&cx, BatchGet::new(vec![cx.doc("a")])).await.remove(0);
    assert!(found.read_time >= found.document.unwrap().updated());
}

async fn a_mask_narrows_the_fields(cx: Ctx) {
    cx.put("a", fields! { "x" => 1, "y" => 2, "z" => 3 }).await;
    assert_eq!(masked(&cx, "a", &["z", "x"]).await, fields! { "x" => 1, "z" => 3 });
}

async fn a_nested_mask_keeps_the_path_to_the_field(cx: Ctx) {
    cx.put("a", fields! { "m" => fields! { "x" => 1, "y" => 2 }, "n" => 3 }).await;
    assert_eq!(masked(&cx, "a", &["m.y"]).await, fields! { "m" => fields! { "y" => 2 } });
}

async fn an_empty_mask_yields_no_fields(cx: Ctx) {
    cx.put("a", fields! { "x" => 1 }).await;
    assert_eq!(masked(&cx, "a", &[]).await, fields! {});
}

async fn a_mask_of_unknown_fields_yields_none(cx: Ctx) {
    cx.put("a", fields! { "x" => 1 }).await;
    assert_eq!(masked(&cx, "a", &["nowhere"]).await, fields! {});
}

async fn a_mask_keeps_times(cx: Ctx) {
    cx.put("a", fields! { "x" => 1 }).await;
    let request = BatchGet { mask: Some(vec![]), ..BatchGet::new(vec![cx.doc("a")]) };
    let narrow = lookups(&cx, request).await.remove(0).document.unwrap();
    let whole = cx.fetch("a").await;
    assert_eq!((narrow.created(), narrow.updated()), (whole.created(), whole.updated()));
}

async fn quoted_mask_paths_find_odd_names(cx: Ctx) {
    cx.put("a", fields! { "a.b" => 1, "a" => fields! { "b" => 2 }, "`" => 3 }).await;
    assert_eq!(masked(&cx, "a", &["`a.b`", "`\\``"]).await, fields! { "a.b" => 1, "`" => 3 });
}

async fn at(cx: &Ctx, id: &str, time: firekeep_core::Timestamp) -> Option<Fields> {
    let request = BatchGet { at: ReadAt::Time(time), ..BatchGet::new(vec![cx.doc(id)]) };
    lookups(cx, request).await.remove(0).document.map(firekeep_core::Document::into_fields)
}

async fn a_past_time_shows_the_version_of_then(cx: Ctx) {
    let first = cx.seed([("a", fields! { "v" => 1 })]).await;
    let second = cx.seed([("a", fields! { "v" => 2 })]).await;
    assert_eq!(at(&cx, "a", first).await, Some(fields! { "v" => 1 }));
    assert_eq!(at(&cx, "a", second).await, Some(fields! { "v" => 2 }));
}

async fn a_past_time_before_creation_shows_nothing(cx: Ctx) {
    let before = cx.seed([("other", fields! {})]).await;
    cx.put("a", fields! {}).await;
    assert_eq!(at(&cx, "a", before).await, None);
}

async fn a_past_time_shows_a_document_deleted_since(cx: Ctx) {
    let then = cx.seed([("a", fields! { "v" => 1 })]).await;
    cx.db().delete(cx.doc("a")).await.unwrap();
    assert_eq!(at(&cx, "a", then).await, Some(fields! { "v" => 1 }));
    assert!(cx.find("a").await.is_none());
}

async fn a_future_time_is_refused(cx: Ctx) {
    let now = cx.seed([("a", fields! {})]).await;
    let later = now.saturating_add(Duration::from_secs(3_600));
    let request = BatchGet { at: ReadAt::Time(later), ..BatchGet::new(vec![cx.doc("a")]) };
    let answer = cx.store().batch_get(cx.cx(), request).await;
    refused(answer, ErrorKind::InvalidArgument);
}

async fn created_and_updated_are_the_commits(cx: Ctx) {
    let first = cx.seed([("a", fields! { "v" => 1 })]).await;
    let second = cx.seed([("a", fields! { "v" => 2 })]).await;
    let document = cx.fetch("a").await;
    assert_eq!((document.created(), document.updated()), (first, second));
}
