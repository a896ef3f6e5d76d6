//! What is refused: a target, or the whole stream.

use firekeep_core::fields;
use firekeep_memory::IndexFile;
use googleapis_tonic_google_firestore_v1::google::firestore::v1 as proto;
use proto::listen_request::TargetChange as Asked;
use proto::{ListenRequest, StructuredQuery, Target, structured_query};
use tonic::Code;

use crate::ground::{
    DATABASE, Ground, Told, above, brief, collection, documents, eventually, from, query, request,
};

const INVALID: i32 = Code::InvalidArgument as i32;

/// Above a number, by another field: only a composite index serves that.
fn wants_index() -> StructuredQuery {
    let field = structured_query::FieldReference { field_path: "m".to_owned() };
    let order = structured_query::Order { field: Some(field), direction: 1 };
    StructuredQuery { order_by: vec![order], ..above("c", 1) }
}

#[tokio::test]
async fn a_target_that_is_none_is_removed_with_the_cause_and_the_others_live_on() {
    let ground = Ground::of(|builder| builder.indexes(IndexFile::empty())).await;
    let mut listening = ground.listen_to([collection(1, "c")]).await;
    listening.snapshot().await;
    let mut elsewhere = documents(2, &["c/a"]);
    if let Some(proto::target::TargetType::Documents(target)) = &mut elsewhere.target_type {
        target.documents = vec!["projects/demo/databases/other/documents/c/a".to_owned()];
    }
    let offset = StructuredQuery { offset: 1, ..from("c") };
    let cases = [
        (Target { target_id: 2, ..Default::default() }, Code::InvalidArgument),
        (documents(2, &[]), Code::InvalidArgument),
        (documents(2, &["c"]), Code::InvalidArgument),
        (elsewhere, Code::InvalidArgument),
        (query(2, StructuredQuery::default()), Code::InvalidArgument),
        (query(2, StructuredQuery { limit: Some(-1), ..from("c") }), Code::InvalidArgument),
        (query(2, offset), Code::InvalidArgument),
        (query(2, wants_index()), Code::FailedPrecondition),
    ];
    for (target, code) in cases {
        listening.add(target.clone()).await;
        let mut told = listening.next().await;
        if told == Told::Add(2) {
            told = listening.next().await;
        }
        let Told::Remove(2, Some(cause), message) = told else { panic!("{target:?}: {told:?}") };
        assert_eq!(cause, code as i32, "{target:?}: {message}");
        assert!(!message.is_empty());
    }
    assert_eq!(ground.control.open_watches(), 1);
    ground.set("c/a", fields! {}).await;
    assert_eq!(brief(&listening.snapshot().await), ["+1 c/a", "consistent"]);
}

#[tokio::test]
async fn the_server_chooses_ids_for_targets_without_one() {
    let ground = Ground::new().await;
    let mut listening = ground.listen_to([collection(0, "c")]).await;
    assert_eq!(brief(&listening.snapshot().await), ["add 1", "current 1", "consistent"]);
    listening.add(collection(0, "d")).await;
    assert_eq!(listening.next().await.brief(), "add 2");
    listening.snapshot().await;
    listening.add(collection(9, "e")).await;
    assert_eq!(listening.next().await.brief(), format!("remove 9 {INVALID}"));
}

#[tokio::test]
async fn an_id_that_is_negative_or_taken_ends_the_stream() {
    let ground = Ground::new().await;
    for second in [collection(-1, "c"), collection(1, "d")] {
        let mut listening = ground.listen_to([collection(1, "c")]).await;
        listening.snapshot().await;
        listening.add(second).await;
        assert_eq!(listening.ended().await.unwrap_err().code(), Code::InvalidArgument);
        eventually(|| ground.control.open_watches() == 0).await;
    }
}

#[tokio::test]
async fn a_stream_is_of_the_database_that_its_first_message_names() {
    let ground = Ground::new().await;
    let of = |database: &str| ListenRequest {
        database: database.to_owned(),
        ..request(Asked::AddTarget(collection(1, "c")))
    };
    for (first, code) in [
        ("", Code::InvalidArgument),
        ("projects/demo", Code::InvalidArgument),
        ("projects/demo/databases/none", Code::NotFound),
    ] {
        let mut listening = ground.listen().await;
        listening.send(of(first)).await;
        assert_eq!(listening.ended().await.unwrap_err().code(), code, "{first}");
    }
    let mut listening = ground.listen().await;
    listening.send(of(DATABASE)).await;
    listening.snapshot().await;
    let unnamed = ListenRequest { database: String::new(), ..request(Asked::RemoveTarget(1)) };
    listening.send(unnamed).await;
    assert_eq!(listening.next().await.brief(), "remove 1");
    listening.send(of("projects/demo/databases/other")).await;
    assert_eq!(listening.ended().await.unwrap_err().code(), Code::InvalidArgument);
}
