//! Watches: one consistent state after the other, to readers fast and slow.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod store;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use firekeep_core::{
    Batch, Clock, Cx, DocumentChange, ErrorKind, ManualClock, Position, Query, ReadAt, Result,
    Store, WatchEvent, WatchFrom, WatchRequest, WatchTarget, field, fields,
};
use firekeep_memory::MemoryStore;
use futures::stream::BoxStream;
use futures::{FutureExt, StreamExt};
use store::{commit, delete, ids, kind, path, set, watch_query, write};

type Stream = BoxStream<'static, Result<WatchEvent>>;

fn open() -> (MemoryStore, ManualClock) {
    let clock = ManualClock::new();
    (MemoryStore::builder().clock(clock.clone()).build(), clock)
}

fn next(stream: &mut Stream) -> Option<WatchEvent> {
    stream.next().now_or_never().map(|event| event.unwrap().unwrap())
}

fn batch(stream: &mut Stream) -> Batch {
    match next(stream) {
        Some(WatchEvent::Batch(batch)) => batch,
        other => panic!("expected a batch, not {other:?}"),
    }
}

/// The changes as text: `+id` for a document set, `-id` for one removed.
fn changes(batch: &Batch) -> Vec<String> {
    let mut changes: Vec<_> = batch
        .changes
        .iter()
        .map(|change| match change {
            DocumentChange::Set(document) => format!("+{}", document.id()),
            DocumentChange::Removed(path) => format!("-{}", path.id()),
        })
        .collect();
    changes.sort();
    changes
}

fn positive() -> Query {
    Query::collection("c").filter(field("n").gt(0)).build().unwrap()
}

fn n(at: &str, n: i64) -> firekeep_core::Write {
    set(at, fields! { "n" => n })
}

#[test]
fn the_first_batch_comes_even_if_empty_and_later_ones_only_with_changes() {
    let (store, _) = open();
    let mut watch = watch_query(&store, &positive(), WatchFrom::Start);
    let first = batch(&mut watch);
    assert!(first.caught_up && first.changes.is_empty());
    assert_eq!(next(&mut watch), None);
    write(&store, n("c/a", 0));
    write(&store, n("d/a", 1));
    assert_eq!(next(&mut watch), None, "nothing within the target changed");
    write(&store, n("c/a", 1));
    let entered = batch(&mut watch);
    assert_eq!((changes(&entered), entered.billed_reads), (vec!["+a".to_owned()], 1));
    write(&store, n("c/a", 1));
    assert_eq!(next(&mut watch), None, "a write that changes nothing is no event");
    write(&store, n("c/a", 0));
    let left = batch(&mut watch);
    assert_eq!((changes(&left), left.billed_reads), (vec!["-a".to_owned()], 1));
    write(&store, n("c/a", 1));
    batch(&mut watch);
    write(&store, delete("c/a"));
    let deleted = batch(&mut watch);
    assert_eq!((changes(&deleted), deleted.billed_reads), (vec!["-a".to_owned()], 0));
}

#[test]
fn a_commit_is_in_one_batch_entirely() {
    let (store, _) = open();
    write(&store, n("c/a", 1));
    let mut watch = watch_query(&store, &positive(), WatchFrom::Start);
    batch(&mut watch);
    let committed = commit(&store, [delete("c/a"), n("c/b", 1), n("c/x", 1)]).unwrap();
    let all = batch(&mut watch);
    assert_eq!(changes(&all), ["+b", "+x", "-a"]);
    assert!(all.read_time >= committed.commit_time);
}

#[test]
fn a_document_target_tells_what_is_there_and_then_goes() {
    let (store, _) = open();
    write(&store, n("c/a", 1));
    let target = WatchTarget::Documents(vec![path("c/a"), path("c/missing"), path("c/a")]);
    let request = WatchRequest { target, from: WatchFrom::Start };
    let mut watch = store.watch(&Cx::new(), request);
    assert_eq!(changes(&batch(&mut watch)), ["+a"], "what was never there is not removed");
    write(&store, n("c/missing", 1));
    assert_eq!(changes(&batch(&mut watch)), ["+missing"]);
    commit(&store, [delete("c/missing"), n("c/other", 1)]).unwrap();
    assert_eq!(changes(&batch(&mut watch)), ["-missing"]);
}

