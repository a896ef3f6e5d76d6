//! Queries.

use firekeep_core::{
    Commit, DocPath, Document, Query, QueryBuilder, QueryEvent, QueryRequest, ReadAt, Store,
    TxnOptions, Write, document_id, field, fields,
};
use firekeep_firestore::FirestoreStore;
use futures::TryStreamExt;

use crate::database::{store, within};

/// Documents `c/00` to `c/{n-1}` with `n` and its parity.
async fn numbers(store: &FirestoreStore, count: i64) {
    let writes = (0..count).map(|n| {
        let path = DocPath::new(format!("c/{n:02}")).unwrap();
        Write::replace(path, fields! { "n" => n, "even" => n % 2 == 0 }).unwrap()
    });
    store.commit(&within(30), Commit::new(writes.collect()).unwrap()).await.unwrap();
}

async fn run(store: &FirestoreStore, query: QueryBuilder) -> (Vec<i64>, u64) {
    let request = QueryRequest::new(query.build().unwrap());
    let events: Vec<_> = store.query(&within(30), request).try_collect().await.unwrap();
    let Some((QueryEvent::Done { billed_reads, .. }, rows)) = events.split_last() else {
        panic!("a query ends with `Done`: {events:?}")
    };
    let number = |row: &Document| row.get("n").and_then(|n| n.as_integer()).unwrap_or(-1);
    let rows = rows.iter().map(|event| match event {
        QueryEvent::Row(row) => number(row),
        other => panic!("{other:?} between rows"),
    });
    (rows.collect(), *billed_reads)
}

fn c() -> QueryBuilder {
    Query::collection("c")
}

#[tokio::test]
async fn rows_come_in_order_and_the_bill_counts_them() {
    let store = store();
    numbers(&store, 6).await;
    assert_eq!(run(&store, c()).await, (vec![0, 1, 2, 3, 4, 5], 6));
    assert_eq!(run(&store, c().descending("n").limit(2)).await, (vec![5, 4], 2));
    assert_eq!(run(&store, c().filter(field("n").gt(100))).await, (vec![], 1));
    let even = c().filter(field("even").eq(true)).filter(field("n").ge(2));
    assert_eq!(run(&store, even).await, (vec![2, 4], 2));
}

#[tokio::test]
async fn skipped_rows_are_billed() {
    let store = store();
    numbers(&store, 6).await;
    assert_eq!(run(&store, c().ascending("n").offset(2).limit(2)).await, (vec![2, 3], 4));
}

#[tokio::test]
async fn limit_to_last_takes_the_end_in_the_order_asked_for() {
    let store = store();
    numbers(&store, 6).await;
    assert_eq!(run(&store, c().ascending("n").limit_to_last(2)).await, (vec![4, 5], 2));
    let cut = c().ascending("n").start_after([1]).end_before([5]).limit_to_last(2);
    assert_eq!(run(&store, cut).await, (vec![3, 4], 2));
    let cut = c().descending("n").start_at([4]).end_at([2]).limit_to_last(9);
    assert_eq!(run(&store, cut).await, (vec![4, 3, 2], 3));
}

#[tokio::test]
async fn cursors_may_name_the_document() {
    let store = store();
    numbers(&store, 6).await;
    let request = QueryRequest::new(c().ascending("even").limit(2).build().unwrap());
    let events: Vec<_> = store.query(&within(30), request).try_collect().await.unwrap();
    let QueryEvent::Row(last) = &events[1] else { panic!("{events:?}") };
    let rest = c().ascending("even").start_after_document(last);
    assert_eq!(run(&store, rest).await.0, [5, 0, 2, 4]);
    let by_id = c().filter(document_id().ge(DocPath::new("c/04").unwrap()));
    assert_eq!(run(&store, by_id).await.0, [4, 5]);
}

#[tokio::test]
async fn a_projection_narrows_rows_and_an_empty_one_empties_them() {
    let store = store();
    numbers(&store, 1).await;
    for (select, expected) in [(&["even"][..], fields! { "even" => true }), (&[], fields! {})] {
        let query = c().select(select.iter().copied()).build().unwrap();
        let events: Vec<_> =
            store.query(&within(30), QueryRequest::new(query)).try_collect().await.unwrap();
        let QueryEvent::Row(row) = &events[0] else { panic!("{events:?}") };
        assert_eq!(*row.fields(), expected);
    }
}

#[tokio::test]
async fn a_group_is_searched_below_one_document_only_if_told_so() {
    let store = store();
    let writes = ["a/1/g/x", "a/2/g/y", "g/z"].iter().zip(1..).map(|(path, n)| {
        Write::replace(DocPath::new(path).unwrap(), fields! { "n" => n }).unwrap()
    });
    store.commit(&within(30), Commit::new(writes.collect()).unwrap()).await.unwrap();
    assert_eq!(run(&store, Query::group("g")).await.0, [1, 2, 3]);
    let under = Query::group_under("g", DocPath::new("a/2").unwrap());
    assert_eq!(run(&store, under).await.0, [2]);
    assert_eq!(run(&store, Query::collection("a/1/g")).await.0, [1]);
}

#[tokio::test]
async fn a_query_can_begin_a_transaction_and_says_so_first() {
    let store = store();
    numbers(&store, 2).await;
    for query in [c(), c().ascending("n").limit_to_last(2)] {
        let query = query.build().unwrap();
        let request = QueryRequest { query, at: ReadAt::Begin(TxnOptions::default()) };
        let events: Vec<_> = store.query(&within(30), request).try_collect().await.unwrap();
        let QueryEvent::Began(txn) = &events[0] else { panic!("{events:?}") };
        assert_eq!(events.len(), 4);
        store.rollback(&within(30), txn.clone()).await.unwrap();
    }
}

#[tokio::test]
async fn every_operator_selects_as_it_says() {
    let store = store();
    let put = |id: &str, value: firekeep_core::Value| {
        let fields = fields! { "v" => value, "n" => id.parse::<i64>().unwrap() };
        Write::replace(DocPath::new(format!("c/{id}")).unwrap(), fields).unwrap()
    };
    let writes = vec![
        put("1", 1.into()),
        put("2", 2.5.into()),
        put("3", firekeep_core::Value::Null),
        put("4", f64::NAN.into()),
        put("5", ["a", "b"].into()),
    ];
    store.commit(&within(30), Commit::new(writes).unwrap()).await.unwrap();
    for (filter, expected) in [
        (field("v").eq(1), &[1][..]),
        (field("v").ne(1), &[2, 4, 5]),
        (field("v").lt(2), &[1]),
        (field("v").le(2.5), &[1, 2]),
        (field("v").gt(1), &[2]),
        (field("v").ge(1), &[1, 2]),
        (field("v").is_in([1.0, 2.5]), &[1, 2]),
        (field("v").not_in([1]), &[2, 4, 5]),
        (field("v").array_contains("a"), &[5]),
        (field("v").array_contains_any(["b", "z"]), &[5]),
        (field("v").eq(firekeep_core::Value::Null), &[3]),
        (field("v").ne(firekeep_core::Value::Null), &[1, 2, 4, 5]),
        (field("v").eq(f64::NAN), &[4]),
        (field("v").ne(f64::NAN), &[1, 2, 5]),
        (firekeep_core::any([field("v").eq(1), field("v").gt(2)]), &[1, 2]),
    ] {
        let name = format!("{filter:?}");
        let (mut rows, _) = run(&store, c().filter(filter)).await;
        rows.sort_unstable();
        assert_eq!(rows, expected, "{name}");
    }
}
