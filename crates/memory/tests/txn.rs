//! Transactions: serializable in both modes, and never waiting longer than they must.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod store;

use std::pin::pin;
use std::task::Poll;
use std::time::{Duration, Instant};

use firekeep_core::{
    AggregateRequest, Aggregation, Backoff, BatchGet, Commit, Concurrency, Cx, Db, Effect,
    ErrorKind, ManualClock, Query, ReadAt, Retry, Store, TransactOptions, TxnId, TxnOptions, field,
    fields,
};
use firekeep_memory::MemoryStore;
use futures::executor::block_on;
use futures::future::join_all;
use futures::poll;
use store::{
    begin, begin_as, commit, commit_in, delete, get, get_at, ids, in_txn, kind, merge, now, path,
    rows, set, write,
};

const BOTH: [Concurrency; 2] = [Concurrency::Pessimistic, Concurrency::Optimistic];

fn open() -> (MemoryStore, ManualClock) {
    let clock = ManualClock::new();
    let store = MemoryStore::builder().clock(clock.clone()).build();
    write(&store, set("c/a", fields! { "n" => 1 }));
    write(&store, set("c/b", fields! { "n" => 1 }));
    // Past the commits, which stand a microsecond apart while the clock does.
    clock.advance(Duration::from_secs(1));
    (store, clock)
}

fn read(store: &MemoryStore, txn: &TxnId, at: &str) -> Option<i64> {
    let document = get_at(store, at, ReadAt::Txn(txn.clone())).unwrap();
    document.and_then(|doc| doc.get("n")?.as_integer())
}

fn all() -> Query {
    Query::collection("c").build().unwrap()
}

#[test]
fn reads_then_writes_take_effect_together() {
    for mode in BOTH {
        let (store, _) = open();
        let txn = begin_as(&store, mode);
        let n = read(&store, &txn, "c/a").unwrap();
        commit_in(&store, &txn, [merge("c/a", fields! { "n" => n + 1 }), delete("c/b")]).unwrap();
        assert_eq!(get(&store, "c/a").unwrap().get("n"), Some(&2.into()));
        assert_eq!(get(&store, "c/b"), None);
        assert_eq!(kind(get_at(&store, "c/a", ReadAt::Txn(txn))), ErrorKind::TransactionExpired);
    }
}

#[test]
fn a_plain_write_waits_for_a_reader_and_goes_on_when_it_ends() {
    let (store, _) = open();
    let txn = begin(&store, TxnOptions::default());
    read(&store, &txn, "c/a");
    block_on(async {
        let commit = store::set("c/a", fields! { "n" => 9 });
        let cx = Cx::new();
        let mut waiting = pin!(store.commit(&cx, commit.into()));
        assert!(poll!(&mut waiting).is_pending());
        assert_eq!(get(&store, "c/a").unwrap().get("n"), Some(&1.into()), "plain reads never wait");
        commit_in(&store, &txn, [merge("c/a", fields! { "n" => 2 })]).unwrap();
        let Poll::Ready(committed) = poll!(&mut waiting) else { panic!("still waiting") };
        committed.unwrap();
        assert_eq!(get(&store, "c/a").unwrap().get("n"), Some(&9.into()));
    });
}

#[test]
fn a_query_locks_its_collection_against_inserts_but_no_other() {
    let (store, _) = open();
    let txn = begin(&store, TxnOptions::default());
    let none = Query::collection("c").filter(field("n").eq(5)).build().unwrap();
    rows(&store, &none, ReadAt::Txn(txn.clone())).unwrap();
    block_on(async {
        let cx = Cx::new();
        let mut waiting = pin!(store.commit(&cx, set("c/new", fields! {}).into()));
        assert!(poll!(&mut waiting).is_pending());
        now(store.commit(&cx, set("c/a/sub/x", fields! {}).into())).unwrap();
        now(store.commit(&cx, set("other/x", fields! {}).into())).unwrap();
        now(store.rollback(&cx, txn)).unwrap();
        assert!(poll!(&mut waiting).is_ready());
    });
}

#[test]
fn an_aggregate_and_a_group_query_lock_too() {
    let (store, _) = open();
    let cx = Cx::new();
    let group = Query::group("c").build().unwrap();
    let count = vec![("n".to_owned(), Aggregation::Count { up_to: None })];
    let request = AggregateRequest::new(group, count).unwrap();
    let begun = now(store.aggregate(&cx, request.at(ReadAt::Begin(TxnOptions::default()))));
    let txn = begun.unwrap().txn.unwrap();
    block_on(async {
        let mut waiting = pin!(store.commit(&cx, set("deep/x/c/new", fields! {}).into()));
        assert!(poll!(&mut waiting).is_pending());
        now(store.rollback(&cx, txn)).unwrap();
        assert!(poll!(&mut waiting).is_ready());
    });
}

