//! Verdicts on queries, each with the source of its rule.

use firekeep_core::{
    Aggregation, DocPath, ErrorKind, FieldPath, Query, QueryBuilder, all, any, document_id, field,
};

use super::*;

mod format;

const OVERVIEW: &str = "overview";
const JS_TF: &str = "firebase-js-sdk, firestore_index_config.tf";

fn indexes(lines: &[&str]) -> IndexFile {
    let mut file = IndexFile::empty();
    for line in lines {
        let (head, fields) = line.split_once(':').unwrap();
        let (group, scope) = match head.strip_suffix('*') {
            Some(group) => (group, QueryScope::CollectionGroup),
            None => (head, QueryScope::Collection),
        };
        let fields = fields.split(',').map(str::trim).map(index_field).collect();
        let collection_group = group.parse().unwrap();
        assert!(file.insert(CompositeIndex { collection_group, scope, fields, density: None }));
    }
    file
}

/// `a` ascending, `-a` descending, `@a` array-contains.
fn index_field(text: &str) -> IndexField {
    let (mode, path) = match text.split_at(1) {
        ("-", path) => (IndexMode::Descending, path),
        ("@", path) => (IndexMode::Contains, path),
        _ => (IndexMode::Ascending, text),
    };
    IndexField { path: FieldPath::parse(path).unwrap(), mode }
}

fn shape(missing: Option<MissingIndex>) -> String {
    let field = |f: &IndexField| match f.mode {
        IndexMode::Ascending => f.path.to_string(),
        IndexMode::Descending => format!("-{}", f.path),
        IndexMode::Contains => format!("@{}", f.path),
        IndexMode::Vector { .. } => format!("~{}", f.path),
    };
    match missing {
        None => "served".into(),
        Some(MissingIndex::Composite(index)) => {
            let star = if index.scope == QueryScope::CollectionGroup { "*" } else { "" };
            let fields: Vec<_> = index.fields.iter().map(field).collect();
            format!("{}{star}:{}", index.collection_group.as_str(), fields.join(","))
        }
        Some(MissingIndex::Field(entry)) => {
            let index = entry.indexes.last().unwrap();
            format!("{} {:?} {:?}", entry.path.unwrap(), index.mode, index.scope)
        }
    }
}

fn c() -> QueryBuilder {
    Query::collection("c")
}

fn g() -> QueryBuilder {
    Query::group("c")
}

struct Case {
    source: &'static str,
    query: QueryBuilder,
    /// The declared indexes.
    with: &'static [&'static str],
    /// `served`, or the index that is missing.
    verdict: &'static str,
}

fn case(
    source: &'static str,
    query: QueryBuilder,
    with: &'static [&'static str],
    verdict: &'static str,
) -> Case {
    Case { source, query, with, verdict }
}

fn check(cases: Vec<Case>) {
    for (position, case) in cases.into_iter().enumerate() {
        let file = indexes(case.with);
        let query = case.query.build().unwrap();
        let verdict = shape(file.missing(&query));
        assert_eq!(verdict, case.verdict, "case {position} ({}): {query:?}", case.source);
        assert_eq!(file.check(&query).is_ok(), verdict == "served");
        // What is suggested must be enough.
        let mut mended = file;
        for missing in mended.missing_for(&query, []) {
            mended.add(missing);
        }
        assert_eq!(shape(mended.missing(&query)), "served", "case {position}, mended");
    }
}

#[test]
fn one_field_is_served_by_its_automatic_indexes() {
    check(vec![
        case(OVERVIEW, c(), &[], "served"),
        case(OVERVIEW, c().filter(field("a").eq(1)), &[], "served"),
        case(OVERVIEW, c().filter(field("a").lt(1)), &[], "served"),
        case(OVERVIEW, c().filter(field("a").gt(1)).filter(field("a").lt(9)), &[], "served"),
        case(OVERVIEW, c().filter(field("a").gt(1)).descending("a"), &[], "served"),
        case(OVERVIEW, c().ascending("a"), &[], "served"),
        case(OVERVIEW, c().descending("a"), &[], "served"),
        case(OVERVIEW, c().descending("a.b").limit_to_last(3), &[], "served"),
        case(OVERVIEW, c().filter(field("a").ne(1)), &[], "served"),
        case(OVERVIEW, c().filter(field("a").not_in([1, 2])), &[], "served"),
        case(OVERVIEW, c().filter(field("a").is_in([1, 2])), &[], "served"),
        case(OVERVIEW, c().filter(field("a").array_contains(1)), &[], "served"),
        case(OVERVIEW, c().filter(field("a").array_contains_any([1, 2])), &[], "served"),
        case(OVERVIEW, c().filter(field("a").eq(Option::<i64>::None)), &[], "served"),
        case(OVERVIEW, c().filter(field("a").is_in([1, 2])).ascending("a"), &[], "served"),
        case("issue 9097", c().filter(field("a").eq(1)).ascending("a"), &[], "served"),
        case(OVERVIEW, c().filter(field("a").eq(1)).descending("a"), &[], "served"),
    ]);
}

