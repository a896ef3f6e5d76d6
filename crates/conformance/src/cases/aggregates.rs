//! Count, sum and average.

use firekeep_core::{
    Aggregation, ErrorKind, FieldPath, QueryBuilder, Value, document_id, field, fields,
};

use crate::Ctx;
use crate::case::cases;
use crate::ctx::refused;

cases! { "aggregates":
    count_counts_rows, count_of_nothing_is_zero, count_respects_filters, count_respects_the_limit,
    count_stops_at_its_bound, count_respects_cursors, count_ignores_missing_parents,
    count_excludes_documents_without_the_ordered_field, sum_of_integers_is_an_integer,
    sum_of_nothing_is_integer_zero, sum_ignores_what_is_no_number,
    sum_with_a_double_is_a_double, sum_beyond_the_integers_is_a_double, sum_with_nan_is_nan,
    average_is_a_double, average_of_nothing_is_null, average_ignores_what_is_no_number,
    several_aggregations_share_one_request, a_sum_reaches_into_maps,
    six_aggregations_are_refused, aliases_must_differ, a_count_counts_each_document_once,
    beside_a_sum_only_rows_with_its_field_count, a_query_about_names_has_no_sum,
    a_query_with_a_projection_has_no_sum,
}

fn path(text: &str) -> FieldPath {
    FieldPath::parse(text).unwrap()
}

async fn compute(cx: &Ctx, query: QueryBuilder, aggregation: Aggregation) -> Value {
    let aggregations = vec![("it".to_owned(), aggregation)];
    cx.db().aggregate(query, aggregations).await.unwrap().values["it"].clone()
}

async fn sum(cx: &Ctx, values: &[Value]) -> Value {
    cx.seed_values(values).await;
    compute(cx, cx.query(), Aggregation::Sum(path("v"))).await
}

async fn average(cx: &Ctx, values: &[Value]) -> Value {
    cx.seed_values(values).await;
    compute(cx, cx.query(), Aggregation::Average(path("v"))).await
}

async fn count_counts_rows(cx: Ctx) {
    cx.seed_values(&[1.into(), 2.into(), 3.into()]).await;
    assert_eq!(cx.db().count(cx.query()).await.unwrap(), 3);
}

async fn count_of_nothing_is_zero(cx: Ctx) {
    assert_eq!(cx.db().count(cx.query()).await.unwrap(), 0);
}

async fn count_respects_filters(cx: Ctx) {
    cx.seed_values(&[1.into(), 2.into(), 3.into()]).await;
    assert_eq!(cx.db().count(cx.query().filter(field("v").ge(2))).await.unwrap(), 2);
}

async fn count_respects_the_limit(cx: Ctx) {
    cx.seed_values(&[1.into(), 2.into(), 3.into()]).await;
    assert_eq!(cx.db().count(cx.query().limit(2)).await.unwrap(), 2);
}

async fn count_stops_at_its_bound(cx: Ctx) {
    cx.seed_values(&[1.into(), 2.into(), 3.into()]).await;
    let bounded = |up_to| compute(&cx, cx.query(), Aggregation::Count { up_to: Some(up_to) });
    assert_eq!(bounded(2).await, 2.into());
    assert_eq!(bounded(9).await, 3.into());
}

async fn count_respects_cursors(cx: Ctx) {
    cx.seed_values(&[1.into(), 2.into(), 3.into()]).await;
    let query = cx.query().ascending("v").start_after([1]);
    assert_eq!(cx.db().count(query).await.unwrap(), 2);
}

async fn count_ignores_missing_parents(cx: Ctx) {
    let below = cx.doc("missing").collection("sub").unwrap().doc("d").unwrap();
    cx.db().set(below, fields! {}).await.unwrap();
    assert_eq!(cx.db().count(cx.query()).await.unwrap(), 0);
}

async fn count_excludes_documents_without_the_ordered_field(cx: Ctx) {
    cx.seed([("a", fields! { "v" => 1 }), ("b", fields! { "w" => 1 })]).await;
    assert_eq!(cx.db().count(cx.query().ascending("v")).await.unwrap(), 1);
}

async fn sum_of_integers_is_an_integer(cx: Ctx) {
    assert_eq!(sum(&cx, &[1.into(), 2.into(), (-5).into()]).await, (-2).into());
}

async fn sum_of_nothing_is_integer_zero(cx: Ctx) {
    assert_eq!(sum(&cx, &["text".into()]).await, 0.into());
}

async fn sum_ignores_what_is_no_number(cx: Ctx) {
    assert_eq!(
        sum(&cx, &[1.into(), "2".into(), Value::Null, [3].into(), 4.into()]).await,
        5.into()
    );
}

