//! Documents that expire: late, and only those whose field says so.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod store;

use std::sync::Arc;
use std::time::Duration;

use firekeep_core::{
    Clock, ManualClock, Query, ReadAt, ShiftedClock, TxnOptions, WatchFrom, fields,
};
use firekeep_memory::{IndexFile, MemoryStore};
use futures::{FutureExt, StreamExt};
use store::{begin, get, get_at, ids, set, watch_query, write};

const POLICY: &str = r#"{ "indexes": [], "fieldOverrides": [
    { "collectionGroup": "readings", "fieldPath": "expires_at", "ttl": true, "indexes": [] }
] }"#;

fn store(clock: &ManualClock, sweep_every: Option<Duration>) -> MemoryStore {
    let indexes = IndexFile::parse(POLICY).unwrap();
    let builder = MemoryStore::builder().clock(clock.clone()).indexes(indexes);
    match sweep_every {
        Some(every) => builder.sweep_every(every).build(),
        None => builder.build(),
    }
}

fn fill(store: &MemoryStore, clock: &ManualClock) {
    let soon = clock.wall().saturating_add(Duration::from_secs(10));
    let later = clock.wall().saturating_add(Duration::from_secs(20));
    write(store, set("a/1/readings/soon", fields! { "expires_at" => soon }));
    write(store, set("b/2/readings/soon", fields! { "expires_at" => soon }));
    write(store, set("a/1/readings/later", fields! { "expires_at" => later }));
    write(store, set("a/1/readings/number", fields! { "expires_at" => 0 }));
    write(store, set("a/1/readings/never", fields! {}));
    write(store, set("a/1/other/soon", fields! { "expires_at" => soon }));
}

#[test]
fn nothing_expires_until_a_sweep_and_then_all_that_is_due() {
    let clock = ManualClock::new();
    let store = store(&clock, None);
    fill(&store, &clock);
    let query = Query::collection("a/1/readings").build().unwrap();
    let mut watch = watch_query(&store, &query, WatchFrom::Start);
    watch.next().now_or_never().unwrap();
    clock.advance(Duration::from_secs(10));
    assert!(get(&store, "a/1/readings/soon").is_some());
    assert_eq!(store.control().expire_documents(), 2);
    assert_eq!(ids(&store, &query, ReadAt::Latest), ["later", "never", "number"]);
    assert!(get(&store, "a/1/other/soon").is_some());
    assert!(watch.next().now_or_never().is_some(), "a watch sees it go");
    assert_eq!(store.control().expire_documents(), 0);
}

#[test]
fn a_sweep_follows_a_running_clock_that_is_moved_on() {
    let below = ManualClock::new();
    let clock = ShiftedClock::over(Arc::new(below.clone()));
    let indexes = IndexFile::parse(POLICY).unwrap();
    let builder = MemoryStore::builder().clock(clock.clone()).indexes(indexes);
    let store = builder.sweep_every(Duration::from_secs(15)).build();
    fill(&store, &below);
    clock.advance(Duration::from_secs(14));
    assert_eq!(store.control().expire_documents(), 2, "at once where asked for");
    below.advance(Duration::from_secs(6));
    assert!(get(&store, "a/1/readings/later").is_none(), "else on the next access");
}

#[test]
fn a_sweep_leaves_locked_documents_for_the_next_one() {
    let clock = ManualClock::new();
    let store = store(&clock, None);
    fill(&store, &clock);
    clock.advance(Duration::from_secs(10));
    let txn = begin(&store, TxnOptions::default());
    get_at(&store, "a/1/readings/soon", ReadAt::Txn(txn.clone())).unwrap();
    assert_eq!(store.control().expire_documents(), 1);
    store::now(firekeep_core::Store::rollback(&store, &firekeep_core::Cx::new(), txn)).unwrap();
    assert_eq!(store.control().expire_documents(), 1);
}

#[test]
fn sweeps_come_with_access_if_the_builder_asked_for_them() {
    let clock = ManualClock::new();
    let store = store(&clock, Some(Duration::from_secs(60)));
    fill(&store, &clock);
    clock.advance(Duration::from_secs(59));
    assert!(get(&store, "a/1/readings/soon").is_some());
    clock.advance(Duration::from_secs(1));
    assert!(get(&store, "a/1/readings/soon").is_none());
}