#[test]
fn a_limit_pushes_documents_out_and_lets_them_in_again() {
    let (store, _) = open();
    let query = Query::collection("c").descending("n").limit(2).build().unwrap();
    write(&store, n("c/a", 1));
    write(&store, n("c/b", 2));
    let mut watch = watch_query(&store, &query, WatchFrom::Start);
    assert_eq!(changes(&batch(&mut watch)), ["+a", "+b"]);
    write(&store, n("c/c", 3));
    let pushed = batch(&mut watch);
    assert_eq!((changes(&pushed), pushed.billed_reads), (vec!["+c".into(), "-a".into()], 2));
    write(&store, n("c/d", 0));
    assert_eq!(next(&mut watch), None);
    write(&store, delete("c/b"));
    assert_eq!(changes(&batch(&mut watch)), ["+a", "-b"]);
}

#[test]
fn a_projection_narrows_what_changes_hold() {
    let (store, _) = open();
    write(&store, set("c/a", fields! { "n" => 1, "big" => "x" }));
    let query = Query::collection("c").select(["n"]).build().unwrap();
    let first = batch(&mut watch_query(&store, &query, WatchFrom::Start));
    let DocumentChange::Set(document) = &first.changes[0] else { panic!("not set") };
    assert_eq!(document.fields(), &fields! { "n" => 1 });
}

#[test]
fn a_slow_reader_gets_one_change_per_document() {
    let (store, _) = open();
    let mut watch = watch_query(&store, &positive(), WatchFrom::Start);
    batch(&mut watch);
    for round in 1..=100 {
        write(&store, n("c/a", round));
        write(&store, n("c/gone", round));
    }
    write(&store, delete("c/gone"));
    let coalesced = batch(&mut watch);
    assert_eq!(changes(&coalesced), ["+a"]);
    let DocumentChange::Set(last) = &coalesced.changes[0] else { panic!("not set") };
    assert_eq!(last.get("n"), Some(&100.into()));
    assert_eq!(next(&mut watch), None);
}

#[test]
fn a_resumed_watch_tells_only_what_happened_since() {
    let (store, clock) = open();
    for id in ["c/changed", "c/deleted", "c/kept", "c/left"] {
        write(&store, n(id, 1));
    }
    let mut watch = watch_query(&store, &positive(), WatchFrom::Start);
    let position = batch(&mut watch).position;
    drop(watch);
    assert_eq!(store.control().open_watches(), 0);
    clock.advance(Duration::from_secs(1));
    commit(&store, [n("c/changed", 2), delete("c/deleted"), n("c/left", 0), n("c/new", 1)])
        .unwrap();
    let mut resumed = watch_query(&store, &positive(), WatchFrom::After(position.clone()));
    let since = batch(&mut resumed);
    assert_eq!(changes(&since), ["+changed", "+new", "-deleted", "-left"]);
    assert_eq!((since.billed_reads, since.caught_up), (3, true));
    write(&store, n("c/kept", 2));
    assert_eq!(changes(&batch(&mut resumed)), ["+kept"]);
    let again = batch(&mut watch_query(&store, &positive(), WatchFrom::After(since.position)));
    assert_eq!(changes(&again), ["+kept"]);
}

#[test]
fn positions_are_bound_to_their_target_and_expire() {
    let (store, clock) = open();
    let position = batch(&mut watch_query(&store, &positive(), WatchFrom::Start)).position;
    let refused = |store: &MemoryStore, query: &Query, position: &Position| {
        let mut watch = watch_query(store, query, WatchFrom::After(position.clone()));
        let error = watch.next().now_or_never().unwrap().unwrap();
        assert!(watch.next().now_or_never().unwrap().is_none(), "an error ends the stream");
        kind(error)
    };
    let other = Query::collection("c").filter(field("n").gt(1)).build().unwrap();
    assert_eq!(refused(&store, &other, &position), ErrorKind::PositionExpired);
    let garbage = Position::new("garbage");
    assert_eq!(refused(&store, &positive(), &garbage), ErrorKind::InvalidArgument);
    assert_eq!(refused(&open().0, &positive(), &position), ErrorKind::PositionExpired);
    store.control().expire_positions();
    assert_eq!(refused(&store, &positive(), &position), ErrorKind::PositionExpired);
    let fresh = batch(&mut watch_query(&store, &positive(), WatchFrom::Start)).position;
    batch(&mut watch_query(&store, &positive(), WatchFrom::After(fresh.clone())));
    clock.advance(Duration::from_secs(3601));
    assert_eq!(refused(&store, &positive(), &fresh), ErrorKind::PositionExpired);
}

