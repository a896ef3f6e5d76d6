//! Merges: which fields change, and what happens on the way to them.

use firekeep_core::{ErrorKind, FieldPath, Fields, Require, Write, fields};

use crate::Ctx;
use crate::case::cases;
use crate::ctx::refused;

cases! { "merges":
    a_merge_keeps_other_fields, a_merge_creates_a_missing_document, an_update_needs_the_document,
    a_masked_path_without_a_value_is_deleted, deleting_the_last_key_leaves_an_empty_map,
    deleting_through_a_missing_parent_changes_nothing, a_nested_merge_keeps_siblings,
    a_path_through_a_scalar_replaces_it, a_path_through_an_array_replaces_it,
    a_masked_map_is_replaced_whole, an_empty_mask_changes_nothing,
    an_empty_mask_creates_an_empty_document, fields_outside_the_mask_are_ignored,
    merging_an_empty_map_replaces_the_map, quoted_paths_name_odd_fields,
    deleting_through_a_scalar_keeps_it,
}

async fn merge(cx: &Ctx, fields: Fields, mask: &[&str]) -> Fields {
    let mask = mask.iter().map(|path| FieldPath::parse(path).unwrap()).collect();
    cx.write(Write::merge_masked(cx.doc("m"), fields, mask).unwrap()).await;
    cx.fields_of("m").await
}

async fn a_merge_keeps_other_fields(cx: Ctx) {
    cx.put("m", fields! { "a" => 1, "b" => 2 }).await;
    cx.db().merge(cx.doc("m"), fields! { "b" => 3, "c" => 4 }).await.unwrap();
    assert_eq!(cx.fields_of("m").await, fields! { "a" => 1, "b" => 3, "c" => 4 });
}

async fn a_merge_creates_a_missing_document(cx: Ctx) {
    cx.db().merge(cx.doc("m"), fields! { "a" => 1 }).await.unwrap();
    assert_eq!(cx.fields_of("m").await, fields! { "a" => 1 });
}

async fn an_update_needs_the_document(cx: Ctx) {
    refused(cx.db().update(cx.doc("m"), fields! { "a" => 1 }).await, ErrorKind::NotFound);
    assert!(cx.find("m").await.is_none());
}

async fn a_masked_path_without_a_value_is_deleted(cx: Ctx) {
    cx.put("m", fields! { "a" => 1, "b" => 2 }).await;
    assert_eq!(merge(&cx, fields! {}, &["a"]).await, fields! { "b" => 2 });
}

async fn deleting_the_last_key_leaves_an_empty_map(cx: Ctx) {
    cx.put("m", fields! { "m" => fields! { "a" => 1 } }).await;
    assert_eq!(merge(&cx, fields! {}, &["m.a"]).await, fields! { "m" => fields! {} });
}

async fn deleting_through_a_missing_parent_changes_nothing(cx: Ctx) {
    let version = cx.put("m", fields! { "a" => 1 }).await.version;
    assert_eq!(merge(&cx, fields! {}, &["x.y.z"]).await, fields! { "a" => 1 });
    assert_eq!(Some(cx.fetch("m").await.version()), version);
}

async fn deleting_through_a_scalar_keeps_it(cx: Ctx) {
    cx.put("m", fields! { "a" => 1 }).await;
    assert_eq!(merge(&cx, fields! {}, &["a.b"]).await, fields! { "a" => 1 });
}

async fn a_nested_merge_keeps_siblings(cx: Ctx) {
    cx.put("m", fields! { "m" => fields! { "a" => 1, "b" => 2 } }).await;
    cx.db().merge(cx.doc("m"), fields! { "m" => fields! { "b" => 3, "c" => 4 } }).await.unwrap();
    let expected = fields! { "m" => fields! { "a" => 1, "b" => 3, "c" => 4 } };
    assert_eq!(cx.fields_of("m").await, expected);
}

async fn a_path_through_a_scalar_replaces_it(cx: Ctx) {
    cx.put("m", fields! { "a" => "text" }).await;
    let nested = fields! { "a" => fields! { "b" => fields! { "c" => 1 } } };
    assert_eq!(merge(&cx, nested.clone(), &["a.b.c"]).await, nested);
}

async fn a_path_through_an_array_replaces_it(cx: Ctx) {
    cx.put("m", fields! { "a" => [1, 2] }).await;
    let nested = fields! { "a" => fields! { "b" => 1 } };
    assert_eq!(merge(&cx, nested.clone(), &["a.b"]).await, nested);
}

async fn a_masked_map_is_replaced_whole(cx: Ctx) {
    cx.put("m", fields! { "m" => fields! { "a" => 1, "b" => 2 } }).await;
    let new = fields! { "m" => fields! { "c" => 3 } };
    assert_eq!(merge(&cx, new.clone(), &["m"]).await, new);
}

async fn an_empty_mask_changes_nothing(cx: Ctx) {
    let version = cx.put("m", fields! { "a" => 1 }).await.version;
    assert_eq!(merge(&cx, fields! {}, &[]).await, fields! { "a" => 1 });
    assert_eq!(Some(cx.fetch("m").await.version()), version);
}

async fn an_empty_mask_creates_an_empty_document(cx: Ctx) {
    assert_eq!(merge(&cx, fields! {}, &[]).await, fields! {});
}

async fn fields_outside_the_mask_are_ignored(cx: Ctx) {
    cx.put("m", fields! { "a" => 1, "b" => 2 }).await;
    let merged = merge(&cx, fields! { "a" => 5, "b" => 6 }, &["a"]).await;
    assert_eq!(merged, fields! { "a" => 5, "b" => 2 });
}

async fn merging_an_empty_map_replaces_the_map(cx: Ctx) {
    cx.put("m", fields! { "m" => fields! { "a" => 1 } }).await;
    cx.db().merge(cx.doc("m"), fields! { "m" => fields! {} }).await.unwrap();
    assert_eq!(cx.fields_of("m").await, fields! { "m" => fields! {} });
}

async fn quoted_paths_name_odd_fields(cx: Ctx) {
    cx.put("m", fields! { "a.b" => 1, "a" => fields! { "b" => 2 } }).await;
    let merged = merge(&cx, fields! { "a.b" => 3 }, &["`a.b`"]).await;
    assert_eq!(merged, fields! { "a.b" => 3, "a" => fields! { "b" => 2 } });
    let update = Write::merge(cx.doc("m"), fields! { "`\\" => 4 }).unwrap();
    cx.write(update.require(Require::Present)).await;
    assert_eq!(cx.fetch("m").await.get("`\\"), Some(&4.into()));
}
