//! Transactions.

use bytes::Bytes;
use googleapis_tonic_google_firestore_v1::google::firestore::v1 as proto;
use proto::get_document_request::ConsistencySelector;
use proto::transaction_options::Mode;
use tonic::{Code, Status};

use crate::ground::*;

const EXPIRED: &str = "The referenced transaction has expired or is no longer valid.";

async fn begin(ground: &mut Ground, mode: Option<Mode>) -> Bytes {
    let request = proto::BeginTransactionRequest {
        database: DATABASE.into(),
        options: Some(proto::TransactionOptions { mode }),
    };
    ground.client.begin_transaction(request).await.unwrap().into_inner().transaction
}

async fn get_in(ground: &mut Ground, txn: &Bytes, path: &str) -> Result<proto::Document, Status> {
    let request = proto::GetDocumentRequest {
        name: name(path),
        consistency_selector: Some(ConsistencySelector::Transaction(txn.clone())),
        ..Default::default()
    };
    Ok(ground.client.get_document(request).await?.into_inner())
}

async fn commit_in(
    ground: &mut Ground,
    txn: &Bytes,
    writes: Vec<proto::Write>,
) -> Result<proto::CommitResponse, Status> {
    let request =
        proto::CommitRequest { database: DATABASE.into(), writes, transaction: txn.clone() };
    Ok(ground.client.commit(request).await?.into_inner())
}

async fn roll_back(ground: &mut Ground, txn: &Bytes) -> Result<(), Status> {
    let request = proto::RollbackRequest { database: DATABASE.into(), transaction: txn.clone() };
    ground.client.rollback(request).await.map(drop)
}

#[tokio::test]
async fn a_transaction_reads_writes_and_ends() {
    let mut ground = Ground::new();
    ground.seed(&["c/d"]).await;
    let txn = begin(&mut ground, None).await;
    get_in(&mut ground, &txn, "c/d").await.unwrap();
    commit_in(&mut ground, &txn, vec![update("c/d", [("n", int(9))])]).await.unwrap();
    assert_eq!(ground.get("c/d").await.unwrap().fields, fields([("n", int(9))]));
    assert_eq!(refused(commit_in(&mut ground, &txn, vec![]).await, Code::InvalidArgument), EXPIRED);
    assert_eq!(refused(get_in(&mut ground, &txn, "c/d").await, Code::InvalidArgument), EXPIRED);
}

#[tokio::test]
async fn a_rollback_ends_a_transaction_and_may_be_repeated() {
    let mut ground = Ground::new();
    let txn = begin(&mut ground, None).await;
    roll_back(&mut ground, &txn).await.unwrap();
    roll_back(&mut ground, &txn).await.unwrap();
    assert_eq!(ground.server.control().open_transactions(), 0);
    let late = commit_in(&mut ground, &txn, vec![delete("c/d")]).await;
    assert_eq!(refused(late, Code::InvalidArgument), EXPIRED);
}

#[tokio::test]
async fn a_token_that_nobody_gave_is_refused() {
    let mut ground = Ground::new();
    for token in [&b"abc"[..], &[0; 24], &[255; 100]] {
        let token = Bytes::from_static(token);
        assert_eq!(refused(roll_back(&mut ground, &token).await, Code::InvalidArgument), EXPIRED);
        let read = get_in(&mut ground, &token, "c/d").await;
        assert_eq!(refused(read, Code::InvalidArgument), EXPIRED);
    }
}

#[tokio::test]
async fn a_read_only_transaction_is_a_snapshot_and_writes_nothing() {
    let mut ground = Ground::new();
    ground.seed(&["c/d"]).await;
    let txn = begin(&mut ground, Some(Mode::ReadOnly(Default::default()))).await;
    ground.commit(vec![delete("c/d")]).await.unwrap();
    get_in(&mut ground, &txn, "c/d").await.unwrap();
    let write = commit_in(&mut ground, &txn, vec![update("c/d", [])]).await;
    let words = "Cannot modify entities in a read-only transaction.";
    assert_eq!(refused(write, Code::InvalidArgument), words);
    commit_in(&mut ground, &txn, vec![]).await.unwrap();
}

#[tokio::test]
async fn of_two_that_read_and_write_the_same_one_is_told_of_contention() {
    let mut ground = Ground::new();
    ground.seed(&["c/d"]).await;
    let (first, second) = (begin(&mut ground, None).await, begin(&mut ground, None).await);
    get_in(&mut ground, &first, "c/d").await.unwrap();
    get_in(&mut ground, &second, "c/d").await.unwrap();
    let mut other = Ground { client: ground.client.clone(), server: spare() };
    let (one, two) = tokio::join!(
        commit_in(&mut ground, &first, vec![update("c/d", [("n", int(1))])]),
        commit_in(&mut other, &second, vec![update("c/d", [("n", int(2))])]),
    );
    let lost = if one.is_ok() { two } else { one };
    let words = "Too much contention on these documents. Please try again.";
    assert_eq!(refused(lost, Code::Aborted), words);
}

fn spare() -> firekeep_testkit::WireServer {
    firekeep_testkit::WireServer::start(firekeep_memory::MemoryStore::new())
}

#[tokio::test]
async fn a_batch_begins_a_transaction_with_a_message_of_its_own() {
    let mut ground = Ground::new();
    let new = proto::batch_get_documents_request::ConsistencySelector::NewTransaction(
        proto::TransactionOptions::default(),
    );
    let request = proto::BatchGetDocumentsRequest {
        database: DATABASE.into(),
        documents: vec![name("c/d")],
        consistency_selector: Some(new),
        ..Default::default()
    };
    let mut stream = ground.client.batch_get_documents(request).await.unwrap().into_inner();
    let first = stream.message().await.unwrap().unwrap();
    assert!(!first.transaction.is_empty() && first.result.is_none());
    let second = stream.message().await.unwrap().unwrap();
    assert!(second.transaction.is_empty() && second.result.is_some());
    commit_in(&mut ground, &first.transaction, vec![update("c/d", [])]).await.unwrap();
}

#[tokio::test]
async fn a_retry_names_the_first_attempt() {
    let mut ground = Ground::new();
    let first = begin(&mut ground, None).await;
    let retry = |retry_transaction| {
        Some(Mode::ReadWrite(proto::transaction_options::ReadWrite { retry_transaction }))
    };
    let second = begin(&mut ground, retry(first.clone())).await;
    assert_ne!(first, second);
    let request = proto::BeginTransactionRequest {
        database: DATABASE.into(),
        options: Some(proto::TransactionOptions { mode: retry(Bytes::from_static(b"bogus")) }),
    };
    refused(ground.client.begin_transaction(request).await, Code::InvalidArgument);
}
