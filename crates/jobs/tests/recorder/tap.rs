//! The store as it is, below all faults: each commit that happens is written down.

use std::sync::{Arc, Mutex};

use firekeep_core::{
    AggregateRequest, Aggregates, BatchGet, Capabilities, Change, Commit, Committed, Cx, Lookups,
    QueryEvent, QueryRequest, Result, Store, StoreInfo, Timestamp, TxnId, TxnOptions, Value,
    WatchEvent, WatchRequest, Write, async_trait,
};
use firekeep_jobs::Key;
use futures::stream::BoxStream;

/// What one commit made of the cells.
#[derive(Clone, Debug)]
pub(crate) struct Fact {
    pub(crate) time: Timestamp,
    /// Each cell with its version and event id.
    pub(crate) states: Vec<(Key, u64, String)>,
}

/// All commits that changed a state, by any client.
#[derive(Clone, Debug, Default)]
pub(crate) struct Facts(Arc<Mutex<Vec<Fact>>>);

impl Facts {
    /// In the order of commit.
    pub(crate) fn in_order(&self) -> Vec<Fact> {
        let mut facts = self.0.lock().unwrap().clone();
        facts.sort_by_key(|fact| fact.time);
        facts
    }

    fn note(&self, time: Timestamp, writes: &[Write]) {
        let states: Vec<_> = writes.iter().filter_map(state).collect();
        if !states.is_empty() {
            self.0.lock().unwrap().push(Fact { time, states });
        }
    }
}

/// The state that a write makes. Marks are merges, and make none.
fn state(write: &Write) -> Option<(Key, u64, String)> {
    let Change::Replace(fields) = write.change() else { return None };
    let (_, collection) = write.path().as_str().rsplit_once('/')?.0.rsplit_once('/')?;
    let key = Key::from_doc_id(write.path().id()).filter(|_| collection == "states")?;
    let version = fields.get("version").and_then(Value::as_integer)?;
    let event_id = fields.get("eventID").and_then(Value::as_str)?;
    Some((key, version.try_into().ok()?, event_id.to_owned()))
}

#[derive(Debug)]
pub(crate) struct Tap {
    pub(crate) inner: Arc<dyn Store>,
    pub(crate) facts: Facts,
}

#[async_trait]
impl Store for Tap {
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
        let writes = request.writes().to_vec();
        let committed = self.inner.commit(cx, request).await?;
        self.facts.note(committed.commit_time, &writes);
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
