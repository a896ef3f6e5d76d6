//! The store as it is, below all faults: every commit that happens is told to the book.

use std::sync::Arc;

use firekeep_core::{
    AggregateRequest, Aggregates, BatchGet, Capabilities, Commit, Committed, Cx, Lookups,
    QueryEvent, QueryRequest, Result, Store, StoreInfo, TxnId, TxnOptions, WatchEvent,
    WatchRequest, async_trait,
};
use firekeep_memory::MemoryStore;
use futures::stream::BoxStream;

use crate::book::Book;

#[derive(Debug)]
pub(crate) struct Recorder {
    inner: MemoryStore,
    book: Arc<Book>,
}

impl Recorder {
    pub(crate) fn new(inner: MemoryStore, book: Arc<Book>) -> Self {
        Self { inner, book }
    }
}

#[async_trait]
impl Store for Recorder {
    fn info(&self) -> StoreInfo {
        self.inner.info()
    }

    fn capabilities(&self) -> Capabilities {
        self.inner.capabilities()
    }

    async fn batch_get(&self, cx: &Cx, request: BatchGet) -> Result<Lookups> {
        self.inner.batch_get(cx, request).await
    }

    fn query(&self, cx: &Cx, request: QueryRequest) -> BoxStream<'static, Result<QueryEvent>> {
        self.inner.query(cx, request)
    }

    async fn aggregate(&self, cx: &Cx, request: AggregateRequest) -> Result<Aggregates> {
        self.inner.aggregate(cx, request).await
    }

    async fn commit(&self, cx: &Cx, request: Commit) -> Result<Committed> {
        let paths = request.writes().iter().map(|write| write.path().clone()).collect();
        let committed = self.inner.commit(cx, request).await?;
        // Memory answers at once, so that nothing comes between the commit and this.
        let found = self.inner.batch_get(&Cx::new(), BatchGet::new(paths)).await?;
        self.book.committed(committed.commit_time, found.lookups);
        Ok(committed)
    }

    async fn begin(&self, cx: &Cx, options: TxnOptions) -> Result<TxnId> {
        self.inner.begin(cx, options).await
    }

    async fn rollback(&self, cx: &Cx, txn: TxnId) -> Result<()> {
        self.inner.rollback(cx, txn).await
    }

    fn watch(&self, cx: &Cx, request: WatchRequest) -> BoxStream<'static, Result<WatchEvent>> {
        self.inner.watch(cx, request)
    }
}
