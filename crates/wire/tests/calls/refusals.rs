//! What is refused, and how: by whatever method, in production's codes and words.

use std::time::Duration;

use firekeep_core::ManualClock;
use firekeep_memory::MemoryStore;
use firekeep_testkit::WireServer;
use futures::StreamExt;
use googleapis_tonic_google_firestore_v1::google::firestore::v1 as proto;
use proto::get_document_request::ConsistencySelector;
use proto::structured_query::Direction;
use tonic::client::Grpc;
use tonic::{Code, Request, Status};
use tonic_prost::ProstCodec;

use crate::ground::*;

async fn call(ground: &Ground, method: &'static str) -> Status {
    let mut grpc = Grpc::new(channel(&ground.server));
    grpc.ready().await.unwrap();
    let method = http::uri::PathAndQuery::from_static(method);
    let codec = ProstCodec::<(), ()>::default();
    grpc.unary(Request::new(()), method, codec).await.unwrap_err()
}

#[tokio::test]
async fn what_is_not_served_is_unimplemented_by_name() {
    let ground = Ground::new();
    let status = call(&ground, "/google.firestore.v1.Firestore/NoSuchMethod").await;
    assert_eq!(status.code(), Code::Unimplemented);
    assert!(status.message().contains("NoSuchMethod"), "{status}");
    let mut client = ground.client.clone();
    let pipeline = client.execute_pipeline(proto::ExecutePipelineRequest::default()).await;
    let why = refused(pipeline.map(drop), Code::Unimplemented);
    assert!(why.contains("ExecutePipeline"), "{why}");
}

#[tokio::test]
async fn a_missing_index_is_told_with_its_link_and_its_json() {
    let mut ground = Ground::new();
    let query = proto::StructuredQuery {
        order_by: vec![by("a", Direction::Ascending), by("b", Direction::Descending)],
        ..all_of("c")
    };
    let why = refused(ground.query(query.clone()).await, Code::FailedPrecondition);
    let start =
        "The query requires an index. You can create it here: https://console.firebase.google.com/";
    assert!(why.starts_with(start), "{why}");
    let json = &why[why.find('{').unwrap()..];
    let mut ground = Ground::indexed(&format!("{{\"indexes\": [{json}], \"fieldOverrides\": []}}"));
    ground.query(query).await.unwrap();
}

#[tokio::test]
async fn a_listener_is_told_of_a_missing_index_in_the_same_words() {
    let mut ground = Ground::new();
    let order_by = vec![by("a", Direction::Ascending), by("b", Direction::Descending)];
    let query = proto::StructuredQuery { order_by, ..all_of("c") };
    let query = proto::target::QueryTarget {
        parent: root(),
        query_type: Some(proto::target::query_target::QueryType::StructuredQuery(query)),
    };
    let target = proto::Target {
        target_id: 1,
        target_type: Some(proto::target::TargetType::Query(query)),
        ..Default::default()
    };
    let request = proto::ListenRequest {
        database: DATABASE.into(),
        target_change: Some(proto::listen_request::TargetChange::AddTarget(target)),
        ..Default::default()
    };
    let requests = futures::stream::iter([request]).chain(futures::stream::pending());
    let mut told = ground.client.listen(requests).await.unwrap().into_inner();
    use proto::listen_response::ResponseType::TargetChange;
    let cause = loop {
        match told.message().await.unwrap().unwrap().response_type {
            Some(TargetChange(change)) if change.cause.is_some() => break change.cause.unwrap(),
            _ => {}
        }
    };
    assert_eq!(cause.code, Code::FailedPrecondition as i32);
    let start = "The query requires an index. You can create it here: https://";
    assert!(cause.message.starts_with(start), "{}", cause.message);
}

