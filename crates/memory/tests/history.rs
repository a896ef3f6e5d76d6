//! Reading the past, and forgetting it.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod store;

use std::time::Duration;

use firekeep_core::{ErrorKind, ManualClock, Query, ReadAt, Timestamp, TxnOptions, field, fields};
use firekeep_memory::MemoryStore;
use store::{begin, delete, get_at, ids, kind, path, rows, set, write};

fn store() -> (MemoryStore, ManualClock) {
    let clock = ManualClock::new();
    (MemoryStore::builder().clock(clock.clone()).build(), clock)
}

#[test]
fn documents_and_queries_are_as_they_were() {
    let (store, clock) = store();
    let query = Query::collection("c").filter(field("n").ge(1)).build().unwrap();
    let step = || clock.advance(Duration::from_secs(1));
    let times = [
        write(&store, set("c/a", fields! { "n" => 1 })),
        {
            step();
            write(&store, set("c/b", fields! { "n" => 2 }))
        },
        {
            step();
            write(&store, set("c/a", fields! { "n" => 3 }))
        },
        {
            step();
            write(&store, delete("c/b"))
        },
        {
            step();
            write(&store, set("c/a", fields! { "n" => 0 }))
        },
    ];
    let expected: [&[&str]; 5] = [&["a"], &["a", "b"], &["b", "a"], &["a"], &[]];
    for (time, expected) in times.into_iter().zip(expected) {
        assert_eq!(ids(&store, &query, ReadAt::Time(time)), expected);
    }
    let before_second = Timestamp::from_micros(times[1].as_micros() - 1).unwrap();
    assert_eq!(get_at(&store, "c/b", ReadAt::Time(before_second)).unwrap(), None);
    let old = get_at(&store, "c/a", ReadAt::Time(times[1])).unwrap().unwrap();
    assert_eq!((old.fields(), old.updated()), (&fields! { "n" => 1 }, times[0]));
}

#[test]
fn the_past_ends_at_the_window_and_at_the_present() {
    let (store, clock) = store();
    let first = write(&store, set("c/a", fields! { "n" => 1 }));
    clock.advance(Duration::from_secs(3600));
    assert!(get_at(&store, "c/a", ReadAt::Time(first)).unwrap().is_some());
    clock.advance(Duration::from_micros(1));
    let query = Query::collection("c").build().unwrap();
    assert_eq!(kind(rows(&store, &query, ReadAt::Time(first))), ErrorKind::FailedPrecondition);
    let future = ReadAt::Time(first.saturating_add(Duration::from_secs(7200)));
    assert_eq!(kind(get_at(&store, "c/a", future)), ErrorKind::InvalidArgument);
}

#[test]
fn what_nobody_can_ask_for_is_forgotten() {
    let (store, clock) = store();
    for n in 0..100 {
        write(&store, set("c/a", fields! { "n" => n }));
    }
    write(&store, delete("c/a"));
    assert_eq!(store.control().remembered_changes(), 101);
    clock.advance(Duration::from_secs(3601));
    write(&store, set("c/b", fields! {}));
    assert_eq!(store.control().remembered_changes(), 1);

    let forgetful = MemoryStore::builder().history(Duration::ZERO).build();
    for n in 0..100 {
        write(&forgetful, set("c/a", fields! { "n" => n }));
    }
    assert_eq!(forgetful.control().remembered_changes(), 0);
    let query = Query::collection("c").build().unwrap();
    assert_eq!(ids(&forgetful, &query, ReadAt::Latest), ["a"]);
}

#[test]
fn a_snapshot_keeps_what_it_reads_though_the_store_remembers_nothing_else() {
    let clock = ManualClock::new();
    let builder = MemoryStore::builder().clock(clock.clone());
    let store = builder.history(Duration::from_secs(1)).build();
    write(&store, set("c/a", fields! { "n" => 1 }));
    let snapshot = begin(&store, TxnOptions::ReadOnly { at: None });
    for n in 2..5 {
        clock.advance(Duration::from_secs(10));
        write(&store, set("c/a", fields! { "n" => n }));
        let seen = get_at(&store, "c/a", ReadAt::Txn(snapshot.clone())).unwrap().unwrap();
        assert_eq!(seen.fields(), &fields! { "n" => 1 });
    }
    store::commit_in(&store, &snapshot, []).unwrap();
    write(&store, set("c/a", fields! { "n" => 9 }));
    assert_eq!(store.control().remembered_changes(), 2, "those of the last second");
}

#[test]
fn read_times_never_go_back_and_never_lie_before_a_commit() {
    let (store, clock) = store();
    let committed = write(&store, set("c/a", fields! {}));
    clock.set_wall(Timestamp::UNIX_EPOCH);
    let request = firekeep_core::BatchGet::new(vec![path("c/a")]);
    let answer =
        store::now(firekeep_core::Store::batch_get(&store, &firekeep_core::Cx::new(), request));
    let read = answer.unwrap().lookups[0].read_time;
    assert!(read >= committed);
    let next = write(&store, set("c/b", fields! {}));
    assert!(next > read, "what a read did not see lies after its time");
}
