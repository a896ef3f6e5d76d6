//! Several projects and databases behind one server, which do not see each other.

use std::collections::BTreeMap;
use std::sync::Arc;

use firekeep_core::{Result, Store};
use firekeep_memory::MemoryStore;
use firekeep_testkit::WireServer;
use firekeep_wire::{DatabaseName, Databases, Hosted, Server, missing};
use googleapis_tonic_google_firestore_v1::google::firestore::v1 as proto;
use proto::write::Operation;
use tonic::metadata::MetadataValue;
use tonic::{Code, Request};

use crate::ground::*;

const OTHERS: [&str; 2] = ["projects/demo/databases/second", "projects/other/databases/(default)"];

#[derive(Debug)]
struct Several(BTreeMap<String, Hosted>);

impl Databases for Several {
    fn database(&self, name: &DatabaseName) -> Result<Hosted> {
        self.0.get(name.as_str()).cloned().ok_or_else(|| missing(name))
    }
}

fn several() -> Ground {
    let store = |name: &str| MemoryStore::builder().database(name).build();
    let main = store(DATABASE);
    let stores = OTHERS.map(store).into_iter().chain([main.clone()]);
    let hosted = stores.map(|store| {
        let name = store.info().database.to_string();
        (name, Hosted::new(Arc::new(store.clone())).with_catalog(Arc::new(store)))
    });
    Ground::over(WireServer::serving(Server::new(Several(hosted.collect())), main))
}

fn put(database: &str, n: i64) -> proto::CommitRequest {
    let document = proto::Document {
        name: format!("{database}/documents/c/d"),
        fields: fields([("n", int(n))]),
        ..Default::default()
    };
    proto::CommitRequest {
        database: database.into(),
        writes: vec![write(Operation::Update(document))],
        ..Default::default()
    }
}

#[tokio::test]
async fn databases_and_projects_do_not_see_each_other() {
    let mut ground = several();
    let all = [DATABASE, OTHERS[0], OTHERS[1]];
    for (n, database) in all.into_iter().enumerate() {
        ground.client.commit(put(database, n as i64)).await.unwrap();
    }
    for (n, database) in all.into_iter().enumerate() {
        let name = format!("{database}/documents/c/d");
        let request = proto::GetDocumentRequest { name, ..Default::default() };
        let found = ground.client.get_document(request).await.unwrap().into_inner();
        assert_eq!(found.fields, fields([("n", int(n as i64))]));
        assert!(found.name.starts_with(database));
    }
}

#[tokio::test]
async fn a_document_of_another_database_is_refused() {
    let mut ground = several();
    let crossed = proto::CommitRequest { database: DATABASE.into(), ..put(OTHERS[0], 1) };
    refused(ground.client.commit(crossed).await, Code::InvalidArgument);
    let request = proto::BatchGetDocumentsRequest {
        database: DATABASE.into(),
        documents: vec![format!("{}/documents/c/d", OTHERS[1])],
        ..Default::default()
    };
    let mut answers = ground.client.batch_get_documents(request).await.unwrap().into_inner();
    refused(answers.message().await, Code::InvalidArgument);
}

#[tokio::test]
async fn tokens_of_another_database_are_refused() {
    let mut ground = several();
    let begin = |database: &str| proto::BeginTransactionRequest {
        database: database.into(),
        ..Default::default()
    };
    let begun = ground.client.begin_transaction(begin(DATABASE)).await.unwrap().into_inner();
    let crossed = proto::CommitRequest { transaction: begun.transaction, ..put(OTHERS[0], 1) };
    let why = refused(ground.client.commit(crossed).await, Code::InvalidArgument);
    assert_eq!(why, "The referenced transaction has expired or is no longer valid.");

    ground.seed(&["a/1", "b/1"]).await;
    let list = |database: &str, page_token: &str| proto::ListCollectionIdsRequest {
        parent: format!("{database}/documents"),
        page_size: 1,
        page_token: page_token.into(),
        ..Default::default()
    };
    let page = ground.client.list_collection_ids(list(DATABASE, "")).await.unwrap().into_inner();
    let token = page.next_page_token;
    let crossed = ground.client.list_collection_ids(list(OTHERS[1], &token)).await;
    assert_eq!(refused(crossed, Code::InvalidArgument), "invalid page token");
    assert!(ground.client.list_collection_ids(list(DATABASE, &token)).await.is_ok());
}

#[tokio::test]
async fn a_database_that_is_not_there_is_not_found() {
    let mut ground = several();
    let why =
        refused(ground.client.commit(put("projects/demo/databases/none", 1)).await, Code::NotFound);
    assert!(why.starts_with("The database none does not exist for project demo"), "{why}");
}

#[tokio::test]
async fn names_of_nothing_are_refused() {
    let mut ground = several();
    for database in [
        "",
        "projects/demo",
        "projects//databases/(default)",
        "projects/demo/databases/",
        "projects/demo/databases/(other)",
        "projects/de mo/databases/(default)",
        "databases/(default)",
    ] {
        let request = proto::CommitRequest { database: database.into(), ..Default::default() };
        refused(ground.client.commit(request).await, Code::InvalidArgument);
    }
}

#[tokio::test]
async fn any_token_is_taken_and_none_is_needed() {
    let mut ground = several();
    for token in ["Bearer owner", "Bearer eyJhbGciOiJub25lIn0.e30.", "nonsense"] {
        let mut request = Request::new(put(DATABASE, 1));
        let token = MetadataValue::try_from(token).unwrap();
        request.metadata_mut().insert("authorization", token);
        ground.client.commit(request).await.unwrap();
    }
    ground.client.commit(put(DATABASE, 1)).await.unwrap();
}

#[tokio::test]
async fn without_a_catalog_what_needs_one_is_unimplemented_by_name() {
    let store = MemoryStore::new();
    let server = Server::new(Hosted::new(Arc::new(store.clone())));
    let mut ground = Ground::over(WireServer::serving(server, store));
    let request = proto::ListCollectionIdsRequest { parent: root(), ..Default::default() };
    let why = refused(ground.client.list_collection_ids(request).await, Code::Unimplemented);
    assert!(why.starts_with("ListCollectionIds"), "{why}");
    let request = proto::ListDocumentsRequest {
        parent: root(),
        collection_id: "c".into(),
        show_missing: true,
        ..Default::default()
    };
    let why = refused(ground.client.list_documents(request).await, Code::Unimplemented);
    assert!(why.contains("show_missing"), "{why}");
    refused(ground.query(group("")).await, Code::Unimplemented);
}