#[test]
fn equalities_are_merged() {
    let ab = || c().filter(field("a").eq(1)).filter(field("b").eq(2));
    check(vec![
        case(OVERVIEW, ab(), &[], "served"),
        case(OVERVIEW, ab().filter(field("c").eq(3)).filter(field("d").eq(4)), &[], "served"),
        case(OVERVIEW, ab().filter(field("t").array_contains("x")), &[], "served"),
        case(OVERVIEW, ab().filter(field("c").is_in([1, 2])), &[], "served"),
        case(OVERVIEW, c().filter(any([field("a").eq(1), field("b").eq(2)])), &[], "served"),
        case(
            OVERVIEW,
            c().filter(field("a").is_in([1, 2])).filter(field("t").array_contains(7)),
            &[],
            "served",
        ),
    ]);
}

#[test]
fn an_equality_with_an_order_or_a_range_needs_a_composite_index() {
    let by_b = || c().filter(field("a").eq(1)).ascending("b");
    let by_b_down = || c().filter(field("a").eq(1)).descending("b");
    let range = || c().filter(field("a").eq(1)).filter(field("b").lt(9));
    check(vec![
        case(OVERVIEW, by_b(), &[], "c:a,b"),
        case(OVERVIEW, by_b(), &["c:a,b"], "served"),
        case(OVERVIEW, by_b(), &["c:-a,b"], "served"),
        case(OVERVIEW, by_b_down(), &["c:a,b"], "c:a,-b"),
        case(OVERVIEW, by_b_down(), &["c:a,-b"], "served"),
        case(OVERVIEW, range(), &[], "c:a,b"),
        case(OVERVIEW, range(), &["c:a,b"], "served"),
        case(OVERVIEW, range().descending("b"), &["c:a,b"], "c:a,-b"),
        case(OVERVIEW, c().filter(field("a").is_in([1, 2])).ascending("b"), &["c:a,b"], "served"),
        case(OVERVIEW, c().filter(field("a").is_in([1, 2])).ascending("b"), &[], "c:a,b"),
        // The reversed scan of a limit-to-last: limitToLast is sent with its orders turned round.
        case(JS_TF, by_b().limit_to_last(2), &["c:a,b"], "c:a,-b"),
        case(JS_TF, by_b().limit_to_last(2), &["c:a,-b"], "served"),
        // Fields in the wrong place, of another collection, of another scope, or too many.
        case(OVERVIEW, by_b(), &["c:b,a"], "c:a,b"),
        case(OVERVIEW, by_b(), &["d:a,b"], "c:a,b"),
        case(OVERVIEW, by_b(), &["c*:a,b"], "c:a,b"),
        case(OVERVIEW, by_b(), &["c:a,b,d"], "c:a,b"),
        case(OVERVIEW, c().filter(field("t").array_contains(1)).ascending("b"), &[], "c:@t,b"),
        case(
            OVERVIEW,
            c().filter(field("t").array_contains_any([1, 2])).ascending("b"),
            &["c:@t,b"],
            "served",
        ),
        case(
            OVERVIEW,
            c().filter(field("t").array_contains(1)).ascending("b"),
            &["c:t,b"],
            "c:@t,b",
        ),
        case(OVERVIEW, c().ascending("a").ascending("b"), &[], "c:a,b"),
        case(OVERVIEW, c().ascending("a").descending("b"), &["c:-a,b"], "c:a,-b"),
        case(OVERVIEW, c().descending("a").descending("b"), &["c:a,b"], "c:-a,-b"),
    ]);
}

