//! Several conditions: all, any, ranges over several fields.

use firekeep_core::{ErrorKind, Value, all, any, document_id, field, fields};

use crate::Ctx;
use crate::case::cases;
use crate::ctx::refused;

cases! { "combinations":
    equalities_intersect, a_range_has_two_ends, an_equality_goes_with_a_range,
    ranges_over_two_fields_intersect, a_second_range_needs_its_field, any_unites,
    any_returns_a_document_once, any_orders_by_name, any_may_hold_all,
    in_goes_with_an_equality, two_ins_multiply, array_contains_goes_with_an_equality,
    in_orders_as_asked, a_limit_counts_after_union, contradictions_match_nothing,
    beyond_30_disjunctions_is_refused, two_negations_are_refused,
    empty_and_overlong_lists_are_refused, a_negation_goes_with_an_equality,
    a_name_goes_with_no_range_elsewhere, a_name_goes_with_an_equality,
}

async fn grid(cx: &Ctx) {
    // ab where a, b are 1 to 3; the id spells both.
    for a in 1..=3 {
        let row = |b: i64| (format!("{a}{b}"), fields! { "a" => a, "b" => b, "t" => [a, 10 * b] });
        let [one, two, three] = [row(1), row(2), row(3)];
        cx.seed([(&one.0, one.1), (&two.0, two.1), (&three.0, three.1)]).await;
    }
}

async fn equalities_intersect(cx: Ctx) {
    grid(&cx).await;
    let query = cx.query().filter(field("a").eq(2)).filter(field("b").eq(3));
    assert_eq!(cx.ids(query).await, ["23"]);
}

async fn a_range_has_two_ends(cx: Ctx) {
    grid(&cx).await;
    let query = cx.query().filter(field("a").gt(1)).filter(field("a").lt(3));
    assert_eq!(cx.ids(query).await, ["21", "22", "23"]);
}

async fn an_equality_goes_with_a_range(cx: Ctx) {
    grid(&cx).await;
    let query = cx.query().filter(field("a").eq(2)).filter(field("b").ge(2));
    assert_eq!(cx.ids(query).await, ["22", "23"]);
}

async fn ranges_over_two_fields_intersect(cx: Ctx) {
    grid(&cx).await;
    let query = cx.query().filter(field("a").ge(2)).filter(field("b").lt(3));
    assert_eq!(cx.ids(query).await, ["21", "22", "31", "32"]);
}

async fn a_second_range_needs_its_field(cx: Ctx) {
    grid(&cx).await;
    cx.put("lacks-b", fields! { "a" => 3 }).await;
    let query = cx.query().filter(field("a").ge(3)).filter(field("b").ge(1));
    assert_eq!(cx.ids(query).await, ["31", "32", "33"]);
}

async fn any_unites(cx: Ctx) {
    grid(&cx).await;
    let query = cx.query().filter(any([field("a").eq(1), field("b").eq(1)]));
    assert_eq!(cx.ids(query).await, ["11", "12", "13", "21", "31"]);
}

async fn any_returns_a_document_once(cx: Ctx) {
    grid(&cx).await;
    let query = cx.query().filter(any([field("a").eq(1), field("a").eq(1.0)]));
    assert_eq!(cx.ids(query).await, ["11", "12", "13"]);
}

async fn any_orders_by_name(cx: Ctx) {
    cx.seed([
        ("c", fields! { "v" => 1 }),
        ("a", fields! { "w" => 1 }),
        ("b", fields! { "v" => 1 }),
    ])
    .await;
    let query = cx.query().filter(any([field("v").eq(1), field("w").eq(1)]));
    assert_eq!(cx.ids(query).await, ["a", "b", "c"]);
}

async fn any_may_hold_all(cx: Ctx) {
    grid(&cx).await;
    let corner = |a: i64, b: i64| all([field("a").eq(a), field("b").eq(b)]);
    assert_eq!(cx.ids(cx.query().filter(any([corner(3, 1), corner(1, 3)]))).await, ["13", "31"]);
}