async fn sum_with_a_double_is_a_double(cx: Ctx) {
    assert_eq!(sum(&cx, &[1.into(), 2.5.into()]).await, 3.5.into());
}

async fn sum_beyond_the_integers_is_a_double(cx: Ctx) {
    let sum = sum(&cx, &[i64::MAX.into(), i64::MAX.into()]).await;
    assert_eq!(sum, 18_446_744_073_709_551_616.0.into());
}

async fn sum_with_nan_is_nan(cx: Ctx) {
    assert!(sum(&cx, &[1.into(), f64::NAN.into()]).await.is_nan());
}

async fn average_is_a_double(cx: Ctx) {
    assert_eq!(average(&cx, &[1.into(), 2.into()]).await, 1.5.into());
    assert_eq!(average(&cx, &[2.into(), 2.into()]).await, Value::Double(2.0));
}

async fn average_of_nothing_is_null(cx: Ctx) {
    assert_eq!(average(&cx, &[]).await, Value::Null);
}

async fn average_ignores_what_is_no_number(cx: Ctx) {
    assert_eq!(average(&cx, &[1.into(), 3.into(), "5".into(), Value::Null]).await, 2.0.into());
}

async fn several_aggregations_share_one_request(cx: Ctx) {
    cx.seed_values(&[1.into(), 2.into(), 3.into()]).await;
    let aggregations = vec![
        ("n".to_owned(), Aggregation::Count { up_to: None }),
        ("total".to_owned(), Aggregation::Sum(path("v"))),
        ("mean".to_owned(), Aggregation::Average(path("v"))),
    ];
    let answer = cx.db().aggregate(cx.query(), aggregations).await.unwrap();
    let values: Vec<_> = answer.values.into_iter().collect();
    let expected = [("mean", Value::from(2.0)), ("n", 3.into()), ("total", 6.into())];
    assert_eq!(values, expected.map(|(name, value)| (name.to_owned(), value)));
}

async fn a_sum_reaches_into_maps(cx: Ctx) {
    cx.seed([
        ("a", fields! { "m" => fields! { "n" => 1 } }),
        ("b", fields! { "m" => fields! { "n" => 2 } }),
        ("c", fields! { "m" => 5 }),
    ])
    .await;
    assert_eq!(compute(&cx, cx.query(), Aggregation::Sum(path("m.n"))).await, 3.into());
}

async fn six_aggregations_are_refused(cx: Ctx) {
    let aggregations =
        |n: u32| (0..n).map(|n| (format!("n{n}"), Aggregation::Count { up_to: None })).collect();
    assert_eq!(cx.db().aggregate(cx.query(), aggregations(5)).await.unwrap().values.len(), 5);
    let answer = cx.db().aggregate(cx.query(), aggregations(6)).await;
    refused(answer, ErrorKind::InvalidArgument);
    refused(cx.db().aggregate(cx.query(), vec![]).await, ErrorKind::InvalidArgument);
}

async fn aliases_must_differ(cx: Ctx) {
    let twice = vec![("n".to_owned(), Aggregation::Count { up_to: None }); 2];
    refused(cx.db().aggregate(cx.query(), twice).await, ErrorKind::InvalidArgument);
}

async fn a_count_counts_each_document_once(cx: Ctx) {
    cx.seed_values(&[[1, 2].into(), [2].into()]).await;
    let query = cx.query().filter(field("v").array_contains_any([1, 2]));
    assert_eq!(cx.db().count(query).await.unwrap(), 2);
}

async fn beside_a_sum_only_rows_with_its_field_count(cx: Ctx) {
    cx.seed([
        ("a", fields! { "v" => 1 }),
        ("b", fields! { "v" => "no number" }),
        ("c", fields! { "w" => 1 }),
    ])
    .await;
    let aggregations = vec![
        ("n".to_owned(), Aggregation::Count { up_to: None }),
        ("total".to_owned(), Aggregation::Sum(path("v"))),
    ];
    let values = cx.db().aggregate(cx.query(), aggregations).await.unwrap().values;
    assert_eq!((&values["n"], &values["total"]), (&2.into(), &1.into()));
}

async fn a_query_about_names_has_no_sum(cx: Ctx) {
    let query = cx.query().filter(document_id().gt(cx.doc("a")));
    let sum = vec![("s".to_owned(), Aggregation::Sum(path("v")))];
    refused(cx.db().aggregate(query, sum).await, ErrorKind::InvalidArgument);
}

async fn a_query_with_a_projection_has_no_sum(cx: Ctx) {
    let sum = vec![("s".to_owned(), Aggregation::Sum(path("v")))];
    let answer = cx.db().aggregate(cx.query().select(["v"]), sum).await;
    refused(answer, ErrorKind::InvalidArgument);
}
