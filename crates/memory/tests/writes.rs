//! Writes, preconditions and sequences of writes to one document, as the emulator answers them.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod store;

use firekeep_core::{
    ErrorKind, FieldPath, Fields, ManualClock, Require, Timestamp, TransformOp, Value, Version,
    Write, fields,
};
use firekeep_memory::MemoryStore;
use store::{commit, delete, get, kind, merge, path, set, write};

fn fields_of(store: &MemoryStore, at: &str) -> Fields {
    get(store, at).unwrap().into_fields()
}

fn masked(at: &str, fields: Fields, mask: &[&str]) -> Write {
    let mask = mask.iter().map(|path| FieldPath::parse(path).unwrap()).collect();
    Write::merge_masked(path(at), fields, mask).unwrap()
}

#[test]
fn a_merge_follows_its_mask() {
    let store = MemoryStore::new();
    write(&store, set("c/d", fields! { "a" => fields! { "b" => 1, "c" => 2 }, "s" => 5 }));
    write(&store, masked("c/d", fields! { "a" => fields! { "b" => 9 } }, &["a.b", "a.c", "s.x.y"]));
    assert_eq!(fields_of(&store, "c/d"), fields! { "a" => fields! { "b" => 9 }, "s" => 5 });
    write(&store, masked("c/d", fields! {}, &["a.b"]));
    write(&store, masked("c/d", fields! { "s" => fields! { "x" => 1 } }, &["s.x"]));
    let expected = fields! { "a" => fields! {}, "s" => fields! { "x" => 1 } };
    assert_eq!(fields_of(&store, "c/d"), expected);
    write(&store, masked("c/new", fields! {}, &[]));
    assert_eq!(fields_of(&store, "c/new"), fields! {});
}

#[test]
fn a_write_that_changes_nothing_keeps_the_version() {
    let store = MemoryStore::new();
    let first = write(&store, set("c/d", fields! { "n" => 1, "m" => fields! { "x" => 1 } }));
    let nothing = [
        set("c/d", fields! { "n" => 1, "m" => fields! { "x" => 1 } }),
        merge("c/d", fields! { "m" => fields! { "x" => 1 } }),
        masked("c/d", fields! {}, &["absent", "m.absent.deeper"]),
        Write::transform(path("c/d")).with("n", TransformOp::Increment(0.into())).unwrap(),
        Write::transform(path("c/d")),
    ];
    for write in nothing {
        let committed = commit(&store, [write.clone()]).unwrap();
        assert!(committed.commit_time > first);
        assert_eq!(committed.writes[0].version, Some(Version::at(first)), "{write:?}");
    }
    let there_and_back = [set("c/d", fields! {}), set("c/d", fields_of(&store, "c/d"))];
    let committed = commit(&store, there_and_back).unwrap();
    assert!(committed.writes.iter().all(|w| w.version == Some(Version::at(first))));
    let changed = commit(&store, [merge("c/d", fields! { "n" => 1.0 })]).unwrap();
    assert_eq!(changed.writes[0].version, Some(Version::at(changed.commit_time)));
}

#[test]
fn preconditions_fail_with_firestores_codes() {
    use ErrorKind::{AlreadyExists, FailedPrecondition, NotFound};
    let store = MemoryStore::new();
    let old = Version::at(write(&store, set("c/there", fields! {})));
    let current = Version::at(write(&store, set("c/there", fields! { "n" => 1 })));
    let set = |at| set(at, fields! { "x" => 1 });
    let verify = |at, require| Write::verify(path(at), require);
    let refused = [
        (set("c/there").require(Require::Absent), AlreadyExists),
        (delete("c/there").require(Require::Absent), AlreadyExists),
        (verify("c/there", Require::Absent), AlreadyExists),
        (set("c/gone").require(Require::Present), NotFound),
        (delete("c/gone").require(Require::Present), NotFound),
        (verify("c/gone", Require::Present), NotFound),
        (set("c/there").require(Require::Version(old)), FailedPrecondition),
        (set("c/gone").require(Require::Version(old)), FailedPrecondition),
        (delete("c/gone").require(Require::Version(old)), FailedPrecondition),
        (verify("c/there", Require::Version(old)), FailedPrecondition),
    ];
    for (write, expected) in refused {
        let label = format!("{write:?}");
        let error = commit(&store, [self::set("c/other", fields! {}), write]).unwrap_err();
        assert_eq!(error.kind(), expected, "{label}");
        assert!(error.path().unwrap().starts_with("c/"), "{error}");
        assert_eq!(get(&store, "c/other"), None, "a refused commit writes nothing");
    }
    let verified = verify("c/there", Require::Version(current));
    let committed = commit(&store, [verified, delete("c/gone").require(Require::Absent)]).unwrap();
    assert!(committed.writes.iter().all(|written| written.version.is_none()));
}