#[test]
fn composite_indexes_with_one_order_are_merged() {
    let restaurants = &["c:category,rating", "c:city,rating", "c:pick,rating"];
    let two = || c().filter(field("category").eq("burgers")).filter(field("city").eq("SF"));
    check(vec![
        case(OVERVIEW, two().ascending("rating"), restaurants, "served"),
        case(
            OVERVIEW,
            two().filter(field("pick").eq(true)).ascending("rating"),
            restaurants,
            "served",
        ),
        case(OVERVIEW, two().descending("rating"), restaurants, "c:category,city,-rating"),
        case(
            OVERVIEW,
            two().filter(field("x").eq(1)).ascending("rating"),
            restaurants,
            "c:category,city,x,rating",
        ),
        // One of the two orders differently.
        case(
            OVERVIEW,
            two().ascending("rating"),
            &["c:category,rating", "c:city,-rating"],
            "c:category,city,rating",
        ),
    ]);
}

#[test]
fn several_inequalities_need_an_index_in_the_normalized_order() {
    let source = "multiple-range-fields";
    let two = || c().filter(field("b").gt(1)).filter(field("a").lt(9));
    check(vec![
        case(source, two(), &[], "c:a,b"),
        case(source, two(), &["c:b,a"], "c:a,b"),
        case(source, two().ascending("b"), &["c:b,a"], "served"),
        case(source, two().descending("b"), &["c:b,a"], "c:-b,-a"),
        case(source, two().ascending("z"), &["c:z,a,b"], "served"),
        case(source, two().filter(field("e").eq(1)), &["c:e,a,b"], "served"),
        case(source, c().filter(field("a").gt(1)).ascending("b"), &[], "c:b,a"),
    ]);
}

#[test]
fn every_disjunct_must_be_served() {
    let t = || c().filter(field("t").eq("x"));
    let a_or_b_above = || t().filter(any([field("a").eq(1), field("b").gt(0)]));
    let either = || t().filter(any([field("a").eq(2), field("b").eq(1)]));
    check(vec![
        case(
            JS_TF,
            t().filter(any([field("a").gt(2), field("b").eq(1)])),
            &["c:t,a", "c:b,t,a"],
            "served",
        ),
        case(JS_TF, t().filter(any([field("a").gt(2), field("b").eq(1)])), &["c:t,a"], "c:b,t,a"),
        case(JS_TF, a_or_b_above().limit(2), &["c:a,t,b", "c:t,b"], "served"),
        case(JS_TF, a_or_b_above().limit(2), &["c:a,t,b"], "c:t,b"),
        case(
            JS_TF,
            a_or_b_above().ascending("b").limit_to_last(2),
            &["c:a,t,-b", "c:t,-b"],
            "served",
        ),
        case(JS_TF, either().ascending("a").limit(1), &["c:t,a", "c:b,t,a"], "served"),
        case(JS_TF, either().ascending("a").limit_to_last(1), &["c:t,a", "c:b,t,-a"], "c:t,-a"),
        case(JS_TF, either().ascending("a").limit_to_last(1), &["c:a,t,-a", "c:b,t,-a"], "served"),
        case(
            "queries, or queries",
            c().filter(any([field("a").gt(1), field("b").gt(1)])),
            &[],
            "c:a,b",
        ),
        case(
            "queries, or queries",
            c().filter(any([
                all([field("a").eq(1), field("b").eq(1)]),
                field("d").array_contains(1),
            ])),
            &[],
            "served",
        ),
    ]);
}