#[test]
fn a_time_to_begin_at_is_as_old_as_a_position_may_be_and_never_in_the_future() {
    let (store, clock) = open();
    let refused = |since| {
        let mut watch = watch_query(&store, &positive(), WatchFrom::Since(since));
        let error = kind(watch.next().now_or_never().unwrap().unwrap());
        assert!(watch.next().now_or_never().unwrap().is_none(), "an error ends the stream");
        error
    };
    let time = write(&store, n("c/a", 1));
    clock.advance(Duration::from_secs(3600));
    let mut watch = watch_query(&store, &positive(), WatchFrom::Since(time));
    assert!(changes(&batch(&mut watch)).is_empty());
    assert_eq!(refused(clock.wall().next()), ErrorKind::InvalidArgument);
    clock.advance(Duration::from_micros(1));
    assert_eq!(refused(time), ErrorKind::PositionExpired);
    let fresh = clock.wall();
    store.control().expire_positions();
    assert_eq!(refused(fresh), ErrorKind::PositionExpired);
}

#[test]
fn a_reset_voids_everything_and_tells_it_anew() {
    let (store, _) = open();
    write(&store, n("c/a", 1));
    let mut watch = watch_query(&store, &positive(), WatchFrom::Start);
    batch(&mut watch);
    store.control().reset_watches();
    write(&store, delete("c/a"));
    write(&store, n("c/b", 1));
    assert_eq!(next(&mut watch), Some(WatchEvent::Reset));
    let whole = batch(&mut watch);
    assert_eq!((changes(&whole), whole.caught_up), (vec!["+b".to_owned()], true));
    assert_eq!(next(&mut watch), None);
}

#[test]
fn deliveries_can_be_held_back_to_show_coalescing() {
    let (store, _) = open();
    let mut watch = watch_query(&store, &positive(), WatchFrom::Start);
    batch(&mut watch);
    store.control().pause_watches();
    write(&store, n("c/a", 1));
    write(&store, n("c/a", 2));
    assert_eq!(next(&mut watch), None);
    store.control().resume_watches();
    assert_eq!(changes(&batch(&mut watch)), ["+a"]);
}

#[test]
fn a_heartbeat_sends_checkpoints_when_nothing_happens() {
    let clock = ManualClock::new();
    let builder = MemoryStore::builder().clock(clock.clone());
    let store = builder.heartbeat(Duration::from_secs(30)).build();
    let mut watch = watch_query(&store, &positive(), WatchFrom::Start);
    batch(&mut watch);
    assert_eq!(next(&mut watch), None);
    clock.advance(Duration::from_secs(30));
    let Some(WatchEvent::Checkpoint { position, read_time }) = next(&mut watch) else {
        panic!("no checkpoint");
    };
    assert_eq!(read_time, clock.wall());
    write(&store, n("c/a", 1));
    let mut resumed = watch_query(&store, &positive(), WatchFrom::After(position));
    assert_eq!(changes(&batch(&mut resumed)), ["+a"]);
}

#[test]
fn a_deadline_ends_the_stream_with_an_error() {
    let (store, clock) = open();
    let cx = Cx::new().with_deadline(clock.monotonic() + Duration::from_secs(5));
    let target = WatchTarget::Query(Box::new(positive()));
    let mut watch = store.watch(&cx, WatchRequest { target, from: WatchFrom::Start });
    batch(&mut watch);
    assert_eq!(next(&mut watch), None);
    clock.advance(Duration::from_secs(5));
    let error = watch.next().now_or_never().unwrap().unwrap();
    assert_eq!(kind(error), ErrorKind::DeadlineExceeded);
    assert!(watch.next().now_or_never().unwrap().is_none());
    assert_eq!(store.control().open_watches(), 0);
}

