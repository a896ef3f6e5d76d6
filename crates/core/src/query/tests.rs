use super::*;
use crate::filter::{Op, all, any, document_id, field};
use crate::{Timestamp, fields};

fn order_of(builder: QueryBuilder) -> Vec<String> {
    let query = builder.build().unwrap();
    query
        .order()
        .iter()
        .map(|key| {
            format!(
                "{}{}",
                if key.direction == Direction::Descending { "-" } else { "" },
                key.field
            )
        })
        .collect()
}

#[test]
fn inequality_fields_join_the_order_lexicographically_in_the_last_direction() {
    let q = || Query::collection("c");
    assert_eq!(order_of(q()), ["__name__"]);
    assert_eq!(
        order_of(q().filter(field("b").gt(1)).filter(field("a").lt(2))),
        ["a", "b", "__name__"]
    );
    assert_eq!(order_of(q().filter(field("b").ne(1)).descending("a")), ["-a", "-b", "-__name__"]);
    assert_eq!(order_of(q().filter(field("a").gt(1)).descending("a")), ["-a", "-__name__"]);
    assert_eq!(order_of(q().filter(field("a").eq(1)).descending("__name__")), ["-__name__"]);
    let named = q().filter(document_id().gt(DocPath::new("c/x").unwrap()));
    assert_eq!(order_of(named), ["__name__"]);
}

#[test]
fn comparisons_with_null_and_nan_become_unary() {
    let ops = [
        (field("a").eq(Value::Null), Op::IsNull),
        (field("a").ne(Value::Null), Op::IsNotNull),
        (field("a").eq(f64::NAN), Op::IsNan),
        (field("a").ne(f64::NAN), Op::IsNotNan),
        (field("a").lt(Value::Null), Op::Lt),
    ];
    for (filter, expected) in ops {
        assert_eq!(filter.unwrap().conditions()[0].1, expected);
    }
}

#[test]
fn refuses_what_firestore_refuses() {
    let q = || Query::collection("c");
    let x = || DocPath::new("c/x").unwrap();
    let under = || Query::group_under("c", DocPath::new("t/1").unwrap());
    let numbers = |n: i64| (0..n).collect::<Vec<_>>();
    let refused = [
        (q().filter(field("a").is_in(numbers(0))), "1 to 30"),
        (q().filter(field("a").is_in(numbers(31))), "1 to 30"),
        (q().filter(field("a").not_in(numbers(11))), "1 to 10"),
        (q().filter(field("a").ne(1)).filter(field("b").ne(1)), "at most one of"),
        (
            q().filter(field("a").not_in([1])).filter(field("b").is_in([1])),
            "not-in goes with neither",
        ),
        (
            q().filter(field("a").is_in(numbers(6))).filter(field("b").is_in(numbers(6))),
            "this has 36",
        ),
        (
            q().filter(field("a").array_contains(1)).filter(field("b").array_contains(1)),
            "at most one array",
        ),
        (q().filter(all([])), "is empty"),
        (q().filter(field("a..b").eq(1)), "empty segment"),
        (q().filter(document_id().eq("c/x")), "a reference, not a string"),
        (q().filter(document_id().ne(Value::Null)), "never null"),
        (q().filter(document_id().eq(x())).filter(field("a").gt(1)), "goes with no inequality"),
        (q().ascending("a").descending("a"), "twice"),
        (q().ascending("__name__").ascending("a"), "after the document's name"),
        (q().filter(field("a").gt(1)).ascending("__name__"), "lacks `a`"),
        (q().limit_to_last(1), "needs an order"),
        (q().ascending("a").start_at([1, 2, 3]), "3 values"),
        (Query::collection("c/d"), "names a document"),
        (Query::group("a/b"), "holds no `/`"),
        (under().filter(field("a").eq(1)), "neither filtered nor ordered"),
        (under().descending("a"), "neither filtered nor ordered"),
    ];
    for (builder, rule) in refused {
        let error = builder.build().unwrap_err().to_string();
        assert!(error.contains(rule), "{error} should say {rule}");
    }
    let either = any([field("a").array_contains(1), field("b").array_contains(1)]);
    assert!(q().filter(either).build().is_ok(), "one array condition per disjunction");
}

#[test]
fn a_document_cursor_names_every_key() {
    let at = Timestamp::UNIX_EPOCH;
    let document = |fields| Document::new(DocPath::new("c/x").unwrap(), fields, at, at);
    let query = Query::collection("c")
        .descending("a")
        .start_after_document(&document(fields! { "a" => 1 }));
    let start = query.build().unwrap().start().cloned().unwrap();
    assert_eq!(start.values, [Value::from(1), Value::from(DocPath::new("c/x").unwrap())]);
    let lacking = Query::collection("c").ascending("a").end_before_document(&document(fields! {}));
    assert!(lacking.build().unwrap_err().to_string().contains("lacks `a`"));
}

#[test]
fn turning_round_swaps_and_flips() {
    let query = Query::collection("c").ascending("a").start_at([1]).end_at([5]).limit_to_last(2);
    let turned = query.build().unwrap().turned_round();
    assert_eq!(turned.start().unwrap(), &Cursor { values: vec![5.into()], before: true });
    assert_eq!(turned.end().unwrap(), &Cursor { values: vec![1.into()], before: false });
    assert!(turned.order().iter().all(|key| key.direction == Direction::Descending));
}

#[test]
fn a_query_about_names_has_no_sum_of_a_field_it_does_not_order_by() {
    let q = || Query::collection("c");
    let sum = |builder: QueryBuilder| {
        let sum = Aggregation::Sum(FieldPath::parse("a").unwrap());
        crate::AggregateRequest::new(builder.build().unwrap(), vec![("s".into(), sum)]).is_ok()
    };
    let x: Value = DocPath::new("c/x").unwrap().into();
    let down = Direction::Descending;
    assert!(sum(q()));
    assert!(sum(q().descending("b")));
    assert!(sum(q().ascending("a").order_by("__name__", down)));
    assert!(sum(q().ascending("b").start_at([1])));
    assert!(!sum(q().select(["a"])), "nor with a projection");
    assert!(!sum(q().filter(document_id().gt(x.clone()))));
    assert!(!sum(q().ascending("b").order_by("__name__", down)));
    assert!(!sum(q().ascending("b").start_at([1.into(), x])));
}