#[test]
fn a_missing_document_that_was_read_is_locked() {
    let (store, _) = open();
    let txn = begin(&store, TxnOptions::default());
    assert_eq!(read(&store, &txn, "c/missing"), None);
    block_on(async {
        let cx = Cx::new();
        let mut waiting = pin!(store.commit(&cx, set("c/missing", fields! {}).into()));
        assert!(poll!(&mut waiting).is_pending());
        now(store.rollback(&cx, txn)).unwrap();
        assert!(poll!(&mut waiting).is_ready());
    });
}

#[test]
fn of_two_that_wait_for_each_other_the_younger_aborts() {
    let (store, _) = open();
    let (old, young) = (begin_as(&store, BOTH[0]), begin_as(&store, BOTH[0]));
    for txn in [&old, &young] {
        read(&store, txn, "c/a");
    }
    block_on(async {
        let cx = Cx::new();
        let bump = |n: i64| merge("c/a", fields! { "n" => n });
        let mut first = pin!(store.commit(&cx, in_txn(&old, [bump(2)])));
        assert!(poll!(&mut first).is_pending());
        let error = now(store.commit(&cx, in_txn(&young, [bump(3)]))).unwrap_err();
        assert_eq!((error.kind(), error.retry()), (ErrorKind::Aborted, Retry::Transaction));
        assert_eq!(error.effect(), Effect::None);
        let Poll::Ready(committed) = poll!(&mut first) else { panic!("still waiting") };
        committed.unwrap();
        assert_eq!(get(&store, "c/a").unwrap().get("n"), Some(&2.into()));
    });
}

#[test]
fn a_rerun_keeps_its_age_and_so_wins_at_last() {
    let (store, _) = open();
    let first = begin_as(&store, BOTH[0]);
    now(store.rollback(&Cx::new(), first.clone())).unwrap();
    let other = begin_as(&store, BOTH[0]);
    let retry = TxnOptions::ReadWrite { retry: Some(first), concurrency: None };
    let rerun = begin(&store, retry);
    for txn in [&rerun, &other] {
        read(&store, txn, "c/a");
    }
    block_on(async {
        let cx = Cx::new();
        let mut waiting = pin!(store.commit(&cx, in_txn(&other, [delete("c/a")])));
        assert!(poll!(&mut waiting).is_pending());
        now(store.commit(&cx, in_txn(&rerun, [merge("c/a", fields! { "n" => 2 })]))).unwrap();
        let Poll::Ready(answer) = poll!(&mut waiting) else { panic!("still waiting") };
        assert_eq!(kind(answer), ErrorKind::Aborted);
    });
}

#[test]
fn waiting_for_a_lock_is_bounded_by_the_clock_and_by_the_deadline() {
    let (store, clock) = open();
    let txn = begin(&store, TxnOptions::default());
    read(&store, &txn, "c/a");
    block_on(async {
        let cx = Cx::new();
        let mut waiting = pin!(store.commit(&cx, set("c/a", fields! {}).into()));
        assert!(poll!(&mut waiting).is_pending());
        clock.advance(Duration::from_millis(1_999));
        assert!(poll!(&mut waiting).is_pending());
        clock.advance(Duration::from_millis(1));
        assert_eq!(kind(waiting.await), ErrorKind::Aborted);

        let soon: Instant = firekeep_core::Clock::monotonic(&clock) + Duration::from_secs(1);
        let cx = Cx::new().with_deadline(soon);
        let mut waiting = pin!(store.commit(&cx, set("c/a", fields! {}).into()));
        assert!(poll!(&mut waiting).is_pending());
        clock.advance(Duration::from_secs(1));
        let error = waiting.await.unwrap_err();
        assert_eq!((error.kind(), error.effect()), (ErrorKind::DeadlineExceeded, Effect::None));
        let late = store.commit(&cx, set("c/z", fields! {}).into()).await;
        assert_eq!(kind(late), ErrorKind::DeadlineExceeded);
        assert_eq!(get(&store, "c/z"), None);
    });
}

