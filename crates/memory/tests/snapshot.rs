//! The whole database, taken out and put back.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod store;

use std::time::Duration;

use firekeep_core::{
    Clock, Concurrency, Cx, Document, DocumentChange, ErrorKind, ManualClock, Query, ReadAt, Store,
    Timestamp, WatchEvent, WatchFrom, fields,
};
use firekeep_memory::{MemoryStore, Snapshot};
use futures::{FutureExt, StreamExt};
use store::{
    begin_as, commit_in, get, get_at, ids, in_txn, kind, now, path, set, watch_query, write,
};

fn open() -> (MemoryStore, ManualClock) {
    let clock = ManualClock::new();
    (MemoryStore::builder().clock(clock.clone()).build(), clock)
}

fn filled(store: &MemoryStore, clock: &ManualClock) -> Snapshot {
    for (at, n) in [("c/b", 1), ("c/a", 1), ("c/b/d/x", 1), ("c/__id2__", 1), ("c/b", 2)] {
        clock.advance(Duration::from_secs(1));
        write(store, set(at, fields! { "n" => n }));
    }
    store.control().snapshot()
}

fn document(at: &str, created: Timestamp, updated: Timestamp) -> Document {
    Document::new(path(at), fields! { "n" => 1 }, created, updated)
}

#[test]
fn a_snapshot_restored_elsewhere_is_the_same_to_the_microsecond() {
    let (store, clock) = open();
    let snapshot = filled(&store, &clock);
    let paths: Vec<_> = snapshot.documents.iter().map(|doc| doc.path().as_str()).collect();
    assert_eq!(paths, ["c/__id2__", "c/a", "c/b", "c/b/d/x"]);
    assert_eq!(snapshot.read_time, clock.wall());
    let b = &snapshot.documents[2];
    assert_eq!(b.updated().since(b.created()), Duration::from_secs(4));

    let (other, _) = open();
    other.control().restore(snapshot.documents.clone()).unwrap();
    assert_eq!(other.control().snapshot().documents, snapshot.documents);
    let query = Query::collection("c").build().unwrap();
    assert_eq!(ids(&other, &query, ReadAt::Latest), ["__id2__", "a", "b"]);
}

#[test]
fn what_is_committed_after_a_restore_is_later_than_all_that_was_restored() {
    let (store, clock) = open();
    let ahead = clock.wall().saturating_add(Duration::from_secs(86_400));
    let since = store.control().restore(vec![document("c/a", clock.wall(), ahead)]).unwrap();
    assert!(since > ahead, "the clock is a day behind");
    assert!(store.control().snapshot().read_time >= since);
    let (first, second) =
        (write(&store, set("c/b", fields! {})), write(&store, set("c/c", fields! {})));
    assert!(first > since && second > first);
}

#[test]
fn a_restore_replaces_everything_and_the_past_stays_as_it_was() {
    let (store, clock) = open();
    let before = filled(&store, &clock).read_time;
    clock.advance(Duration::from_secs(1));
    let old = document("c/a", Timestamp::UNIX_EPOCH, Timestamp::UNIX_EPOCH);
    let since = store.control().restore(vec![old.clone()]).unwrap();
    assert_eq!(store.control().snapshot().documents, std::slice::from_ref(&old));
    assert_eq!(get(&store, "c/b"), None);
    assert_eq!(get_at(&store, "c/a", ReadAt::Time(since)).unwrap(), Some(old));
    let earlier = get_at(&store, "c/a", ReadAt::Time(before)).unwrap().unwrap();
    assert!(earlier.updated() > Timestamp::UNIX_EPOCH);
    assert!(get_at(&store, "c/b", ReadAt::Time(before)).unwrap().is_some());
}

#[test]
fn watches_start_over_even_where_the_version_is_the_same() {
    let (store, clock) = open();
    let time = write(&store, set("c/a", fields! { "n" => 0 }));
    let query = Query::collection("c").build().unwrap();
    let mut watch = watch_query(&store, &query, WatchFrom::Start);
    let first = watch.next().now_or_never().unwrap().unwrap().unwrap();
    let WatchEvent::Batch(first) = first else { panic!("no batch: {first:?}") };
    clock.advance(Duration::from_secs(1));
    store.control().restore(vec![document("c/a", time, time)]).unwrap();
    let mut next = || watch.next().now_or_never().unwrap().unwrap().unwrap();
    assert_eq!(next(), WatchEvent::Reset);
    let WatchEvent::Batch(batch) = next() else { panic!("no batch") };
    assert_eq!(batch.changes, [DocumentChange::Set(document("c/a", time, time))]);
    for from in [WatchFrom::After(first.position), WatchFrom::Since(first.read_time)] {
        let error = watch_query(&store, &query, from).next().now_or_never().unwrap().unwrap();
        assert_eq!(kind(error), ErrorKind::PositionExpired);
    }
}

#[test]
fn a_restore_ends_transactions_and_frees_their_locks() {
    let (store, _) = open();
    write(&store, set("c/a", fields! {}));
    let txns = [Concurrency::Pessimistic, Concurrency::Optimistic].map(|concurrency| {
        let txn = begin_as(&store, concurrency);
        get_at(&store, "c/a", ReadAt::Txn(txn.clone())).unwrap();
        txn
    });
    store.control().restore(vec![]).unwrap();
    assert_eq!(store.control().open_transactions(), 0);
    write(&store, set("c/a", fields! { "n" => 1 }));
    for txn in txns {
        let error = commit_in(&store, &txn, [set("c/a", fields! { "n" => 2 })]);
        assert_eq!(kind(error), ErrorKind::TransactionExpired);
    }
}

#[test]
fn to_clear_a_store_ends_transactions_even_one_that_waits() {
    let (store, _) = open();
    write(&store, set("c/a", fields! {}));
    let txns = [(); 2].map(|()| {
        let txn = begin_as(&store, Concurrency::Pessimistic);
        get_at(&store, "c/a", ReadAt::Txn(txn.clone())).unwrap();
        txn
    });
    let cx = Cx::new();
    let mut waits = store.commit(&cx, in_txn(&txns[0], [set("c/a", fields! { "n" => 1 })]));
    assert!((&mut waits).now_or_never().is_none(), "the other has read it too");
    let mut plain = store.commit(&cx, set("c/a", fields! { "n" => 2 }).into());
    assert!((&mut plain).now_or_never().is_none());
    store.control().clear();
    assert_eq!(get(&store, "c/a"), None);
    assert_eq!(kind(now(waits)), ErrorKind::TransactionExpired);
    assert_eq!(kind(commit_in(&store, &txns[1], [])), ErrorKind::TransactionExpired);
    now(plain).unwrap();
    assert_eq!(get(&store, "c/a").unwrap().get("n"), Some(&2.into()));
}

#[test]
fn what_no_store_can_have_held_changes_nothing() {
    let (store, clock) = open();
    let held = filled(&store, &clock).documents;
    let now = clock.wall();
    let earlier = now.saturating_sub(Duration::from_secs(1));
    let text = "x".repeat(1 << 20);
    let large = Document::new(path("c/a"), fields! { "t" => text }, now, now);
    for documents in [
        vec![document("c/a", now, now), document("c/a", now, now)],
        vec![document("c/a", now, earlier)],
        vec![document("c/a", now, Timestamp::MAX)],
        vec![large],
    ] {
        let error = store.control().restore(documents).unwrap_err();
        assert_eq!((error.kind(), error.path()), (ErrorKind::InvalidArgument, Some("c/a")));
        assert_eq!(store.control().snapshot().documents, held);
    }
}
