//! Trying again what failed for the moment.
//!
//! A request that met a restarting server or a burst of load usually succeeds a moment later, and
//! no caller should have to write that loop. Two things make it worse than nothing if done
//! carelessly: repeating a write that may have happened already, and repeating everything against
//! a service that is down because of too much load. The first is decided here by
//! [`Effect`](firekeep_core::Effect) and the request; the second by the [`Budget`](BudgetOptions).

mod budget;
mod commit;
mod policy;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use firekeep_core::{
    AggregateRequest, Aggregates, Backoff, BatchGet, Capabilities, Clock, Commit, Committed, Cx,
    Lookups, Operation, QueryEvent, QueryRequest, ReadAt, Result, Store, StoreInfo, TxnId,
    TxnOptions, WatchEvent, WatchRequest, async_trait,
};
use futures::FutureExt;
use futures::stream::{self, BoxStream, StreamExt};

use self::budget::Budget;
pub use self::budget::BudgetOptions;
use self::policy::Policy;
use crate::layer::{Layer, Rank};

/// Repeats operations that failed for the moment, with exponential, jittered back-off.
///
/// # What is repeated
/// - Reads outside of transactions; a query only until its first event, since what was told can't be
///   taken back. Beginnings and rollbacks of transactions.
/// - A commit that certainly did nothing, whatever it holds, even if it lost against a transaction:
///   a commit of its own is the whole of its transaction.
/// - A commit whose outcome is unknown, if every write
///   [is idempotent](firekeep_core::Write::is_idempotent). A guarded write is: its precondition
///   refuses the second try. That refusal does not say who was first, so from the first unknown
///   outcome on every error carries [`Effect::Unknown`](firekeep_core::Effect::Unknown), the refusal included. Read to find out.
/// - Nothing within a transaction: only running all of it again can mend it, and
///   [`Db::transact`](firekeep_core::Db::transact) does that. A read that begins a read-write
///   transaction counts as within: if its answer was lost, the transaction holds its locks, and a
///   second beginning would wait for them.
/// - No watch: backends reconnect by themselves.
///
/// # When it gives up
/// After [`attempts`](RetryLayer::attempts); when the wait would outlast the call's deadline; when
/// the budget that all calls share is used up. The last attempt's error is the answer.
///
/// # Cancellation
/// Dropping the call ends it; an attempt under way counts as a lost reply.
///
/// # Cost
/// Each attempt is an RPC of its own, and billed if it was carried out.
#[derive(Debug)]
pub struct RetryLayer {
    clock: Arc<dyn Clock>,
    attempts: u32,
    backoff: Backoff,
    budget: BudgetOptions,
}

impl RetryLayer {
    /// Five attempts, core's default back-off and budget, waiting on `clock`.
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        let (backoff, budget) = (Backoff::default(), BudgetOptions::default());
        Self { clock, attempts: 5, backoff, budget }
    }

    /// Tries each call at most this often; the first attempt counts. At least 1.
    #[must_use]
    pub fn attempts(mut self, attempts: u32) -> Self {
        self.attempts = attempts.max(1);
        self
    }

    /// Waits this long between attempts.
    #[must_use]
    pub fn backoff(mut self, backoff: Backoff) -> Self {
        self.backoff = backoff;
        self
    }

    /// Bounds what all calls together may repeat.
    #[must_use]
    pub fn budget(mut self, budget: BudgetOptions) -> Self {
        self.budget = budget;
        self
    }
}

impl Layer for RetryLayer {
    fn rank(&self) -> Rank {
        Rank::Retry
    }

    fn wrap(self: Box<Self>, inner: Arc<dyn Store>) -> Arc<dyn Store> {
        let budget = Budget::new(self.budget, self.clock.monotonic());
        let Self { clock, attempts, backoff, .. } = *self;
        Arc::new(RetryStore {
            inner,
            policy: Arc::new(Policy { clock, attempts, backoff, budget }),
        })
    }
}

#[derive(Debug)]
struct RetryStore {
    inner: Arc<dyn Store>,
    policy: Arc<Policy>,
}

#[async_trait]
impl Store for RetryStore {
    fn info(&self) -> StoreInfo {
        self.inner.info()
    }

    fn capabilities(&self) -> Capabilities {
        self.inner.capabilities()
    }

    async fn batch_get(&self, cx: &Cx, request: BatchGet) -> Result<Lookups> {
        if is_within_txn(&request.at) {
            return self.inner.batch_get(cx, request).await;
        }
        let send = |request| self.inner.batch_get(cx, request);
        self.policy.read(cx, Operation::BatchGet, request, send).await
    }

    fn query(&self, cx: &Cx, request: QueryRequest) -> BoxStream<'static, Result<QueryEvent>> {
        if is_within_txn(&request.at) {
            return self.inner.query(cx, request);
        }
        query(Arc::clone(&self.inner), Arc::clone(&self.policy), cx.clone(), request)
    }

    async fn aggregate(&self, cx: &Cx, request: AggregateRequest) -> Result<Aggregates> {
        if is_within_txn(request.read_at()) {
            return self.inner.aggregate(cx, request).await;
        }
        let send = |request| self.inner.aggregate(cx, request);
        self.policy.read(cx, Operation::Aggregate, request, send).await
    }

    async fn commit(&self, cx: &Cx, request: Commit) -> Result<Committed> {
        if request.txn().is_some() {
            return self.inner.commit(cx, request).await;
        }
        commit::commit(&*self.inner, &self.policy, cx, request).await
    }

    async fn begin(&self, cx: &Cx, options: TxnOptions) -> Result<TxnId> {
        let send = |options| self.inner.begin(cx, options);
        self.policy.read(cx, Operation::Begin, options, send).await
    }

    async fn rollback(&self, cx: &Cx, txn: TxnId) -> Result<()> {
        let send = |txn| self.inner.rollback(cx, txn);
        self.policy.read(cx, Operation::Rollback, txn, send).await
    }

    fn watch(&self, cx: &Cx, request: WatchRequest) -> BoxStream<'static, Result<WatchEvent>> {
        self.inner.watch(cx, request)
    }
}

/// Whether a read takes part in a transaction that may hold locks.
fn is_within_txn(at: &ReadAt) -> bool {
    matches!(at, ReadAt::Txn(_) | ReadAt::Begin(TxnOptions::ReadWrite { .. }))
}

/// A query that is sent again as long as it fails before its first event.
fn query(
    inner: Arc<dyn Store>,
    policy: Arc<Policy>,
    cx: Cx,
    request: QueryRequest,
) -> BoxStream<'static, Result<QueryEvent>> {
    let first = async move {
        let send = |request| {
            let mut events = inner.query(&cx, request);
            async move { events.next().await.transpose().map(|first| (first, events)) }
        };
        match policy.read(&cx, Operation::Query, request, send).await {
            Ok((first, rest)) => stream::iter(first.map(Ok)).chain(rest).boxed(),
            Err(error) => stream::iter([Err(error)]).boxed(),
        }
    };
    first.flatten_stream().boxed()
}
