//! Aggregates.

use firekeep_core::{
    AggregateRequest, Aggregation, Commit, DocPath, FieldPath, Query, ReadAt, Store, TxnOptions,
    Value, Write, fields,
};
use firekeep_firestore::FirestoreStore;

use crate::database::{store, within};

async fn numbers(store: &FirestoreStore) {
    let writes = (1..=4).map(|n| {
        let path = DocPath::new(format!("c/{n}")).unwrap();
        Write::replace(path, fields! { "n" => n }).unwrap()
    });
    store.commit(&within(30), Commit::new(writes.collect()).unwrap()).await.unwrap();
}

fn request(aggregations: &[(&str, Aggregation)]) -> AggregateRequest {
    let query = Query::collection("c").build().unwrap();
    let aggregations =
        aggregations.iter().map(|(alias, what)| ((*alias).to_owned(), what.clone())).collect();
    AggregateRequest::new(query, aggregations).unwrap()
}

fn n() -> FieldPath {
    FieldPath::parse("n").unwrap()
}

#[tokio::test]
async fn counts_sums_and_averages() {
    let store = store();
    numbers(&store).await;
    let all = request(&[
        ("count", Aggregation::Count { up_to: None }),
        ("bounded", Aggregation::Count { up_to: Some(3) }),
        ("sum", Aggregation::Sum(n())),
        ("mean", Aggregation::Average(n())),
    ]);
    let answer = store.aggregate(&within(30), all).await.unwrap();
    let expected = fields! { "count" => 4, "bounded" => 3, "sum" => 10, "mean" => 2.5 };
    assert_eq!(answer.values, expected);
    assert_eq!((answer.billed_reads, answer.txn), (1, None));
}

#[tokio::test]
async fn the_count_that_is_there_for_the_bill_stays_hidden() {
    let store = store();
    numbers(&store).await;
    let sum = request(&[("entries", Aggregation::Sum(n()))]);
    let answer = store.aggregate(&within(30), sum).await.unwrap();
    assert_eq!(answer.values, fields! { "entries" => 10 });
    let five: Vec<_> = ["a", "b", "c", "d", "e"].map(|a| (a, Aggregation::Sum(n()))).into();
    let answer = store.aggregate(&within(30), request(&five)).await.unwrap();
    assert_eq!((answer.values.len(), answer.billed_reads), (5, 1));
}

#[tokio::test]
async fn nothing_counts_as_nothing() {
    let all = request(&[("sum", Aggregation::Sum(n())), ("mean", Aggregation::Average(n()))]);
    let answer = store().aggregate(&within(30), all).await.unwrap();
    assert_eq!(answer.values, fields! { "sum" => 0, "mean" => Value::Null });
    assert_eq!(answer.billed_reads, 1);
}

#[tokio::test]
async fn an_aggregate_can_begin_a_transaction() {
    let (store, cx) = (store(), within(30));
    let count = request(&[("count", Aggregation::Count { up_to: None })]);
    let begin = count.at(ReadAt::Begin(TxnOptions::default()));
    let answer = store.aggregate(&cx, begin).await.unwrap();
    store.rollback(&cx, answer.txn.expect("a transaction was begun")).await.unwrap();
}
