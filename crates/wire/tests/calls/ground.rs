//! A server of a memory store, the bare client of it, and short ways to say messages.

use std::collections::BTreeMap;

use firekeep_memory::{IndexFile, MemoryStore};
use firekeep_testkit::WireServer;
use googleapis_tonic_google_firestore_v1::google::firestore::v1::{
    self as proto, firestore_client::FirestoreClient,
};
use proto::structured_query::{CollectionSelector, Direction, FieldReference, Order};
use proto::value::ValueType;
use proto::write::Operation;
use tonic::transport::{Channel, Endpoint};
use tonic::{Code, Status};

pub(crate) const DATABASE: &str = "projects/demo/databases/(default)";

/// A server and its bare client.
pub(crate) struct Ground {
    pub(crate) client: FirestoreClient<Channel>,
    pub(crate) server: WireServer,
}

impl Ground {
    pub(crate) fn new() -> Self {
        Self::over(WireServer::start(MemoryStore::new()))
    }

    /// Over a store that knows `indexes`.
    pub(crate) fn indexed(indexes: &str) -> Self {
        let indexes = IndexFile::parse(indexes).unwrap();
        Self::over(WireServer::start(MemoryStore::builder().indexes(indexes).build()))
    }

    pub(crate) fn over(server: WireServer) -> Self {
        Self { client: FirestoreClient::new(channel(&server)), server }
    }

    /// Stores a document with `n` at each of the paths, n counting from 0.
    pub(crate) async fn seed(&mut self, paths: &[&str]) {
        let write = |(n, path): (usize, &&str)| update(path, [("n", int(n as i64))]);
        let writes = paths.iter().enumerate().map(write).collect();
        self.commit(writes).await.unwrap();
    }

    pub(crate) async fn commit(
        &mut self,
        writes: Vec<proto::Write>,
    ) -> Result<proto::CommitResponse, Status> {
        let request =
            proto::CommitRequest { database: DATABASE.into(), writes, ..Default::default() };
        Ok(self.client.commit(request).await?.into_inner())
    }

    pub(crate) async fn get(&mut self, path: &str) -> Result<proto::Document, Status> {
        let request = proto::GetDocumentRequest { name: name(path), ..Default::default() };
        Ok(self.client.get_document(request).await?.into_inner())
    }

    /// The answers to a query below the root.
    pub(crate) async fn query(
        &mut self,
        query: proto::StructuredQuery,
    ) -> Result<Vec<proto::RunQueryResponse>, Status> {
        self.run(run_query(query)).await
    }

    pub(crate) async fn run(
        &mut self,
        request: proto::RunQueryRequest,
    ) -> Result<Vec<proto::RunQueryResponse>, Status> {
        let mut stream = self.client.run_query(request).await?.into_inner();
        let mut answers = Vec::new();
        while let Some(answer) = stream.message().await? {
            answers.push(answer);
        }
        Ok(answers)
    }

    /// The paths of a query's rows.
    pub(crate) async fn rows(&mut self, query: proto::StructuredQuery) -> Vec<String> {
        let answers = self.query(query).await.unwrap();
        answers.into_iter().filter_map(|answer| answer.document).map(|d| path(&d.name)).collect()
    }
}

pub(crate) fn channel(server: &WireServer) -> Channel {
    Endpoint::from_shared(format!("http://{}", server.address())).unwrap().connect_lazy()
}

pub(crate) fn root() -> String {
    format!("{DATABASE}/documents")
}

pub(crate) fn name(path: &str) -> String {
    format!("{DATABASE}/documents/{path}")
}

pub(crate) fn path(name: &str) -> String {
    name.strip_prefix(&name_prefix()).unwrap().to_owned()
}

fn name_prefix() -> String {
    name("")
}

pub(crate) fn value(content: ValueType) -> proto::Value {
    proto::Value { value_type: Some(content) }
}

pub(crate) fn int(n: i64) -> proto::Value {
    value(ValueType::IntegerValue(n))
}

pub(crate) fn text(text: &str) -> proto::Value {
    value(ValueType::StringValue(text.into()))
}

pub(crate) fn reference(path: &str) -> proto::Value {
    value(ValueType::ReferenceValue(name(path)))
}

pub(crate) fn fields<const N: usize>(
    fields: [(&str, proto::Value); N],
) -> BTreeMap<String, proto::Value> {
    fields.map(|(name, value)| (name.to_owned(), value)).into()
}

pub(crate) fn document<const N: usize>(
    path: &str,
    content: [(&str, proto::Value); N],
) -> proto::Document {
    proto::Document { name: name(path), fields: fields(content), ..Default::default() }
}

pub(crate) fn update<const N: usize>(
    path: &str,
    content: [(&str, proto::Value); N],
) -> proto::Write {
    write(Operation::Update(document(path, content)))
}

pub(crate) fn delete(path: &str) -> proto::Write {
    write(Operation::Delete(name(path)))
}

pub(crate) fn write(operation: Operation) -> proto::Write {
    proto::Write { operation: Some(operation), ..Default::default() }
}

/// `write`, if the document exists or does not.
pub(crate) fn if_exists(exists: bool, write: proto::Write) -> proto::Write {
    let condition = Some(proto::precondition::ConditionType::Exists(exists));
    proto::Write {
        current_document: Some(proto::Precondition { condition_type: condition }),
        ..write
    }
}

pub(crate) fn mask(fields: &[&str]) -> Option<proto::DocumentMask> {
    let field_paths = fields.iter().map(|field| (*field).to_owned()).collect();
    Some(proto::DocumentMask { field_paths })
}

/// Everything in one collection.
pub(crate) fn all_of(collection: &str) -> proto::StructuredQuery {
    from(collection, false)
}

/// Everything in the collections of one id.
pub(crate) fn group(collection: &str) -> proto::StructuredQuery {
    from(collection, true)
}

fn from(collection: &str, all_descendants: bool) -> proto::StructuredQuery {
    let from = CollectionSelector { collection_id: collection.into(), all_descendants };
    proto::StructuredQuery { from: vec![from], ..Default::default() }
}

pub(crate) fn run_query(query: proto::StructuredQuery) -> proto::RunQueryRequest {
    proto::RunQueryRequest {
        parent: root(),
        query_type: Some(proto::run_query_request::QueryType::StructuredQuery(query)),
        ..Default::default()
    }
}

pub(crate) fn field(path: &str) -> FieldReference {
    FieldReference { field_path: path.into() }
}

pub(crate) fn by(path: &str, direction: Direction) -> Order {
    Order { field: Some(field(path)), direction: direction as i32 }
}

/// The code and message of what must have been refused.
#[track_caller]
pub(crate) fn refused<T: std::fmt::Debug>(result: Result<T, Status>, code: Code) -> String {
    let status = result.unwrap_err();
    assert_eq!(status.code(), code, "{status}");
    status.message().to_owned()
}
