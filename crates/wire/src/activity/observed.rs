//! The store as one call uses it: says what the call does, and what that is billed.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use async_trait::async_trait;
use firekeep_core::{
    AggregateRequest, Aggregates, BatchGet, Capabilities, Commit, Committed, Cx, Lookups,
    QueryEvent, QueryRequest, ReadAt, Result, Store, StoreInfo, TxnId, TxnOptions, WatchEvent,
    WatchRequest,
};
use firekeep_layers::Bill;
use futures::stream::BoxStream;
use futures::{Stream, StreamExt};

use super::record::Record;
use super::transactions::Transaction;
use super::{Activity, summary};

/// The store of one call.
#[derive(Clone, Debug)]
pub(super) struct Observed {
    inner: Arc<dyn Store>,
    activity: Arc<Activity>,
    record: Arc<Record>,
}

impl Observed {
    pub(super) fn new(inner: Arc<dyn Store>, activity: Arc<Activity>, record: Arc<Record>) -> Self {
        Self { inner, activity, record }
    }

    fn bill(&self, bill: Bill) {
        self.activity.totals.bill(self.record.method(), bill);
        self.record.bill(bill);
    }

    /// A read in a transaction keeps it open.
    fn reads(&self, at: &ReadAt) -> Option<TxnOptions> {
        match at {
            ReadAt::Txn(txn) => {
                self.activity.transactions.used(txn, self.activity.clock.monotonic());
                None
            }
            ReadAt::Begin(options) => Some(options.clone()),
            _ => None,
        }
    }

    fn began(&self, txn: &TxnId, options: &TxnOptions) {
        let what = Transaction {
            database: self.inner.info().database,
            at: self.activity.clock.wall(),
            is_read_only: matches!(options, TxnOptions::ReadOnly { .. }),
            reads: 0,
        };
        self.activity.transactions.began(txn.clone(), what, self.activity.clock.monotonic());
        self.activity.stir();
    }
}

#[async_trait]
impl Store for Observed {
    fn info(&self) -> StoreInfo {
        self.inner.info()
    }

    fn capabilities(&self) -> Capabilities {
        self.inner.capabilities()
    }

    async fn batch_get(&self, cx: &Cx, request: BatchGet) -> Result<Lookups> {
        self.record.did(|| summary::paths(&request.paths));
        let begins = self.reads(&request.at);
        let found = self.inner.batch_get(cx, request).await?;
        self.bill(Bill::of_lookups(&found));
        if let (Some(txn), Some(options)) = (&found.txn, begins) {
            self.began(txn, &options);
        }
        Ok(found)
    }

    fn query(&self, cx: &Cx, request: QueryRequest) -> BoxStream<'static, Result<QueryEvent>> {
        self.record.did(|| summary::query(&request.query));
        let begins = self.reads(&request.at);
        let offset = u64::from(request.query.offset());
        let inner = self.inner.query(cx, request);
        Rows { inner, of: self.clone(), begins, offset, unbilled: 0 }.boxed()
    }

    async fn aggregate(&self, cx: &Cx, request: AggregateRequest) -> Result<Aggregates> {
        self.record.did(|| summary::aggregate(&request));
        let begins = self.reads(request.read_at());
        let answer = self.inner.aggregate(cx, request).await?;
        self.bill(Bill { reads: answer.billed_reads, ..Bill::ZERO });
        if let (Some(txn), Some(options)) = (&answer.txn, begins) {
            self.began(txn, &options);
        }
        Ok(answer)
    }

    async fn commit(&self, cx: &Cx, request: Commit) -> Result<Committed> {
        self.record.did(|| summary::writes(request.writes()));
        let bill = Bill::of_writes(request.writes());
        if let Some(txn) = request.txn() {
            // Whatever becomes of the commit, the transaction is over.
            self.activity.transactions.ended(txn);
        }
        let committed = self.inner.commit(cx, request).await?;
        self.bill(bill);
        self.activity.wrote();
        Ok(committed)
    }

    async fn begin(&self, cx: &Cx, options: TxnOptions) -> Result<TxnId> {
        let txn = self.inner.begin(cx, options.clone()).await?;
        self.began(&txn, &options);
        Ok(txn)
    }

    async fn rollback(&self, cx: &Cx, txn: TxnId) -> Result<()> {
        self.activity.transactions.ended(&txn);
        self.inner.rollback(cx, txn).await
    }

    fn watch(&self, cx: &Cx, request: WatchRequest) -> BoxStream<'static, Result<WatchEvent>> {
        let what = summary::target(&request.target);
        self.record.did(|| what.clone());
        if self.activity.is_watched() {
            let entry = self.record.entry("open", self.activity.clock.monotonic());
            let entry = entry.map(|entry| super::Entry { detail: what.clone(), ..entry });
            entry.into_iter().for_each(|entry| self.activity.log(entry));
        }
        let number = self.record.add_target(what);
        let inner = self.inner.watch(cx, request);
        Changes { inner, of: self.clone(), number }.boxed()
    }
}

/// A query's rows on their way.
struct Rows {
    inner: BoxStream<'static, Result<QueryEvent>>,
    of: Observed,
    begins: Option<TxnOptions>,
    offset: u64,
    /// Rows told, and skipped before them, that no last event has billed.
    unbilled: u64,
}

impl Stream for Rows {
    type Item = Result<QueryEvent>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let event = ready!(self.inner.poll_next_unpin(cx));
        match &event {
            Some(Ok(QueryEvent::Began(txn))) => {
                if let Some(options) = self.begins.take() {
                    self.of.began(txn, &options);
                }
            }
            Some(Ok(QueryEvent::Row(_))) => {
                self.unbilled += 1 + std::mem::take(&mut self.offset);
            }
            Some(Ok(QueryEvent::Done { billed_reads, .. })) => {
                self.unbilled = 0;
                self.of.bill(Bill { reads: *billed_reads, ..Bill::ZERO });
            }
            Some(Err(_)) | None => {}
        }
        Poll::Ready(event)
    }
}

impl Drop for Rows {
    fn drop(&mut self) {
        self.of.bill(Bill { reads: self.unbilled, ..Bill::ZERO });
    }
}

/// A target's changes on their way.
struct Changes {
    inner: BoxStream<'static, Result<WatchEvent>>,
    of: Observed,
    number: u64,
}

impl Stream for Changes {
    type Item = Result<WatchEvent>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let event = ready!(self.inner.poll_next_unpin(cx));
        if let Some(Ok(WatchEvent::Batch(batch))) = &event {
            self.of.bill(Bill { reads: batch.billed_reads, ..Bill::ZERO });
            self.of.activity.stir();
        }
        Poll::Ready(event)
    }
}

impl Drop for Changes {
    fn drop(&mut self) {
        self.of.record.remove_target(self.number);
        self.of.activity.stir();
    }
}
