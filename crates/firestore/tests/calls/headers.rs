//! The headers that the server sees.

use firekeep_core::{
    AggregateRequest, Aggregation, BatchGet, Cx, DocPath, Query, QueryRequest, Store, TxnId,
    TxnOptions,
};
use firekeep_firestore::FirestoreStore;
use futures::StreamExt;

use crate::scripted::{Call, ScriptedServer};
use crate::store::{NAME, path, put, store};

const BY_DATABASE: &str = "database=projects%2Fp%2Fdatabases%2F%28default%29";
const BY_ROOT: &str = "parent=projects%2Fp%2Fdatabases%2F%28default%29%2Fdocuments";

/// The first call that `operation` makes; the operation is dropped then.
async fn call_of<T>(server: &mut ScriptedServer, operation: impl Future<Output = T>) -> Call {
    tokio::select! {
        call = server.call() => call,
        _ = operation => panic!("the operation ended before the server answered"),
    }
}

fn check(call: &Call, method: &str, params: &str) {
    assert_eq!(call.method, method);
    assert_eq!(call.header("x-goog-request-params"), params);
    assert_eq!(call.header("google-cloud-resource-prefix"), NAME);
    assert_eq!(call.header("authorization"), "Bearer token");
    let client = call.header("x-goog-api-client");
    assert!(client.starts_with("gl-rust/") && client.contains(" gccl/"), "{client}");
}

#[tokio::test]
async fn each_method_is_routed_as_the_official_clients_route_it() {
    let mut server = ScriptedServer::manual().await;
    let (store, cx) = (store(&server), Cx::new());
    let get = BatchGet::new(vec![path()]);
    let call = call_of(&mut server, store.batch_get(&cx, get)).await;
    check(&call, "BatchGetDocuments", BY_DATABASE);
    let call = call_of(&mut server, store.commit(&cx, put().into())).await;
    check(&call, "Commit", BY_DATABASE);
    let call = call_of(&mut server, store.begin(&cx, TxnOptions::default())).await;
    check(&call, "BeginTransaction", BY_DATABASE);
    let call = call_of(&mut server, store.rollback(&cx, TxnId::new("x"))).await;
    check(&call, "Rollback", BY_DATABASE);
    let query = Query::collection("c").build().unwrap();
    let count = vec![("n".to_owned(), Aggregation::Count { up_to: None })];
    let count = AggregateRequest::new(query.clone(), count).unwrap();
    let call = call_of(&mut server, store.aggregate(&cx, count)).await;
    check(&call, "RunAggregationQuery", BY_ROOT);
    let mut rows = store.query(&cx, QueryRequest::new(query));
    let call = call_of(&mut server, rows.next()).await;
    check(&call, "RunQuery", BY_ROOT);
}

#[tokio::test]
async fn a_query_below_a_document_is_routed_by_it() {
    let mut server = ScriptedServer::manual().await;
    let store = store(&server);
    let below = DocPath::new("tenants/ö").unwrap();
    let query = Query::group_under("devices", below).build().unwrap();
    let mut rows = store.query(&Cx::new(), QueryRequest::new(query));
    let call = call_of(&mut server, rows.next()).await;
    check(&call, "RunQuery", &format!("{BY_ROOT}%2Ftenants%2F%C3%B6"));
}

#[tokio::test]
async fn the_trace_parent_travels_along_if_it_fits_into_a_header() {
    let mut server = ScriptedServer::manual().await;
    let store = store(&server);
    let parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    for (given, sent) in [(parent, parent), ("bro\nken", "")] {
        let cx = Cx::new().with_trace_parent(given);
        let get = BatchGet::new(vec![path()]);
        let call = call_of(&mut server, store.batch_get(&cx, get)).await;
        assert_eq!(call.header("traceparent"), sent);
    }
}

#[tokio::test]
async fn an_emulator_is_told_that_its_owner_calls() {
    let mut server = ScriptedServer::manual().await;
    let store = FirestoreStore::builder("p").emulator(&server.address).build().unwrap();
    let get = BatchGet::new(vec![path()]);
    let cx = Cx::new();
    let call = call_of(&mut server, store.batch_get(&cx, get)).await;
    assert_eq!(call.header("authorization"), "Bearer owner");
}
