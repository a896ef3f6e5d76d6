//! A store in which something is committed just before a watch looks.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use firekeep_core::{
    AggregateRequest, Aggregates, BatchGet, Capabilities, Commit, Committed, Cx, Lookups,
    QueryEvent, QueryRequest, Result, Store, StoreInfo, TxnId, TxnOptions, WatchEvent,
    WatchRequest, Write, async_trait, fields,
};
use firekeep_memory::MemoryStore;
use futures::StreamExt;
use futures::stream::{self, BoxStream};

/// Commits at the worst of times: between two targets of one stream being asked for news.
#[derive(Clone, Debug)]
pub(crate) struct Meddler {
    store: MemoryStore,
    /// How many commits are left.
    left: Arc<AtomicI64>,
    seed: u64,
}

impl Meddler {
    pub(crate) fn new(store: MemoryStore, commits: i64, seed: u64) -> Self {
        Self { store, left: Arc::new(AtomicI64::new(commits)), seed }
    }

    pub(crate) fn is_done(&self) -> bool {
        self.left.load(Ordering::SeqCst) <= 0
    }

    /// Gives a document and its twin the same number, or deletes both.
    fn meddle(&self) {
        let left = self.left.fetch_sub(1, Ordering::SeqCst);
        if left <= 0 {
            return;
        }
        let mut random = fastrand::Rng::with_seed(self.seed ^ left as u64);
        let id = random.u8(..3);
        let deletes = random.u8(..4) == 0;
        let writes = ["a", "b"].map(|collection| {
            let path = format!("{collection}/{id}").try_into().unwrap();
            if deletes {
                return Write::delete(path);
            }
            Write::replace(path, fields! { "n" => left }).unwrap()
        });
        let commit = Commit::new(writes.into()).unwrap();
        futures::executor::block_on(self.store.commit(&Cx::new(), commit)).unwrap();
    }
}

#[async_trait]
impl Store for Meddler {
    fn info(&self) -> StoreInfo {
        self.store.info()
    }

    fn capabilities(&self) -> Capabilities {
        self.store.capabilities()
    }

    async fn batch_get(&self, cx: &Cx, request: BatchGet) -> Result<Lookups> {
        self.store.batch_get(cx, request).await
    }

    fn query(&self, cx: &Cx, request: QueryRequest) -> BoxStream<'static, Result<QueryEvent>> {
        self.store.query(cx, request)
    }

    async fn aggregate(&self, cx: &Cx, request: AggregateRequest) -> Result<Aggregates> {
        self.store.aggregate(cx, request).await
    }

    async fn commit(&self, cx: &Cx, request: Commit) -> Result<Committed> {
        self.store.commit(cx, request).await
    }

    async fn begin(&self, cx: &Cx, options: TxnOptions) -> Result<TxnId> {
        self.store.begin(cx, options).await
    }

    async fn rollback(&self, cx: &Cx, txn: TxnId) -> Result<()> {
        self.store.rollback(cx, txn).await
    }

    fn watch(&self, cx: &Cx, request: WatchRequest) -> BoxStream<'static, Result<WatchEvent>> {
        let mut watch = self.store.watch(cx, request);
        let meddler = self.clone();
        let mut random = fastrand::Rng::with_seed(self.seed);
        stream::poll_fn(move |task| {
            if random.bool() {
                meddler.meddle();
            }
            watch.poll_next_unpin(task)
        })
        .boxed()
    }
}
