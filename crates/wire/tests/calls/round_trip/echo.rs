//! A store that remembers what it was asked and answers what it is told to.

use std::sync::{Arc, Mutex};

use firekeep_core::{
    AggregateRequest, Aggregates, BatchGet, Capabilities, Commit, Committed, Cx, Document, Error,
    Lookup, Lookups, QueryEvent, QueryRequest, ReadAt, Result, Store, StoreInfo, Timestamp, TxnId,
    TxnOptions, WatchEvent, WatchRequest, Written, async_trait,
};
use firekeep_firestore::FirestoreStore;
use firekeep_memory::MemoryStore;
use firekeep_testkit::WireServer;
use firekeep_wire::{Hosted, Server};
use futures::StreamExt;
use futures::stream::{self, BoxStream};

use crate::ground::DATABASE;

/// The echo, behind a server, and our own client of it.
pub(super) struct Echo {
    pub(super) client: FirestoreStore,
    store: EchoStore,
    _server: WireServer,
}

impl Echo {
    pub(super) fn start() -> Self {
        let store = EchoStore::default();
        let server = Server::new(Hosted::new(Arc::new(store.clone())));
        // Nobody asks the memory store; the server is started beside one.
        let server = WireServer::serving(server, MemoryStore::new());
        Self { client: server.client(), store, _server: server }
    }

    /// Lets every read find `document`.
    pub(super) fn answer_with(&self, document: Document) {
        self.store.state.lock().unwrap().document = Some(document);
    }

    /// Lets everything fail with what `error` makes.
    pub(super) fn fail_with(&self, error: impl Fn() -> Error + Send + 'static) {
        self.store.state.lock().unwrap().error = Some(Box::new(error));
    }

    /// What the store was asked last.
    pub(super) fn heard(&self) -> Heard {
        self.store.state.lock().unwrap().heard.take().unwrap()
    }
}

/// A request that arrived.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Heard {
    BatchGet(BatchGet),
    Query(QueryRequest),
    Aggregate(AggregateRequest),
    Commit(Commit),
    Begin(TxnOptions),
    Rollback(TxnId),
}

#[derive(Clone, Default)]
struct EchoStore {
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    heard: Option<Heard>,
    document: Option<Document>,
    error: Option<Box<dyn Fn() -> Error + Send>>,
}

impl std::fmt::Debug for EchoStore {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("EchoStore")
    }
}

impl EchoStore {
    /// Notes what arrived; answers the document to find.
    fn hear(&self, heard: Heard) -> Result<Option<Document>> {
        let mut state = self.state.lock().unwrap();
        state.heard = Some(heard);
        match &state.error {
            Some(error) => Err(error()),
            None => Ok(state.document.clone()),
        }
    }
}

const NOW: Timestamp = Timestamp::UNIX_EPOCH;

/// The transaction that a request begins.
fn begun(at: &ReadAt) -> Option<TxnId> {
    matches!(at, ReadAt::Begin(_)).then(|| TxnId::new("begun"))
}

#[async_trait]
impl Store for EchoStore {
    fn info(&self) -> StoreInfo {
        StoreInfo { backend: "echo", database: DATABASE.into() }
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities::new([], std::time::Duration::ZERO)
    }

    async fn batch_get(&self, _: &Cx, request: BatchGet) -> Result<Lookups> {
        let document = self.hear(Heard::BatchGet(request.clone()))?;
        let lookup = |path| Lookup { path, document: document.clone(), read_time: NOW };
        let txn = begun(&request.at);
        Ok(Lookups { lookups: request.paths.into_iter().map(lookup).collect(), txn })
    }

    fn query(&self, _: &Cx, request: QueryRequest) -> BoxStream<'static, Result<QueryEvent>> {
        let began = begun(&request.at).map(QueryEvent::Began);
        let events = self.hear(Heard::Query(request)).map(|document| {
            let done = QueryEvent::Done { read_time: NOW, billed_reads: 1 };
            began.into_iter().chain(document.map(QueryEvent::Row)).chain([done])
        });
        match events {
            Ok(events) => stream::iter(events.map(Ok).collect::<Vec<_>>()).boxed(),
            Err(error) => stream::iter([Err(error)]).boxed(),
        }
    }

    async fn aggregate(&self, _: &Cx, request: AggregateRequest) -> Result<Aggregates> {
        let names = request.aggregations().iter().map(|(name, _)| name.clone());
        let values = names.map(|name| (name, 1.into())).collect();
        let txn = begun(request.read_at());
        self.hear(Heard::Aggregate(request))?;
        Ok(Aggregates { values, read_time: NOW, billed_reads: 1, txn })
    }

    async fn commit(&self, _: &Cx, request: Commit) -> Result<Committed> {
        let answer = |write: &firekeep_core::Write| Written {
            version: None,
            transform_results: vec![firekeep_core::Value::Null; write.transforms().len()],
        };
        let writes = request.writes().iter().map(answer).collect();
        self.hear(Heard::Commit(request))?;
        Ok(Committed { commit_time: NOW, writes })
    }

    async fn begin(&self, _: &Cx, options: TxnOptions) -> Result<TxnId> {
        self.hear(Heard::Begin(options))?;
        Ok(TxnId::new("begun"))
    }

    async fn rollback(&self, _: &Cx, txn: TxnId) -> Result<()> {
        self.hear(Heard::Rollback(txn)).map(drop)
    }

    fn watch(&self, _: &Cx, _: WatchRequest) -> BoxStream<'static, Result<WatchEvent>> {
        stream::empty().boxed()
    }
}
