//! What both servers are asked.

use std::collections::BTreeMap;
use std::sync::Arc;

use anyhow::Context;
use googleapis_tonic_google_firestore_v1::google::firestore::v1::{
    BatchGetDocumentsRequest, CommitRequest, Document, GetDocumentRequest, RunQueryRequest,
    StructuredQuery, Value, Write,
    firestore_client::FirestoreClient,
    run_query_request::QueryType,
    structured_query::{CollectionSelector, Direction, FieldReference, Order},
    value::ValueType,
    write::Operation,
};

use super::transport::Connection;
use crate::bare::fields;
use crate::memory::path;

pub type Client = FirestoreClient<Connection>;

/// The operations whose rate is compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Op {
    Get,
    /// Of so many documents.
    BatchGet(usize),
    Commit,
    Query,
}

impl Op {
    pub const ALL: [Self; 5] =
        [Self::Get, Self::BatchGet(3), Self::BatchGet(10), Self::Commit, Self::Query];

    pub fn name(self) -> String {
        match self {
            Self::Get => "GetDocument".to_owned(),
            Self::BatchGet(size) => format!("BatchGet of {size}"),
            Self::Commit => "Commit of one write".to_owned(),
            Self::Query => "query of 100 of 1,000".to_owned(),
        }
    }

    /// Whether its rate says something of the servers. The client takes longer to read ten documents
    /// than ours takes to find and send them: beside ours, it is the client that is measured.
    pub fn measures_servers(self) -> bool {
        self != Self::BatchGet(10)
    }
}

/// The calls, over one connection.
#[derive(Clone)]
pub struct Calls {
    pub client: Client,
    pub database: String,
    /// The names of the documents, made once: the client is to cost as little as can be.
    names: Arc<[String]>,
}

impl Calls {
    pub async fn connect(address: &str, project: &str) -> anyhow::Result<Self> {
        let database = format!("projects/{project}/databases/(default)");
        let connection = Connection::open(address, &database).await?;
        let client = FirestoreClient::with_origin(connection, format!("http://{address}").parse()?)
            .max_decoding_message_size(64 << 20);
        let name = |n| format!("{database}/documents/{}", path(0, n));
        let names = (0..DOCUMENTS).map(name).collect();
        Ok(Self { client, database, names })
    }

    /// Writes the documents that the operations read.
    pub async fn fill(&self) -> anyhow::Result<()> {
        for n in 0..DOCUMENTS {
            self.set(self.reading(n), fields(n)).await?;
        }
        Ok(())
    }

    pub async fn run(&self, op: Op, n: usize) -> anyhow::Result<()> {
        match op {
            Op::Get => {
                let request = GetDocumentRequest { name: self.reading(n), ..Default::default() };
                let found = self.client.clone().get_document(request).await?.into_inner();
                anyhow::ensure!(found.fields.len() == 6, "a reading lacks fields");
                Ok(())
            }
            Op::BatchGet(size) => self.batch_get(n, size).await,
            Op::Commit => self.set(self.reading(n), fields(n)).await,
            Op::Query => self.query().await,
        }
    }

    pub async fn set(&self, name: String, fields: BTreeMap<String, Value>) -> anyhow::Result<()> {
        self.commit(vec![self.write(name, fields)]).await
    }

    pub fn write(&self, name: String, fields: BTreeMap<String, Value>) -> Write {
        let document = Document { name, fields, ..Default::default() };
        Write { operation: Some(Operation::Update(document)), ..Default::default() }
    }

    pub async fn commit(&self, writes: Vec<Write>) -> anyhow::Result<()> {
        let request =
            CommitRequest { database: self.database.clone(), writes, ..Default::default() };
        self.client.clone().commit(request).await?;
        Ok(())
    }

    async fn batch_get(&self, n: usize, size: usize) -> anyhow::Result<()> {
        let request = BatchGetDocumentsRequest {
            database: self.database.clone(),
            documents: (0..size).map(|i| self.reading(n + i)).collect(),
            ..Default::default()
        };
        let mut answers = self.client.clone().batch_get_documents(request).await?.into_inner();
        let mut found = 0;
        while let Some(answer) = answers.message().await? {
            found += usize::from(answer.result.is_some());
        }
        anyhow::ensure!(found == size, "readings are missing");
        Ok(())
    }

    async fn query(&self) -> anyhow::Result<()> {
        let order = |field: &str| Order {
            field: Some(FieldReference { field_path: field.into() }),
            direction: Direction::Descending as i32,
        };
        let query = StructuredQuery {
            order_by: vec![order("at")],
            limit: Some(100),
            ..in_collection("readings")
        };
        let request = RunQueryRequest {
            parent: format!("{}/documents/tenants/acme/devices/room-0", self.database),
            query_type: Some(QueryType::StructuredQuery(query)),
            ..Default::default()
        };
        let mut answers = self.client.clone().run_query(request).await?.into_inner();
        let mut rows = 0;
        while let Some(answer) = answers.message().await? {
            rows += usize::from(answer.document.is_some());
        }
        anyhow::ensure!(rows == 100, "rows are missing");
        Ok(())
    }

    /// Whether the server answers at all; a missing document is an answer.
    pub async fn answers(&self) -> anyhow::Result<()> {
        let request = GetDocumentRequest { name: self.reading(0), ..Default::default() };
        match self.client.clone().get_document(request).await {
            Err(status) if status.code() != tonic::Code::NotFound => {
                Err(status).context("the first answer is an error")
            }
            _ => Ok(()),
        }
    }

    fn reading(&self, n: usize) -> String {
        self.names[n % DOCUMENTS].clone()
    }

    pub fn document(&self, path: &str) -> String {
        format!("{}/documents/{path}", self.database)
    }
}

/// All of a collection.
pub fn in_collection(id: &str) -> StructuredQuery {
    let from = vec![CollectionSelector { collection_id: id.into(), all_descendants: false }];
    StructuredQuery { from, ..Default::default() }
}

/// The fields of a document that holds a number.
pub fn number(value: i64) -> BTreeMap<String, Value> {
    let value = Value { value_type: Some(ValueType::IntegerValue(value)) };
    BTreeMap::from([("n".to_owned(), value)])
}

/// The number in fields that hold one.
pub fn number_in(fields: &BTreeMap<String, Value>) -> Option<i64> {
    match fields.get("n")?.value_type {
        Some(ValueType::IntegerValue(value)) => Some(value),
        _ => None,
    }
}

/// How many documents the collection has that is read, written and queried.
const DOCUMENTS: usize = 1_000;
