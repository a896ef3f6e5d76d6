//! Read-write transactions without a conflict: what they see, what they write, how they end.

use firekeep_core::{
    AggregateRequest, Aggregation, BatchGet, Commit, Committed, Document, Error, ErrorKind,
    QueryEvent, QueryRequest, ReadAt, Require, Result, TxnId, TxnOptions, Write, fields,
};
use futures::TryStreamExt;

use crate::Ctx;
use crate::case::cases;
use crate::ctx::refused;

cases! { "transactions":
    writes_take_effect_at_the_commit, a_body_s_error_writes_nothing, a_rollback_writes_nothing,
    reads_see_what_is_committed, a_read_after_a_write_is_refused,
    a_transaction_may_write_what_it_read, a_transaction_may_only_read,
    a_transaction_may_only_write, the_first_read_begins_the_transaction,
    a_query_begins_the_transaction, an_aggregate_begins_the_transaction,
    a_finished_transaction_is_refused, an_unknown_transaction_is_refused,
    a_second_rollback_succeeds, a_failed_precondition_ends_the_transaction,
    disjoint_transactions_do_not_disturb_each_other, a_released_transaction_blocks_nobody,
}

pub(super) async fn begin(cx: &Ctx) -> TxnId {
    cx.store().begin(cx.cx(), TxnOptions::default()).await.unwrap()
}

pub(super) async fn read(cx: &Ctx, txn: &TxnId, id: &str) -> Option<Document> {
    let at = ReadAt::Txn(txn.clone());
    let request = BatchGet { at, ..BatchGet::new(vec![cx.doc(id)]) };
    cx.store().batch_get(cx.cx(), request).await.unwrap().lookups.remove(0).document
}

pub(super) async fn commit(cx: &Ctx, txn: &TxnId, writes: Vec<Write>) -> Result<Committed> {
    let commit = Commit::new(writes)?.in_txn(txn.clone());
    let outcome = cx.store().commit(cx.cx(), commit).await;
    if outcome.is_err() {
        cx.store().rollback(cx.cx(), txn.clone()).await.unwrap();
    }
    outcome
}

pub(super) fn set(cx: &Ctx, id: &str, v: i64) -> Write {
    Write::replace(cx.doc(id), fields! { "v" => v }).unwrap()
}

async fn writes_take_effect_at_the_commit(cx: Ctx) {
    let db = cx.db().clone();
    let (a, b) = (cx.doc("a"), cx.doc("b"));
    db.transact(|txn| {
        let (db, a, b) = (db.clone(), a.clone(), b.clone());
        async move {
            txn.set(&a, fields! { "v" => 1 })?;
            txn.create(&b, fields! { "v" => 2 })?;
            assert!(db.get(&a).await?.is_none(), "not before the commit");
            Ok::<_, Error>(())
        }
    })
    .await
    .unwrap();
    assert_eq!(cx.fetch("a").await.updated(), cx.fetch("b").await.updated());
}

async fn a_body_s_error_writes_nothing(cx: Ctx) {
    let a = cx.doc("a");
    let answer = cx.db().transact(|txn| {
        let a = a.clone();
        async move {
            txn.get(&a).await?;
            txn.set(&a, fields! {})?;
            Err::<(), _>(Error::invalid("the body changed its mind"))
        }
    });
    refused(answer.await, ErrorKind::InvalidArgument);
    assert!(cx.find("a").await.is_none());
    cx.put("a", fields! {}).await;
}

async fn a_rollback_writes_nothing(cx: Ctx) {
    let txn = begin(&cx).await;
    assert!(read(&cx, &txn, "a").await.is_none());
    cx.store().rollback(cx.cx(), txn.clone()).await.unwrap();
    let late = commit(&cx, &txn, vec![set(&cx, "a", 1)]).await;
    refused(late, ErrorKind::TransactionExpired);
    assert!(cx.find("a").await.is_none());
}

async fn reads_see_what_is_committed(cx: Ctx) {
    cx.put("a", fields! { "v" => 1 }).await;
    let txn = begin(&cx).await;
    assert_eq!(read(&cx, &txn, "a").await, Some(cx.fetch("a").await));
    assert_eq!(read(&cx, &txn, "x").await, None);
    commit(&cx, &txn, vec![]).await.unwrap();
}

async fn a_read_after_a_write_is_refused(cx: Ctx) {
    let a = cx.doc("a");
    let answer = cx.db().transact(|txn| {
        let a = a.clone();
        async move {
            txn.set(&a, fields! {})?;
            txn.get(&a).await.map(drop)
        }
    });
    refused(answer.await, ErrorKind::InvalidArgument);
    assert!(cx.find("a").await.is_none());
}

async fn a_transaction_may_write_what_it_read(cx: Ctx) {
    cx.put("a", fields! { "v" => 1 }).await;
    let txn = begin(&cx).await;
    let version = read(&cx, &txn, "a").await.unwrap().version();
    let write = set(&cx, "a", 2).require(Require::Version(version));
    let committed = commit(&cx, &txn, vec![write]).await.unwrap();
    assert_eq!(cx.fetch("a").await.updated(), committed.commit_time);
}

async fn a_transaction_may_only_read(cx: Ctx) {
    let version = cx.put("a", fields! { "v" => 1 }).await.version;
    let txn = begin(&cx).await;
    read(&cx, &txn, "a").await;
    assert!(commit(&cx, &txn, vec![]).await.unwrap().writes.is_empty());
    assert_eq!(Some(cx.fetch("a").await.version()), version);
}