#[test]
fn a_waiting_write_that_is_dropped_leaves_the_line() {
    let (store, _) = open();
    let txn = begin(&store, TxnOptions::default());
    read(&store, &txn, "c/a");
    let other = begin(&store, TxnOptions::default());
    block_on(async {
        let cx = Cx::new();
        let mut write = Box::pin(store.commit(&cx, set("c/a", fields! {}).into()));
        assert!(poll!(&mut write).is_pending());
        // A reader waits behind the writer, which was there first.
        let request =
            || BatchGet { at: ReadAt::Txn(other.clone()), ..BatchGet::new(vec![path("c/a")]) };
        let mut behind = pin!(store.batch_get(&cx, request()));
        assert!(poll!(&mut behind).is_pending());
        drop(write);
        assert!(poll!(&mut behind).is_ready());
    });
    assert_eq!(get(&store, "c/a").unwrap().get("n"), Some(&1.into()));
}

#[test]
fn an_optimistic_transaction_waits_for_nobody_and_aborts_if_what_it_read_changed() {
    let conflicts: [(&str, Commit); 4] = [
        ("a changed document", set("c/a", fields! { "n" => 9 }).into()),
        ("a deleted document", delete("c/a").into()),
        ("a phantom", set("c/new", fields! { "n" => 2 }).into()),
        ("a row that left", set("c/b", fields! { "n" => 0 }).into()),
    ];
    for (label, conflict) in conflicts {
        let (store, _) = open();
        let txn = begin_as(&store, Concurrency::Optimistic);
        read(&store, &txn, "c/a");
        let query = Query::collection("c").filter(field("n").ge(1)).build().unwrap();
        rows(&store, &query, ReadAt::Txn(txn.clone())).unwrap();
        now(store.commit(&Cx::new(), conflict)).unwrap();
        assert_eq!(read(&store, &txn, "c/a"), Some(1), "{label}: it reads its snapshot");
        let answer = commit_in(&store, &txn, [set("c/z", fields! {})]);
        assert_eq!(kind(answer), ErrorKind::Aborted, "{label}");
        assert_eq!(get(&store, "c/z"), None);
    }
    let (store, _) = open();
    let txn = begin_as(&store, Concurrency::Optimistic);
    read(&store, &txn, "c/a");
    assert_eq!(read(&store, &txn, "c/missing"), None);
    write(&store, set("c/b", fields! { "n" => 9 }));
    write(&store, set("c/a", fields! { "n" => 1 }));
    commit_in(&store, &txn, [set("c/z", fields! {})]).unwrap();
}

#[test]
fn a_missing_document_that_appears_aborts_an_optimistic_transaction() {
    let (store, _) = open();
    let txn = begin_as(&store, Concurrency::Optimistic);
    assert_eq!(read(&store, &txn, "c/missing"), None);
    write(&store, set("c/missing", fields! {}));
    assert_eq!(kind(commit_in(&store, &txn, [])), ErrorKind::Aborted);
}

#[test]
fn a_read_only_transaction_sees_one_moment_and_writes_nothing() {
    let (store, clock) = open();
    let txn = begin(&store, TxnOptions::ReadOnly { at: None });
    let before = firekeep_core::Clock::wall(&clock);
    clock.advance(Duration::from_secs(1));
    now(store.commit(&Cx::new(), set("c/new", fields! {}).into())).unwrap();
    assert_eq!(ids(&store, &all(), ReadAt::Txn(txn.clone())), ["a", "b"]);
    let refused = commit_in(&store, &txn, [set("c/z", fields! {})]);
    assert_eq!(kind(refused), ErrorKind::InvalidArgument);
    commit_in(&store, &txn, []).unwrap();
    let past = begin(&store, TxnOptions::ReadOnly { at: Some(before) });
    assert_eq!(ids(&store, &all(), ReadAt::Txn(past)), ["a", "b"]);
}

#[test]
fn the_first_read_may_begin_the_transaction() {
    let (store, _) = open();
    let cx = Cx::new();
    let at = ReadAt::Begin(TxnOptions::default());
    let answer = now(store.batch_get(&cx, BatchGet { at, ..BatchGet::new(vec![path("c/a")]) }));
    let txn = answer.unwrap().txn.unwrap();
    assert_eq!(store.control().open_transactions(), 1);
    commit_in(&store, &txn, [merge("c/a", fields! { "n" => 2 })]).unwrap();
    assert_eq!(store.control().open_transactions(), 0);

    // A query that is refused leaves no transaction behind.
    let at = ReadAt::Begin(TxnOptions::default());
    let refused = Query::collection("c").filter(field("a").eq(1)).descending("b").build().unwrap();
    assert_eq!(kind(rows(&store, &refused, at)), ErrorKind::MissingIndex);
    assert_eq!(store.control().open_transactions(), 0);
}

