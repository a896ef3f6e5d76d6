//! A store for the layers' own tests: it answers as told and remembers what it was asked.

use std::collections::{HashSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use firekeep_core::{
    AggregateRequest, Aggregates, BatchGet, Capabilities, Commit, Committed, Cx, DocPath, Error,
    ErrorKind, Lookup, Lookups, Operation, QueryEvent, QueryRequest, Result, Store, StoreInfo,
    Timestamp, TxnId, TxnOptions, Value, WatchEvent, WatchRequest, Write, Written, async_trait,
};
use futures::stream::{self, BoxStream, StreamExt};
use parking_lot::Mutex;

/// Succeeds at everything, unless a failure is planned for the operation.
#[derive(Clone, Debug, Default)]
pub(crate) struct Scripted(Arc<Mutex<Script>>);

#[derive(Debug, Default)]
struct Script {
    calls: Vec<Operation>,
    commits: Vec<Commit>,
    failures: VecDeque<(Operation, Error)>,
    rows: Vec<QueryEvent>,
    watches: VecDeque<Vec<Result<WatchEvent>>>,
    watched: Vec<WatchRequest>,
    hangs: bool,
    cut: Option<Error>,
    /// What was created, where creating it again is refused.
    created: Option<HashSet<DocPath>>,
}

impl Scripted {
    /// Plans failures: each the answer to the next call of its operation.
    pub(crate) fn fail(self, operation: Operation, errors: Vec<Error>) -> Self {
        self.0.lock().failures.extend(errors.into_iter().map(|error| (operation, error)));
        self
    }

    /// Refuses to create what was created before.
    pub(crate) fn guarded(self) -> Self {
        self.0.lock().created = Some(HashSet::new());
        self
    }

    /// Whether a guarded store holds the document.
    pub(crate) fn holds(&self, path: &DocPath) -> bool {
        self.0.lock().created.as_ref().is_some_and(|created| created.contains(path))
    }

    /// Never answers a lookup or a commit.
    pub(crate) fn hang(self) -> Self {
        self.0.lock().hangs = true;
        self
    }

    /// What every query yields.
    pub(crate) fn rows(self, rows: Vec<QueryEvent>) -> Self {
        self.0.lock().rows = rows;
        self
    }

    /// Ends the next query with this error, after its rows.
    pub(crate) fn cut_queries(self, error: Error) -> Self {
        self.0.lock().cut = Some(error);
        self
    }

    /// What the next watch yields before it goes quiet.
    pub(crate) fn watch_yields(self, events: Vec<Result<WatchEvent>>) -> Self {
        self.0.lock().watches.push_back(events);
        self
    }

    pub(crate) fn calls(&self) -> Vec<Operation> {
        self.0.lock().calls.clone()
    }

    pub(crate) fn commits(&self) -> Vec<Commit> {
        self.0.lock().commits.clone()
    }

    pub(crate) fn watched(&self) -> Vec<WatchRequest> {
        self.0.lock().watched.clone()
    }

    pub(crate) fn arc(&self) -> Arc<dyn Store> {
        Arc::new(self.clone())
    }

    async fn answer(&self, operation: Operation) -> Result<()> {
        if self.0.lock().hangs {
            std::future::pending::<()>().await;
        }
        self.call(operation)
    }

    fn call(&self, operation: Operation) -> Result<()> {
        let mut script = self.0.lock();
        script.calls.push(operation);
        let planned = script.failures.iter().position(|(of, _)| *of == operation);
        match planned.and_then(|at| script.failures.remove(at)) {
            Some((_, error)) => Err(error),
            None => Ok(()),
        }
    }
}

#[async_trait]
impl Store for Scripted {
    fn info(&self) -> StoreInfo {
        StoreInfo { backend: "scripted", database: "projects/p/databases/d".into() }
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities::new([], Duration::from_secs(3_600))
    }

    async fn batch_get(&self, _: &Cx, request: BatchGet) -> Result<Lookups> {
        self.answer(Operation::BatchGet).await?;
        let read_time = Timestamp::UNIX_EPOCH;
        let missing = |path| Lookup { path, document: None, read_time };
        Ok(Lookups { lookups: request.paths.into_iter().map(missing).collect(), txn: None })
    }

    fn query(&self, _: &Cx, _: QueryRequest) -> BoxStream<'static, Result<QueryEvent>> {
        match self.call(Operation::Query) {
            Ok(()) => {
                let mut script = self.0.lock();
                let rows = script.rows.clone().into_iter().map(Ok);
                let events: Vec<_> = rows.chain(script.cut.take().map(Err)).collect();
                stream::iter(events).boxed()
            }
            Err(error) => stream::iter([Err(error)]).boxed(),
        }
    }

    async fn aggregate(&self, _: &Cx, request: AggregateRequest) -> Result<Aggregates> {
        self.call(Operation::Aggregate)?;
        let values = request.aggregations().iter().map(|(name, _)| (name.clone(), Value::Null));
        Ok(Aggregates {
            values: values.collect(),
            read_time: Timestamp::UNIX_EPOCH,
            billed_reads: 3,
            txn: None,
        })
    }

    async fn commit(&self, _: &Cx, request: Commit) -> Result<Committed> {
        self.0.lock().commits.push(request.clone());
        self.answer(Operation::Commit).await?;
        if let Some(created) = &mut self.0.lock().created {
            let is_new = |write: &Write| created.insert(write.path().clone());
            if !request.writes().iter().all(is_new) {
                return Err(Error::new(ErrorKind::AlreadyExists, "created before"));
            }
        }
        let writes = vec![Written::default(); request.writes().len()];
        Ok(Committed { commit_time: Timestamp::UNIX_EPOCH, writes })
    }

    async fn begin(&self, _: &Cx, _: TxnOptions) -> Result<TxnId> {
        self.call(Operation::Begin)?;
        Ok(TxnId::new("txn"))
    }

    async fn rollback(&self, _: &Cx, _: TxnId) -> Result<()> {
        self.call(Operation::Rollback)
    }

    fn watch(&self, _: &Cx, request: WatchRequest) -> BoxStream<'static, Result<WatchEvent>> {
        self.0.lock().watched.push(request);
        if let Err(error) = self.call(Operation::Watch) {
            return stream::iter([Err(error)]).boxed();
        }
        let events = self.0.lock().watches.pop_front().unwrap_or_default();
        stream::iter(events).chain(stream::pending()).boxed()
    }
}