#[test]
fn an_offset_and_a_query_without_its_index_are_refused() {
    let (store, _) = open();
    let offset = Query::collection("c").offset(1).build().unwrap();
    let unindexed =
        Query::collection("c").filter(field("a").eq(1)).descending("b").build().unwrap();
    for (query, expected) in
        [(offset, ErrorKind::InvalidArgument), (unindexed, ErrorKind::MissingIndex)]
    {
        let mut watch = watch_query(&store, &query, WatchFrom::Start);
        assert_eq!(kind(watch.next().now_or_never().unwrap().unwrap()), expected);
    }
    assert_eq!(store.control().open_watches(), 0);
}

struct Count(AtomicUsize);

impl Wake for Count {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

#[test]
fn a_commit_wakes_only_those_whom_it_concerns() {
    let (store, _) = open();
    let query = |q: firekeep_core::QueryBuilder| WatchTarget::Query(Box::new(q.build().unwrap()));
    let targets = [
        (WatchTarget::Documents(vec![path("c/a/d/b")]), 1),
        (WatchTarget::Documents(vec![path("c/a")]), 0),
        (query(Query::collection("c/a/d")), 1),
        (query(Query::collection("c/x/d")), 0),
        (query(Query::group("d")), 1),
        (query(Query::group_under("d", path("c/a"))), 1),
        (query(Query::group_under("d", path("c/x"))), 0),
        (query(Query::group("c")), 0),
    ];
    let watches: Vec<_> = targets
        .into_iter()
        .map(|(target, expected)| {
            let request = WatchRequest { target: target.clone(), from: WatchFrom::Start };
            let mut watch = store.watch(&Cx::new(), request);
            batch(&mut watch);
            let count = Arc::new(Count(AtomicUsize::new(0)));
            let waker = Waker::from(Arc::clone(&count));
            let pending = watch.poll_next_unpin(&mut Context::from_waker(&waker));
            assert!(matches!(pending, Poll::Pending));
            (watch, count, expected, target)
        })
        .collect();
    write(&store, n("c/a/d/b", 1));
    for (_, count, expected, target) in &watches {
        assert_eq!(count.0.load(Ordering::Relaxed), *expected, "{target:?}");
    }
}

/// Writers and readers of their own speed: each reader, whenever it looks, holds a state that the
/// store had at that time, and at the end all hold the last.
#[test]
fn many_readers_always_hold_a_state_that_was() {
    let store = MemoryStore::builder().lenient().build();
    let queries = [
        positive(),
        Query::collection("c").descending("n").limit(3).build().unwrap(),
        Query::collection("c")
            .filter(field("n").gt(0))
            .ascending("n")
            .limit_to_last(2)
            .build()
            .unwrap(),
        Query::group("c").build().unwrap(),
    ];
    let mut watches: Vec<_> = queries
        .iter()
        .map(|query| (query, watch_query(&store, query, WatchFrom::Start), BTreeMap::new()))
        .collect();
    let mut random = fastrand::Rng::with_seed(7);
    for round in 0..600 {
        let id = format!("c/{}", random.u32(0..8));
        match random.u32(0..4) {
            0 => write(&store, delete(&id)),
            _ => write(&store, n(&id, random.i64(-2..6))),
        };
        if round % 97 == 0 {
            store.control().reset_watches();
        }
        let slow = random.usize(0..watches.len() * 2);
        let Some((query, watch, state)) = watches.get_mut(slow) else { continue };
        while let Some(event) = next(watch) {
            let WatchEvent::Batch(batch) = event else {
                state.clear();
                continue;
            };
            for change in batch.changes {
                match change {
                    DocumentChange::Set(doc) => drop(state.insert(doc.path().clone(), doc)),
                    DocumentChange::Removed(path) => assert!(state.remove(&path).is_some()),
                }
            }
            let mut held: Vec<_> = state.keys().map(|path| path.id().to_owned()).collect();
            let mut was = ids(&store, query, ReadAt::Time(batch.read_time));
            held.sort();
            was.sort();
            assert_eq!(held, was, "{query:?}");
        }
    }
}
