//! Which names a document may have.

use firekeep_core::{CollectionPath, DocPath, ErrorKind, Query, fields};

use crate::Ctx;
use crate::case::cases;
use crate::ctx::refused;

cases! { "paths":
    an_id_of_1500_bytes_is_kept, ids_may_hold_anything_but_a_slash, numeric_ids_are_kept,
    a_path_of_100_segments_is_kept, a_document_lives_below_a_missing_one,
    deleting_a_document_keeps_those_below, a_collection_holds_only_its_direct_documents,
    collections_with_a_common_prefix_stay_apart, malformed_names_are_refused,
    reserved_names_are_refused, names_beyond_their_length_are_refused,
}

async fn an_id_of_1500_bytes_is_kept(cx: Ctx) {
    let id = "x".repeat(1_500);
    cx.put(&id, fields! { "v" => 1 }).await;
    assert_eq!(cx.fetch(&id).await.id(), id);
}

async fn ids_may_hold_anything_but_a_slash(cx: Ctx) {
    for id in [" ", "a.b", "...", "%2F", "é😀", "a b", "?#[]*`~\\", "__", "___", "\u{7f}"] {
        cx.put(id, fields! { "id" => id }).await;
        assert_eq!(cx.fetch(id).await.id(), id);
    }
}

async fn numeric_ids_are_kept(cx: Ctx) {
    for id in ["__id1__", "__id-1__", "__id9223372036854775807__"] {
        cx.put(id, fields! {}).await;
        assert_eq!(cx.fetch(id).await.path(), &cx.doc(id));
    }
}

async fn a_path_of_100_segments_is_kept(cx: Ctx) {
    let path = DocPath::new(format!("{}{}", cx.root(), "/c/d".repeat(49))).unwrap();
    assert_eq!(path.segments().count(), 100);
    cx.db().set(&path, fields! { "v" => 1 }).await.unwrap();
    assert_eq!(cx.db().get(&path).await.unwrap().unwrap().path(), &path);
}

async fn a_document_lives_below_a_missing_one(cx: Ctx) {
    let below = cx.doc("missing").collection("sub").unwrap().doc("d").unwrap();
    cx.db().set(&below, fields! {}).await.unwrap();
    assert!(cx.find("missing").await.is_none());
    assert!(cx.db().get(&below).await.unwrap().is_some());
    assert!(cx.ids(cx.query()).await.is_empty(), "a query does not show the missing parent");
}

async fn deleting_a_document_keeps_those_below(cx: Ctx) {
    let below = cx.doc("p").collection("sub").unwrap().doc("d").unwrap();
    cx.put("p", fields! {}).await;
    cx.db().set(&below, fields! {}).await.unwrap();
    cx.db().delete(cx.doc("p")).await.unwrap();
    assert!(cx.db().get(&below).await.unwrap().is_some());
}

async fn a_collection_holds_only_its_direct_documents(cx: Ctx) {
    let below = cx.doc("a").collection("items").unwrap().doc("deep").unwrap();
    cx.put("a", fields! {}).await;
    cx.db().set(&below, fields! {}).await.unwrap();
    assert_eq!(cx.ids(cx.query()).await, ["a"]);
}

async fn collections_with_a_common_prefix_stay_apart(cx: Ctx) {
    cx.put("a", fields! {}).await;
    for other in ["item", "items!", "items2"] {
        let doc = cx.root().collection(other).unwrap().doc("b").unwrap();
        cx.db().set(doc, fields! {}).await.unwrap();
    }
    assert_eq!(cx.ids(cx.query()).await, ["a"]);
}

async fn malformed_names_are_refused(cx: Ctx) {
    for path in ["", "/", "c", "c/", "/c", "c//d", "c/.", "c/..", "c/d/e", "c/d/e/"] {
        refused(cx.db().get(path).await, ErrorKind::InvalidArgument);
    }
    for path in ["", "c/d", "c//d", "."] {
        refused(cx.db().query(Query::collection(path)).await, ErrorKind::InvalidArgument);
    }
}

async fn reserved_names_are_refused(cx: Ctx) {
    for id in ["____", "__x__", "__id0__", "__id01__", "__id1.0__", "__id9223372036854775808__"] {
        refused(cx.items().doc(id), ErrorKind::InvalidArgument);
        refused(CollectionPath::new(id), ErrorKind::InvalidArgument);
    }
}

async fn names_beyond_their_length_are_refused(cx: Ctx) {
    refused(cx.items().doc("x".repeat(1_501)), ErrorKind::InvalidArgument);
    let long = format!("c/{}", "x".repeat(1_400));
    let path = [long.as_str(); 5].join("/");
    refused(cx.db().set(path, fields! {}).await, ErrorKind::InvalidArgument);
    let deep = "c/d/".repeat(50) + "c/d";
    refused(DocPath::new(deep), ErrorKind::InvalidArgument);
}
