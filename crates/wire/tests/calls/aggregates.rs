//! Aggregations.

use googleapis_tonic_google_firestore_v1::google::firestore::v1 as proto;
use proto::structured_aggregation_query::aggregation::{Avg, Count, Operator, Sum};
use proto::structured_aggregation_query::{Aggregation, QueryType};
use proto::value::ValueType;
use tonic::{Code, Status};

use crate::ground::*;

pub(crate) fn count(alias: &str) -> Aggregation {
    Aggregation { alias: alias.into(), operator: Some(Operator::Count(Count { up_to: None })) }
}

pub(crate) fn run_aggregation(
    query: proto::StructuredQuery,
    aggregations: Vec<Aggregation>,
) -> proto::RunAggregationQueryRequest {
    let structured = proto::StructuredAggregationQuery {
        query_type: Some(QueryType::StructuredQuery(query)),
        aggregations,
    };
    use proto::run_aggregation_query_request::QueryType::StructuredAggregationQuery;
    proto::RunAggregationQueryRequest {
        parent: root(),
        query_type: Some(StructuredAggregationQuery(structured)),
        ..Default::default()
    }
}

async fn answer(
    ground: &mut Ground,
    request: proto::RunAggregationQueryRequest,
) -> Result<proto::RunAggregationQueryResponse, Status> {
    let mut stream = ground.client.run_aggregation_query(request).await?.into_inner();
    let answer = stream.message().await?.unwrap();
    assert!(stream.message().await?.is_none(), "one answer");
    Ok(answer)
}

#[tokio::test]
async fn counts_sums_and_means_have_names_given_or_not() {
    let mut ground = Ground::new();
    ground.seed(&["c/a", "c/b", "c/c"]).await;
    let aggregations = vec![
        count("all"),
        Aggregation {
            alias: String::new(),
            operator: Some(Operator::Sum(Sum { field: Some(field("n")) })),
        },
        Aggregation {
            alias: String::new(),
            operator: Some(Operator::Avg(Avg { field: Some(field("n")) })),
        },
        Aggregation {
            alias: "some".into(),
            operator: Some(Operator::Count(Count { up_to: Some(2) })),
        },
    ];
    let answer = answer(&mut ground, run_aggregation(all_of("c"), aggregations)).await.unwrap();
    assert!(answer.read_time.is_some() && answer.transaction.is_empty());
    let mean = value(ValueType::DoubleValue(1.0));
    let expected = [("all", int(3)), ("field_1", int(3)), ("field_2", mean), ("some", int(2))];
    assert_eq!(answer.result.unwrap().aggregate_fields, fields(expected));
}

#[tokio::test]
async fn a_transaction_begins_with_an_aggregation() {
    let mut ground = Ground::new();
    use proto::run_aggregation_query_request::ConsistencySelector::NewTransaction;
    let request = proto::RunAggregationQueryRequest {
        consistency_selector: Some(NewTransaction(Default::default())),
        ..run_aggregation(all_of("c"), vec![count("all")])
    };
    let answer = answer(&mut ground, request).await.unwrap();
    assert!(!answer.transaction.is_empty());
    assert_eq!(ground.server.control().open_transactions(), 1);
}

#[tokio::test]
async fn malformed_aggregations_are_refused() {
    let mut ground = Ground::new();
    let none = answer(&mut ground, run_aggregation(all_of("c"), vec![])).await;
    assert_eq!(refused(none, Code::InvalidArgument), "Aggregations can not be empty.");
    for aggregations in [
        vec![count("x"), count("x")],
        (0..6).map(|n| count(&format!("a{n}"))).collect(),
        vec![Aggregation { alias: "x".into(), operator: None }],
        vec![Aggregation {
            alias: "x".into(),
            operator: Some(Operator::Count(Count { up_to: Some(0) })),
        }],
    ] {
        let request = run_aggregation(all_of("c"), aggregations);
        refused(answer(&mut ground, request).await, Code::InvalidArgument);
    }
}
