//! What the server gives out, brought back to where it is not from.

use bytes::Bytes;
use prost::Message;
use proto::get_document_request::ConsistencySelector;
use proto::listen_response::ResponseType;
use proto::target::{QueryTarget, ResumeType, TargetType, query_target};

use crate::answer::Answer;
use crate::connection::Connection;
use crate::ground::{DATABASE, Ground, OTHER};
use crate::message::{proto, set};

const INVALID_ARGUMENT: i32 = 3;

async fn begin(connection: &Connection, database: &str) -> Bytes {
    let request =
        proto::BeginTransactionRequest { database: database.to_owned(), ..Default::default() };
    let answer = connection.ask("BeginTransaction", &request).await;
    proto::BeginTransactionResponse::decode(&*answer.messages[0]).unwrap().transaction
}

/// Everything that takes a transaction, in the database `(default)`.
async fn uses(connection: &Connection, transaction: Bytes) -> Vec<(&'static str, Answer)> {
    let name = format!("{DATABASE}/documents/a/1");
    let (database, parent) = (DATABASE.to_owned(), format!("{DATABASE}/documents"));
    let token = || transaction.clone();
    let get = proto::GetDocumentRequest {
        name: name.clone(),
        consistency_selector: Some(ConsistencySelector::Transaction(token())),
        ..Default::default()
    };
    let list = proto::ListDocumentsRequest {
        parent: parent.clone(),
        collection_id: "a".to_owned(),
        consistency_selector: Some(
            proto::list_documents_request::ConsistencySelector::Transaction(token()),
        ),
        ..Default::default()
    };
    let batch = proto::BatchGetDocumentsRequest {
        database: database.clone(),
        documents: vec![name],
        consistency_selector: Some(
            proto::batch_get_documents_request::ConsistencySelector::Transaction(token()),
        ),
        ..Default::default()
    };
    let run = proto::RunQueryRequest {
        parent,
        query_type: Some(proto::run_query_request::QueryType::StructuredQuery(all_of("a"))),
        consistency_selector: Some(proto::run_query_request::ConsistencySelector::Transaction(
            token(),
        )),
        ..Default::default()
    };
    let commit = proto::CommitRequest {
        database: database.clone(),
        writes: vec![set("a/2", [])],
        transaction: token(),
    };
    let rollback = proto::RollbackRequest { database, transaction: token() };
    vec![
        ("GetDocument", connection.ask("GetDocument", &get).await),
        ("ListDocuments", connection.ask("ListDocuments", &list).await),
        ("BatchGetDocuments", connection.ask("BatchGetDocuments", &batch).await),
        ("RunQuery", connection.ask("RunQuery", &run).await),
        ("Commit", connection.ask("Commit", &commit).await),
        ("Rollback", connection.ask("Rollback", &rollback).await),
    ]
}

fn all_of(collection: &str) -> proto::StructuredQuery {
    let from = proto::structured_query::CollectionSelector {
        collection_id: collection.to_owned(),
        all_descendants: false,
    };
    proto::StructuredQuery { from: vec![from], ..Default::default() }
}

#[tokio::test]
async fn transactions_of_elsewhere_are_invalid() {
    let (ground, another) = (Ground::new().await, Ground::new().await);
    let connection = ground.connect().await;
    let of_other_database = begin(&connection, OTHER).await;
    let of_other_process = begin(&another.connect().await, DATABASE).await;
    let tokens = [
        ("another database", of_other_database),
        ("another process", of_other_process),
        ("nobody", Bytes::from_static(b"tttttttttttttttt")),
        ("nobody, briefly", Bytes::from_static(b"\x00")),
        ("nobody, at length", Bytes::from(vec![7; 1 << 20])),
    ];
    for (whose, token) in tokens {
        for (method, answer) in uses(&connection, token.clone()).await {
            assert_eq!(answer.code, INVALID_ARGUMENT, "{method}, of {whose}: {answer:?}");
        }
    }
    assert_eq!(ground.control.count_documents(), 0);
    // Whose they are, they still serve.
    let mine = begin(&connection, DATABASE).await;
    for (method, answer) in uses(&connection, mine).await {
        assert_ne!(answer.code, INVALID_ARGUMENT, "{method}: {answer:?}");
    }
}

