//! Commits, and writes each on its own.

use googleapis_tonic_google_firestore_v1::google::firestore::v1 as proto;
use proto::document_transform::FieldTransform;
use proto::document_transform::field_transform::TransformType;
use tonic::client::Grpc;
use tonic::{Code, Request, Status};
use tonic_prost::ProstCodec;

use crate::ground::*;

#[tokio::test]
async fn a_commit_says_what_each_write_did() {
    let mut ground = Ground::new();
    let increment = FieldTransform {
        field_path: "n".into(),
        transform_type: Some(TransformType::Increment(int(5))),
    };
    let counted = proto::Write {
        update_transforms: vec![increment],
        update_mask: mask(&[]),
        ..update("c/d", [])
    };
    ground.seed(&["c/gone"]).await;
    let done = ground.commit(vec![counted, delete("c/gone")]).await.unwrap();
    assert_eq!(done.write_results.len(), 2);
    assert_eq!(done.write_results[0].transform_results, [int(5)]);
    assert_eq!(done.write_results[0].update_time, done.commit_time);
    assert_eq!(done.write_results[1], proto::WriteResult::default());
}

#[tokio::test]
async fn a_commit_of_nothing_and_one_of_more_than_500_writes_are_taken() {
    let mut ground = Ground::new();
    let done = ground.commit(vec![]).await.unwrap();
    assert!(done.write_results.is_empty());
    let many = (0..501).map(|n| update(&format!("c/{n}"), [])).collect();
    assert_eq!(ground.commit(many).await.unwrap().write_results.len(), 501);
    assert_eq!(ground.rows(all_of("c")).await.len(), 501);
}

#[tokio::test]
async fn a_commit_happens_whole_or_not_at_all() {
    let mut ground = Ground::new();
    let writes = vec![update("c/a", []), if_exists(true, update("c/b", []))];
    let why = refused(ground.commit(writes).await, Code::NotFound);
    assert_eq!(why, format!("No document to update: {}", name("c/b")));
    refused(ground.get("c/a").await, Code::NotFound);
}

/// The generated message has no `verify`.
#[derive(Clone, PartialEq, prost::Message)]
struct Verifying {
    #[prost(string, tag = "1")]
    database: String,
    #[prost(message, repeated, tag = "2")]
    writes: Vec<Verify>,
}

#[derive(Clone, PartialEq, prost::Message)]
struct Verify {
    #[prost(string, tag = "5")]
    verify: String,
    #[prost(message, optional, tag = "4")]
    current_document: Option<proto::Precondition>,
}

async fn verify(
    ground: &Ground,
    path: &str,
    exists: bool,
) -> Result<proto::CommitResponse, Status> {
    let condition_type = Some(proto::precondition::ConditionType::Exists(exists));
    let write = Verify {
        verify: name(path),
        current_document: Some(proto::Precondition { condition_type }),
    };
    let request = Verifying { database: DATABASE.into(), writes: vec![write] };
    let mut grpc = Grpc::new(channel(&ground.server));
    grpc.ready().await.unwrap();
    let method = http::uri::PathAndQuery::from_static("/google.firestore.v1.Firestore/Commit");
    Ok(grpc.unary(Request::new(request), method, ProstCodec::default()).await?.into_inner())
}

#[tokio::test]
async fn a_verify_changes_nothing_and_fails_the_commit_if_it_does_not_hold() {
    let mut ground = Ground::new();
    ground.seed(&["c/d"]).await;
    let before = ground.get("c/d").await.unwrap();
    assert_eq!(verify(&ground, "c/d", true).await.unwrap().write_results.len(), 1);
    refused(verify(&ground, "c/d", false).await, Code::AlreadyExists);
    refused(verify(&ground, "c/none", true).await, Code::NotFound);
    assert_eq!(ground.get("c/d").await.unwrap(), before);
    refused(ground.get("c/none").await, Code::NotFound);
}

async fn batch_write(
    ground: &mut Ground,
    writes: Vec<proto::Write>,
) -> Result<proto::BatchWriteResponse, Status> {
    let request =
        proto::BatchWriteRequest { database: DATABASE.into(), writes, ..Default::default() };
    Ok(ground.client.batch_write(request).await?.into_inner())
}

#[tokio::test]
async fn a_batch_of_writes_has_a_status_for_each() {
    let mut ground = Ground::new();
    let writes =
        vec![update("c/a", [("n", int(1))]), if_exists(true, update("c/none", [])), delete("c/b")];
    let done = batch_write(&mut ground, writes).await.unwrap();
    let codes: Vec<_> = done.status.iter().map(|status| status.code).collect();
    assert_eq!(codes, [0, Code::NotFound as i32, 0]);
    assert_eq!(done.status[1].message, format!("No document to update: {}", name("c/none")));
    assert!(done.write_results[0].update_time.is_some());
    assert_eq!(done.write_results.len(), 3);
    assert!(ground.get("c/a").await.is_ok());
}

#[tokio::test]
async fn a_batch_writes_to_a_document_once() {
    let mut ground = Ground::new();
    let twice = batch_write(&mut ground, vec![update("c/a", []), delete("c/a")]).await;
    let why = refused(twice, Code::InvalidArgument);
    let words = "the same document cannot be written more than once in a single request";
    assert!(why.starts_with(words), "{why}");
    refused(ground.get("c/a").await, Code::NotFound);
}

#[tokio::test]
async fn malformed_writes_are_refused() {
    let mut ground = Ground::new();
    let why = refused(ground.commit(vec![proto::Write::default()]).await, Code::InvalidArgument);
    assert_eq!(why, "empty write operation");
    refused(batch_write(&mut ground, vec![proto::Write::default()]).await, Code::InvalidArgument);
    for path in ["c", "c/", "c/..", "c/__a__", "/d", "c//d"] {
        refused(ground.commit(vec![update(path, [])]).await, Code::InvalidArgument);
    }
    let reserved = update("c/d", [("__x__", int(1))]);
    refused(ground.commit(vec![reserved]).await, Code::InvalidArgument);
    let empty = update("c/d", [("x", proto::Value { value_type: None })]);
    refused(ground.commit(vec![empty]).await, Code::InvalidArgument);
}
