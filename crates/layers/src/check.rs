//! Refusing what can't succeed before it is sent.
//!
//! A request beyond a limit costs a round trip, megabytes of upload and sometimes a retry before the
//! backend refuses it, and not every backend does: the emulator takes requests that production
//! refuses. The check answers at once, the same everywhere, with the error that the reference
//! backend gives.

mod size;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use firekeep_core::{
    AggregateRequest, Aggregates, BatchGet, Capabilities, Capability, Commit, Committed,
    Concurrency, Cx, Error, Lookups, Operation, QueryEvent, QueryRequest, ReadAt, Result, Store,
    StoreInfo, TxnId, TxnOptions, WatchEvent, WatchRequest, WatchTarget, async_trait,
};
use futures::stream::{self, BoxStream, StreamExt};

use crate::layer::{Layer, Rank};

/// Refuses requests beyond a limit or a capability of the stack, without sending them.
///
/// # What is refused
/// - With [`InvalidArgument`](firekeep_core::ErrorKind::InvalidArgument): a document of more than
///   1 MiB in a replacing write, a commit or a lookup of more than 10 MiB, a watch of a query with
///   an offset. What a merge leaves behind only the store can measure.
/// - With [`Unimplemented`](firekeep_core::ErrorKind::Unimplemented): optimistic concurrency asked
///   of a stack that does not offer it.
///
/// Nothing of a refused request is carried out.
#[derive(Clone, Copy, Debug, Default)]
pub struct CheckLayer;

impl CheckLayer {
    /// The check, with Firestore's limits.
    pub fn new() -> Self {
        Self
    }
}

impl Layer for CheckLayer {
    fn rank(&self) -> Rank {
        Rank::Check
    }

    fn wrap(self: Box<Self>, inner: Arc<dyn Store>) -> Arc<dyn Store> {
        let mut capabilities = inner.capabilities();
        capabilities.extras.insert(Capability::EnforcesRequestSize);
        Arc::new(CheckStore { inner, capabilities })
    }
}

#[derive(Debug)]
struct CheckStore {
    inner: Arc<dyn Store>,
    capabilities: Capabilities,
}

impl CheckStore {
    fn check_read(&self, at: &ReadAt) -> Result<()> {
        if let ReadAt::Begin(options) = at { self.check_txn(options) } else { Ok(()) }
    }

    fn check_txn(&self, options: &TxnOptions) -> Result<()> {
        let optimistic = Some(Concurrency::Optimistic);
        if matches!(options, TxnOptions::ReadWrite { concurrency, .. } if *concurrency == optimistic)
        {
            let needs = [Capability::OptimisticTransactions];
            return self.capabilities.require("an optimistic transaction", &needs);
        }
        Ok(())
    }
}

#[async_trait]
impl Store for CheckStore {
    fn info(&self) -> StoreInfo {
        self.inner.info()
    }

    fn capabilities(&self) -> Capabilities {
        self.capabilities.clone()
    }

    async fn batch_get(&self, cx: &Cx, request: BatchGet) -> Result<Lookups> {
        let named = |error: Error| error.in_operation(Operation::BatchGet);
        self.check_read(&request.at).map_err(named)?;
        size::check_lookup(&request).map_err(named)?;
        self.inner.batch_get(cx, request).await
    }

    fn query(&self, cx: &Cx, request: QueryRequest) -> BoxStream<'static, Result<QueryEvent>> {
        match self.check_read(&request.at) {
            Ok(()) => self.inner.query(cx, request),
            Err(error) => refused(error.in_operation(Operation::Query)),
        }
    }

    async fn aggregate(&self, cx: &Cx, request: AggregateRequest) -> Result<Aggregates> {
        let named = |error: Error| error.in_operation(Operation::Aggregate);
        self.check_read(request.read_at()).map_err(named)?;
        self.inner.aggregate(cx, request).await
    }

    async fn commit(&self, cx: &Cx, request: Commit) -> Result<Committed> {
        size::check_commit(&request).map_err(|error| error.in_operation(Operation::Commit))?;
        self.inner.commit(cx, request).await
    }

    async fn begin(&self, cx: &Cx, options: TxnOptions) -> Result<TxnId> {
        self.check_txn(&options).map_err(|error| error.in_operation(Operation::Begin))?;
        self.inner.begin(cx, options).await
    }

    async fn rollback(&self, cx: &Cx, txn: TxnId) -> Result<()> {
        self.inner.rollback(cx, txn).await
    }

    fn watch(&self, cx: &Cx, request: WatchRequest) -> BoxStream<'static, Result<WatchEvent>> {
        if matches!(&request.target, WatchTarget::Query(query) if query.offset() > 0) {
            let error = Error::invalid("a watched query can't have an offset");
            return refused(error.in_operation(Operation::Watch));
        }
        self.inner.watch(cx, request)
    }
}

fn refused<T: Send + 'static>(error: Error) -> BoxStream<'static, Result<T>> {
    stream::iter([Err(error)]).boxed()
}