#[tokio::test]
async fn page_tokens_of_elsewhere_are_invalid() {
    let ground = Ground::new().await;
    let connection = ground.connect().await;
    let writes = (0..5).map(|id| set(&format!("a/{id}"), [])).chain([set("b/1", [])]);
    let writes = crate::message::commit(writes.collect());
    assert_eq!(connection.ask("Commit", &writes).await.code, 0);
    let first = proto::ListDocumentsRequest {
        parent: format!("{DATABASE}/documents"),
        collection_id: "a".to_owned(),
        page_size: 2,
        ..Default::default()
    };
    let answer = connection.ask("ListDocuments", &first).await;
    let page = proto::ListDocumentsResponse::decode(&*answer.messages[0]).unwrap();
    let page_token = page.next_page_token;
    assert!(!page_token.is_empty());
    let next = proto::ListDocumentsRequest { page_token, ..first };
    assert_eq!(connection.ask("ListDocuments", &next).await.code, 0);
    let cases = [
        ("nobody", proto::ListDocumentsRequest { page_token: "x".into(), ..next.clone() }),
        (
            "nobody, at length",
            proto::ListDocumentsRequest { page_token: "é/".repeat(100_000), ..next.clone() },
        ),
        (
            "another collection",
            proto::ListDocumentsRequest { collection_id: "b".into(), ..next.clone() },
        ),
        (
            "another database",
            proto::ListDocumentsRequest { parent: format!("{OTHER}/documents"), ..next },
        ),
    ];
    for (whose, request) in cases {
        let answer = connection.ask("ListDocuments", &request).await;
        assert_eq!(answer.code, INVALID_ARGUMENT, "{whose}: {answer:?}");
    }
}

/// A stream with one target, which is taken back at once: what it is told.
async fn listen(
    connection: &Connection,
    database: &str,
    target: proto::Target,
) -> Vec<ResponseType> {
    let change = proto::listen_request::TargetChange::AddTarget(target);
    let request = proto::ListenRequest {
        database: database.to_owned(),
        target_change: Some(change),
        ..Default::default()
    };
    let answer = connection.ask("Listen", &request).await;
    assert_eq!(answer.code, 0, "{answer:?}");
    let response = |message: &Bytes| proto::ListenResponse::decode(&**message).unwrap();
    answer.messages.iter().filter_map(|message| response(message).response_type).collect()
}

#[tokio::test]
async fn resume_tokens_that_are_none_remove_their_target() {
    let ground = Ground::new().await;
    let connection = ground.connect().await;
    for token in [&b"x"[..], &[1; 17], &[1; 25], &[0; 100], &[0xff; 100_000]] {
        let target = proto::Target {
            target_id: 1,
            target_type: Some(TargetType::Query(QueryTarget {
                parent: format!("{DATABASE}/documents"),
                query_type: Some(query_target::QueryType::StructuredQuery(all_of("a"))),
            })),
            resume_type: Some(ResumeType::ResumeToken(Bytes::copy_from_slice(token))),
            ..Default::default()
        };
        let told = listen(&connection, DATABASE, target).await;
        let [ResponseType::TargetChange(removed)] = &told[..] else { panic!("{told:?}") };
        assert_eq!(removed.cause.as_ref().unwrap().code, INVALID_ARGUMENT, "{removed:?}");
    }
    ground.no_watch_is_left().await;
}

#[tokio::test]
async fn stream_tokens_of_nobody_are_invalid() {
    let ground = Ground::new().await;
    let connection = ground.connect().await;
    for token in [&b"x"[..], &[0; 8], &[0xff; 8], &[7; 100_000]] {
        let request = proto::WriteRequest {
            database: DATABASE.to_owned(),
            stream_token: Bytes::copy_from_slice(token),
            ..Default::default()
        };
        let answer = connection.ask("Write", &request).await;
        assert_eq!(answer.code, INVALID_ARGUMENT, "{answer:?}");
    }
    ground.still_serves().await;
}
