//! What the store is asked for, and what that is billed at.
//!
//! Cost is part of the interface: tests assert it, and a dashboard that quietly reads a collection
//! per refresh is a defect. The meter counts *attempts*, so it stands inside of retry: what a
//! caller sees as one read may have been sent, and billed, three times.

mod bill;
mod ledger;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use firekeep_core::{
    AggregateRequest, Aggregates, BatchGet, Capabilities, Commit, Committed, Cx, Error, Lookups,
    Operation, QueryEvent, QueryRequest, Result, Store, StoreInfo, TxnId, TxnOptions, WatchEvent,
    WatchRequest, async_trait,
};
use futures::stream::BoxStream;

pub use self::bill::{Bill, Usage};
use self::ledger::{Entry, Ledger};
use crate::layer::{Layer, Rank};
use crate::tap::{Tap, tapped};

/// Counts RPC attempts, billed reads, writes and deletes, and errors, by operation and by the
/// [`label`](Cx::label) of the call.
///
/// Counting takes a handful of relaxed atomic additions and no lock. It allocates when a label first
/// appears, for a lookup of more than 16 paths, and for the wrapper of a stream. At most 63 labels are kept apart; what comes after is
/// counted under `other`, so that an id mistaken for a label can't fill the memory.
///
/// # What counts
/// As stated under `# Cost` of each [`Store`] method, per attempt:
/// - One RPC when an attempt is made, whether or not it is answered.
/// - A read, an aggregation or a commit is billed when its answer arrives. An attempt that fails is
///   not counted as billed; after a lost reply the bill is a lower bound.
/// - A query is billed by its last event. If it is dropped or fails before that, the rows delivered
///   and those that its offset skipped count.
/// - A watch is billed batch by batch.
#[derive(Debug, Default)]
pub struct MeterLayer {
    ledger: Arc<Ledger>,
}

/// Reads what a [`MeterLayer`] counted. Clones read the same counters.
#[derive(Clone, Debug)]
pub struct MeterHandle(Arc<Ledger>);

impl MeterLayer {
    /// A meter at zero.
    pub fn new() -> Self {
        Self::default()
    }

    /// What reads this meter.
    pub fn handle(&self) -> MeterHandle {
        MeterHandle(Arc::clone(&self.ledger))
    }
}

impl Layer for MeterLayer {
    fn rank(&self) -> Rank {
        Rank::Meter
    }

    fn wrap(self: Box<Self>, inner: Arc<dyn Store>) -> Arc<dyn Store> {
        Arc::new(MeterStore { inner, ledger: self.ledger })
    }
}

impl MeterHandle {
    /// Everything counted so far, summed up.
    ///
    /// ```
    /// # use firekeep_layers::{Bill, MeterLayer};
    /// # let meter = MeterLayer::new().handle();
    /// let before = meter.snapshot();
    /// // … what is measured …
    /// assert_eq!(meter.since(before), Bill::default());
    /// ```
    pub fn snapshot(&self) -> Bill {
        self.0.sum(|_, _| true)
    }

    /// What was counted after `before` was taken.
    pub fn since(&self, before: Bill) -> Bill {
        self.snapshot() - before
    }

    /// Everything counted so far for one operation.
    pub fn of(&self, operation: Operation) -> Bill {
        self.0.sum(|_, of| of == operation)
    }

    /// Everything counted so far on behalf of `label`.
    pub fn labelled(&self, label: &str) -> Bill {
        self.0.sum(|of, _| of == label)
    }

    /// Everything counted so far, by label and operation, with the errors by kind.
    ///
    /// Each counter is exact; calls under way may be in one counter and not yet in another.
    pub fn usage(&self) -> Usage {
        self.0.usage()
    }
}

#[derive(Debug)]
struct MeterStore {
    inner: Arc<dyn Store>,
    ledger: Arc<Ledger>,
}

impl MeterStore {
    /// Counts an attempt and finds where the rest of it is counted.
    fn attempt(&self, cx: &Cx, operation: Operation) -> Entry {
        let entry = Ledger::entry(&self.ledger, cx.label(), operation);
        entry.add(Bill { rpcs: 1, ..Bill::default() });
        entry
    }
}

