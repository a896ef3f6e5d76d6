//! A store on which each operation takes two steps, so that whoever polls decides who comes next, and
//! whoever drops kills before the operation or after it.

use std::future::poll_fn;
use std::sync::{Arc, Mutex};
use std::task::Poll;

use async_trait::async_trait;
use firekeep_core::{
    AggregateRequest, Aggregates, BatchGet, Capabilities, Change, Commit, Committed, Cx, Error,
    ErrorKind, Lookups, QueryEvent, QueryRequest, Require, Result, Store, StoreInfo, TxnId,
    TxnOptions, WatchEvent, WatchRequest, Write, Written,
};
use futures::StreamExt;
use futures::stream::{self, BoxStream};

/// What a client fails to do, to see whether anybody notices.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mutant {
    /// gc does not seal cells.
    Seals,
    /// gc sees no leases.
    Leases,
    /// gc moves a job on, however it has changed.
    Compare,
    /// gc deletes pages without looking at the job.
    PurgeGuard,
    /// Writers create cells without looking at the job.
    JobCheck,
}

/// Whose client this is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Client {
    Writer,
    Collector,
}

#[derive(Debug)]
pub(crate) struct Stepped {
    pub(crate) inner: Arc<dyn Store>,
    pub(crate) client: Client,
    pub(crate) mutant: Option<Mutant>,
    /// What decides which queries of gc fail.
    pub(crate) random: Mutex<fastrand::Rng>,
}

/// Lets others go first.
pub(crate) async fn step() {
    let mut has_waited = false;
    poll_fn(move |cx| {
        if std::mem::replace(&mut has_waited, true) {
            return Poll::Ready(());
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

impl Stepped {
    fn is(&self, mutant: Mutant) -> bool {
        let client = match mutant {
            Mutant::JobCheck => Client::Writer,
            _ => Client::Collector,
        };
        self.mutant == Some(mutant) && self.client == client
    }

    /// What is left of a write; `None` if the mutant leaves it out.
    fn mutated(&self, write: Write) -> Option<Write> {
        let is_job = write.path().as_str().split('/').count() == 2;
        let marks = match write.change() {
            Change::Merge { mask, .. } => mask.iter().any(|field| field.to_string() == "sealed"),
            _ => false,
        };
        let verifies = *write.change() == Change::Verify && is_job;
        let is_left_out = self.is(Mutant::Seals) && marks
            || self.is(Mutant::PurgeGuard) && verifies
            || self.is(Mutant::JobCheck) && verifies;
        if is_left_out {
            return None;
        }
        let is_phase = is_job && !verifies && *write.change() != Change::Delete;
        Some(match self.is(Mutant::Compare) && is_phase {
            true => write.require(Require::Present),
            false => write,
        })
    }

    fn fails(&self) -> bool {
        self.client == Client::Collector && self.random.lock().unwrap().u32(..40) == 0
    }
}

#[async_trait]
impl Store for Stepped {
    fn info(&self) -> StoreInfo {
        self.inner.info()
    }

    fn capabilities(&self) -> Capabilities {
        self.inner.capabilities()
    }

    async fn batch_get(&self, cx: &Cx, request: BatchGet) -> Result<Lookups> {
        step().await;
        let answer = self.inner.batch_get(cx, request).await;
        step().await;
        answer
    }

    fn query(&self, cx: &Cx, request: QueryRequest) -> BoxStream<'static, Result<QueryEvent>> {
        if self.fails() {
            let refused = Error::new(ErrorKind::PermissionDenied, "this time");
            return stream::once(async { Err(refused) }).boxed();
        }
        let is_blind = self.is(Mutant::Leases) && request.query.scope().collection_id() == "leases";
        let (inner, cx) = (Arc::clone(&self.inner), cx.clone());
        let rows = stream::once(step()).flat_map(move |()| inner.query(&cx, request.clone()));
        let seen = move |event: &Result<QueryEvent>| {
            std::future::ready(!(is_blind && matches!(event, Ok(QueryEvent::Row(_)))))
        };
        rows.filter(seen).chain(stream::once(step()).filter_map(async |()| None)).boxed()
    }

    async fn aggregate(&self, cx: &Cx, request: AggregateRequest) -> Result<Aggregates> {
        self.inner.aggregate(cx, request).await
    }

    async fn commit(&self, cx: &Cx, request: Commit) -> Result<Committed> {
        step().await;
        let asked = request.writes().len();
        let left = request.into_writes().into_iter().filter_map(|write| self.mutated(write));
        let mut answer = self.inner.commit(cx, Commit::new(left.collect())?).await;
        if let Ok(committed) = &mut answer {
            committed.writes.resize(asked, Written::default());
        }
        step().await;
        answer
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
