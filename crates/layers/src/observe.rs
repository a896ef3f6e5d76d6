//! Telling observers about each call.
//!
//! Tracing, metrics and cost reports all want the same: which operation, for whom, how long, how it
//! ended. One wrapper measures that once, with the care that streams and dropped futures need, and
//! any number of [`Observer`]s make of it what they want.

mod observation;
mod observer;
#[cfg(test)]
mod tests;
mod trace;

use std::sync::Arc;

use firekeep_core::{
    AggregateRequest, Aggregates, BatchGet, Capabilities, Clock, Commit, Committed, Cx, Lookups,
    Operation, QueryEvent, QueryRequest, Result, Store, StoreInfo, TxnId, TxnOptions, WatchEvent,
    WatchRequest, async_trait,
};
use futures::stream::BoxStream;
use tracing::Instrument;

use self::observation::Observation;
pub use self::observer::{Call, Ending, Observer, Outcome};
pub use self::trace::TracingObserver;
use crate::layer::{Layer, Rank};
use crate::tap::tapped;

/// Tells observers when a call starts and, exactly once, how it ended: answered, failed or dropped.
///
/// A stream is one call, from the request until it ends or is dropped.
#[derive(Debug)]
pub struct ObserveLayer {
    clock: Arc<dyn Clock>,
    observers: Vec<Arc<dyn Observer>>,
}

impl ObserveLayer {
    /// No observers yet; durations are measured on `clock`.
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self { clock, observers: Vec::new() }
    }

    /// Adds an observer. They are told in the order in which they were added.
    #[must_use]
    pub fn observer(self, observer: impl Observer) -> Self {
        self.shared_observer(Arc::new(observer))
    }

    /// Adds an observer that is shared already.
    #[must_use]
    pub fn shared_observer(mut self, observer: Arc<dyn Observer>) -> Self {
        self.observers.push(observer);
        self
    }
}

impl Layer for ObserveLayer {
    fn rank(&self) -> Rank {
        Rank::Observe
    }

    fn wrap(self: Box<Self>, inner: Arc<dyn Store>) -> Arc<dyn Store> {
        let Self { clock, observers } = *self;
        Arc::new(ObserveStore { inner, clock, observers: observers.into() })
    }
}

#[derive(Debug)]
struct ObserveStore {
    inner: Arc<dyn Store>,
    clock: Arc<dyn Clock>,
    observers: Arc<[Arc<dyn Observer>]>,
}

impl ObserveStore {
    fn start(&self, cx: &Cx, operation: Operation) -> Observation {
        Observation::start(Arc::clone(&self.observers), Arc::clone(&self.clock), cx, operation)
    }
}

#[async_trait]
impl Store for ObserveStore {
    fn info(&self) -> StoreInfo {
        self.inner.info()
    }

    fn capabilities(&self) -> Capabilities {
        self.inner.capabilities()
    }

    async fn batch_get(&self, cx: &Cx, request: BatchGet) -> Result<Lookups> {
        let observation = self.start(cx, Operation::BatchGet);
        let answer = self.inner.batch_get(cx, request).instrument(observation.span()).await;
        observation.settle(answer, |answer| answer.lookups.len())
    }

    fn query(&self, cx: &Cx, request: QueryRequest) -> BoxStream<'static, Result<QueryEvent>> {
        let observation = self.start(cx, Operation::Query);
        let events = observation.span().in_scope(|| self.inner.query(cx, request));
        tapped(observation.around(events), observation)
    }

    async fn aggregate(&self, cx: &Cx, request: AggregateRequest) -> Result<Aggregates> {
        let observation = self.start(cx, Operation::Aggregate);
        let answer = self.inner.aggregate(cx, request).instrument(observation.span()).await;
        observation.settle(answer, |answer| answer.values.len())
    }

    async fn commit(&self, cx: &Cx, request: Commit) -> Result<Committed> {
        let observation = self.start(cx, Operation::Commit);
        let answer = self.inner.commit(cx, request).instrument(observation.span()).await;
        observation.settle(answer, |answer| answer.writes.len())
    }

    async fn begin(&self, cx: &Cx, options: TxnOptions) -> Result<TxnId> {
        let observation = self.start(cx, Operation::Begin);
        let answer = self.inner.begin(cx, options).instrument(observation.span()).await;
        observation.settle(answer, |_| 0)
    }

    async fn rollback(&self, cx: &Cx, txn: TxnId) -> Result<()> {
        let observation = self.start(cx, Operation::Rollback);
        let answer = self.inner.rollback(cx, txn).instrument(observation.span()).await;
        observation.settle(answer, |()| 0)
    }

    fn watch(&self, cx: &Cx, request: WatchRequest) -> BoxStream<'static, Result<WatchEvent>> {
        let observation = self.start(cx, Operation::Watch);
        let events = observation.span().in_scope(|| self.inner.watch(cx, request));
        tapped(observation.around(events), observation)
    }
}
