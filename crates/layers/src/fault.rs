//! A network that breaks on purpose, the same way each time.
//!
//! A lost reply is an ordinary event, but not one that a test meets by waiting for it. This layer
//! makes such events happen: by rates, drawn from a seed, so that a simulation of 100,000 seeds
//! finds what nobody thought of and the seed that found it finds it again; or scripted one by one.

mod handle;
mod injector;
mod late;
mod rates;
mod streams;
#[cfg(test)]
mod tests;
mod watch;

use std::future::Future;
use std::ops::RangeInclusive;
use std::sync::Arc;
use std::time::Duration;

use firekeep_core::{
    AggregateRequest, Aggregates, BatchGet, Capabilities, Clock, Commit, Committed, Cx, Effect,
    Error, ErrorKind, Lookups, Operation, QueryEvent, QueryRequest, Result, Store, StoreInfo,
    TxnId, TxnOptions, WatchEvent, WatchRequest, async_trait,
};
use futures::stream::BoxStream;

pub use self::handle::FaultHandle;
use self::injector::{Injection, Injector};
use self::rates::Plan;
pub use self::rates::{Fault, Rates};
use crate::layer::{Layer, Rank};

/// Injects faults between a backend and everything above it.
///
/// The faults depend on the seed and on the sequence of calls and stream events, and on nothing
/// else; the seed is in the `Debug` output of the layer, its handle and its store. At most one fault
/// is drawn per call, and one per event of a stream.
///
/// ```
/// # use std::sync::Arc;
/// # use firekeep_core::{ManualClock, Operation};
/// use firekeep_layers::{Fault, FaultLayer, Rates};
/// let clock = Arc::new(ManualClock::new());
/// let layer = FaultLayer::new(7, clock)
///     .everywhere(Rates { fail: 0.05, delay: 0.1, ..Rates::default() })
///     .on(Operation::Commit, Rates { lose_reply: 0.05, late: 0.02, ..Rates::default() });
/// let faults = layer.handle();
/// faults.next(Operation::Commit, Fault::LoseReply);
/// ```
#[derive(Debug)]
pub struct FaultLayer {
    injector: Arc<Injector>,
    plan: Plan,
}

impl FaultLayer {
    /// No faults yet; delays wait on `clock`.
    pub fn new(seed: u64, clock: Arc<dyn Clock>) -> Self {
        Self { injector: Arc::new(Injector::new(seed, clock)), plan: Plan::default() }
    }

    /// What scripts faults, stops them and delivers late commits.
    pub fn handle(&self) -> FaultHandle {
        FaultHandle::new(Arc::clone(&self.injector))
    }

    /// Draws faults at these rates in every operation, as far as they apply to it.
    #[must_use]
    pub fn everywhere(mut self, rates: Rates) -> Self {
        self.plan.rates = [rates; Operation::ALL.len()];
        self
    }

    /// Draws faults at these rates in `operation`, instead of those set before.
    #[must_use]
    pub fn on(mut self, operation: Operation, rates: Rates) -> Self {
        self.plan.rates[operation as usize] = rates;
        self
    }

    /// The kinds among which a drawn [`Fault::Fail`] chooses; unavailable and exhausted by default.
    #[must_use]
    pub fn kinds(mut self, kinds: impl Into<Vec<ErrorKind>>) -> Self {
        self.plan.kinds = kinds.into();
        self
    }

    /// How long drawn delays are; 1 ms to 2 s by default.
    #[must_use]
    pub fn delays(mut self, delays: RangeInclusive<Duration>) -> Self {
        self.plan.delays = delays;
        self
    }

    /// After how many further calls a commit that was drawn to be late goes through; 1 to 16 by
    /// default.
    #[must_use]
    pub fn late_after(mut self, calls: RangeInclusive<u32>) -> Self {
        self.plan.late_after = calls;
        self
    }
}

impl Layer for FaultLayer {
    fn rank(&self) -> Rank {
        Rank::Fault
    }

    fn wrap(self: Box<Self>, inner: Arc<dyn Store>) -> Arc<dyn Store> {
        self.injector.install(self.plan);
        Arc::new(FaultStore { inner, injector: self.injector })
    }
}

#[derive(Debug)]
struct FaultStore {
    inner: Arc<dyn Store>,
    injector: Arc<Injector>,
}