/// Every pair of writes to one document, as the emulator 1.19.9 answers it: `None` where it works.
#[test]
fn two_writes_to_one_document_follow_the_emulator() {
    use ErrorKind::{AlreadyExists, FailedPrecondition, InvalidArgument, NotFound};
    let kinds = ["set", "insert", "update", "delete", "delete-present", "delete-absent"];
    let make = |kind: &str| match kind {
        "set" => set("c/d", fields! { "a" => 1 }),
        "insert" => set("c/d", fields! { "a" => 1 }).require(Require::Absent),
        "update" => set("c/d", fields! { "a" => 1 }).require(Require::Present),
        "delete" => delete("c/d"),
        "delete-present" => delete("c/d").require(Require::Present),
        _ => delete("c/d").require(Require::Absent),
    };
    for exists in [false, true] {
        for first in kinds {
            for second in kinds {
                let store = MemoryStore::new();
                if exists {
                    write(&store, set("c/d", fields! {}));
                }
                let deletes = first.starts_with("delete");
                let expected = match (first, second) {
                    (_, "update" | "delete-present") if deletes => Some(InvalidArgument),
                    (_, "insert" | "delete-absent") if !deletes => Some(InvalidArgument),
                    ("update" | "delete-present", _) if !exists => Some(NotFound),
                    ("insert" | "delete-absent", _) if exists => Some(AlreadyExists),
                    _ => None,
                };
                let answer = commit(&store, [make(first), make(second)]);
                let label = format!("exists: {exists}, {first} then {second}");
                let versions = answer.as_ref().map(|c| [c.writes[0].version, c.writes[1].version]);
                match (expected, versions) {
                    (None, Ok([one, two])) if deletes => assert!(one.is_none(), "{label}: {two:?}"),
                    (None, Ok([one, two])) => assert!(two.is_none() || one == two, "{label}"),
                    (expected, answer) => {
                        assert_eq!(answer.err().map(|e| e.kind()), expected, "{label}");
                    }
                }
            }
        }
    }
    let store = MemoryStore::new();
    let version = Version::at(write(&store, set("c/d", fields! {})));
    let guarded = |n: i64| set("c/d", fields! { "n" => n }).require(Require::Version(version));
    let plain = set("c/d", fields! { "n" => 7 });
    assert_eq!(kind(commit(&store, [plain.clone(), guarded(1)])), InvalidArgument);
    assert_eq!(kind(commit(&store, [delete("c/d"), guarded(1)])), InvalidArgument);
    commit(&store, [guarded(1), guarded(2), plain]).unwrap();
    assert_eq!(kind(commit(&store, [guarded(3)])), FailedPrecondition);
}

#[test]
fn a_document_deleted_and_made_again_is_new() {
    let store = MemoryStore::new();
    let first = write(&store, set("c/d", fields! { "a" => 1 }));
    let same = [delete("c/d"), set("c/d", fields! { "a" => 1 })];
    let committed = commit(&store, same).unwrap();
    let document = get(&store, "c/d").unwrap();
    assert_eq!(document.created(), committed.commit_time);
    assert_eq!(document.updated(), committed.commit_time);
    assert!(document.created() > first);
}

#[test]
fn transforms_run_in_order_after_the_change() {
    let clock = ManualClock::at(Timestamp::from_micros(1_999).unwrap());
    let store = MemoryStore::builder().clock(clock).build();
    let write = merge("c/d", fields! { "n" => 5 })
        .with("n", TransformOp::Increment(1.into()))
        .and_then(|w| w.with("n", TransformOp::Increment(2.into())))
        .and_then(|w| w.with("tags", TransformOp::ArrayUnion(vec!["x".into()])))
        .and_then(|w| w.with("at", TransformOp::CommitTime))
        .unwrap();
    let committed = commit(&store, [write]).unwrap();
    let at = Value::from(Timestamp::from_micros(1_000).unwrap());
    let results = &committed.writes[0].transform_results;
    assert_eq!(*results, [6.into(), 8.into(), Value::Null, at.clone()]);
    assert_eq!(fields_of(&store, "c/d"), fields! { "n" => 8, "tags" => ["x"], "at" => at });
}

#[test]
fn a_transform_and_one_inside_its_field_are_refused() {
    let write = Write::transform(path("c/d"))
        .with("n.x", TransformOp::Increment(1.into()))
        .and_then(|w| w.with("n", TransformOp::Increment(1.into())))
        .unwrap();
    assert_eq!(kind(commit(&MemoryStore::new(), [write])), ErrorKind::InvalidArgument);
}

#[test]
fn commit_times_rise_even_if_the_wall_clock_jumps_back() {
    let clock = ManualClock::new();
    let store = MemoryStore::builder().clock(clock.clone()).build();
    let first = write(&store, set("c/d", fields! { "n" => 1 }));
    clock.set_wall(Timestamp::UNIX_EPOCH);
    let second = write(&store, set("c/d", fields! { "n" => 2 }));
    let third = write(&store, set("c/d", fields! { "n" => 3 }));
    assert_eq!((second, third), (first.next(), first.next().next()));
}
