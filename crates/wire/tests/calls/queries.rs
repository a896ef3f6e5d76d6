//! Queries.

use googleapis_tonic_google_firestore_v1::google::firestore::v1 as proto;
use proto::run_query_response::ContinuationSelector::Done;
use proto::structured_query::Direction;
use proto::structured_query::field_filter::Operator;
use proto::structured_query::filter::FilterType;
use proto::structured_query::{FieldFilter, Filter, Projection};
use tonic::Code;

use crate::ground::*;

pub(crate) fn only(path: &str, op: Operator, operand: proto::Value) -> Option<Filter> {
    let filter = FieldFilter { field: Some(field(path)), op: op as i32, value: Some(operand) };
    Some(Filter { filter_type: Some(FilterType::FieldFilter(filter)) })
}

#[tokio::test]
async fn rows_come_filtered_ordered_and_cut() {
    let mut ground = Ground::new();
    ground.seed(&["c/a", "c/b", "c/c", "c/d", "c/e"]).await;
    let query = proto::StructuredQuery {
        r#where: only("n", Operator::GreaterThan, int(0)),
        order_by: vec![by("n", Direction::Descending)],
        start_at: Some(proto::Cursor { values: vec![int(3)], before: true }),
        limit: Some(2),
        ..all_of("c")
    };
    assert_eq!(ground.rows(query).await, ["c/d", "c/c"]);
}

#[tokio::test]
async fn the_last_answer_says_that_it_is() {
    let mut ground = Ground::new();
    ground.seed(&["c/a", "c/b"]).await;
    let answers = ground.query(all_of("c")).await.unwrap();
    let ends: Vec<_> = answers.iter().map(|answer| answer.continuation_selector).collect();
    assert_eq!(ends, [None, Some(Done(true))]);
    let none = ground.query(all_of("none")).await.unwrap();
    assert_eq!(none.len(), 1);
    assert!(none[0].document.is_none() && none[0].read_time.is_some());
    assert_eq!(none[0].continuation_selector, Some(Done(true)));
}

#[tokio::test]
async fn the_first_answer_says_how_many_rows_were_skipped() {
    let mut ground = Ground::new();
    ground.seed(&["c/a", "c/b", "c/c", "c/d"]).await;
    let mut skipping = async |offset, limit| {
        let query = proto::StructuredQuery { offset, limit, ..all_of("c") };
        let answers = ground.query(query).await.unwrap();
        let skipped: Vec<_> = answers.iter().map(|answer| answer.skipped_results).collect();
        let rows = answers.into_iter().filter_map(|answer| answer.document);
        (skipped, rows.map(|row| path(&row.name)).collect::<Vec<_>>())
    };
    let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
    assert_eq!(skipping(1, None).await, (vec![1, 0, 0], names(&["c/b", "c/c", "c/d"])));
    assert_eq!(skipping(2, Some(1)).await, (vec![2], names(&["c/c"])));
    assert_eq!(skipping(4, Some(1)).await, (vec![4], names(&[])));
    assert_eq!(skipping(9, None).await, (vec![4], names(&[])));
    assert_eq!(skipping(i32::MAX, Some(i32::MAX)).await, (vec![4], names(&[])));
    assert_eq!(skipping(0, Some(0)).await, (vec![0], names(&[])));
}

#[tokio::test]
async fn a_projection_narrows_rows() {
    let mut ground = Ground::new();
    ground.commit(vec![update("c/d", [("a", int(1)), ("b", int(2))])]).await.unwrap();
    let mut first = async |fields: &[&str]| {
        let fields = fields.iter().map(|path| field(path)).collect();
        let query = proto::StructuredQuery { select: Some(Projection { fields }), ..all_of("c") };
        ground.query(query).await.unwrap()[0].document.clone().unwrap().fields
    };
    assert_eq!(first(&["b"]).await, fields([("b", int(2))]));
    assert_eq!(first(&["__name__"]).await, fields([]));
    assert_eq!(first(&[]).await.len(), 2);
}

#[tokio::test]
async fn a_group_is_found_below_a_document_and_everywhere() {
    let mut ground = Ground::new();
    ground.seed(&["a/1/s/x", "b/1/s/y", "s/z", "a/1/t/x"]).await;
    assert_eq!(ground.rows(group("s")).await, ["a/1/s/x", "b/1/s/y", "s/z"]);
    let below = proto::RunQueryRequest { parent: name("a/1"), ..run_query(group("s")) };
    let answers = ground.run(below).await.unwrap();
    assert_eq!(answers.len(), 1);
}

#[tokio::test]
async fn a_query_begins_a_transaction_with_a_message_of_its_own() {
    let mut ground = Ground::new();
    ground.seed(&["c/a"]).await;
    let new = proto::run_query_request::ConsistencySelector::NewTransaction(Default::default());
    let request =
        proto::RunQueryRequest { consistency_selector: Some(new), ..run_query(all_of("c")) };
    let answers = ground.run(request).await.unwrap();
    assert!(!answers[0].transaction.is_empty() && answers[0].document.is_none());
    assert!(answers[1].transaction.is_empty() && answers[1].document.is_some());
    assert_eq!(ground.server.control().open_transactions(), 1);
}

#[tokio::test]
async fn the_past_is_queried() {
    let mut ground = Ground::new();
    ground.seed(&["c/a"]).await;
    let then = ground.get("c/a").await.unwrap().update_time.unwrap();
    ground.commit(vec![delete("c/a")]).await.unwrap();
    let at = proto::run_query_request::ConsistencySelector::ReadTime(then);
    let request =
        proto::RunQueryRequest { consistency_selector: Some(at), ..run_query(all_of("c")) };
    let answers = ground.run(request).await.unwrap();
    assert!(answers[0].document.is_some());
    assert_eq!(answers[0].read_time, Some(then));
}

#[tokio::test]
async fn malformed_queries_are_refused_in_production_s_words() {
    let mut ground = Ground::new();
    let two = vec![all_of("a").from.remove(0), all_of("b").from.remove(0)];
    for (query, words) in [
        (proto::StructuredQuery { limit: Some(-1), ..all_of("c") }, "limit is negative"),
        (proto::StructuredQuery { offset: -1, ..all_of("c") }, "offset is negative"),
        (
            proto::StructuredQuery { from: two, ..Default::default() },
            "StructuredQuery.from cannot have more than one collection selector.",
        ),
        (
            proto::StructuredQuery {
                start_at: Some(proto::Cursor { values: vec![int(1)], before: true }),
                ..all_of("c")
            },
            "Cursor has too many values.",
        ),
    ] {
        assert_eq!(refused(ground.query(query).await, Code::InvalidArgument), words);
    }
    let nothing = proto::RunQueryRequest { parent: root(), ..Default::default() };
    refused(ground.run(nothing).await, Code::InvalidArgument);
}