impl FaultStore {
    /// Decides about a call, once the late commits that are due have gone through.
    async fn enter(&self, operation: Operation) -> Option<Injection> {
        let entered = self.injector.enter(operation);
        if entered.late_is_due {
            self.injector.deliver_due().await;
        }
        entered.injection
    }

    /// Makes a call, or breaks it; `send` does nothing until it is polled.
    async fn call<T>(
        &self,
        cx: &Cx,
        operation: Operation,
        injection: Option<Injection>,
        send: impl Future<Output = Result<T>> + Send,
    ) -> Result<T> {
        let Some(Injection { fault, lost }) = injection else { return send.await };
        match fault {
            Fault::Fail(kind) => Err(rates::failed(operation, kind)),
            Fault::LoseRequest => Err(rates::lost(operation, lost)),
            Fault::LoseReply => {
                // Whatever the answer was, the caller never learns it.
                let _: Result<T> = send.await;
                Err(rates::lost(operation, lost))
            }
            Fault::Delay(delay) => {
                self.injector.wait(cx, operation, delay).await?;
                send.await
            }
            Fault::DelayReply(delay) => {
                let answer = send.await;
                self.injector.wait(cx, operation, delay).await?;
                answer
            }
            _ => send.await,
        }
    }

    /// Keeps a commit back, for later.
    fn defer(&self, request: Commit, calls: u32, lost: ErrorKind) -> Error {
        self.injector.defer(Arc::clone(&self.inner), request, calls);
        rates::lost(Operation::Commit, lost)
    }
}

#[async_trait]
impl Store for FaultStore {
    fn info(&self) -> StoreInfo {
        self.inner.info()
    }

    fn capabilities(&self) -> Capabilities {
        self.inner.capabilities()
    }

    async fn batch_get(&self, cx: &Cx, request: BatchGet) -> Result<Lookups> {
        let injection = self.enter(Operation::BatchGet).await;
        let send = self.inner.batch_get(cx, request);
        self.call(cx, Operation::BatchGet, injection, send).await
    }

    fn query(&self, cx: &Cx, request: QueryRequest) -> BoxStream<'static, Result<QueryEvent>> {
        let (inner, of) = (Arc::clone(&self.inner), cx.clone());
        let open = move || inner.query(&of, request);
        streams::cuttable(&self.injector, cx, Operation::Query, open)
    }

    async fn aggregate(&self, cx: &Cx, request: AggregateRequest) -> Result<Aggregates> {
        let injection = self.enter(Operation::Aggregate).await;
        let send = self.inner.aggregate(cx, request);
        self.call(cx, Operation::Aggregate, injection, send).await
    }

    async fn commit(&self, cx: &Cx, request: Commit) -> Result<Committed> {
        match self.enter(Operation::Commit).await {
            Some(Injection { fault: Fault::Late { calls }, lost }) => {
                Err(self.defer(request, calls, lost))
            }
            Some(Injection { fault: Fault::Duplicate, .. }) => {
                let first = self.inner.commit(cx, request.clone()).await;
                // Done by its copy, one that was refused would have been answered with a lie.
                if first.as_ref().err().is_none_or(|error| error.effect() == Effect::Unknown) {
                    let _: Result<Committed> = self.inner.commit(cx, request).await;
                }
                first
            }
            injection => {
                let send = self.inner.commit(cx, request);
                self.call(cx, Operation::Commit, injection, send).await
            }
        }
    }

    async fn begin(&self, cx: &Cx, options: TxnOptions) -> Result<TxnId> {
        let injection = self.enter(Operation::Begin).await;
        self.call(cx, Operation::Begin, injection, self.inner.begin(cx, options)).await
    }

    async fn rollback(&self, cx: &Cx, txn: TxnId) -> Result<()> {
        let injection = self.enter(Operation::Rollback).await;
        self.call(cx, Operation::Rollback, injection, self.inner.rollback(cx, txn)).await
    }

    fn watch(&self, cx: &Cx, request: WatchRequest) -> BoxStream<'static, Result<WatchEvent>> {
        let (inner, injector, of) =
            (Arc::clone(&self.inner), Arc::clone(&self.injector), cx.clone());
        let open = move || watch::faulty(inner, injector, of, request);
        streams::opened(&self.injector, cx, Operation::Watch, open)
    }
}
