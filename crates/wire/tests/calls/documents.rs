//! Documents one at a time, and by name.

use googleapis_tonic_google_firestore_v1::google::firestore::v1 as proto;
use proto::batch_get_documents_response::Result as Found;
use tonic::Code;

use crate::ground::*;

#[tokio::test]
async fn a_document_is_created_once() {
    let mut ground = Ground::new();
    let request = proto::CreateDocumentRequest {
        parent: root(),
        collection_id: "c".into(),
        document_id: "d".into(),
        document: Some(proto::Document {
            fields: fields([("a", int(1)), ("b", int(2))]),
            ..Default::default()
        }),
        mask: mask(&["b"]),
    };
    let created = ground.client.create_document(request.clone()).await.unwrap().into_inner();
    assert_eq!(created.name, name("c/d"));
    assert_eq!(created.fields, fields([("b", int(2))]));
    assert!(created.create_time.is_some() && created.create_time == created.update_time);
    let stored = ground.get("c/d").await.unwrap();
    assert_eq!(stored.fields, fields([("a", int(1)), ("b", int(2))]));
    assert_eq!(stored.update_time, created.update_time);
    let why = refused(ground.client.create_document(request).await, Code::AlreadyExists);
    assert_eq!(why, format!("Document already exists: {}", name("c/d")));
}

#[tokio::test]
async fn a_document_without_an_id_gets_one_of_twenty_characters() {
    let mut ground = Ground::new();
    let request = proto::CreateDocumentRequest {
        parent: name("c/d"),
        collection_id: "sub".into(),
        document: Some(proto::Document::default()),
        ..Default::default()
    };
    let mut create = async || {
        let created = ground.client.create_document(request.clone()).await;
        path(&created.unwrap().into_inner().name)
    };
    let (first, second) = (create().await, create().await);
    assert_ne!(first, second);
    let id = first.strip_prefix("c/d/sub/").unwrap();
    assert!(id.len() == 20 && id.chars().all(|c| c.is_ascii_alphanumeric()), "{id}");
}

#[tokio::test]
async fn a_document_to_create_has_no_other_name() {
    let mut ground = Ground::new();
    let request = |name: String| proto::CreateDocumentRequest {
        parent: root(),
        collection_id: "c".into(),
        document_id: "d".into(),
        document: Some(proto::Document { name, ..Default::default() }),
        ..Default::default()
    };
    refused(ground.client.create_document(request(name("c/e"))).await, Code::InvalidArgument);
    assert!(ground.client.create_document(request(name("c/d"))).await.is_ok());
}

#[tokio::test]
async fn an_update_replaces_or_merges_and_answers_what_is_there_then() {
    let mut ground = Ground::new();
    ground.commit(vec![update("c/d", [("a", int(1)), ("b", int(2))])]).await.unwrap();
    let request = |update_mask, mask| proto::UpdateDocumentRequest {
        document: Some(document("c/d", [("a", int(3))])),
        update_mask,
        mask,
        ..Default::default()
    };
    let merged = ground.client.update_document(request(mask(&["a", "gone"]), None)).await;
    let merged = merged.unwrap().into_inner();
    assert_eq!(merged.fields, fields([("a", int(3)), ("b", int(2))]));
    assert_ne!(merged.create_time, merged.update_time);
    let again = ground.client.update_document(request(mask(&["a"]), mask(&["b"]))).await;
    let again = again.unwrap().into_inner();
    assert_eq!(again.update_time, merged.update_time, "an update that changes nothing");
    assert_eq!(again.fields, fields([("b", int(2))]));
    let replaced = ground.client.update_document(request(None, None)).await.unwrap().into_inner();
    assert_eq!(replaced.fields, fields([("a", int(3))]));
}

#[tokio::test]
async fn an_update_keeps_to_its_precondition() {
    let mut ground = Ground::new();
    let request = |condition| proto::UpdateDocumentRequest {
        document: Some(document("c/d", [("a", int(3))])),
        current_document: Some(proto::Precondition { condition_type: Some(condition) }),
        ..Default::default()
    };
    use proto::precondition::ConditionType::{Exists, UpdateTime};
    let why = refused(ground.client.update_document(request(Exists(true))).await, Code::NotFound);
    assert_eq!(why, format!("No document to update: {}", name("c/d")));
    let then = prost_types::Timestamp { seconds: 5, nanos: 0 };
    let late = ground.client.update_document(request(UpdateTime(then))).await;
    assert_eq!(
        refused(late, Code::FailedPrecondition),
        "the stored version (0) does not match the required base version (5000000)"
    );
    assert!(ground.client.update_document(request(Exists(false))).await.is_ok());
}

#[tokio::test]
async fn a_delete_succeeds_without_a_document_unless_it_requires_one() {
    let mut ground = Ground::new();
    ground.seed(&["c/d"]).await;
    let request = |exists: Option<bool>| proto::DeleteDocumentRequest {
        name: name("c/d"),
        current_document: exists.map(|exists| proto::Precondition {
            condition_type: Some(proto::precondition::ConditionType::Exists(exists)),
        }),
    };
    ground.client.delete_document(request(Some(true))).await.unwrap();
    let why = refused(ground.get("c/d").await, Code::NotFound);
    assert_eq!(why, format!("Document \"{}\" not found.", name("c/d")));
    ground.client.delete_document(request(None)).await.unwrap();
    refused(ground.client.delete_document(request(Some(true))).await, Code::NotFound);
}

#[tokio::test]
async fn a_batch_tells_of_each_document_once_found_or_missing() {
    let mut ground = Ground::new();
    ground.commit(vec![update("c/d", [("a", int(1)), ("b", int(2))])]).await.unwrap();
    let request = proto::BatchGetDocumentsRequest {
        database: DATABASE.into(),
        documents: ["c/d", "c/none", "c/d"].map(name).into(),
        mask: mask(&["a"]),
        ..Default::default()
    };
    let mut stream = ground.client.batch_get_documents(request).await.unwrap().into_inner();
    let (mut found, mut missing) = (Vec::new(), Vec::new());
    while let Some(answer) = stream.message().await.unwrap() {
        assert!(answer.read_time.is_some());
        match answer.result.unwrap() {
            Found::Found(document) => found.push(document),
            Found::Missing(name) => missing.push(name),
        }
    }
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].fields, fields([("a", int(1))]));
    assert_eq!(missing, [name("c/none")]);
}

#[tokio::test]
async fn the_past_is_read() {
    let mut ground = Ground::new();
    let first = ground.commit(vec![update("c/d", [("a", int(1))])]).await.unwrap();
    ground.commit(vec![update("c/d", [("a", int(2))])]).await.unwrap();
    let time = first.commit_time.unwrap();
    let request = proto::GetDocumentRequest {
        name: name("c/d"),
        consistency_selector: Some(proto::get_document_request::ConsistencySelector::ReadTime(
            time,
        )),
        ..Default::default()
    };
    let then = ground.client.get_document(request).await.unwrap().into_inner();
    assert_eq!(then.fields, fields([("a", int(1))]));
}
