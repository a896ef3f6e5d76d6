//! What Firestore's limits refuse.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod store;

use firekeep_core::{Bytes, ErrorKind, Query, ReadAt, TransformOp, Value, Write, field, fields};
use firekeep_memory::MemoryStore;
use store::{commit, get, kind, merge, path, rows, set, write};

fn blob(bytes: usize) -> Value {
    Value::Bytes(Bytes::from(vec![0; bytes]))
}

#[test]
fn a_document_has_at_most_one_mebibyte() {
    let store = MemoryStore::new();
    // The name takes 3 + 17 bytes, each field its name and one more, the document 32. One value alone
    // may not be as long as that.
    let room = 1_048_576 - 20 - 32 - 2 - 2 - 500_000;
    let halves = |more: usize| fields! { "a" => blob(500_000), "b" => blob(room + more) };
    write(&store, set("c/d", halves(0)));
    let error = commit(&store, [set("c/e", halves(1))]).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidArgument);
    assert!(error.to_string().contains("`c/e`: a document has at most 1048576 bytes"), "{error}");
    let grown = commit(&store, [merge("c/d", fields! { "n" => 1 })]);
    assert_eq!(kind(grown), ErrorKind::InvalidArgument);
    assert_eq!(get(&store, "c/d").unwrap().get("n"), None);
}

#[test]
fn a_request_has_at_most_ten_mebibytes() {
    let store = MemoryStore::new();
    let writes = |count: usize| {
        (0..count).map(|n| set(&format!("c/{n}"), fields! { "b" => blob(1_000_000) }))
    };
    let error = commit(&store, writes(11)).unwrap_err();
    assert!(error.to_string().contains("at most 10485760 bytes"), "{error}");
    assert_eq!(get(&store, "c/0"), None);
    commit(&store, writes(10)).unwrap();
}

#[test]
fn a_document_has_at_most_forty_thousand_index_entries() {
    let store = MemoryStore::new();
    let array = |length: i64| Value::Array((0..length).map(Value::from).collect());
    write(&store, set("c/d", fields! { "a" => array(39_998) }));
    let error = commit(&store, [set("c/e", fields! { "a" => array(39_999) })]).unwrap_err();
    assert!(error.to_string().contains("at most 40000 index entries"), "{error}");
    let grown = Write::transform(path("c/d"))
        .with("a", TransformOp::ArrayUnion(vec![(-1).into()]))
        .unwrap();
    assert_eq!(kind(commit(&store, [grown])), ErrorKind::InvalidArgument);
}

#[test]
fn an_operand_has_at_most_1500_bytes_but_orders_see_whole_values() {
    let store = MemoryStore::builder().lenient().build();
    let long = "x".repeat(1_500);
    write(&store, set("c/d", fields! { "s" => format!("{long}b") }));
    write(&store, set("c/e", fields! { "s" => format!("{long}a") }));
    for filter in [
        field("s").eq(&long),
        field("s").gt(&long),
        field("s").is_in([&long]),
        field("s").array_contains(&long),
        field("s").eq(fields! { "m" => long.as_str() }),
    ] {
        let query = Query::collection("c").filter(filter).build().unwrap();
        assert_eq!(kind(rows(&store, &query, ReadAt::Latest)), ErrorKind::InvalidArgument);
    }
    let shorter = Query::collection("c").filter(field("s").gt(&long[1..])).build().unwrap();
    assert_eq!(store::ids(&store, &shorter, ReadAt::Latest), ["e", "d"]);
}