#[test]
fn transactions_expire_when_idle_or_old_and_free_their_locks() {
    let (store, clock) = open();
    let txn = begin(&store, TxnOptions::default());
    read(&store, &txn, "c/a");
    clock.advance(Duration::from_secs(60));
    assert_eq!(read(&store, &txn, "c/a"), Some(1));
    clock.advance(Duration::from_millis(60_001));
    now(store.commit(&Cx::new(), set("c/a", fields! {}).into())).unwrap();
    let error = commit_in(&store, &txn, []).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::TransactionExpired);
    assert_eq!(error.retry(), Retry::Transaction);

    let busy = begin(&store, TxnOptions::default());
    for _ in 0..5 {
        clock.advance(Duration::from_secs(50));
        read(&store, &busy, "c/b");
    }
    clock.advance(Duration::from_secs(21));
    assert_eq!(kind(commit_in(&store, &busy, [])), ErrorKind::TransactionExpired);
}

#[test]
fn finished_and_foreign_transactions_are_refused() {
    let (store, _) = open();
    let cx = Cx::new();
    let txn = begin(&store, TxnOptions::default());
    now(store.rollback(&cx, txn.clone())).unwrap();
    now(store.rollback(&cx, txn.clone())).unwrap();
    assert_eq!(kind(commit_in(&store, &txn, [])), ErrorKind::TransactionExpired);
    let foreign = begin(&open().0, TxnOptions::default());
    for bogus in [TxnId::new("bogus"), TxnId::new(vec![0; 24]), foreign] {
        assert_eq!(kind(now(store.rollback(&cx, bogus.clone()))), ErrorKind::TransactionExpired);
        assert_eq!(kind(commit_in(&store, &bogus, [])), ErrorKind::TransactionExpired);
        let retry = TxnOptions::ReadWrite { retry: Some(bogus), concurrency: None };
        assert_eq!(kind(now(store.begin(&cx, retry))), ErrorKind::TransactionExpired);
    }
}

#[test]
fn a_commit_that_is_refused_ends_its_transaction() {
    let (store, _) = open();
    let txn = begin(&store, TxnOptions::default());
    let create = set("c/a", fields! {}).require(firekeep_core::Require::Absent);
    assert_eq!(kind(commit_in(&store, &txn, [create])), ErrorKind::AlreadyExists);
    assert_eq!(kind(commit_in(&store, &txn, [])), ErrorKind::TransactionExpired);
    commit(&store, [delete("c/a")]).unwrap();
}

/// 16 workers on two counters, each transaction moving one from the first to the second.
#[test]
fn contention_loses_no_update_and_starves_nobody() {
    for mode in BOTH {
        let store = MemoryStore::new();
        write(&store, set("c/a", fields! { "n" => 0 }));
        write(&store, set("c/b", fields! { "n" => 0 }));
        let db = Db::new(store.clone());
        let worker = |db: Db| async move {
            let mut options = TransactOptions::default();
            options.attempts = 1_000;
            options.concurrency = Some(mode);
            options.backoff =
                Backoff { base: Duration::from_micros(50), cap: Duration::from_millis(2) };
            for _ in 0..10 {
                let moved = db.transact_with(options.clone(), |txn| async move {
                    let mut counts = Vec::new();
                    for lookup in txn.get_all([path("c/a"), path("c/b")]).await? {
                        let n = lookup.document.and_then(|doc| doc.get("n")?.as_integer());
                        counts.push(n.unwrap_or(0));
                    }
                    txn.set(&path("c/a"), fields! { "n" => counts[0] - 1 })?;
                    txn.set(&path("c/b"), fields! { "n" => counts[1] + 1 })?;
                    Ok::<_, firekeep_core::Error>(())
                });
                moved.await.unwrap();
            }
        };
        std::thread::scope(|scope| {
            for _ in 0..4 {
                let workers = (0..4).map(|_| worker(db.clone()));
                scope.spawn(move || block_on(join_all(workers)));
            }
        });
        assert_eq!(get(&store, "c/b").unwrap().get("n"), Some(&160.into()), "{mode:?}");
        assert_eq!(get(&store, "c/a").unwrap().get("n"), Some(&(-160).into()), "{mode:?}");
        assert_eq!(store.control().open_transactions(), 0);
    }
}
