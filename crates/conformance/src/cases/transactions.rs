//! Read-write transactions: serializable, whichever way conflicts are found.
//!
//! Where two parties conflict, either may be refused with `Aborted` or made to wait; the cases
//! accept both and hold the outcome against a serial order.

use firekeep_core::{
    AggregateRequest, Aggregation, BatchGet, Commit, Committed, Concurrency, Document, Error,
    ErrorKind, Query, QueryEvent, QueryRequest, ReadAt, Require, Result, Retry, TxnId, TxnOptions,
    Write, field, fields,
};
use futures::{TryStreamExt, join};

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
    disjoint_transactions_do_not_disturb_each_other, of_two_that_read_and_write_one_wins,
    write_skew_is_refused, of_two_creators_of_a_missing_document_one_wins,
    phantoms_are_refused, phantoms_under_a_count_are_refused,
    a_plain_write_between_read_and_commit_is_serialized, concurrent_increments_are_not_lost,
    an_aborted_commit_asks_for_a_rerun, a_rerun_may_name_its_first_attempt,
    an_optimistic_read_blocks_no_writer [OptimisticTransactions],
    an_optimistic_commit_after_a_change_aborts [OptimisticTransactions],
    a_released_transaction_blocks_nobody,
}

async fn begin(cx: &Ctx) -> TxnId {
    cx.store().begin(cx.cx(), TxnOptions::default()).await.unwrap()
}

async fn read(cx: &Ctx, txn: &TxnId, id: &str) -> Option<Document> {
    let at = ReadAt::Txn(txn.clone());
    let request = BatchGet { at, ..BatchGet::new(vec![cx.doc(id)]) };
    cx.store().batch_get(cx.cx(), request).await.unwrap().lookups.remove(0).document
}

async fn commit(cx: &Ctx, txn: &TxnId, writes: Vec<Write>) -> Result<Committed> {
    let commit = Commit::new(writes)?.in_txn(txn.clone());
    let outcome = cx.store().commit(cx.cx(), commit).await;
    if outcome.is_err() {
        cx.store().rollback(cx.cx(), txn.clone()).await.unwrap();
    }
    outcome
}

fn set(cx: &Ctx, id: &str, v: i64) -> Write {
    Write::replace(cx.doc(id), fields! { "v" => v }).unwrap()
}

