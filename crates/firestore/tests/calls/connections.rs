//! How many streams share a connection.

use std::collections::BTreeMap;

use firekeep_core::{
    BatchGet, Cx, DocPath, ErrorKind, Query, QueryEvent, QueryRequest, Store, WatchFrom,
    WatchRequest, WatchTarget,
};
use futures::stream::FuturesUnordered;
use futures::{FutureExt, StreamExt};

use crate::answers::row;
use crate::scripted::{Call, ScriptedServer};
use crate::store::{path, put, store};

/// How many of `calls` share each connection.
fn per_connection(calls: &[Call]) -> Vec<usize> {
    let mut counts = BTreeMap::<u32, usize>::new();
    for call in calls {
        *counts.entry(call.connection).or_default() += 1;
    }
    let mut counts: Vec<_> = counts.into_values().collect();
    counts.sort_unstable();
    counts
}

/// Waits for `count` calls while `operations` make them.
async fn calls_of<F: Future>(
    server: &mut ScriptedServer,
    count: usize,
    operations: &mut FuturesUnordered<F>,
) -> Vec<Call> {
    let mut calls = Vec::new();
    while calls.len() < count {
        tokio::select! {
            call = server.call() => calls.push(call),
            Some(_) = operations.next() => panic!("nobody answered"),
        }
    }
    calls
}

#[tokio::test]
async fn two_hundred_reads_share_three_connections_and_fill_none() {
    let mut server = ScriptedServer::manual().await;
    let (store, cx) = (store(&server), Cx::new());
    let get = || store.batch_get(&cx, BatchGet::new(vec![path()]));
    let mut reads: FuturesUnordered<_> = (0..200).map(|_| get()).collect();
    let calls = calls_of(&mut server, 200, &mut reads).await;
    assert_eq!(per_connection(&calls), [20, 90, 90]);
}

#[tokio::test]
async fn streams_that_are_given_up_make_room() {
    let mut server = ScriptedServer::manual().await;
    let (store, cx) = (store(&server), Cx::new());
    let query = || {
        let query = QueryRequest::new(Query::collection("c").build().unwrap());
        store.query(&cx, query)
    };
    for _ in 0..3 {
        let mut streams: Vec<_> = (0..90).map(|_| query()).collect();
        let mut opened = Vec::new();
        for stream in &mut streams {
            let (first, call) = futures::join!(stream.next(), async {
                let mut call = server.call().await;
                call.send(&row("c/d")).await;
                call
            });
            assert!(matches!(first, Some(Ok(QueryEvent::Row(_)))));
            opened.push(call);
        }
        assert_eq!(per_connection(&opened), [90]);
        assert_eq!(opened[0].connection, 1);
    }
}

#[tokio::test]
async fn listeners_leave_the_reads_connection_alone() {
    let mut server = ScriptedServer::manual().await;
    let (store, cx) = (store(&server), Cx::new());
    let watch = || {
        let target = WatchTarget::Documents(vec![DocPath::new("c/d").unwrap()]);
        let mut events = store.watch(&cx, WatchRequest { target, from: WatchFrom::Start });
        async move { events.next().await }.boxed()
    };
    let mut watches: FuturesUnordered<_> = (0..100).map(|_| watch()).collect();
    let listeners = calls_of(&mut server, 100, &mut watches).await;
    assert_eq!(per_connection(&listeners), [10, 90]);
    let get = store.batch_get(&cx, BatchGet::new(vec![path()]));
    let mut reads = FuturesUnordered::from_iter([get]);
    let read = calls_of(&mut server, 1, &mut reads).await;
    assert!(listeners.iter().all(|listener| listener.connection != read[0].connection));
}

#[test]
fn a_store_outlives_the_runtime_that_connected_it() {
    let runtime = || tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let serving = runtime();
    let server = serving.block_on(ScriptedServer::answering(|_, _| {
        Err(tonic::Status::already_exists("it was reached"))
    }));
    let store = store(&server);
    for _ in 0..3 {
        let error = runtime().block_on(store.commit(&Cx::new(), put().into())).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::AlreadyExists, "{error:?}");
    }
}
