//! What the store is really sent about leases, and what it answers.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use firekeep_core::{
    AggregateRequest, Aggregates, BatchGet, Capabilities, Change as Written, Commit, Committed, Cx,
    Document, Effect, Fields, Lookups, QueryEvent, QueryRequest, Require, Result, Store, StoreInfo,
    TxnId, TxnOptions, Value, WatchEvent, WatchRequest, Write, async_trait,
};
use firekeep_lock::LockId;
use futures::stream::BoxStream;

use crate::history::{Answer, Change, Event, Found, Recorder};

/// Records every change of a lease that passes, below everything that could lie about it.
#[derive(Debug)]
pub struct Tap {
    inner: Arc<dyn Store>,
    recorder: Arc<Recorder>,
    requests: AtomicU64,
}

impl Tap {
    /// Listens in on `inner`. `first` is the number of its first request, unique in the history.
    pub fn new(inner: Arc<dyn Store>, recorder: Arc<Recorder>, first: u64) -> Self {
        Self { inner, recorder, requests: AtomicU64::new(first) }
    }

    /// Tells what is about to be sent: the number of each change, and where its result stands.
    fn tell_sent(&self, commit: &Commit) -> Vec<(u64, usize)> {
        let changes = commit.writes().iter().enumerate();
        let changes = changes.filter_map(|(at, write)| Some((at, write, change(write)?)));
        changes
            .map(|(at, write, change)| {
                let n = self.requests.fetch_add(1, Ordering::Relaxed);
                let guard = match write.required() {
                    Some(Require::Version(version)) => Some(version.time().as_micros()),
                    _ => None,
                };
                let lease = write.path().id().to_owned();
                self.recorder.tell(Event::Sent { n, lease, change, guard });
                (n, at)
            })
            .collect()
    }
}

/// Where leases are kept.
pub const LEASES: &str = "firekeep_locks";

#[async_trait]
impl Store for Tap {
    async fn commit(&self, cx: &Cx, request: Commit) -> Result<Committed> {
        let sent = self.tell_sent(&request);
        let answer = self.inner.commit(cx, request).await;
        for (n, at) in sent {
            let answer = match &answer {
                Ok(committed) => applied(committed, at),
                Err(error) if error.effect() == Effect::None => Answer::Refused,
                Err(_) => Answer::Unknown,
            };
            self.recorder.tell(Event::Answered { n, answer });
        }
        answer
    }

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

/// What a write does to a lease; `None` if it concerns no lease, or leaves it alone.
fn change(write: &Write) -> Option<Change> {
    if write.path().parent().as_str() != LEASES {
        return None;
    }
    match write.change() {
        Written::Delete => Some(Change::Leave),
        Written::Replace(fields) => match sole_holder(fields) {
            Some((id, ttl_ms)) => Some(Change::Take { id, ttl_ms }),
            None => Some(Change::Clear),
        },
        Written::Merge { fields, .. } => {
            sole_holder(fields).map(|(id, ttl_ms)| Change::Stamp { id, ttl_ms })
        }
        _ => None,
    }
}

/// The only holder in the fields of a lease; the harness shares no locks.
fn sole_holder(fields: &Fields) -> Option<(String, i64)> {
    let (id, entry) = fields.get("holders")?.as_map()?.iter().next()?;
    Some((hashed(id), entry.as_map()?.get("ttl_ms")?.as_integer()?))
}

fn applied(committed: &Committed, at: usize) -> Answer {
    let results = |at: usize| committed.writes.get(at).map(|write| &write.transform_results);
    let first = |at: usize| results(at).and_then(|results| results.first());
    // A write of what is there already leaves the version as it was.
    let version = committed.writes.get(at).and_then(|write| write.version);
    Answer::Applied {
        time: version.map_or(committed.commit_time, |version| version.time()).as_micros(),
        started: first(at).and_then(Value::as_timestamp).map(|stamp| stamp.as_micros()),
        // The counter stands directly behind the lease that is taken.
        fence: first(at + 1).and_then(Value::as_integer).and_then(|fence| fence.try_into().ok()),
    }
}

/// A lease as the observer saw it.
pub fn found(document: &Document) -> Found {
    let holders = document.get("holders").and_then(Value::as_map);
    let holders = holders.into_iter().flatten().filter_map(|(id, entry)| {
        let entry = entry.as_map()?;
        let started = entry.get("at")?.as_timestamp()?.as_micros();
        Some((hashed(id), started, entry.get("ttl_ms")?.as_integer()?))
    });
    Found { version: document.version().time().as_micros(), holders: holders.collect() }
}

fn hashed(id: &str) -> String {
    LockId::parse(id).map_or_else(|_| id.to_owned(), |id| id.hash().as_str().to_owned())
}

#[cfg(test)]
mod tests {
    use firekeep_core::{Timestamp, Version, Written};

    use super::*;

    fn at(micros: i64) -> Timestamp {
        Timestamp::from_micros(micros).unwrap()
    }

    #[test]
    fn a_change_is_as_old_as_what_it_leaves() {
        let commit = |version: Option<Version>| {
            let writes = vec![Written { version, ..Written::default() }];
            applied(&Committed { commit_time: at(20), writes }, 0)
        };
        let time = |answer| if let Answer::Applied { time, .. } = answer { time } else { 0 };
        assert_eq!(time(commit(None)), 20, "a delete");
        assert_eq!(time(commit(Some(Version::at(at(20))))), 20);
        assert_eq!(time(commit(Some(Version::at(at(10))))), 10, "the lease was that way already");
    }
}
