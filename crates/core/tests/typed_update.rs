//! `Collection::update` against a store that answers by script: what it retries, how often, and
//! what it hands on.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use firekeep_core::typed::UPDATE_ATTEMPTS;
use firekeep_core::{
    AggregateRequest, Aggregates, BatchGet, Capabilities, Change, Clock, Collection, Commit,
    Committed, Cx, Db, Document, Effect, Error, ErrorKind, Lookup, Lookups, ManualClock,
    QueryEvent, QueryRequest, Require, Result, Store, StoreInfo, Timestamp, TxnId, TxnOptions,
    Version, WatchEvent, WatchRequest, Written, async_trait, fields,
};
use futures::executor::block_on;
use futures::future::BoxFuture;
use futures::stream::BoxStream;
use serde::{Deserialize, Serialize};

/// One document that each read finds one version later, and the answers to commits.
#[derive(Clone, Debug, Default)]
struct Script(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    refusals: VecDeque<Error>,
    reads: i64,
    commits: Vec<Commit>,
    sleeps: Vec<Duration>,
    missing: bool,
}

impl Script {
    fn refusing(refusals: impl IntoIterator<Item = Error>) -> Self {
        let script = Self::default();
        script.0.lock().unwrap().refusals = refusals.into_iter().collect();
        script
    }

    fn counters(&self) -> Collection<Counter> {
        let db = Db::new(self.clone()).with_clock(Instantly(self.clone()));
        db.collection("counters").unwrap()
    }
}

fn time(micros: i64) -> Timestamp {
    Timestamp::from_micros(micros).unwrap()
}

#[async_trait]
impl Store for Script {
    fn info(&self) -> StoreInfo {
        StoreInfo { backend: "script", database: "projects/p/databases/d".into() }
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities::default()
    }

    async fn batch_get(&self, _: &Cx, request: BatchGet) -> Result<Lookups> {
        let mut state = self.0.lock().unwrap();
        state.reads += 1;
        let path = request.paths[0].clone();
        let fields = fields! { "n" => state.reads, "newer" => "kept" };
        let document = Document::new(path.clone(), fields, time(0), time(state.reads));
        let document = Some(document).filter(|_| !state.missing);
        let read_time = time(1_000_000 + state.reads);
        Ok(Lookups { lookups: vec![Lookup { path, document, read_time }], txn: None })
    }

    async fn commit(&self, _: &Cx, request: Commit) -> Result<Committed> {
        let mut state = self.0.lock().unwrap();
        state.commits.push(request);
        if let Some(refusal) = state.refusals.pop_front() {
            return Err(refusal);
        }
        let version = Some(Version::at(time(5_000)));
        let written = Written { version, transform_results: vec![] };
        Ok(Committed { commit_time: time(5_000), writes: vec![written] })
    }

    fn query(&self, _: &Cx, _: QueryRequest) -> BoxStream<'static, Result<QueryEvent>> {
        unreachable!("an update runs no query")
    }

    async fn aggregate(&self, _: &Cx, _: AggregateRequest) -> Result<Aggregates> {
        unreachable!("an update aggregates nothing")
    }

    async fn begin(&self, _: &Cx, _: TxnOptions) -> Result<TxnId> {
        unreachable!("an update needs no transaction")
    }

    async fn rollback(&self, _: &Cx, _: TxnId) -> Result<()> {
        unreachable!("an update needs no transaction")
    }

    fn watch(&self, _: &Cx, _: WatchRequest) -> BoxStream<'static, Result<WatchEvent>> {
        unreachable!("an update watches nothing")
    }
}

/// A clock on which every sleep is over at once, and noted.
#[derive(Debug)]
struct Instantly(Script);

impl Clock for Instantly {
    fn wall(&self) -> Timestamp {
        time(0)
    }

    fn monotonic(&self) -> Instant {
        ManualClock::new().monotonic()
    }

    fn sleep(&self, duration: Duration) -> BoxFuture<'static, ()> {
        self.0.0.lock().unwrap().sleeps.push(duration);
        Box::pin(std::future::ready(()))
    }
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Counter {
    n: i64,
}

fn refused(kind: ErrorKind) -> Error {
    Error::new(kind, "scripted")
}

#[test]
fn a_lost_race_is_run_again_from_a_new_read() {
    let script =
        Script::refusing([refused(ErrorKind::FailedPrecondition), refused(ErrorKind::Aborted)]);
    let mut seen = Vec::new();
    let stored = block_on(script.counters().update("c", |counter| {
        seen.push(counter.n);
        counter.n += 10;
    }))
    .unwrap();
    assert_eq!(seen, [1, 2, 3]);
    assert_eq!((stored.n, stored.version()), (13, Version::at(time(5_000))));
    assert_eq!(stored.created(), time(0));

    let state = script.0.lock().unwrap();
    assert_eq!(state.sleeps.len(), 2);
    for (index, commit) in state.commits.iter().enumerate() {
        let write = &commit.writes()[0];
        let version = Version::at(time(index as i64 + 1));
        assert_eq!(write.required(), Some(Require::Version(version)));
        let Change::Merge { fields, mask } = write.change() else { panic!("not a merge") };
        assert_eq!(*fields, fields! { "n" => 11 + index as i64 });
        assert_eq!(mask.len(), 1, "the newer field is left alone");
    }
}

#[test]
fn attempts_are_bounded_and_the_last_refusal_is_the_answer() {
    let script = Script::refusing((0..100).map(|_| refused(ErrorKind::FailedPrecondition)));
    let error = block_on(script.counters().update("c", |counter| counter.n += 1)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::FailedPrecondition);
    let state = script.0.lock().unwrap();
    assert_eq!(state.commits.len(), UPDATE_ATTEMPTS as usize);
    assert_eq!(state.sleeps.len(), UPDATE_ATTEMPTS as usize - 1);
}

#[test]
fn what_may_have_happened_is_handed_on_not_done_again() {
    for kind in [ErrorKind::Unavailable, ErrorKind::Aborted, ErrorKind::FailedPrecondition] {
        let script = Script::refusing([refused(kind).with_effect(Effect::Unknown)]);
        let error = block_on(script.counters().update("c", |counter| counter.n += 1)).unwrap_err();
        assert_eq!((error.kind(), error.effect()), (kind, Effect::Unknown));
        assert_eq!(script.0.lock().unwrap().commits.len(), 1);
    }
}

#[test]
fn other_failures_are_handed_on() {
    let script = Script::refusing([refused(ErrorKind::PermissionDenied)]);
    let error = block_on(script.counters().update("c", |counter| counter.n += 1)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::PermissionDenied);
    assert_eq!(script.0.lock().unwrap().commits.len(), 1);

    let script = Script::default();
    script.0.lock().unwrap().missing = true;
    let error = block_on(script.counters().update("c", |_| unreachable!())).unwrap_err();
    assert_eq!((error.kind(), error.path()), (ErrorKind::NotFound, Some("counters/c")));
}

#[test]
fn futures_can_be_spawned() {
    fn assert_send<T: Send>(_: &T) {}
    let counters = Script::default().counters();
    let value = Counter { n: 1 };
    assert_send(&counters.update("c", |counter| counter.n += 1));
    assert_send(&counters.merge("c", &value));
    assert_send(&counters.get("c"));
    assert_send(&counters.query().get());
    assert_send(&counters.add(&value));
}
