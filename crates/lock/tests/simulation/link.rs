//! A client's connection: what it sends travels and arrives whether or not the client still lives.

use std::fmt;
use std::future::Future;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use fastrand::Rng;
use firekeep_core::{
    AggregateRequest, Aggregates, BatchGet, Capabilities, Clock, Commit, Committed, Cx, Effect,
    Error, ErrorKind, Lookups, ManualClock, Operation, QueryEvent, QueryRequest, Result, Store,
    StoreInfo, TxnId, TxnOptions, WatchEvent, WatchRequest, async_trait,
};
use futures::StreamExt;
use futures::channel::oneshot;
use futures::future::{Either, select};
use futures::stream::BoxStream;

use crate::clock::SkewedClock;

/// A client's way to the store: it takes time, and ends no call that the client gave up.
pub(crate) struct Link {
    inner: Arc<dyn Store>,
    clock: SkewedClock,
    truth: ManualClock,
    rng: Mutex<Rng>,
}

impl Link {
    pub(crate) fn new(
        inner: Arc<dyn Store>,
        clock: SkewedClock,
        truth: ManualClock,
        seed: u64,
    ) -> Self {
        Self { inner, clock, truth, rng: Mutex::new(Rng::with_seed(seed)) }
    }

    /// Half of the journeys take no time, so that much happens at once; the others up to 40 ms.
    fn journey(&self) -> Duration {
        let mut rng = self.rng.lock().unwrap();
        if rng.bool() { Duration::ZERO } else { Duration::from_micros(rng.u64(1..40_000)) }
    }

    /// Sends a call off, and waits for its answer until the deadline by the client's own clock.
    async fn call<T, F>(
        &self,
        cx: &Cx,
        operation: Operation,
        send: impl FnOnce(Arc<dyn Store>) -> F,
    ) -> Result<T>
    where
        T: Send + 'static,
        F: Future<Output = Result<T>> + Send + 'static,
    {
        let (there, back) = (self.journey(), self.journey());
        let (tell, told) = oneshot::channel();
        let (truth, work) = (self.truth.clone(), send(Arc::clone(&self.inner)));
        #[allow(clippy::disallowed_methods, reason = "the network belongs to the simulation")]
        tokio::spawn(async move {
            truth.sleep(there).await;
            let answer = work.await;
            truth.sleep(back).await;
            let _: Result<_, _> = tell.send(answer);
        });
        let answer = match cx.deadline() {
            None => told.await,
            Some(deadline) => {
                let left = deadline.saturating_duration_since(self.clock.monotonic());
                match select(told, self.clock.sleep(left)).await {
                    Either::Left((answer, _)) => answer,
                    Either::Right(_) => return Err(overdue(operation)),
                }
            }
        };
        self.clock.gate.pass().await;
        answer.expect("the network carries every call")
    }
}

impl Link {
    /// A stream whose events reach the client only while it runs.
    fn arriving<T: Send + 'static>(&self, events: BoxStream<'static, T>) -> BoxStream<'static, T> {
        let gate = self.clock.gate.clone();
        let arrive = move |event| {
            let gate = gate.clone();
            async move {
                gate.pass().await;
                event
            }
        };
        events.then(arrive).boxed()
    }
}

/// The answer of a call whose deadline passed: a commit may still arrive.
fn overdue(operation: Operation) -> Error {
    let is_commit = operation == Operation::Commit;
    let effect = if is_commit { Effect::Unknown } else { Effect::None };
    let error = Error::new(ErrorKind::DeadlineExceeded, "the deadline passed");
    error.with_effect(effect).in_operation(operation)
}

#[async_trait]
impl Store for Link {
    fn info(&self) -> StoreInfo {
        self.inner.info()
    }

    fn capabilities(&self) -> Capabilities {
        self.inner.capabilities()
    }

    async fn batch_get(&self, cx: &Cx, request: BatchGet) -> Result<Lookups> {
        let send =
            |inner: Arc<dyn Store>| async move { inner.batch_get(&Cx::new(), request).await };
        self.call(cx, Operation::BatchGet, send).await
    }

    fn query(&self, cx: &Cx, request: QueryRequest) -> BoxStream<'static, Result<QueryEvent>> {
        self.arriving(self.inner.query(cx, request))
    }

    async fn aggregate(&self, cx: &Cx, request: AggregateRequest) -> Result<Aggregates> {
        self.inner.aggregate(cx, request).await
    }

    async fn commit(&self, cx: &Cx, request: Commit) -> Result<Committed> {
        let send = |inner: Arc<dyn Store>| async move { inner.commit(&Cx::new(), request).await };
        self.call(cx, Operation::Commit, send).await
    }

    async fn begin(&self, cx: &Cx, options: TxnOptions) -> Result<TxnId> {
        self.inner.begin(cx, options).await
    }

    async fn rollback(&self, cx: &Cx, txn: TxnId) -> Result<()> {
        self.inner.rollback(cx, txn).await
    }

    fn watch(&self, cx: &Cx, request: WatchRequest) -> BoxStream<'static, Result<WatchEvent>> {
        self.arriving(self.inner.watch(cx, request))
    }
}

impl fmt::Debug for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Link").field("clock", &self.clock).finish_non_exhaustive()
    }
}
