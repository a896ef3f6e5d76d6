//! How long a call may take, and what it means when it took longer.

use std::sync::Arc;
use std::time::Duration;

use firekeep_core::{
    BatchGet, Clock, Cx, Effect, ErrorKind, ManualClock, Query, QueryEvent, QueryRequest, Retry,
    Store,
};
use firekeep_firestore::FirestoreStore;
use futures::{FutureExt, StreamExt};

use crate::answers::row;
use crate::scripted::ScriptedServer;
use crate::store::{Fixed, path, put, store};

fn get() -> BatchGet {
    BatchGet::new(vec![path()])
}

#[tokio::test]
async fn the_server_is_told_the_shorter_of_the_methods_bound_and_the_callers() {
    let mut server = ScriptedServer::manual().await;
    let clock = ManualClock::new();
    let store = FirestoreStore::builder("p")
        .endpoint(format!("http://{}", server.address))
        .credentials(Fixed("token"))
        .clock(Arc::new(clock.clone()))
        .build()
        .unwrap();
    let left = |seconds| Cx::new().with_deadline(clock.monotonic() + Duration::from_secs(seconds));
    for (cx, unary, streamed) in [
        (Cx::new(), "60S", "300S"),
        (left(600), "60S", "300S"),
        (left(200), "60S", "200000m"),
        (left(7), "7000000u", "7000000u"),
    ] {
        tokio::select! {
            _ = store.commit(&cx, put().into()) => panic!("nobody answered"),
            call = server.call() => assert_eq!(call.header("grpc-timeout"), unary),
        }
        tokio::select! {
            _ = store.batch_get(&cx, get()) => panic!("nobody answered"),
            call = server.call() => assert_eq!(call.header("grpc-timeout"), streamed),
        }
    }
}

#[tokio::test]
async fn a_commit_without_an_answer_may_have_happened() {
    let mut server = ScriptedServer::manual().await;
    let store = store(&server);
    let held = async {
        let mut call = server.call().await;
        // The headers alone are no answer, though tonic's own timeout ends with them.
        call.accept();
        tokio::time::pause();
        call.given_up().await;
    };
    let cx = Cx::new();
    let (answer, ()) = futures::join!(store.commit(&cx, put().into()), held);
    let error = answer.unwrap_err();
    assert_eq!((error.kind(), error.effect()), (ErrorKind::DeadlineExceeded, Effect::Unknown));
}

#[tokio::test]
async fn a_read_without_an_answer_ends_at_the_callers_deadline() {
    let mut server = ScriptedServer::manual().await;
    let clock = ManualClock::new();
    let store = FirestoreStore::builder("p")
        .emulator(&server.address)
        .clock(Arc::new(clock.clone()))
        .build()
        .unwrap();
    let cx = Cx::new().with_deadline(clock.monotonic() + Duration::from_millis(50));
    let held = async {
        let call = server.call().await;
        call.given_up().await;
    };
    let (answer, ()) = futures::join!(store.batch_get(&cx, get()), held);
    let error = answer.unwrap_err();
    assert_eq!((error.kind(), error.effect()), (ErrorKind::DeadlineExceeded, Effect::None));
    clock.advance(Duration::from_millis(50));
    let error = store.batch_get(&cx, get()).await.unwrap_err();
    assert_eq!((error.kind(), error.retry()), (ErrorKind::DeadlineExceeded, Retry::Never));
}

#[tokio::test]
async fn a_query_that_falls_silent_ends() {
    let mut server = ScriptedServer::manual().await;
    let store = store(&server);
    let query = QueryRequest::new(Query::collection("c").build().unwrap());
    let mut events = store.query(&Cx::new(), query);
    let (first, mut call) = futures::join!(events.next(), async {
        let mut call = server.call().await;
        call.send(&row("c/a")).await;
        call
    });
    assert!(matches!(first, Some(Ok(QueryEvent::Row(_)))));
    // 59 s pass in silence, then another row comes, and the silence begins anew.
    assert!(events.next().now_or_never().is_none());
    tokio::time::pause();
    tokio::time::advance(Duration::from_secs(59)).await;
    tokio::time::resume();
    call.send(&row("c/b")).await;
    assert!(matches!(events.next().await, Some(Ok(QueryEvent::Row(_)))));
    assert!(events.next().now_or_never().is_none());
    tokio::time::pause();
    let before = tokio::time::Instant::now();
    let error = events.next().await.unwrap().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::DeadlineExceeded);
    let waited = before.elapsed().as_secs();
    assert!((59..62).contains(&waited), "{waited} s");
    assert!(events.next().await.is_none());
    call.given_up().await;
}
