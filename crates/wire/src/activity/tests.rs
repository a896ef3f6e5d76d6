use std::sync::Arc;
use std::time::Duration;

use firekeep_core::{Db, ManualClock, Query, ReadAt, Store, TxnOptions, Write, fields};
use firekeep_memory::MemoryStore;
use futures::executor::block_on;
use http::Response;
use tonic::body::Body;

use super::*;
use crate::name::DatabaseName;

/// A server's activity, on a clock that the test moves.
struct Ground {
    clock: ManualClock,
    activity: Arc<Activity>,
    store: Arc<dyn Store>,
}

impl Ground {
    fn new() -> Self {
        let clock = ManualClock::new();
        let activity = Arc::new(Activity::new(Arc::new(clock.clone())));
        let store = MemoryStore::builder().clock(clock.clone()).build();
        Self { clock, activity, store: Arc::new(store) }
    }

    /// A call of `method`, and the store as it sees it.
    fn call(&self, method: Method) -> (Ongoing, Db) {
        let ongoing = self.activity.begin(Some(method));
        ongoing.record().about(&DatabaseName::new("projects/p/databases/d").unwrap());
        let store = self.activity.observe(&self.store, ongoing.record());
        (ongoing, Db::from_arc(store))
    }

    fn commit(&self, path: &str) {
        let (ongoing, db) = self.call(Method::Commit);
        block_on(db.set(path, fields! { "secret" => "hunter2" })).unwrap();
        end(ongoing, "0");
    }

    fn total(&self, method: Method) -> Total {
        let totals = self.activity.totals();
        let found = totals.into_iter().find(|(name, _)| *name == method.name());
        found.map(|(_, total)| total).unwrap_or_default()
    }
}

/// Answers the call with a status and no message.
fn end(ongoing: Ongoing, status: &str) {
    let response = Response::builder().header("grpc-status", status).body(Body::empty()).unwrap();
    drop(Activity::respond(ongoing, response));
}

#[test]
fn a_call_is_counted_always_and_described_only_while_somebody_looks() {
    let ground = Ground::new();
    ground.commit("c/1");
    assert_eq!(ground.activity.news(0).entries.len(), 0);
    let viewer = ground.activity.join();
    ground.commit("c/2");
    let news = ground.activity.news(0);
    let [entry] = &news.entries[..] else { panic!("{news:?}") };
    assert_eq!((entry.method, entry.status, &*entry.detail), ("Commit", "OK", "set c/2"));
    assert_eq!((entry.writes, entry.reads, &*entry.database), (1, 0, "projects/p/databases/d"));
    assert!(!format!("{entry:?}").contains("hunter2"));
    assert_eq!(ground.total(Method::Commit), Total { calls: 2, writes: 2, ..Total::default() });
    drop(viewer);
    assert_eq!(ground.activity.news(0).entries.len(), 0, "nobody looks any longer");
}

#[test]
fn a_call_says_how_it_ended_how_long_it_took_and_what_struck_it() {
    let ground = Ground::new();
    let _viewer = ground.activity.join();
    let (ongoing, db) = ground.call(Method::RunQuery);
    block_on(db.query(Query::collection("c").limit(3))).unwrap();
    ongoing.record().struck("delay");
    ongoing.record().struck("delay");
    ground.clock.advance(Duration::from_millis(7));
    end(ongoing, "14");
    drop(ground.call(Method::Commit));
    let news = ground.activity.news(0);
    let [query, dropped] = &news.entries[..] else { panic!("{news:?}") };
    assert_eq!(
        (query.status, query.micros, &query.faults[..]),
        ("UNAVAILABLE", 7_000, &["delay"][..])
    );
    assert_eq!((&*query.detail, query.reads), ("c limit 3", 1));
    assert_eq!(dropped.status, "CANCELLED", "the client went");
    assert_eq!(ground.total(Method::RunQuery).errors, 1);
}

#[test]
fn a_slow_viewer_is_told_how_much_he_missed() {
    let ground = Ground::new();
    let _viewer = ground.activity.join();
    for n in 0..500 {
        ground.commit(&format!("c/{n}"));
    }
    let news = ground.activity.news(50);
    assert_eq!((news.entries.len(), news.lost, news.last), (400, 50, 500));
    assert_eq!(news.entries[399].detail, "set c/499");
    let news = ground.activity.news(499);
    assert_eq!((news.entries.len(), news.lost), (1, 0));
    assert_eq!(ground.activity.news(9_000).entries.len(), 0, "of a server before this one");
}

#[test]
fn a_stream_is_listed_with_its_targets_while_it_is_open() {
    let ground = Ground::new();
    let (ongoing, db) = ground.call(Method::Listen);
    let mut events = db.watch(Query::collection("c"), Default::default()).unwrap();
    block_on(futures::StreamExt::next(&mut events)).unwrap().unwrap();
    let [stream] = &ground.activity.streams()[..] else { panic!("one stream is open") };
    assert_eq!((stream.targets(), stream.method_name()), (vec!["c".to_owned()], "Listen"));
    drop(events);
    assert_eq!(ground.activity.streams()[0].targets(), Vec::<String>::new());
    end(ongoing, "0");
    assert!(ground.activity.streams().is_empty());
}

#[test]
fn a_transaction_is_open_until_it_ends_or_runs_out() {
    let ground = Ground::new();
    let open = || ground.activity.transactions().len();
    let (_call, db) = ground.call(Method::BeginTransaction);
    let begin = || block_on(db.store().begin(db.cx(), TxnOptions::default())).unwrap();
    let (first, second, _third) = (begin(), begin(), begin());
    assert_eq!(open(), 3);
    block_on(db.store().rollback(db.cx(), first)).unwrap();
    assert_eq!(open(), 2);
    ground.clock.advance(Duration::from_secs(50));
    let at = ReadAt::Txn(second.clone());
    let paths = vec!["c/d".try_into().unwrap()];
    let read = firekeep_core::BatchGet { at, ..firekeep_core::BatchGet::new(paths) };
    block_on(db.store().batch_get(db.cx(), read)).unwrap();
    ground.clock.advance(Duration::from_secs(20));
    assert_eq!(open(), 1, "one was idle for a minute");
    let write = Write::delete("c/d".try_into().unwrap());
    let commit = firekeep_core::Commit::new(vec![write]).unwrap().in_txn(second);
    block_on(db.store().commit(db.cx(), commit)).unwrap();
    assert_eq!(open(), 0);
}