#[test]
fn the_name_runs_with_the_last_field_unless_declared() {
    let doc = DocPath::new("c/d").unwrap();
    let down = || c().filter(field("a").eq(1)).descending("__name__");
    let odd = || c().filter(field("a").eq(1)).descending("b").ascending("__name__");
    check(vec![
        case(OVERVIEW, c().ascending("__name__"), &[], "served"),
        case("flutterfire issue 4398", c().descending("__name__"), &[], "c:-__name__"),
        case("magic-modules 12121", c().descending("__name__"), &["c:-__name__"], "served"),
        case(
            "flutterfire issue 4398",
            c().ascending("__name__").limit_to_last(1),
            &[],
            "c:-__name__",
        ),
        case(OVERVIEW, c().filter(document_id().ge(&doc)), &[], "served"),
        case(OVERVIEW, c().filter(document_id().is_in([&doc])), &[], "served"),
        case(OVERVIEW, c().filter(field("a").eq(1)).filter(document_id().gt(&doc)), &[], "served"),
        case(OVERVIEW, c().filter(field("a").eq(1)).ascending("__name__"), &[], "served"),
        case(OVERVIEW, c().ascending("a").ascending("__name__"), &[], "served"),
        case(
            "firebase-firestore-lite issue 13",
            c().descending("a").ascending("__name__"),
            &[],
            "c:-a,__name__",
        ),
        case("the stricter reading", down(), &[], "c:a,-__name__"),
        case("the stricter reading", down(), &["c:a,-__name__"], "served"),
        case(OVERVIEW, odd(), &["c:a,-b"], "c:a,-b,__name__"),
        case(OVERVIEW, odd(), &["c:a,-b,__name__"], "served"),
        case(
            "firebase-js-sdk issue 9097",
            c().filter(field("t").is_in(["x"])).descending("d").ascending("t"),
            &["c:t,-d"],
            "c:t,-d,__name__",
        ),
    ]);
}

#[test]
fn a_group_has_no_automatic_indexes() {
    let doc = DocPath::new("c/d").unwrap();
    let under = Query::group_under("c", DocPath::new("t/1").unwrap());
    let ab = || g().filter(field("a").eq(1)).filter(field("b").eq(2));
    check(vec![
        case(OVERVIEW, g(), &[], "served"),
        case(OVERVIEW, g().filter(document_id().ge(&doc)), &[], "served"),
        case(OVERVIEW, g().filter(field("a").eq(1)), &[], "a Ascending CollectionGroup"),
        case(OVERVIEW, g().descending("a"), &[], "a Descending CollectionGroup"),
        case(OVERVIEW, g().filter(field("a").array_contains(1)), &[], "a Contains CollectionGroup"),
        case(OVERVIEW, under, &[], "served"),
        case(OVERVIEW, g().filter(field("a").eq(1)).ascending("b"), &["c:a,b"], "c*:a,b"),
        case(OVERVIEW, g().filter(field("a").eq(1)).ascending("b"), &["c*:a,b"], "served"),
        case(OVERVIEW, ab(), &[], "c*:a,b"),
        case(OVERVIEW, ab(), &["c*:a,-b"], "served"),
    ]);
}