async fn in_goes_with_an_equality(cx: Ctx) {
    grid(&cx).await;
    let query = cx.query().filter(field("a").is_in([1, 3])).filter(field("b").eq(2));
    assert_eq!(cx.ids(query).await, ["12", "32"]);
}

async fn two_ins_multiply(cx: Ctx) {
    grid(&cx).await;
    let query = cx.query().filter(field("a").is_in([1, 3])).filter(field("b").is_in([1, 2]));
    assert_eq!(cx.ids(query).await, ["11", "12", "31", "32"]);
}

async fn array_contains_goes_with_an_equality(cx: Ctx) {
    grid(&cx).await;
    let query = cx.query().filter(field("t").array_contains(20)).filter(field("a").eq(3));
    assert_eq!(cx.ids(query).await, ["32"]);
}

async fn in_orders_as_asked(cx: Ctx) {
    grid(&cx).await;
    let query = cx.query().filter(field("a").is_in([3, 1])).descending("b").limit(3);
    assert_eq!(cx.ids(query).await, ["33", "13", "32"]);
}

async fn a_limit_counts_after_union(cx: Ctx) {
    grid(&cx).await;
    let query = cx.query().filter(any([field("a").eq(3), field("b").eq(3)])).limit(3);
    assert_eq!(cx.ids(query).await, ["13", "23", "31"]);
}

async fn contradictions_match_nothing(cx: Ctx) {
    grid(&cx).await;
    assert!(cx.ids(cx.query().filter(field("a").gt(2)).filter(field("a").lt(2))).await.is_empty());
    assert!(cx.ids(cx.query().filter(field("a").eq(1)).filter(field("a").eq(2))).await.is_empty());
}

async fn a_negation_goes_with_an_equality(cx: Ctx) {
    grid(&cx).await;
    let query = cx.query().filter(field("a").eq(1)).filter(field("b").ne(2));
    assert_eq!(cx.ids(query).await, ["11", "13"]);
}

async fn beyond_30_disjunctions_is_refused(cx: Ctx) {
    let list = |n: i64| (0..n).collect::<Vec<_>>();
    let query =
        |a, b| cx.query().filter(field("a").is_in(list(a))).filter(field("b").is_in(list(b)));
    assert!(cx.ids(query(5, 6)).await.is_empty());
    refused(cx.db().query(query(4, 8)).await, ErrorKind::InvalidArgument);
}

async fn two_negations_are_refused(cx: Ctx) {
    let query = cx.query().filter(field("a").ne(1)).filter(field("b").ne(Value::Null));
    refused(cx.db().query(query).await, ErrorKind::InvalidArgument);
    let query = cx.query().filter(field("a").not_in([1])).filter(field("b").is_in([1]));
    refused(cx.db().query(query).await, ErrorKind::InvalidArgument);
}

async fn empty_and_overlong_lists_are_refused(cx: Ctx) {
    let list = |n: i64| (0..n).collect::<Vec<_>>();
    for filter in
        [field("a").is_in(list(0)), field("a").is_in(list(31)), field("a").not_in(list(11))]
    {
        refused(cx.db().query(cx.query().filter(filter)).await, ErrorKind::InvalidArgument);
    }
    assert!(cx.ids(cx.query().filter(field("a").is_in(list(30)))).await.is_empty());
    assert!(cx.ids(cx.query().filter(field("a").not_in(list(10)))).await.is_empty());
}

async fn a_name_goes_with_no_range_elsewhere(cx: Ctx) {
    let query = cx.query().filter(document_id().eq(cx.doc("11"))).filter(field("a").gt(0));
    refused(cx.db().query(query).await, ErrorKind::InvalidArgument);
}

async fn a_name_goes_with_an_equality(cx: Ctx) {
    grid(&cx).await;
    let names = document_id().is_in([cx.doc("11"), cx.doc("21"), cx.doc("12")]);
    assert_eq!(cx.ids(cx.query().filter(names).filter(field("a").eq(1))).await, ["11", "12"]);
}
