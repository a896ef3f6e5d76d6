//! Composite indexes: which queries production refuses without one. The collections `bare` and
//! `items` differ in nothing but the suite's index file, which knows only the second.

use firekeep_core::{CollectionPath, ErrorKind, Query, QueryBuilder, any, field, fields};

use crate::Ctx;
use crate::case::cases;
use crate::ctx::refused;

cases! { "indexes":
    one_field_needs_no_composite_index [EnforcesIndexes],
    equalities_need_no_composite_index [EnforcesIndexes],
    an_equality_with_an_order_needs_one [EnforcesIndexes],
    an_equality_with_a_range_needs_one [EnforcesIndexes],
    two_orders_need_one [EnforcesIndexes],
    two_ranges_need_one [EnforcesIndexes],
    an_array_condition_with_an_order_needs_one [EnforcesIndexes],
    a_disjunct_that_needs_one_is_refused [EnforcesIndexes],
    a_group_filter_needs_an_index_of_group_scope [EnforcesIndexes],
    a_refusal_holds_the_json_to_add [EnforcesIndexes],
    an_empty_collection_is_refused_all_the_same [EnforcesIndexes],
    a_count_needs_the_index_too [EnforcesIndexes],
    a_listed_index_serves [EnforcesIndexes],
}

fn bare_path(cx: &Ctx) -> CollectionPath {
    cx.root().collection("bare").unwrap()
}

fn bare(cx: &Ctx) -> QueryBuilder {
    Query::collection(bare_path(cx))
}

async fn needs_one(cx: &Ctx, query: QueryBuilder) {
    let row = bare_path(cx).doc("a").unwrap();
    cx.db().set(row, fields! { "a" => 1, "b" => 1, "t" => [1] }).await.unwrap();
    refused(cx.db().query(query).await, ErrorKind::MissingIndex);
}

async fn one_field_needs_no_composite_index(cx: Ctx) {
    for query in [
        bare(&cx),
        bare(&cx).ascending("a"),
        bare(&cx).descending("a"),
        bare(&cx).filter(field("a").gt(1)).filter(field("a").lt(5)),
        bare(&cx).filter(field("a").ne(1)),
        bare(&cx).filter(field("a").is_in([1, 2])),
        bare(&cx).filter(field("t").array_contains(1)),
        bare(&cx).filter(field("m.n").eq(1)),
    ] {
        assert!(cx.ids(query).await.is_empty());
    }
}

async fn equalities_need_no_composite_index(cx: Ctx) {
    let query = bare(&cx).filter(field("a").eq(1)).filter(field("b").eq(2));
    assert!(cx.ids(query.filter(field("t").array_contains(1))).await.is_empty());
}

async fn an_equality_with_an_order_needs_one(cx: Ctx) {
    needs_one(&cx, bare(&cx).filter(field("a").eq(1)).ascending("b")).await;
}

async fn an_equality_with_a_range_needs_one(cx: Ctx) {
    needs_one(&cx, bare(&cx).filter(field("a").eq(1)).filter(field("b").gt(1))).await;
}

async fn two_orders_need_one(cx: Ctx) {
    needs_one(&cx, bare(&cx).ascending("a").ascending("b")).await;
}

async fn two_ranges_need_one(cx: Ctx) {
    needs_one(&cx, bare(&cx).filter(field("a").gt(1)).filter(field("b").gt(1))).await;
}

async fn an_array_condition_with_an_order_needs_one(cx: Ctx) {
    needs_one(&cx, bare(&cx).filter(field("t").array_contains(1)).ascending("a")).await;
}

async fn a_disjunct_that_needs_one_is_refused(cx: Ctx) {
    let either = any([field("a").eq(1), field("b").eq(2)]);
    needs_one(&cx, bare(&cx).filter(either).ascending("c")).await;
}

async fn a_group_filter_needs_an_index_of_group_scope(cx: Ctx) {
    needs_one(&cx, Query::group("bare").filter(field("a").eq(1))).await;
}

async fn a_refusal_holds_the_json_to_add(cx: Ctx) {
    let query = bare(&cx).filter(field("a").eq(1)).descending("b");
    let error = refused(cx.db().query(query).await, ErrorKind::MissingIndex).to_string();
    for part in ["collectionGroup", "bare", "fieldPath", "\"a\"", "\"b\"", "DESCENDING"] {
        assert!(error.contains(part), "`{part}` is not in: {error}");
    }
}

async fn an_empty_collection_is_refused_all_the_same(cx: Ctx) {
    let query = bare(&cx).ascending("a").ascending("b");
    refused(cx.db().query(query).await, ErrorKind::MissingIndex);
}

async fn a_count_needs_the_index_too(cx: Ctx) {
    let query = bare(&cx).ascending("a").ascending("b");
    refused(cx.db().count(query).await, ErrorKind::MissingIndex);
}

async fn a_listed_index_serves(cx: Ctx) {
    cx.put("a", fields! { "a" => 1, "b" => 1 }).await;
    let query = cx.query().filter(field("a").eq(1)).filter(field("b").gt(0));
    assert_eq!(cx.ids(query).await, ["a"]);
}
