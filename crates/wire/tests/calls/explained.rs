//! Queries and aggregations that explain themselves.

use googleapis_tonic_google_firestore_v1::google::firestore::v1 as proto;
use prost_types::value::Kind;
use proto::structured_query::field_filter::Operator;
use proto::structured_query::{CompositeFilter, Direction, Filter, composite_filter, filter};

use crate::aggregates::{count, run_aggregation};
use crate::ground::*;
use crate::queries::only;

fn explained(query: proto::StructuredQuery, analyze: bool) -> proto::RunQueryRequest {
    let explain_options = Some(proto::ExplainOptions { analyze });
    proto::RunQueryRequest { explain_options, ..run_query(query) }
}

fn text_of<'a>(of: &'a prost_types::Struct, name: &str) -> &'a str {
    match &of.fields[name].kind {
        Some(Kind::StringValue(text)) => text,
        other => panic!("`{name}` is {other:?}"),
    }
}

fn indexes(metrics: &proto::ExplainMetrics) -> Vec<(String, String)> {
    let used = &metrics.plan_summary.as_ref().unwrap().indexes_used;
    let of =
        |index| (text_of(index, "query_scope").to_owned(), text_of(index, "properties").to_owned());
    used.iter().map(of).collect()
}

#[tokio::test]
async fn a_query_that_is_only_planned_reads_nothing() {
    let mut ground = Ground::new();
    ground.seed(&["c/a"]).await;
    let answers = ground.run(explained(all_of("c"), false)).await.unwrap();
    assert_eq!(answers.len(), 1);
    assert!(answers[0].document.is_none());
    let metrics = answers[0].explain_metrics.as_ref().unwrap();
    assert!(metrics.execution_stats.is_none());
    assert_eq!(indexes(metrics), [("Collection".into(), "(__name__ ASC)".into())]);
}

#[tokio::test]
async fn a_query_that_ran_tells_what_it_cost_in_its_last_answer() {
    let mut ground = Ground::new();
    ground.seed(&["c/a", "c/b", "c/c"]).await;
    let query = proto::StructuredQuery { offset: 1, ..all_of("c") };
    let answers = ground.run(explained(query, true)).await.unwrap();
    assert_eq!(answers.len(), 2);
    assert!(answers[0].explain_metrics.is_none());
    let metrics = answers[1].explain_metrics.as_ref().unwrap();
    let stats = metrics.execution_stats.as_ref().unwrap();
    assert_eq!((stats.results_returned, stats.read_operations), (2, 3));
    assert!(stats.execution_duration.is_some());
    let debug = stats.debug_stats.as_ref().unwrap();
    assert_eq!(text_of(debug, "documents_scanned"), "3");
    let Some(Kind::StructValue(billing)) = &debug.fields["billing_details"].kind else {
        panic!("no billing details")
    };
    assert_eq!(text_of(billing, "documents_billable"), "3");
    assert_eq!(text_of(billing, "min_query_cost"), "0");
}

#[tokio::test]
async fn a_query_that_finds_nothing_costs_the_least() {
    let mut ground = Ground::new();
    let answers = ground.run(explained(all_of("c"), true)).await.unwrap();
    let stats = answers[0].explain_metrics.clone().unwrap().execution_stats.unwrap();
    assert_eq!((stats.results_returned, stats.read_operations), (0, 1));
}

#[tokio::test]
async fn the_plan_names_the_indexes() {
    let mut ground = Ground::new();
    let both = |filters: [Option<Filter>; 2]| {
        let filter = CompositeFilter {
            op: composite_filter::Operator::And as i32,
            filters: filters.into_iter().flatten().collect(),
        };
        Some(Filter { filter_type: Some(filter::FilterType::CompositeFilter(filter)) })
    };
    let equal = |path| only(path, Operator::Equal, int(1));
    for (query, expected) in [
        (
            proto::StructuredQuery { r#where: equal("a"), ..group("c") },
            vec![("Collection Group", "(a ASC, __name__ ASC)")],
        ),
        (
            proto::StructuredQuery { r#where: both([equal("a"), equal("b")]), ..all_of("c") },
            vec![("Collection", "(a ASC, __name__ ASC)"), ("Collection", "(b ASC, __name__ ASC)")],
        ),
        (
            proto::StructuredQuery {
                r#where: both([equal("a"), only("b", Operator::GreaterThan, int(1))]),
                order_by: vec![by("b", Direction::Descending)],
                ..all_of("c")
            },
            vec![("Collection", "(a ASC, b DESC, __name__ DESC)")],
        ),
        (
            proto::StructuredQuery {
                r#where: only("t", Operator::ArrayContains, int(1)),
                ..all_of("c")
            },
            vec![("Collection", "(t CONTAINS, __name__ ASC)")],
        ),
    ] {
        let answers = ground.run(explained(query, false)).await.unwrap();
        let expected: Vec<_> = expected
            .into_iter()
            .map(|(scope, fields)| (scope.to_owned(), fields.to_owned()))
            .collect();
        assert_eq!(indexes(answers[0].explain_metrics.as_ref().unwrap()), expected);
    }
}

#[tokio::test]
async fn an_aggregation_explains_itself() {
    let mut ground = Ground::new();
    ground.seed(&["c/a", "c/b"]).await;
    let mut explain = async |analyze| {
        let request = proto::RunAggregationQueryRequest {
            explain_options: Some(proto::ExplainOptions { analyze }),
            ..run_aggregation(all_of("c"), vec![count("all")])
        };
        let mut stream = ground.client.run_aggregation_query(request).await.unwrap().into_inner();
        stream.message().await.unwrap().unwrap()
    };
    let planned = explain(false).await;
    assert!(planned.result.is_none());
    assert_eq!(indexes(&planned.explain_metrics.unwrap()).len(), 1);
    let ran = explain(true).await;
    assert_eq!(ran.result.unwrap().aggregate_fields, fields([("all", int(2))]));
    let stats = ran.explain_metrics.unwrap().execution_stats.unwrap();
    assert_eq!((stats.results_returned, stats.read_operations), (1, 1));
}
