//! Stores that lie: each breaks one promise, and the suite must notice.
//!
//! A suite is worth what it catches. Each [`Liar`] names the cases that must fail on it; a test
//! holds the suite to that on memory.

mod reading;
mod watching;
mod writing;

use std::fmt;
use std::sync::Arc;

use firekeep_core::{
    AggregateRequest, Aggregates, BatchGet, Capabilities, Commit, Committed, Cx, Error, Lookups,
    QueryEvent, QueryRequest, Result, Store, StoreInfo, TxnId, TxnOptions, WatchEvent,
    WatchRequest, async_trait,
};
use futures::stream::{self, BoxStream};
use futures::{StreamExt, TryStreamExt};

/// A way of lying, and who must catch it.
#[derive(Clone, Copy)]
pub struct Liar {
    /// What it does wrong.
    pub name: &'static str,
    /// The cases that must fail, each on its own.
    pub caught_by: &'static [&'static str],
    wrap: fn(Arc<dyn Store>) -> Arc<dyn Store>,
}

impl Liar {
    /// The lying store over an honest one.
    pub fn over(&self, honest: Arc<dyn Store>) -> Arc<dyn Store> {
        (self.wrap)(honest)
    }
}

impl fmt::Debug for Liar {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Liar").field("name", &self.name).finish_non_exhaustive()
    }
}

/// Every liar.
pub fn liars() -> Vec<Liar> {
    [writing::liars(), reading::liars(), watching::liars()].concat()
}

macro_rules! liar {
    ($lie:expr, $name:literal, caught by $($case:literal),+) => {
        $crate::liars::Liar {
            name: $name,
            caught_by: &[$($case),+],
            wrap: |honest| std::sync::Arc::new($crate::liars::Lying { honest, lie: $lie }),
        }
    };
}
use liar;

/// Where a store can lie; honest unless overridden.
#[async_trait]
trait Lie: fmt::Debug + Clone + Send + Sync + 'static {
    async fn batch_get(&self, honest: &dyn Store, cx: &Cx, request: BatchGet) -> Result<Lookups> {
        honest.batch_get(cx, request).await
    }

    fn query(&self, request: QueryRequest) -> QueryRequest {
        request
    }

    fn rows(&self, _request: &QueryRequest, events: Vec<QueryEvent>) -> Vec<QueryEvent> {
        events
    }

    fn aggregates(&self, answer: Aggregates) -> Aggregates {
        answer
    }

    async fn commit(&self, honest: &dyn Store, cx: &Cx, request: Commit) -> Result<Committed> {
        honest.commit(cx, request).await
    }

    fn watched(&self, request: WatchRequest) -> WatchRequest {
        request
    }

    /// A teller of one watch: takes each honest event, and answers what is told instead.
    fn teller(&self) -> Box<dyn FnMut(WatchEvent) -> Vec<WatchEvent> + Send> {
        Box::new(|event| vec![event])
    }
}

#[derive(Debug)]
struct Lying<L> {
    honest: Arc<dyn Store>,
    lie: L,
}

#[async_trait]
impl<L: Lie> Store for Lying<L> {
    fn info(&self) -> StoreInfo {
        self.honest.info()
    }

    fn capabilities(&self) -> Capabilities {
        self.honest.capabilities()
    }

    async fn batch_get(&self, cx: &Cx, request: BatchGet) -> Result<Lookups> {
        self.lie.batch_get(&*self.honest, cx, request).await
    }

    fn query(&self, cx: &Cx, request: QueryRequest) -> BoxStream<'static, Result<QueryEvent>> {
        let (lie, told) = (self.lie.clone(), self.lie.query(request));
        let events = self.honest.query(cx, told.clone());
        let rewritten = async move {
            let events: Vec<_> = events.try_collect().await?;
            let rows = lie.rows(&told, events).into_iter().map(Ok);
            Ok::<_, Error>(stream::iter(rows))
        };
        stream::once(rewritten).try_flatten().boxed()
    }

    async fn aggregate(&self, cx: &Cx, request: AggregateRequest) -> Result<Aggregates> {
        Ok(self.lie.aggregates(self.honest.aggregate(cx, request).await?))
    }

    async fn commit(&self, cx: &Cx, request: Commit) -> Result<Committed> {
        self.lie.commit(&*self.honest, cx, request).await
    }

    async fn begin(&self, cx: &Cx, options: TxnOptions) -> Result<TxnId> {
        self.honest.begin(cx, options).await
    }

    async fn rollback(&self, cx: &Cx, txn: TxnId) -> Result<()> {
        self.honest.rollback(cx, txn).await
    }

    fn watch(&self, cx: &Cx, request: WatchRequest) -> BoxStream<'static, Result<WatchEvent>> {
        let mut tell = self.lie.teller();
        let told = self.honest.watch(cx, self.lie.watched(request)).map_ok(move |event| {
            let told: Vec<Result<WatchEvent>> = tell(event).into_iter().map(Ok).collect();
            stream::iter(told)
        });
        told.try_flatten().boxed()
    }
}
