//! Reads of one consistent time: read-only transactions, and queries about the past.

use firekeep_core::{
    AggregateRequest, Aggregation, BatchGet, Commit, Error, ErrorKind, Fields, QueryEvent,
    QueryRequest, ReadAt, Timestamp, TxnId, TxnOptions, Value, Write, field, fields,
};
use futures::TryStreamExt;

use crate::Ctx;
use crate::case::cases;
use crate::ctx::refused;

cases! { "snapshots":
    a_snapshot_does_not_move, a_snapshot_holds_across_documents, a_snapshot_holds_for_queries,
    a_snapshot_holds_for_counts, a_snapshot_still_sees_what_is_deleted,
    a_snapshot_blocks_no_writer, a_snapshot_may_lie_in_the_past, a_snapshot_commits_empty,
    a_snapshot_can_not_write, a_query_may_ask_about_the_past, a_past_query_sees_deleted_rows,
    a_past_query_orders_by_past_values, a_count_may_ask_about_the_past,
    one_query_has_one_read_time, a_write_in_a_snapshot_body_is_refused,
}

async fn snapshot(cx: &Ctx, at: Option<Timestamp>) -> TxnId {
    cx.store().begin(cx.cx(), TxnOptions::ReadOnly { at }).await.unwrap()
}

async fn read(cx: &Ctx, txn: &TxnId, id: &str) -> Option<Fields> {
    let at = ReadAt::Txn(txn.clone());
    let request = BatchGet { at, ..BatchGet::new(vec![cx.doc(id)]) };
    let answer = cx.store().batch_get(cx.cx(), request).await.unwrap();
    answer.lookups.into_iter().next().unwrap().document.map(firekeep_core::Document::into_fields)
}

async fn rows(cx: &Ctx, at: ReadAt) -> (Vec<String>, Timestamp) {
    let query = cx.query().filter(field("v").ge(0)).build().unwrap();
    let (mut ids, mut time) = (Vec::new(), None);
    let mut events = cx.store().query(cx.cx(), QueryRequest { query, at });
    while let Some(event) = events.try_next().await.unwrap() {
        match event {
            QueryEvent::Row(row) => ids.push(row.id().to_owned()),
            QueryEvent::Done { read_time, .. } => time = Some(read_time),
            QueryEvent::Began(_) => {}
        }
    }
    (ids, time.expect("a query ends with Done"))
}

async fn count(cx: &Ctx, at: ReadAt) -> Value {
    let aggregations = vec![("n".to_owned(), Aggregation::Count { up_to: None })];
    let request = AggregateRequest::new(cx.query().build().unwrap(), aggregations).unwrap();
    cx.store().aggregate(cx.cx(), request.at(at)).await.unwrap().values["n"].clone()
}

async fn a_snapshot_does_not_move(cx: Ctx) {
    cx.put("a", fields! { "v" => 1 }).await;
    let txn = snapshot(&cx, None).await;
    assert_eq!(read(&cx, &txn, "a").await, Some(fields! { "v" => 1 }));
    cx.put("a", fields! { "v" => 2 }).await;
    assert_eq!(read(&cx, &txn, "a").await, Some(fields! { "v" => 1 }));
}

async fn a_snapshot_holds_across_documents(cx: Ctx) {
    cx.seed([("a", fields! { "v" => 1 }), ("b", fields! { "v" => 1 })]).await;
    let txn = snapshot(&cx, None).await;
    assert_eq!(read(&cx, &txn, "a").await, Some(fields! { "v" => 1 }));
    cx.seed([("a", fields! { "v" => 2 }), ("b", fields! { "v" => 2 })]).await;
    assert_eq!(read(&cx, &txn, "b").await, Some(fields! { "v" => 1 }));
}

async fn a_snapshot_holds_for_queries(cx: Ctx) {
    cx.put("a", fields! { "v" => 1 }).await;
    let txn = snapshot(&cx, None).await;
    read(&cx, &txn, "a").await;
    cx.seed([("a", fields! { "v" => -1 }), ("b", fields! { "v" => 1 })]).await;
    assert_eq!(rows(&cx, ReadAt::Txn(txn)).await.0, ["a"]);
}

async fn a_snapshot_holds_for_counts(cx: Ctx) {
    cx.put("a", fields! { "v" => 1 }).await;
    let txn = snapshot(&cx, None).await;
    read(&cx, &txn, "a").await;
    cx.put("b", fields! { "v" => 1 }).await;
    assert_eq!(count(&cx, ReadAt::Txn(txn)).await, 1.into());
}