#[tokio::test]
async fn a_request_of_more_than_10_mebibytes_is_refused_in_production_s_words() {
    let mut ground = Ground::new();
    let long = "x".repeat(1_000_000);
    let writes = (0..11).map(|n| update(&format!("c/{n}"), [("t", text(&long))])).collect();
    let why = refused(ground.commit(writes).await, Code::InvalidArgument);
    assert_eq!(why, "Request payload size exceeds the limit: 10485760 bytes.");
    let writes = (0..10).map(|n| update(&format!("c/{n}"), [("t", text(&long))])).collect();
    ground.commit(writes).await.unwrap();
}

#[tokio::test]
async fn a_document_beyond_its_bound_is_refused() {
    let mut ground = Ground::new();
    let half = || text(&"x".repeat(524_288));
    let write = update("c/d", [("s", half()), ("t", half())]);
    let why = refused(ground.commit(vec![write]).await, Code::InvalidArgument);
    let words = format!(
        "Document '{}' cannot be written because its size (1,048,634 bytes) exceeds the maximum \
         allowed size of 1,048,576 bytes.",
        name("c/d")
    );
    assert_eq!(why, words);
}

#[tokio::test]
async fn a_value_beyond_its_bound_is_refused() {
    let mut ground = Ground::new();
    let write = update("c/d", [("t", text(&"x".repeat(1_048_488)))]);
    let why = refused(ground.commit(vec![write]).await, Code::InvalidArgument);
    assert_eq!(why, "The value of property \"t\" is longer than 1048487 bytes.");
}

async fn get_at(ground: &mut Ground, seconds: i64) -> Result<proto::Document, Status> {
    let time = prost_types::Timestamp { seconds, nanos: 0 };
    let request = proto::GetDocumentRequest {
        name: name("c/d"),
        consistency_selector: Some(ConsistencySelector::ReadTime(time)),
        ..Default::default()
    };
    Ok(ground.client.get_document(request).await?.into_inner())
}

#[tokio::test]
async fn times_that_can_t_be_read_at_are_refused() {
    let clock = ManualClock::new();
    let store = MemoryStore::builder().clock(clock.clone()).build();
    let mut ground = Ground::over(WireServer::start(store));
    ground.seed(&["c/d"]).await;
    let now = ground.get("c/d").await.unwrap().update_time.unwrap().seconds;
    let future = get_at(&mut ground, now + 100).await;
    let words = "The requested 'read_time' cannot be in the future.";
    assert_eq!(refused(future, Code::InvalidArgument), words);
    clock.advance(Duration::from_secs(3700));
    let past = get_at(&mut ground, now).await;
    let words = "The requested snapshot version is too old.";
    assert_eq!(refused(past, Code::FailedPrecondition), words);
}

#[tokio::test]
async fn writes_that_contradict_each_other_are_refused() {
    let mut ground = Ground::new();
    let writes = vec![delete("c/d"), if_exists(true, update("c/d", []))];
    let words = "Cannot delete then update an entity in the same request.";
    assert_eq!(refused(ground.commit(writes).await, Code::InvalidArgument), words);
    let create = || if_exists(false, update("c/d", []));
    let words = "Cannot insert then insert an entity in the same request.";
    let twice = ground.commit(vec![create(), create()]).await;
    assert_eq!(refused(twice, Code::InvalidArgument), words);
}

#[tokio::test]
async fn a_version_that_is_not_the_stored_one_is_told_with_both() {
    let mut ground = Ground::new();
    ground.seed(&["c/d"]).await;
    let stored = ground.get("c/d").await.unwrap().update_time.unwrap();
    let required = prost_types::Timestamp { seconds: 7, nanos: 0 };
    let condition = proto::precondition::ConditionType::UpdateTime(required);
    let write = proto::Write {
        current_document: Some(proto::Precondition { condition_type: Some(condition) }),
        ..update("c/d", [])
    };
    let why = refused(ground.commit(vec![write]).await, Code::FailedPrecondition);
    let stored = stored.seconds * 1_000_000 + i64::from(stored.nanos / 1000);
    let words =
        format!("the stored version ({stored}) does not match the required base version (7000000)");
    assert_eq!(why, words);
}
