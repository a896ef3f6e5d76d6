//! The store itself: each operation of the seam, in a few lines.

use std::fmt;
use std::sync::Arc;

use firekeep_core::{
    AggregateRequest, Aggregates, BatchGet, Capabilities, Capability, Commit, Committed, Cx,
    DocPath, Lookup, Lookups, Operation, QueryEvent, QueryRequest, ReadAt, Result, Store,
    StoreInfo, TxnId, TxnOptions, WatchEvent, WatchRequest, async_trait,
};
use futures::stream::{self, BoxStream};
use futures::{FutureExt, StreamExt};

use crate::aggregate;
use crate::builder::MemoryStoreBuilder;
use crate::control::Control;
use crate::query;
use crate::shared::Shared;
use crate::state::{State, View};
use crate::txn::Footprint;
use crate::watch::Watch;

/// A faithful Cloud Firestore in process. Clones are handles to the same documents.
///
/// Every answer comes at once, from memory, except where a transaction holds a lock. See the crate
/// documentation for what is copied from Firestore and what is bounded.
#[derive(Clone)]
pub struct MemoryStore {
    pub(crate) shared: Arc<Shared>,
}

impl MemoryStore {
    /// An empty store on the system clock that refuses queries for which production would need a
    /// composite index.
    pub fn new() -> Self {
        Self::builder().build()
    }

    /// Starts a store of another kind.
    pub fn builder() -> MemoryStoreBuilder {
        MemoryStoreBuilder::new()
    }

    pub(crate) fn over(shared: Arc<Shared>) -> Self {
        Self { shared }
    }

    /// What tests may do to the store from outside.
    pub fn control(&self) -> Control {
        Control::new(Arc::clone(&self.shared))
    }
}

impl Default for MemoryStore {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for MemoryStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let database = &self.shared.options.database;
        f.debug_struct("MemoryStore").field("database", database).finish_non_exhaustive()
    }
}

#[async_trait]
impl Store for MemoryStore {
    fn info(&self) -> StoreInfo {
        let database = Arc::clone(&self.shared.options.database);
        StoreInfo { backend: "memory", database }
    }

    fn capabilities(&self) -> Capabilities {
        let options = &self.shared.options;
        let always = [
            Capability::ResumesWatch,
            Capability::ExpiresDocuments,
            Capability::OptimisticTransactions,
            Capability::EnforcesRequestSize,
        ];
        let strict = (!options.is_lenient).then_some(Capability::EnforcesIndexes);
        let heartbeat = options.heartbeat.map(|_| Capability::WatchHeartbeat);
        let extras = always.into_iter().chain(strict).chain(heartbeat);
        Capabilities::new(extras, options.history)
    }

    async fn batch_get(&self, cx: &Cx, request: BatchGet) -> Result<Lookups> {
        let BatchGet { paths, mask, at } = request;
        let found = match &at {
            ReadAt::Latest | ReadAt::Time(_) => {
                let look = |state: &mut State, view| looked_up(state, paths, view);
                self.shared.read_now(cx, &at, look).map(|lookups| (lookups, None))
            }
            ReadAt::Txn(_) | ReadAt::Begin(_) => {
                let footprint = Footprint::Documents(paths.clone());
                let look = |state: &mut State, view| looked_up(state, paths, view);
                Box::pin(self.shared.read(cx, &at, footprint, look)).await
            }
        };
        let (mut lookups, txn) = found.map_err(|error| error.in_operation(Operation::BatchGet))?;
        if let Some(mask) = mask {
            let narrow = |lookup: &mut Lookup| {
                lookup.document = lookup.document.as_ref().map(|doc| doc.project(&mask));
            };
            lookups.iter_mut().for_each(narrow);
        }
        Ok(Lookups { lookups, txn })
    }

    fn query(&self, cx: &Cx, request: QueryRequest) -> BoxStream<'static, Result<QueryEvent>> {
        let (shared, cx) = (Arc::clone(&self.shared), cx.clone());
        let run = async move {
            match found(&shared, &cx, request).await {
                Ok(events) => events.map(Ok).left_stream(),
                Err(error) => {
                    let error = error.in_operation(Operation::Query);
                    stream::iter([Err(error)]).right_stream()
                }
            }
        };
        run.flatten_stream().boxed()
    }

    async fn aggregate(&self, cx: &Cx, request: AggregateRequest) -> Result<Aggregates> {
        aggregated(&self.shared, cx, &request)
            .await
            .map_err(|error| error.in_operation(Operation::Aggregate))
    }

    async fn commit(&self, cx: &Cx, request: Commit) -> Result<Committed> {
        let late = self.shared.check_deadline(cx);
        late.map_err(|error| error.in_operation(Operation::Commit))?;
        let committed = match self.shared.commit_at_once(request) {
            Ok(committed) => committed,
            // Boxed, because whoever commits allocates room for all that this future may hold.
            Err(request) => Box::pin(self.shared.commit_in_turn(cx, request)).await,
        };
        committed.map_err(|error| error.in_operation(Operation::Commit))
    }

    async fn begin(&self, cx: &Cx, options: TxnOptions) -> Result<TxnId> {
        self.shared
            .check_deadline(cx)
            .and_then(|()| self.shared.with(|state| self.shared.begin(state, &options)))
            .map_err(|error| error.in_operation(Operation::Begin))
    }

    async fn rollback(&self, cx: &Cx, txn: TxnId) -> Result<()> {
        let ended = self.shared.check_deadline(cx).and_then(|()| {
            self.shared.with(|state| {
                let token = state.txns.parse(&txn)?;
                state.end_txn(token.seq);
                Ok(())
            })
        });
        ended.map_err(|error| error.in_operation(Operation::Rollback))
    }

    fn watch(&self, cx: &Cx, request: WatchRequest) -> BoxStream<'static, Result<WatchEvent>> {
        Watch::new(Arc::clone(&self.shared), cx, request).boxed()
    }
}

/// What is at each of `paths`, in order.
fn looked_up(state: &State, paths: Vec<DocPath>, view: View) -> Vec<Lookup> {
    let look = |path| {
        let document = state.get(&path, view);
        Lookup { path, document, read_time: view.time }
    };
    paths.into_iter().map(look).collect()
}

/// The events of a query that ran.
async fn found(
    shared: &Shared,
    cx: &Cx,
    request: QueryRequest,
) -> Result<impl stream::Stream<Item = QueryEvent> + Send + use<>> {
    let QueryRequest { query, at } = request;
    shared.check_query(&query)?;
    let run = |state: &mut State, view: View| (query::run(state, &query, view), view.time);
    let footprint = Footprint::Query(Box::new(query.clone()));
    let ((found, read_time), began) = shared.read(cx, &at, footprint, run).await?;
    let done = QueryEvent::Done { read_time, billed_reads: found.billed_reads() };
    let rows = found.rows.into_iter().map(QueryEvent::Row);
    Ok(stream::iter(began.map(QueryEvent::Began).into_iter().chain(rows).chain([done])))
}

async fn aggregated(shared: &Shared, cx: &Cx, request: &AggregateRequest) -> Result<Aggregates> {
    let (query, aggregations) = (request.query(), request.aggregations());
    shared.check_aggregate(request)?;
    let run = |state: &mut State, view: View| {
        let (values, billed_reads) = aggregate::run(state, query, aggregations, view);
        Aggregates { values, read_time: view.time, billed_reads, txn: None }
    };
    let footprint = Footprint::Query(Box::new(query.clone()));
    let at: &ReadAt = request.read_at();
    let (aggregates, txn) = shared.read(cx, at, footprint, run).await?;
    Ok(Aggregates { txn, ..aggregates })
}