#[async_trait]
impl Store for MeterStore {
    fn info(&self) -> StoreInfo {
        self.inner.info()
    }

    fn capabilities(&self) -> Capabilities {
        self.inner.capabilities()
    }

    async fn batch_get(&self, cx: &Cx, request: BatchGet) -> Result<Lookups> {
        let entry = self.attempt(cx, Operation::BatchGet);
        entry.settle(self.inner.batch_get(cx, request).await, Bill::of_lookups)
    }

    fn query(&self, cx: &Cx, request: QueryRequest) -> BoxStream<'static, Result<QueryEvent>> {
        let entry = self.attempt(cx, Operation::Query);
        let skipped = u64::from(request.query.offset());
        tapped(self.inner.query(cx, request), QueryTap { entry, skipped, unbilled: 0 })
    }

    async fn aggregate(&self, cx: &Cx, request: AggregateRequest) -> Result<Aggregates> {
        let entry = self.attempt(cx, Operation::Aggregate);
        entry.settle(self.inner.aggregate(cx, request).await, |answer| Bill {
            reads: answer.billed_reads,
            ..Bill::default()
        })
    }

    async fn commit(&self, cx: &Cx, request: Commit) -> Result<Committed> {
        let entry = self.attempt(cx, Operation::Commit);
        let bill = Bill::of_writes(request.writes());
        entry.settle(self.inner.commit(cx, request).await, |_| bill)
    }

    async fn begin(&self, cx: &Cx, options: TxnOptions) -> Result<TxnId> {
        let entry = self.attempt(cx, Operation::Begin);
        entry.settle(self.inner.begin(cx, options).await, |_| Bill::default())
    }

    async fn rollback(&self, cx: &Cx, txn: TxnId) -> Result<()> {
        let entry = self.attempt(cx, Operation::Rollback);
        entry.settle(self.inner.rollback(cx, txn).await, |()| Bill::default())
    }

    fn watch(&self, cx: &Cx, request: WatchRequest) -> BoxStream<'static, Result<WatchEvent>> {
        let entry = self.attempt(cx, Operation::Watch);
        tapped(self.inner.watch(cx, request), WatchTap(entry))
    }
}

impl Entry {
    /// Counts how an attempt ended.
    fn settle<T>(&self, answer: Result<T>, bill: impl FnOnce(&T) -> Bill) -> Result<T> {
        match &answer {
            Ok(answer) => self.add(bill(answer)),
            Err(error) => self.fail(error),
        }
        answer
    }

    fn fail(&self, error: &Error) {
        self.add_error(error.kind());
    }
}

struct QueryTap {
    entry: Entry,
    /// What the offset skips before the first row.
    skipped: u64,
    /// Rows told, and skipped before them, that no last event has billed.
    unbilled: u64,
}

impl Tap<QueryEvent> for QueryTap {
    fn item(&mut self, item: &Result<QueryEvent>) {
        match item {
            Ok(QueryEvent::Began(_)) => {}
            Ok(QueryEvent::Row(_)) => self.unbilled += 1 + std::mem::take(&mut self.skipped),
            Ok(QueryEvent::Done { billed_reads, .. }) => {
                self.unbilled = 0;
                self.entry.add(Bill { reads: *billed_reads, ..Bill::default() });
            }
            Err(error) => self.entry.fail(error),
        }
    }
}

impl Drop for QueryTap {
    fn drop(&mut self) {
        self.entry.add(Bill { reads: self.unbilled, ..Bill::default() });
    }
}

struct WatchTap(Entry);

impl Tap<WatchEvent> for WatchTap {
    fn item(&mut self, item: &Result<WatchEvent>) {
        match item {
            Ok(WatchEvent::Batch(batch)) => {
                self.0.add(Bill { reads: batch.billed_reads, ..Bill::default() });
            }
            Ok(_) => {}
            Err(error) => self.0.fail(error),
        }
    }
}