fn overriding(json: &str) -> IndexFile {
    IndexFile::parse(&format!(r#"{{"indexes": [], "fieldOverrides": [{json}]}}"#)).unwrap()
}

#[test]
fn an_override_replaces_the_automatic_indexes() {
    let query = |path: &str| c().filter(field(path).eq(1)).build().unwrap();
    let exempt = overriding(r#"{"collectionGroup": "c", "fieldPath": "m", "indexes": []}"#);
    assert_eq!(shape(exempt.missing(&query("m"))), "m Ascending Collection");
    assert_eq!(shape(exempt.missing(&query("m.inner"))), "m.inner Ascending Collection");
    assert_eq!(shape(exempt.missing(&query("mm"))), "served");
    // An exempted field can still be part of a composite index.
    let by_m = c().filter(field("a").eq(1)).ascending("m").build().unwrap();
    assert_eq!(shape(exempt.missing(&by_m)), "c:a,m");

    let every = overriding(
        r#"{"collectionGroup": "c", "fieldPath": "*", "indexes": []},
           {"collectionGroup": "c", "fieldPath": "a", "indexes": [{"order": "ASCENDING"}]}"#,
    );
    assert_eq!(shape(every.missing(&query("b"))), "b Ascending Collection");
    assert_eq!(shape(every.missing(&query("a"))), "served");
    let down = c().descending("a").build().unwrap();
    assert_eq!(shape(every.missing(&down)), "a Descending Collection");

    let group = overriding(
        r#"{"collectionGroup": "c", "fieldPath": "a", "indexes":
            [{"order": "DESCENDING", "queryScope": "COLLECTION_GROUP"}]}"#,
    );
    let equal = g().filter(field("a").eq(1)).build().unwrap();
    assert_eq!(shape(group.missing(&equal)), "served", "overview: ascending or descending");
    assert_eq!(shape(group.missing(&query("a"))), "a Ascending Collection");
}

#[test]
fn what_is_added_for_a_field_keeps_what_it_had() {
    let mut file =
        overriding(r#"{"collectionGroup": "c", "fieldPath": "at", "ttl": true, "indexes": []}"#);
    let query = g().ascending("at").build().unwrap();
    let Some(MissingIndex::Field(entry)) = file.missing(&query) else { panic!("no override") };
    assert!(entry.ttl);
    file.add(MissingIndex::Field(entry));
    assert_eq!(file.overrides().len(), 1);
    assert_eq!(file.overrides()[0].indexes.len(), 1, "the exemption stays");

    let mut file = IndexFile::empty();
    file.add(file.missing(&query).unwrap());
    assert_eq!(file.overrides()[0].indexes.len(), 4, "the automatic indexes stay");
    assert!(file.is_indexed(
        "c",
        &"at".parse().unwrap(),
        IndexMode::Contains,
        QueryScope::Collection
    ));
}

#[test]
fn aggregated_fields_are_part_of_the_index() {
    let path = |text: &str| text.parse::<FieldPath>().unwrap();
    let (sum_a, avg_b) = (Aggregation::Sum(path("a")), Aggregation::Average(path("b")));
    let count = Aggregation::Count { up_to: None };
    let verdict = |with: &[&str], query: QueryBuilder, aggregations: &[&Aggregation]| {
        let (file, query) = (indexes(with), query.build().unwrap());
        let missing = file.missing_for(&query, aggregations.iter().copied());
        let refused = file.check_aggregate(&query, aggregations.iter().copied()).is_err();
        assert_eq!(refused, !missing.is_empty());
        shape(missing.into_iter().next())
    };
    let t = || c().filter(field("t").eq("x"));
    assert_eq!(verdict(&[], c(), &[&sum_a, &count]), "served");
    assert_eq!(verdict(&[], t(), &[&count]), "served");
    assert_eq!(verdict(&[], t(), &[&sum_a]), "c:t,a");
    assert_eq!(verdict(&["c:t,-a"], t(), &[&sum_a]), "served");
    assert_eq!(verdict(&[], c().filter(field("a").gt(0)), &[&sum_a]), "served");
    assert_eq!(verdict(&[], c().filter(field("a").eq(0)), &[&sum_a]), "served");
    assert_eq!(verdict(&[], c(), &[&sum_a, &avg_b]), "c:a,b");
    assert_eq!(verdict(&["c:b,a"], c(), &[&sum_a, &avg_b]), "served");
    assert_eq!(verdict(&[], g(), &[&sum_a]), "a Ascending CollectionGroup");
    assert_eq!(verdict(&[], c().filter(field("z").gt(0)), &[&sum_a]), "c:z,a");
}

#[test]
fn a_refusal_reads_like_productions_and_holds_the_json() {
    let query = c().filter(field("a").eq("secret")).descending("b").build().unwrap();
    let error = IndexFile::empty().check(&query).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::MissingIndex);
    let message = error.to_string();
    assert!(message.contains("The query requires an index."), "{message}");
    assert!(!message.contains("secret"));
    let json = message.split_once(":\n").unwrap().1.rsplit_once(" (").unwrap().0;
    let file = IndexFile::parse(&format!(r#"{{"indexes": [{json}]}}"#)).unwrap();
    assert!(file.check(&query).is_ok());

    let query = g().ascending("at").build().unwrap();
    let message = IndexFile::empty().check(&query).unwrap_err().to_string();
    let complaint = "requires a COLLECTION_GROUP_ASC index for collection c and field at.";
    assert!(message.contains(complaint), "{message}");
    assert!(message.contains("`fieldOverrides`"));
}

#[test]
fn a_recorder_does_not_depend_on_the_order_of_the_run() {
    let queries = [
        c().filter(field("a").eq(1)).ascending("r"),
        c().filter(field("b").eq(1)).ascending("r"),
        c().filter(field("a").eq(1)).filter(field("b").eq(1)).ascending("r"),
        c().filter(field("a").eq(1)),
        g().ascending("r"),
    ]
    .map(|query| query.build().unwrap());
    let (forth, back) = (IndexRecorder::new(), IndexRecorder::new());
    queries.iter().for_each(|query| forth.record(query, []));
    queries.iter().rev().for_each(|query| back.clone().record(query, []));
    assert_eq!(forth.to_index_file().to_json(), back.to_index_file().to_json());
    assert_eq!(forth.to_index_file().composites().len(), 3);
    assert!(queries.iter().all(|query| forth.to_index_file().check(query).is_ok()));
}