async fn a_transaction_may_only_write(cx: Ctx) {
    let txn = begin(&cx).await;
    commit(&cx, &txn, vec![set(&cx, "a", 1), set(&cx, "b", 2)]).await.unwrap();
    assert!(cx.find("a").await.is_some() && cx.find("b").await.is_some());
}

async fn the_first_read_begins_the_transaction(cx: Ctx) {
    cx.put("a", fields! { "v" => 1 }).await;
    let at = ReadAt::Begin(TxnOptions::default());
    let request = BatchGet { at, ..BatchGet::new(vec![cx.doc("a")]) };
    let answer = cx.store().batch_get(cx.cx(), request).await.unwrap();
    assert_eq!(answer.lookups[0].document, Some(cx.fetch("a").await));
    let txn = answer.txn.expect("the answer names the transaction");
    commit(&cx, &txn, vec![set(&cx, "a", 2)]).await.unwrap();
    assert_eq!(cx.fields_of("a").await, fields! { "v" => 2 });
}

async fn a_query_begins_the_transaction(cx: Ctx) {
    let cx = cx.apart();
    cx.put("a", fields! { "v" => 1 }).await;
    let at = ReadAt::Begin(TxnOptions::default());
    let request = QueryRequest { query: cx.query().build().unwrap(), at };
    let events: Vec<_> = cx.store().query(cx.cx(), request).try_collect().await.unwrap();
    let [QueryEvent::Began(txn), QueryEvent::Row(row), QueryEvent::Done { .. }] = &events[..]
    else {
        panic!("not begun, one row, done: {events:?}");
    };
    assert_eq!(row.id(), "a");
    commit(&cx, txn, vec![set(&cx, "a", 2)]).await.unwrap();
}

async fn an_aggregate_begins_the_transaction(cx: Ctx) {
    let cx = cx.apart();
    cx.put("a", fields! { "v" => 1 }).await;
    let count = vec![("n".to_owned(), Aggregation::Count { up_to: None })];
    let request = AggregateRequest::new(cx.query().build().unwrap(), count).unwrap();
    let request = request.at(ReadAt::Begin(TxnOptions::default()));
    let answer = cx.store().aggregate(cx.cx(), request).await.unwrap();
    assert_eq!(answer.values["n"], 1.into());
    commit(&cx, &answer.txn.unwrap(), vec![set(&cx, "b", 2)]).await.unwrap();
}

async fn a_finished_transaction_is_refused(cx: Ctx) {
    let txn = begin(&cx).await;
    commit(&cx, &txn, vec![set(&cx, "a", 1)]).await.unwrap();
    let again = commit(&cx, &txn, vec![set(&cx, "a", 2)]).await;
    refused(again, ErrorKind::TransactionExpired);
    let request = BatchGet { at: ReadAt::Txn(txn), ..BatchGet::new(vec![cx.doc("a")]) };
    let late = cx.store().batch_get(cx.cx(), request).await;
    refused(late, ErrorKind::TransactionExpired);
    assert_eq!(cx.fields_of("a").await, fields! { "v" => 1 });
}

async fn an_unknown_transaction_is_refused(cx: Ctx) {
    let unknown = Commit::new(vec![set(&cx, "a", 1)]).unwrap();
    let unknown = unknown.in_txn(TxnId::new("no such transaction"));
    refused(cx.store().commit(cx.cx(), unknown).await, ErrorKind::TransactionExpired);
    assert!(cx.find("a").await.is_none());
}

async fn a_second_rollback_succeeds(cx: Ctx) {
    let txn = begin(&cx).await;
    cx.store().rollback(cx.cx(), txn.clone()).await.unwrap();
    cx.store().rollback(cx.cx(), txn).await.unwrap();
}

async fn a_failed_precondition_ends_the_transaction(cx: Ctx) {
    let txn = begin(&cx).await;
    read(&cx, &txn, "a").await;
    let guarded = set(&cx, "a", 1).require(Require::Present);
    let answer = commit(&cx, &txn, vec![set(&cx, "b", 1), guarded]).await;
    refused(answer, ErrorKind::NotFound);
    assert!(cx.find("b").await.is_none());
    cx.put("a", fields! {}).await;
}

async fn disjoint_transactions_do_not_disturb_each_other(cx: Ctx) {
    cx.seed([("a", fields! { "v" => 1 }), ("b", fields! { "v" => 1 })]).await;
    let (first, second) = (begin(&cx).await, begin(&cx).await);
    read(&cx, &first, "a").await;
    read(&cx, &second, "b").await;
    commit(&cx, &first, vec![set(&cx, "a", 2)]).await.unwrap();
    commit(&cx, &second, vec![set(&cx, "b", 3)]).await.unwrap();
    assert_eq!(cx.fields_of("a").await, fields! { "v" => 2 });
    assert_eq!(cx.fields_of("b").await, fields! { "v" => 3 });
}

async fn a_released_transaction_blocks_nobody(cx: Ctx) {
    cx.put("a", fields! { "v" => 1 }).await;
    let txn = begin(&cx).await;
    read(&cx, &txn, "a").await;
    cx.store().rollback(cx.cx(), txn).await.unwrap();
    cx.put("a", fields! { "v" => 2 }).await;
}
