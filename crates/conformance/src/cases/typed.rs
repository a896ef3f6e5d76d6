//! Typed collections: exact values, guarded changes, documents of other shapes.

use firekeep_core::{
    Bytes, Collection, DocPath, ErrorKind, GeoPoint, Timestamp, TypedChange, TypedEvent, WatchFrom,
    field, fields,
};
use futures::{StreamExt, join};
use serde::{Deserialize, Serialize};

use crate::Ctx;
use crate::case::cases;
use crate::ctx::refused;

cases! { "typed":
    every_type_of_value_is_exact, a_second_create_is_refused, a_stale_replace_is_refused,
    a_merge_keeps_fields_of_a_newer_binary, an_update_keeps_fields_of_a_newer_binary,
    concurrent_updates_are_not_lost, an_update_of_nothing_is_refused,
    a_document_of_another_shape_is_a_decode_error, a_query_yields_values_in_order,
    a_watch_tells_values,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Exact {
    large: i64,
    whole: f64,
    bytes: Bytes,
    at: Timestamp,
    place: GeoPoint,
    peer: DocPath,
    none: Option<i64>,
}

async fn every_type_of_value_is_exact(cx: Ctx) {
    let exact = Exact {
        large: 9_007_199_254_740_993,
        whole: 1.0,
        bytes: Bytes::from_static(b"\0\xff"),
        at: Timestamp::from_micros(-1).unwrap(),
        place: GeoPoint::new(1.5, -2.5).unwrap(),
        peer: cx.doc("peer"),
        none: None,
    };
    let items: Collection<Exact> = cx.db().collection(cx.items()).unwrap();
    items.create("a", &exact).await.unwrap();
    assert_eq!(items.get("a").await.unwrap().unwrap().into_value(), exact);
    let stored = cx.fields_of("a").await;
    assert_eq!(stored["large"], exact.large.into());
    assert_eq!(stored["whole"], 1.0.into());
    assert_eq!(stored["bytes"], exact.bytes.into());
    assert_eq!(stored["at"], exact.at.into());
    assert_eq!(stored["place"], exact.place.into());
    assert_eq!(stored["peer"], exact.peer.into());
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Counter {
    n: i64,
}

fn counters(cx: &Ctx) -> Collection<Counter> {
    cx.db().collection(cx.items()).unwrap()
}

async fn a_second_create_is_refused(cx: Ctx) {
    counters(&cx).create("a", &Counter { n: 1 }).await.unwrap();
    let again = counters(&cx).create("a", &Counter { n: 2 }).await;
    refused(again, ErrorKind::AlreadyExists);
    assert_eq!(cx.fields_of("a").await, fields! { "n" => 1 });
}

async fn a_stale_replace_is_refused(cx: Ctx) {
    let first = counters(&cx).create("a", &Counter { n: 1 }).await.unwrap();
    let second = counters(&cx).replace("a", first, &Counter { n: 2 }).await.unwrap();
    let stale = counters(&cx).replace("a", first, &Counter { n: 3 }).await;
    refused(stale, ErrorKind::FailedPrecondition);
    assert_eq!(cx.fetch("a").await.version(), second);
}

async fn a_merge_keeps_fields_of_a_newer_binary(cx: Ctx) {
    cx.put("a", fields! { "n" => 1, "added-later" => "kept" }).await;
    counters(&cx).merge("a", &Counter { n: 2 }).await.unwrap();
    assert_eq!(cx.fields_of("a").await, fields! { "n" => 2, "added-later" => "kept" });
}

async fn an_update_keeps_fields_of_a_newer_binary(cx: Ctx) {
    cx.put("a", fields! { "n" => 1, "added-later" => "kept" }).await;
    let updated = counters(&cx).update("a", |counter| counter.n += 1).await.unwrap();
    assert_eq!(updated.version(), cx.fetch("a").await.version());
    assert_eq!(cx.fields_of("a").await, fields! { "n" => 2, "added-later" => "kept" });
}

async fn concurrent_updates_are_not_lost(cx: Ctx) {
    cx.put("a", fields! { "n" => 0 }).await;
    let counters = counters(&cx);
    let add = || counters.update("a", |counter| counter.n += 1);
    let (one, two, three) = join!(add(), add(), add());
    for outcome in [one, two, three] {
        outcome.unwrap();
    }
    assert_eq!(cx.fields_of("a").await, fields! { "n" => 3 });
}

async fn an_update_of_nothing_is_refused(cx: Ctx) {
    let updated = counters(&cx).update("a", |counter| counter.n += 1).await;
    refused(updated, ErrorKind::NotFound);
    assert!(cx.find("a").await.is_none());
}

async fn a_document_of_another_shape_is_a_decode_error(cx: Ctx) {
    cx.put("a", fields! { "n" => "text" }).await;
    let error = refused(counters(&cx).get("a").await, ErrorKind::Decode);
    assert!(!error.to_string().contains("text"), "the message holds the value: {error}");
}

async fn a_query_yields_values_in_order(cx: Ctx) {
    cx.seed([
        ("a", fields! { "n" => 3 }),
        ("b", fields! { "n" => 1 }),
        ("c", fields! { "n" => 2 }),
    ])
    .await;
    let query = counters(&cx).query().filter(field("n").gt(1)).ascending("n");
    let found: Vec<_> = query.get().await.unwrap().iter().map(|row| row.value().n).collect();
    assert_eq!(found, [2, 3]);
}

async fn a_watch_tells_values(cx: Ctx) {
    cx.put("a", fields! { "n" => 7 }).await;
    let mut events = counters(&cx).watch(WatchFrom::Start).unwrap();
    loop {
        let event = events.next().await.expect("the watch goes on").unwrap();
        let TypedEvent::Batch(batch) = event else { continue };
        if let Some(TypedChange::Set(stored)) = batch.changes.first() {
            assert_eq!((stored.id(), stored.value()), ("a", &Counter { n: 7 }));
            return;
        }
    }
}
