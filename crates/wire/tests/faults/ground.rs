//! A server with faults, and the bare client of it.

use std::sync::Arc;

use firekeep_core::{Db, ManualClock};
use firekeep_layers::{FaultHandle, FaultLayer, Layer};
use firekeep_memory::MemoryStore;
use firekeep_wire::{Faults, Hosted, Server};
use googleapis_tonic_google_firestore_v1::google::firestore::v1 as proto;
use proto::firestore_client::FirestoreClient;
use proto::value::ValueType;
use tokio::net::TcpListener;
use tonic::Status;
use tonic::transport::Channel;

pub(crate) const DATABASE: &str = "projects/demo/databases/(default)";

/// A server with faults.
pub(crate) struct Ground {
    pub(crate) clock: ManualClock,
    /// The store behind the server, which nothing strikes.
    pub(crate) db: Db,
    /// What goes wrong between the server and the store.
    pub(crate) behind: FaultHandle,
    pub(crate) faults: Faults,
    pub(crate) client: FirestoreClient<Channel>,
    pub(crate) host: String,
}

impl Ground {
    pub(crate) async fn new(seed: u64) -> Self {
        let clock = ManualClock::new();
        let store = MemoryStore::builder().clock(clock.clone()).database(DATABASE).build();
        let db = Db::new(store.clone());
        let layer = FaultLayer::new(seed, Arc::new(clock.clone()));
        let behind = layer.handle();
        let store = Box::new(layer).wrap(Arc::new(store));
        let faults = Faults::new(seed);
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let host = listener.local_addr().unwrap().to_string();
        let server = Server::new(Hosted::new(store)).clock(clock.clone());
        let server = server.faults(faults.clone()).serve(listener, std::future::pending());
        #[allow(clippy::disallowed_methods, reason = "the test's runtime ends the server")]
        tokio::spawn(server);
        let channel = Channel::from_shared(format!("http://{host}")).unwrap().connect_lazy();
        Self { clock, db, behind, faults, client: FirestoreClient::new(channel), host }
    }

    pub(crate) async fn with(plan: &str) -> Self {
        let ground = Self::new(7).await;
        ground.faults.set(plan.parse().unwrap()).unwrap();
        ground
    }

    /// Commits `n` to the document of this id, over the wire.
    pub(crate) async fn commit(&self, id: &str, n: i64) -> Result<(), Status> {
        self.commit_in(vec![], &[id], n).await
    }

    pub(crate) async fn commit_in(
        &self,
        transaction: Vec<u8>,
        ids: &[&str],
        n: i64,
    ) -> Result<(), Status> {
        let writes = ids.iter().map(|id| {
            let fields = [("n".to_owned(), integer(n))].into();
            let document = proto::Document { name: name(id), fields, ..Default::default() };
            let operation = Some(proto::write::Operation::Update(document));
            proto::Write { operation, ..Default::default() }
        });
        self.send(transaction, writes.collect()).await
    }

    /// Adds to what the document of this id has, over the wire.
    pub(crate) async fn add(&self, id: &str, n: i64) -> Result<(), Status> {
        use proto::document_transform::{FieldTransform, field_transform::TransformType};
        let transform_type = Some(TransformType::Increment(integer(n)));
        let transform = proto::DocumentTransform {
            document: name(id),
            field_transforms: vec![FieldTransform { field_path: "n".to_owned(), transform_type }],
        };
        let operation = Some(proto::write::Operation::Transform(transform));
        self.send(vec![], vec![proto::Write { operation, ..Default::default() }]).await
    }

    async fn send(&self, transaction: Vec<u8>, writes: Vec<proto::Write>) -> Result<(), Status> {
        let database = DATABASE.to_owned();
        let request = proto::CommitRequest { database, writes, transaction: transaction.into() };
        self.client.clone().commit(request).await.map(drop)
    }

    /// Reads the document of this id, over the wire.
    pub(crate) async fn get(&self, id: &str) -> Result<(), Status> {
        let request = proto::GetDocumentRequest { name: name(id), ..Default::default() };
        self.client.clone().get_document(request).await.map(drop)
    }

    /// What the store holds in the document of this id.
    pub(crate) async fn n(&self, id: &str) -> Option<i64> {
        let found = self.db.get(format!("c/{id}").as_str()).await.unwrap()?;
        match found.get("n") {
            Some(firekeep_core::Value::Integer(n)) => Some(*n),
            other => panic!("{other:?}"),
        }
    }

    /// How many rows of the collection arrive, and how that ends.
    pub(crate) async fn query(&self) -> (usize, Result<(), Status>) {
        let selector = proto::structured_query::CollectionSelector {
            collection_id: "c".to_owned(),
            all_descendants: false,
        };
        let query = proto::StructuredQuery { from: vec![selector], ..Default::default() };
        let request = proto::RunQueryRequest {
            parent: format!("{DATABASE}/documents"),
            query_type: Some(proto::run_query_request::QueryType::StructuredQuery(query)),
            ..Default::default()
        };
        let mut rows = match self.client.clone().run_query(request).await {
            Ok(response) => response.into_inner(),
            Err(status) => return (0, Err(status)),
        };
        let mut count = 0;
        loop {
            match rows.message().await {
                Ok(Some(_)) => count += 1,
                Ok(None) => return (count, Ok(())),
                Err(status) => return (count, Err(status)),
            }
        }
    }

    /// A transaction that has read these documents.
    pub(crate) async fn begin(&self, ids: &[&str]) -> Result<Vec<u8>, Status> {
        let options = proto::TransactionOptions::default();
        let request = proto::BatchGetDocumentsRequest {
            database: DATABASE.to_owned(),
            documents: ids.iter().map(|id| name(id)).collect(),
            consistency_selector: Some(
                proto::batch_get_documents_request::ConsistencySelector::NewTransaction(options),
            ),
            ..Default::default()
        };
        let mut found = self.client.clone().batch_get_documents(request).await?.into_inner();
        let mut txn = Vec::new();
        while let Some(message) = found.message().await? {
            if !message.transaction.is_empty() {
                txn = message.transaction.to_vec();
            }
        }
        Ok(txn)
    }

    /// Waits until someone sleeps on the clock.
    pub(crate) async fn someone_sleeps(&self) {
        while self.clock.next_wake().is_none() {
            tokio::task::yield_now().await;
        }
    }
}

fn integer(n: i64) -> proto::Value {
    proto::Value { value_type: Some(ValueType::IntegerValue(n)) }
}

fn name(id: &str) -> String {
    format!("{DATABASE}/documents/c/{id}")
}

/// Whether the status says who made it.
pub(crate) fn is_injected(status: &Status, kind: &str) -> bool {
    status.message().contains(&format!("injected fault: {kind} ("))
}
