//! The generated client with nothing around it but the emulator's token and routing header.

use anyhow::Context;
use firekeep_core::Value as CoreValue;
use googleapis_tonic_google_firestore_v1::google::firestore::v1::{
    BatchGetDocumentsRequest, CommitRequest, Document, RunQueryRequest, StructuredQuery, Value,
    Write,
    firestore_client::FirestoreClient,
    run_query_request::QueryType,
    structured_query::{CollectionSelector, Direction, FieldReference, Order},
    value::ValueType,
    write::Operation,
};
use tonic::codegen::InterceptedService;
use tonic::metadata::MetadataValue;
use tonic::service::Interceptor;
use tonic::transport::{Channel, Endpoint};
use tonic::{Request, Status};

use crate::client::{DOCUMENTS, Op};
use crate::memory::{path, reading};

pub struct Bare {
    client: FirestoreClient<InterceptedService<Channel, Headers>>,
    database: String,
}

#[derive(Clone)]
pub struct Headers(MetadataValue<tonic::metadata::Ascii>);

impl Interceptor for Headers {
    fn call(&mut self, mut request: Request<()>) -> Result<Request<()>, Status> {
        let headers = request.metadata_mut();
        headers.insert("authorization", MetadataValue::from_static("Bearer owner"));
        headers.insert("google-cloud-resource-prefix", self.0.clone());
        Ok(request)
    }
}

impl Bare {
    pub async fn connect(host: &str, project: &str) -> anyhow::Result<Self> {
        let database = format!("projects/{project}/databases/(default)");
        let channel =
            Endpoint::from_shared(format!("http://{host}"))?.tcp_nodelay(true).connect().await?;
        let headers = Headers(MetadataValue::try_from(&database)?);
        Ok(Self { client: FirestoreClient::with_interceptor(channel, headers), database })
    }

    pub async fn run(&self, op: Op, n: usize) -> anyhow::Result<()> {
        let mut client = self.client.clone();
        match op {
            Op::Get | Op::Lookup => {
                let request = BatchGetDocumentsRequest {
                    database: self.database.clone(),
                    documents: vec![self.name(n)],
                    ..Default::default()
                };
                let mut answers = client.batch_get_documents(request).await?.into_inner();
                let mut found = None;
                while let Some(answer) = answers.message().await? {
                    found = answer.result.or(found);
                }
                found.context("a reading is missing").map(drop)
            }
            Op::Commit => {
                let document =
                    Document { name: self.name(n), fields: fields(n), ..Default::default() };
                let operation = Some(Operation::Update(document));
                let request = CommitRequest {
                    database: self.database.clone(),
                    writes: vec![Write { operation, ..Default::default() }],
                    ..Default::default()
                };
                client.commit(request).await?;
                Ok(())
            }
            Op::Query => self.query(client).await,
        }
    }

    async fn query(
        &self,
        mut client: FirestoreClient<InterceptedService<Channel, Headers>>,
    ) -> anyhow::Result<()> {
        let order = |field: &str| Order {
            field: Some(FieldReference { field_path: field.into() }),
            direction: Direction::Descending as i32,
        };
        let query = StructuredQuery {
            from: vec![CollectionSelector {
                collection_id: "readings".into(),
                all_descendants: false,
            }],
            order_by: vec![order("at"), order("__name__")],
            limit: Some(100),
            ..Default::default()
        };
        let request = RunQueryRequest {
            parent: format!("{}/documents/tenants/acme/devices/room-0", self.database),
            query_type: Some(QueryType::StructuredQuery(query)),
            ..Default::default()
        };
        let mut answers = client.run_query(request).await?.into_inner();
        let mut rows = Vec::new();
        while let Some(answer) = answers.message().await? {
            rows.extend(answer.document);
        }
        anyhow::ensure!(rows.len() == 100, "rows are missing");
        Ok(())
    }

    fn name(&self, n: usize) -> String {
        format!("{}/documents/{}", self.database, path(0, n % DOCUMENTS))
    }
}

/// The same fields as the other side writes, built as messages.
pub fn fields(n: usize) -> std::collections::BTreeMap<String, Value> {
    let message = |value: CoreValue| {
        let value_type = match value {
            CoreValue::String(text) => ValueType::StringValue(text),
            CoreValue::Double(number) => ValueType::DoubleValue(number),
            CoreValue::Timestamp(at) => {
                let (seconds, nanos) = at.to_parts();
                ValueType::TimestampValue(prost_types::Timestamp { seconds, nanos })
            }
            other => unreachable!("a reading holds no {}", other.type_name()),
        };
        Value { value_type: Some(value_type) }
    };
    reading(n).into_iter().map(|(name, value)| (name, message(value))).collect()
}