async fn a_snapshot_still_sees_what_is_deleted(cx: Ctx) {
    cx.seed([("a", fields! { "v" => 1 }), ("b", fields! { "v" => 1 })]).await;
    let txn = snapshot(&cx, None).await;
    read(&cx, &txn, "b").await;
    cx.db().delete(cx.doc("a")).await.unwrap();
    assert_eq!(read(&cx, &txn, "a").await, Some(fields! { "v" => 1 }));
    assert_eq!(rows(&cx, ReadAt::Txn(txn)).await.0, ["a", "b"]);
}

async fn a_snapshot_blocks_no_writer(cx: Ctx) {
    cx.put("a", fields! { "v" => 1 }).await;
    let txn = snapshot(&cx, None).await;
    read(&cx, &txn, "a").await;
    rows(&cx, ReadAt::Txn(txn)).await;
    cx.put("a", fields! { "v" => 2 }).await;
    cx.put("b", fields! { "v" => 2 }).await;
}

async fn a_snapshot_may_lie_in_the_past(cx: Ctx) {
    let then = cx.seed([("a", fields! { "v" => 1 })]).await;
    cx.put("a", fields! { "v" => 2 }).await;
    let txn = snapshot(&cx, Some(then)).await;
    assert_eq!(read(&cx, &txn, "a").await, Some(fields! { "v" => 1 }));
}

async fn a_snapshot_commits_empty(cx: Ctx) {
    let txn = snapshot(&cx, None).await;
    read(&cx, &txn, "a").await;
    let commit = Commit::new(vec![]).unwrap().in_txn(txn);
    assert!(cx.store().commit(cx.cx(), commit).await.unwrap().writes.is_empty());
}

async fn a_snapshot_can_not_write(cx: Ctx) {
    let txn = snapshot(&cx, None).await;
    let write = Write::replace(cx.doc("a"), fields! {}).unwrap();
    let commit = Commit::from(write).in_txn(txn);
    refused(cx.store().commit(cx.cx(), commit).await, ErrorKind::InvalidArgument);
    assert!(cx.find("a").await.is_none());
}

async fn a_write_in_a_snapshot_body_is_refused(cx: Ctx) {
    let a = cx.doc("a");
    let answer = cx.db().snapshot(None, |txn| async move { txn.set(&a, fields! {}) });
    refused::<()>(answer.await as Result<(), Error>, ErrorKind::InvalidArgument);
    assert!(cx.find("a").await.is_none());
}

async fn a_query_may_ask_about_the_past(cx: Ctx) {
    let then = cx.seed([("a", fields! { "v" => 1 }), ("b", fields! { "v" => -1 })]).await;
    cx.seed([("a", fields! { "v" => -1 }), ("b", fields! { "v" => 1 })]).await;
    assert_eq!(rows(&cx, ReadAt::Time(then)).await.0, ["a"]);
    assert_eq!(rows(&cx, ReadAt::Latest).await.0, ["b"]);
}

async fn a_past_query_sees_deleted_rows(cx: Ctx) {
    let then = cx.seed([("a", fields! { "v" => 1 })]).await;
    cx.db().delete(cx.doc("a")).await.unwrap();
    assert_eq!(rows(&cx, ReadAt::Time(then)).await.0, ["a"]);
    assert!(rows(&cx, ReadAt::Latest).await.0.is_empty());
}

async fn a_past_query_orders_by_past_values(cx: Ctx) {
    let then = cx.seed([("a", fields! { "v" => 1 }), ("b", fields! { "v" => 2 })]).await;
    cx.put("a", fields! { "v" => 3 }).await;
    assert_eq!(rows(&cx, ReadAt::Time(then)).await.0, ["a", "b"]);
    assert_eq!(rows(&cx, ReadAt::Latest).await.0, ["b", "a"]);
}

async fn a_count_may_ask_about_the_past(cx: Ctx) {
    let then = cx.seed([("a", fields! {})]).await;
    cx.put("b", fields! {}).await;
    assert_eq!(count(&cx, ReadAt::Time(then)).await, 1.into());
    assert_eq!(count(&cx, ReadAt::Latest).await, 2.into());
}

async fn one_query_has_one_read_time(cx: Ctx) {
    let then = cx.seed([("a", fields! { "v" => 1 })]).await;
    cx.put("b", fields! { "v" => 1 }).await;
    assert_eq!(rows(&cx, ReadAt::Time(then)).await.1, then);
    assert!(rows(&cx, ReadAt::Latest).await.1 > then);
}
