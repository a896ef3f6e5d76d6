//! Transactions.

use firekeep_core::{
    BatchGet, Commit, Concurrency, DocPath, ErrorKind, ReadAt, Retry, Store, TxnId, TxnOptions,
    Write, fields,
};

use crate::database::{store, within};

fn path() -> DocPath {
    DocPath::new("c/x").unwrap()
}

fn put(n: i64) -> Write {
    Write::replace(path(), fields! { "n" => n }).unwrap()
}

fn read(txn: &TxnId) -> BatchGet {
    BatchGet { paths: vec![path()], mask: None, at: ReadAt::Txn(txn.clone()) }
}

#[tokio::test]
async fn reads_then_commits_in_one_transaction() {
    let (store, cx) = (store(), within(30));
    let txn = store.begin(&cx, TxnOptions::default()).await.unwrap();
    let answer = store.batch_get(&cx, read(&txn)).await.unwrap();
    assert!(answer.lookups[0].document.is_none());
    store.commit(&cx, Commit::new(vec![put(1)]).unwrap().in_txn(txn.clone())).await.unwrap();
    let late = store.batch_get(&cx, read(&txn)).await.unwrap_err();
    assert_eq!(late.kind(), ErrorKind::TransactionExpired, "{late}");
    assert_eq!(late.retry(), Retry::Transaction);
    let late = store.commit(&cx, Commit::from(put(2)).in_txn(txn.clone())).await.unwrap_err();
    assert_eq!(late.kind(), ErrorKind::TransactionExpired, "{late}");
    store.rollback(&cx, txn).await.unwrap();
}

#[tokio::test]
async fn an_unknown_transaction_is_as_good_as_expired() {
    let (store, cx) = (store(), within(30));
    let bogus = TxnId::new(&b"bogus"[..]);
    let error = store.batch_get(&cx, read(&bogus)).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::TransactionExpired, "{error}");
    store.rollback(&cx, bogus).await.unwrap();
}

#[tokio::test]
async fn a_rerun_names_the_first_attempt() {
    let (store, cx) = (store(), within(30));
    let first = store.begin(&cx, TxnOptions::default()).await.unwrap();
    store.rollback(&cx, first.clone()).await.unwrap();
    for concurrency in [None, Some(Concurrency::Pessimistic), Some(Concurrency::Optimistic)] {
        let options = TxnOptions::ReadWrite { retry: Some(first.clone()), concurrency };
        let again = store.begin(&cx, options).await.unwrap();
        assert_ne!(again, first);
        store.rollback(&cx, again).await.unwrap();
    }
}

#[tokio::test]
async fn a_snapshot_stays_and_takes_no_writes() {
    let (store, cx) = (store(), within(30));
    let first = store.commit(&cx, put(1).into()).await.unwrap();
    store.commit(&cx, put(2).into()).await.unwrap();
    let options = TxnOptions::ReadOnly { at: Some(first.commit_time) };
    let txn = store.begin(&cx, options).await.unwrap();
    let answer = store.batch_get(&cx, read(&txn)).await.unwrap();
    let document = answer.lookups[0].document.as_ref().unwrap();
    assert_eq!(document.get("n").unwrap().as_integer(), Some(1));
    let commit = Commit::from(put(3)).in_txn(txn.clone());
    let error = store.commit(&cx, commit).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidArgument, "{error}");
    store.rollback(&cx, txn).await.unwrap();
}

#[tokio::test]
async fn of_two_that_collide_one_is_aborted() {
    let (store, cx) = (store(), within(60));
    store.commit(&cx, put(0).into()).await.unwrap();
    let left = store.begin(&cx, TxnOptions::default()).await.unwrap();
    let right = store.begin(&cx, TxnOptions::default()).await.unwrap();
    store.batch_get(&cx, read(&left)).await.unwrap();
    store.batch_get(&cx, read(&right)).await.unwrap();
    // One after the other: sent at once, both may time out waiting for the other's lock.
    let left = store.commit(&cx, Commit::from(put(1)).in_txn(left)).await;
    let right = store.commit(&cx, Commit::from(put(2)).in_txn(right)).await;
    let error = match (left, right) {
        (Ok(_), Err(error)) | (Err(error), Ok(_)) => error,
        both => panic!("one of two must win: {both:?}"),
    };
    assert_eq!((error.kind(), error.retry()), (ErrorKind::Aborted, Retry::Transaction));
}
