//! Transactions in conflict: serializable, whichever way conflicts are found.
//!
//! Either party may be refused with `Aborted` or made to wait; the cases accept both and hold the
//! outcome against a serial order. Two that would wait for each other commit one after the other:
//! at the same time, both may wait too long.

use firekeep_core::{
    AggregateRequest, Aggregation, Committed, Concurrency, Error, ErrorKind, Query, QueryEvent,
    QueryRequest, ReadAt, Result, Retry, TxnId, TxnOptions, field, fields,
};
use futures::{TryStreamExt, join};

use super::transactions::{begin, commit, read, set};
use crate::Ctx;
use crate::case::cases;
use crate::ctx::refused;

cases! { "conflicts":
    of_two_that_read_and_write_one_wins, write_skew_is_refused,
    of_two_creators_of_a_missing_document_one_wins, phantoms_are_refused,
    phantoms_under_a_count_are_refused, a_plain_write_between_read_and_commit_is_serialized,
    concurrent_increments_are_not_lost, an_aborted_commit_asks_for_a_rerun,
    a_rerun_may_name_its_first_attempt,
    an_optimistic_read_blocks_no_writer [OptimisticTransactions],
    an_optimistic_commit_after_a_change_aborts [OptimisticTransactions],
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

async fn of_two_that_read_and_write_one_wins(cx: Ctx) {
    cx.put("a", fields! { "v" => 1 }).await;
    let (first, second) = (begin(&cx).await, begin(&cx).await);
    read(&cx, &first, "a").await;
    read(&cx, &second, "a").await;
    let first = commit(&cx, &first, vec![set(&cx, "a", 2)]).await;
    let second = commit(&cx, &second, vec![set(&cx, "a", 3)]).await;
    one_won(first, second);
}

async fn write_skew_is_refused(cx: Ctx) {
    cx.seed([("a", fields! { "v" => 1 }), ("b", fields! { "v" => 1 })]).await;
    let (first, second) = (begin(&cx).await, begin(&cx).await);
    for txn in [&first, &second] {
        read(&cx, txn, "a").await;
        read(&cx, txn, "b").await;
    }
    let first = commit(&cx, &first, vec![set(&cx, "a", 0)]).await;
    let second = commit(&cx, &second, vec![set(&cx, "b", 0)]).await;
    one_won(first, second);
}

async fn of_two_creators_of_a_missing_document_one_wins(cx: Ctx) {
    let (first, second) = (begin(&cx).await, begin(&cx).await);
    assert!(read(&cx, &first, "a").await.is_none());
    assert!(read(&cx, &second, "a").await.is_none());
    let first = commit(&cx, &first, vec![set(&cx, "a", 1)]).await;
    let second = commit(&cx, &second, vec![set(&cx, "a", 2)]).await;
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
    let first = commit(&cx, &first, vec![set(&cx, "a", 1)]).await;
    let second = commit(&cx, &second, vec![set(&cx, "b", 1)]).await;
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
    let first = commit(&cx, &first, vec![set(&cx, "a", 1)]).await;
    let second = commit(&cx, &second, vec![set(&cx, "b", 1)]).await;
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
    let outcome = commit(cx, &first, vec![set(cx, "a", 2)]).await;
    let outcomes = (outcome, commit(cx, &second, vec![set(cx, "a", 3)]).await);
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
