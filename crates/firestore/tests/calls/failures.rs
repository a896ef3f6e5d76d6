//! What is left of a request that failed.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use firekeep_core::{
    BatchGet, Commit, Cx, Effect, Error, ErrorKind, Query, QueryEvent, QueryRequest, Result, Retry,
    Store, TxnId, Write, async_trait, fields,
};
use firekeep_firestore::{Credentials, FirestoreStore, Token};
use futures::StreamExt;
use tokio::net::TcpListener;
use tonic::{Code, Status};

use crate::answers::row;
use crate::scripted::ScriptedServer;
use crate::store::{at, path, put, store};

async fn refusing(status: Status) -> ScriptedServer {
    ScriptedServer::answering(move |_, _| Err(status.clone())).await
}

#[tokio::test]
async fn a_commit_that_was_applied_without_a_reply_is_of_unknown_effect() {
    let mut server = ScriptedServer::manual().await;
    let store = store(&server);
    let crash = async {
        let mut call = server.call().await;
        call.bytes().await.expect("the whole request arrived");
        server.cut();
        drop(call);
    };
    let cx = Cx::new();
    let (answer, ()) = futures::join!(store.commit(&cx, put().into()), crash);
    let error = answer.unwrap_err();
    assert_eq!((error.kind(), error.effect()), (ErrorKind::Unavailable, Effect::Unknown));
    assert_eq!(error.retry(), Retry::Request { after: None });
}

#[tokio::test]
async fn nothing_happens_to_a_commit_that_finds_no_server() {
    let port = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let store = at(&port.to_string());
    let error = store.commit(&Cx::new(), put().into()).await.unwrap_err();
    assert_eq!((error.kind(), error.effect()), (ErrorKind::Unavailable, Effect::None), "{error:?}");
}

#[tokio::test]
async fn a_store_recovers_when_the_server_is_back() {
    let server = ScriptedServer::answering(|_, _| Err(Status::not_found("x"))).await;
    let store = store(&server);
    let get = || BatchGet::new(vec![path()]);
    let error = store.batch_get(&Cx::new(), get()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);
    server.cut();
    // The first call may still meet the dead connection; the one after it opens another.
    let _ = store.batch_get(&Cx::new(), get()).await;
    let error = store.batch_get(&Cx::new(), get()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);
}

#[tokio::test]
async fn a_commit_is_sent_once_whatever_the_answer() {
    for code in (1..=16).map(Code::from_i32) {
        let sent = Arc::new(AtomicU32::new(0));
        let counted = Arc::clone(&sent);
        let server = ScriptedServer::answering(move |_, _| {
            counted.fetch_add(1, Ordering::SeqCst);
            Err(Status::new(code, "x"))
        })
        .await;
        store(&server).commit(&Cx::new(), put().into()).await.unwrap_err();
        assert_eq!(sent.load(Ordering::SeqCst), 1, "{code:?}");
    }
}

#[tokio::test]
async fn in_a_transaction_the_whole_is_run_again() {
    let server = refusing(Status::unavailable("x")).await;
    let commit = Commit::from(put()).in_txn(TxnId::new("t"));
    let error = store(&server).commit(&Cx::new(), commit).await.unwrap_err();
    assert_eq!((error.retry(), error.effect()), (Retry::Transaction, Effect::Unknown));
}

#[tokio::test]
async fn a_rollback_of_what_is_finished_succeeds() {
    let server = refusing(Status::invalid_argument("Transaction is invalid or closed.")).await;
    store(&server).rollback(&Cx::new(), TxnId::new("t")).await.unwrap();
    let server = refusing(Status::unavailable("x")).await;
    let error = store(&server).rollback(&Cx::new(), TxnId::new("t")).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable);
}

#[tokio::test]
async fn a_query_that_breaks_ends_with_an_error_after_its_rows() {
    let mut server = ScriptedServer::manual().await;
    let store = store(&server);
    let query = QueryRequest::new(Query::collection("c").build().unwrap());
    let mut events = store.query(&Cx::new(), query);
    let (first, call) = futures::join!(events.next(), async {
        let mut call = server.call().await;
        call.send(&row("c/a")).await;
        call
    });
    assert!(matches!(first, Some(Ok(QueryEvent::Row(_)))));
    server.cut();
    drop(call);
    let error = events.next().await.unwrap().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable, "{error:?}");
    assert!(events.next().await.is_none());
}

#[tokio::test]
async fn a_request_that_is_too_big_is_not_sent() {
    let server = ScriptedServer::answering(|_, _| panic!("it was sent")).await;
    let big = "x".repeat(1_000_000);
    let write = || Write::replace(path(), fields! { "x" => &big }).unwrap();
    let commit = Commit::new((0..11).map(|_| write()).collect()).unwrap();
    let error = store(&server).commit(&Cx::new(), commit).await.unwrap_err();
    assert_eq!((error.kind(), error.effect()), (ErrorKind::InvalidArgument, Effect::None));
    assert!(error.to_string().contains("at most 10485760 bytes"), "{error}");
}

/// Fails, then gives `old`, then `new`.
#[derive(Debug, Default)]
struct Changing(AtomicU32);

#[async_trait]
impl Credentials for Changing {
    async fn token(&self) -> Result<Token> {
        let token = match self.0.fetch_add(1, Ordering::SeqCst) {
            0..3 => return Err(Error::new(ErrorKind::Unauthenticated, "no credentials")),
            3 => "old",
            _ => "new",
        };
        Ok(Token::bearer(token, Some(Duration::from_secs(3600))))
    }
}

#[tokio::test]
async fn without_a_token_nothing_is_sent_and_a_refused_one_is_replaced() {
    let mut server = ScriptedServer::manual().await;
    let store = FirestoreStore::builder("p")
        .endpoint(format!("http://{}", server.address))
        .credentials(Changing::default())
        .build()
        .unwrap();
    let error = store.commit(&Cx::new(), put().into()).await.unwrap_err();
    assert_eq!((error.kind(), error.effect()), (ErrorKind::Unauthenticated, Effect::None));
    assert!(server.call_at_hand().is_none());
    for token in ["Bearer old", "Bearer new"] {
        let cx = Cx::new();
        let (answer, ()) = futures::join!(store.commit(&cx, put().into()), async {
            let call = server.call().await;
            assert_eq!(call.header("authorization"), token);
            call.fail(Status::unauthenticated("expired")).await;
        });
        assert_eq!(answer.unwrap_err().kind(), ErrorKind::Unauthenticated);
    }
}

#[tokio::test]
async fn a_dead_credential_source_does_not_outlast_the_deadline() {
    #[derive(Debug)]
    struct Silent;
    #[async_trait]
    impl Credentials for Silent {
        async fn token(&self) -> Result<Token> {
            std::future::pending().await
        }
    }
    tokio::time::pause();
    let store = FirestoreStore::builder("p").credentials(Silent).build().unwrap();
    let error = store.commit(&Cx::new(), put().into()).await.unwrap_err();
    assert_eq!((error.kind(), error.effect()), (ErrorKind::DeadlineExceeded, Effect::None));
}