/// Checks that exactly one of two conflicting commits went through and the other was aborted.
#[track_caller]
fn one_won(first: Result<Committed>, second: Result<Committed>) {
    match (first, second) {
        (Ok(_), Ok(_)) => panic!("both went through: not serializable"),
        (Ok(_), lost) | (lost, Ok(_)) => drop(refused(lost, ErrorKind::Aborted)),
        (Err(first), Err(second)) => panic!("nobody won: {first}; {second}"),
    }
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

async fn of_two_that_read_and_write_one_wins(cx: Ctx) {
    cx.put("a", fields! { "v" => 1 }).await;
    let (first, second) = (begin(&cx).await, begin(&cx).await);
    read(&cx, &first, "a").await;
    read(&cx, &second, "a").await;
    let (first, second) = join!(
        commit(&cx, &first, vec![set(&cx, "a", 2)]),
        commit(&cx, &second, vec![set(&cx, "a", 3)]),
    );
    one_won(first, second);
}

async fn write_skew_is_refused(cx: Ctx) {
    cx.seed([("a", fields! { "v" => 1 }), ("b", fields! { "v" => 1 })]).await;
    let (first, second) = (begin(&cx).await, begin(&cx).await);
    for txn in [&first, &second] {
        read(&cx, txn, "a").await;
        read(&cx, txn, "b").await;
    }
    let (first, second) = join!(
        commit(&cx, &first, vec![set(&cx, "a", 0)]),
        commit(&cx, &second, vec![set(&cx, "b", 0)]),
    );
    one_won(first, second);
}

async fn of_two_creators_of_a_missing_document_one_wins(cx: Ctx) {
    let (first, second) = (begin(&cx).await, begin(&cx).await);
    assert!(read(&cx, &first, "a").await.is_none());
    assert!(read(&cx, &second, "a").await.is_none());
    let (first, second) = join!(
        commit(&cx, &first, vec![set(&cx, "a", 1)]),
        commit(&cx, &second, vec![set(&cx, "a", 2)]),
    );
    one_won(first, second);
}

async fn rows_in(cx: &Ctx, txn: &TxnId) -> usize {
    let query: Query = cx.query().filter(field("v").eq(1)).build().unwrap();
    let request = QueryRequest { query, at: ReadAt::Txn(txn.clone()) };
    let events: Vec<_> = cx.store().query(cx.cx(), request).try_collect().await.unwrap();
    events.iter().filter(|event| matches!(event, QueryEvent::Row(_))).count()
}

async fn phantoms_are_refused(cx: Ctx) {
    let cx = cx.apart();
    let (first, second) = (begin(&cx).await, begin(&cx).await);
    assert_eq!(rows_in(&cx, &first).await, 0);
    assert_eq!(rows_in(&cx, &second).await, 0);
    let (first, second) = join!(
        commit(&cx, &first, vec![set(&cx, "a", 1)]),
        commit(&cx, &second, vec![set(&cx, "b", 1)]),
    );
    one_won(first, second);
    assert_eq!(cx.db().count(cx.query()).await.unwrap(), 1);
}

async fn count_in(cx: &Ctx, txn: &TxnId) {
    let count = vec![("n".to_owned(), Aggregation::Count { up_to: None })];
    let request = AggregateRequest::new(cx.query().build().unwrap(), count).unwrap();
    let answer = cx.store().aggregate(cx.cx(), request.at(ReadAt::Txn(txn.clone()))).await;
    assert_eq!(answer.unwrap().values["n"], 0.into());
}

async fn phantoms_under_a_count_are_refused(cx: Ctx) {
    let cx = cx.apart();
    let (first, second) = (begin(&cx).await, begin(&cx).await);
    count_in(&cx, &first).await;
    count_in(&cx, &second).await;
    let (first, second) = join!(
        commit(&cx, &first, vec![set(&cx, "a", 1)]),
        commit(&cx, &second, vec![set(&cx, "b", 1)]),
    );
    one_won(first, second);
}

async fn a_plain_write_between_read_and_commit_is_serialized(cx: Ctx) {
    cx.put("a", fields! { "v" => 1 }).await;
    let txn = begin(&cx).await;
    read(&cx, &txn, "a").await;
    let (plain, transactional) = join!(
        cx.db().commit(vec![set(&cx, "a", 2)]),
        commit(&cx, &txn, vec![set(&cx, "copy", 1)]),
    );
    match (plain, transactional) {
        // What the transaction read was true at its commit.
        (Ok(plain), Ok(copied)) => assert!(copied.commit_time < plain.commit_time),
        (Ok(_), lost) => drop(refused(lost, ErrorKind::Aborted)),
        (lost, copied) => {
            refused(lost, ErrorKind::Aborted);
            copied.unwrap();
        }
    }
}

async fn concurrent_increments_are_not_lost(cx: Ctx) {
    cx.put("n", fields! { "n" => 0 }).await;
    let path = cx.doc("n");
    let add = || {
        cx.db().transact(|txn| {
            let path = path.clone();
            async move {
                let n = txn.get(&path).await?.and_then(|d| d.get("n")?.as_integer()).unwrap_or(0);
                txn.set(&path, fields! { "n" => n + 1 })?;
                Ok::<_, Error>(())
            }
        })
    };
    let (first, second) = join!(add(), add());
    first.unwrap();
    second.unwrap();
    assert_eq!(cx.fields_of("n").await, fields! { "n" => 2 });
}

async fn conflict(cx: &Ctx) -> (Error, TxnId) {
    cx.put("a", fields! { "v" => 1 }).await;
    let (first, second) = (begin(cx).await, begin(cx).await);
    read(cx, &first, "a").await;
    read(cx, &second, "a").await;
    let outcomes = join!(
        commit(cx, &first, vec![set(cx, "a", 2)]),
        commit(cx, &second, vec![set(cx, "a", 3)]),
    );
    match outcomes {
        (Err(error), _) => (error, first),
        (_, Err(error)) => (error, second),
        _ => panic!("both went through: not serializable"),
    }
}

async fn an_aborted_commit_asks_for_a_rerun(cx: Ctx) {
    let (error, _) = conflict(&cx).await;
    assert_eq!(error.kind(), ErrorKind::Aborted);
    assert_eq!(error.retry(), Retry::Transaction);
    assert_eq!(error.effect(), firekeep_core::Effect::None);
}

async fn a_rerun_may_name_its_first_attempt(cx: Ctx) {
    let (_, first) = conflict(&cx).await;
    let options = TxnOptions::ReadWrite { retry: Some(first), concurrency: None };
    let rerun = cx.store().begin(cx.cx(), options).await.unwrap();
    read(&cx, &rerun, "a").await;
    commit(&cx, &rerun, vec![set(&cx, "a", 9)]).await.unwrap();
    assert_eq!(cx.fields_of("a").await, fields! { "v" => 9 });
}

async fn optimistic(cx: &Ctx) -> TxnId {
    let concurrency = Some(Concurrency::Optimistic);
    let options = TxnOptions::ReadWrite { retry: None, concurrency };
    cx.store().begin(cx.cx(), options).await.unwrap()
}

async fn an_optimistic_read_blocks_no_writer(cx: Ctx) {
    cx.put("a", fields! { "v" => 1 }).await;
    let txn = optimistic(&cx).await;
    read(&cx, &txn, "a").await;
    cx.put("a", fields! { "v" => 2 }).await;
    assert_eq!(cx.fields_of("a").await, fields! { "v" => 2 });
}

async fn an_optimistic_commit_after_a_change_aborts(cx: Ctx) {
    cx.put("a", fields! { "v" => 1 }).await;
    let txn = optimistic(&cx).await;
    read(&cx, &txn, "a").await;
    cx.put("a", fields! { "v" => 2 }).await;
    refused(commit(&cx, &txn, vec![set(&cx, "b", 1)]).await, ErrorKind::Aborted);
    assert!(cx.find("b").await.is_none());
}

async fn a_released_transaction_blocks_nobody(cx: Ctx) {
    cx.put("a", fields! { "v" => 1 }).await;
    let txn = begin(&cx).await;
    read(&cx, &txn, "a").await;
    cx.store().rollback(cx.cx(), txn).await.unwrap();
    cx.put("a", fields! { "v" => 2 }).await;
}
