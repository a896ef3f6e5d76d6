//! Queries over every collection, as the official clients send them to delete recursively.

use googleapis_tonic_google_firestore_v1::google::firestore::v1 as proto;
use proto::structured_query::composite_filter::Operator as Composite;
use proto::structured_query::field_filter::Operator;
use proto::structured_query::filter::FilterType;
use proto::structured_query::{CompositeFilter, Direction, Filter};
use tonic::Code;

use crate::ground::*;
use crate::queries::only;

/// What the clients ask for: everything at any depth in collection `c`.
fn all_in_c() -> Option<Filter> {
    let smallest = "__id-9223372036854775808__";
    let bounds = [
        only("__name__", Operator::GreaterThanOrEqual, reference(&format!("c/{smallest}"))),
        only("__name__", Operator::LessThan, reference(&format!("c\0/{smallest}"))),
    ];
    let filter = CompositeFilter {
        op: Composite::And as i32,
        filters: bounds.into_iter().flatten().collect(),
    };
    Some(Filter { filter_type: Some(FilterType::CompositeFilter(filter)) })
}

async fn seeded() -> Ground {
    let mut ground = Ground::new();
    let paths = ["c/a", "c/a/s/x", "c/b/t/y/u/z", "c/b", "cc/a", "b/a", "c!/a"];
    ground.seed(&paths).await;
    ground
}

#[tokio::test]
async fn everything_below_a_collection_is_found_in_order() {
    let mut ground = seeded().await;
    let query = proto::StructuredQuery { r#where: all_in_c(), ..group("") };
    assert_eq!(ground.rows(query).await, ["c/a", "c/a/s/x", "c/b", "c/b/t/y/u/z"]);
}

#[tokio::test]
async fn everything_below_a_document_is_found() {
    let mut ground = seeded().await;
    let request = proto::RunQueryRequest { parent: name("c/b"), ..run_query(group("")) };
    let answers = ground.run(request).await.unwrap();
    let rows = answers.into_iter().filter_map(|answer| answer.document);
    assert_eq!(rows.map(|row| path(&row.name)).collect::<Vec<_>>(), ["c/b/t/y/u/z"]);
}

#[tokio::test]
async fn pages_by_cursor_limit_and_offset_hold_everything() {
    let mut ground = seeded().await;
    let after = |row: &str| proto::StructuredQuery {
        order_by: vec![by("__name__", Direction::Ascending)],
        start_at: Some(proto::Cursor { values: vec![reference(row)], before: false }),
        limit: Some(2),
        ..group("")
    };
    assert_eq!(ground.rows(after("c/a")).await, ["c/a/s/x", "c/b"]);
    assert_eq!(ground.rows(after("c/b")).await, ["c/b/t/y/u/z", "c!/a"]);
    let skipping = proto::StructuredQuery { offset: 1, limit: Some(2), ..group("") };
    let answers = ground.query(skipping).await.unwrap();
    assert_eq!(answers[0].skipped_results, 1);
    assert_eq!(answers.len(), 2);
    let none = ground.query(proto::StructuredQuery { limit: Some(0), ..group("") }).await.unwrap();
    assert!(none.len() == 1 && none[0].document.is_none());
}

#[tokio::test]
async fn without_descendants_only_direct_collections_are_looked_in() {
    let mut ground = seeded().await;
    assert_eq!(ground.rows(all_of("")).await, ["b/a", "c/a", "c/b", "c!/a", "cc/a"]);
    let unsaid = proto::StructuredQuery { limit: Some(1), ..Default::default() };
    assert_eq!(ground.rows(unsaid).await, ["b/a"]);
}

#[tokio::test]
async fn a_transaction_reads_everything_as_of_one_time() {
    let mut ground = seeded().await;
    let mode = proto::transaction_options::Mode::ReadOnly(Default::default());
    let options = proto::TransactionOptions { mode: Some(mode) };
    let new = proto::run_query_request::ConsistencySelector::NewTransaction(options);
    let request =
        proto::RunQueryRequest { consistency_selector: Some(new), ..run_query(group("")) };
    let first = ground.run(request).await.unwrap();
    ground.commit(vec![delete("c/a"), update("new/a", [])]).await.unwrap();
    let txn = first[0].transaction.clone();
    let within = proto::run_query_request::ConsistencySelector::Transaction(txn);
    let request =
        proto::RunQueryRequest { consistency_selector: Some(within), ..run_query(group("")) };
    let again = ground.run(request).await.unwrap();
    assert_eq!(again.len(), 7);
    assert_eq!(again, first[1..]);
    assert_eq!(ground.rows(group("")).await.len(), 7);
}

#[tokio::test]
async fn only_names_may_be_spoken_of() {
    let mut ground = seeded().await;
    let filtered =
        proto::StructuredQuery { r#where: only("n", Operator::Equal, int(1)), ..group("") };
    let why = refused(ground.query(filtered).await, Code::InvalidArgument);
    assert_eq!(why, "kind is required for filter: n");
    for order in [by("n", Direction::Ascending), by("__name__", Direction::Descending)] {
        let ordered = proto::StructuredQuery { order_by: vec![order], ..group("") };
        let why = refused(ground.query(ordered).await, Code::InvalidArgument);
        assert_eq!(why, "kind is required for all orders except __name__ ascending");
    }
}
