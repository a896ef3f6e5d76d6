//! The planned query against one that looks at every document, on random documents and queries, now
//! and in the past.

use std::cmp::Ordering;
use std::collections::BTreeMap;

use firekeep_core::{
    Clock, CollectionId, Cursor, DocPath, Fields, ManualClock, Op, QueryBuilder, Scope, Value,
    Write, order,
};
use proptest::prelude::*;
use proptest::sample::select;

use super::*;
use crate::apply::apply;

type Model = BTreeMap<DocPath, Document>;

fn naive(model: &Model, query: &Query) -> Vec<DocPath> {
    let mut rows: Vec<&Document> = model
        .values()
        .filter(|doc| query.scope().holds(doc.path()) && keeps(query.filter(), doc))
        .filter(|doc| query.order().iter().all(|key| value_of(doc, &key.field).is_some()))
        .filter(|doc| query.start().is_none_or(|at| !is_before(query, doc, at)))
        .filter(|doc| query.end().is_none_or(|at| is_before(query, doc, at)))
        .collect();
    rows.sort_by(|l, r| compare_rows(query, l, r));
    let limit = query.limit().map_or(usize::MAX, |limit| limit as usize);
    let offset = query.offset() as usize;
    let paths = rows.iter().map(|doc| doc.path().clone());
    if query.is_limit_to_last() {
        let mut last: Vec<_> = paths.rev().skip(offset).take(limit).collect();
        last.reverse();
        return last;
    }
    paths.skip(offset).take(limit).collect()
}

fn value_of(document: &Document, field: &firekeep_core::FieldPath) -> Option<Value> {
    if field.is_document_id() {
        return Some(document.path().into());
    }
    document.find(field).cloned()
}

fn compare_rows(query: &Query, left: &Document, right: &Document) -> Ordering {
    let compared = query.order().iter().map(|key| {
        let (l, r) = (value_of(left, &key.field), value_of(right, &key.field));
        directed(key.direction, order::compare(&l.unwrap(), &r.unwrap()))
    });
    compared.fold(Ordering::Equal, Ordering::then)
}

fn directed(direction: firekeep_core::Direction, ordering: Ordering) -> Ordering {
    if direction == firekeep_core::Direction::Descending { ordering.reverse() } else { ordering }
}

/// Whether the row lies before the position of the cursor.
fn is_before(query: &Query, document: &Document, cursor: &Cursor) -> bool {
    let compared = query.order().iter().zip(&cursor.values).map(|(key, value)| {
        let own = value_of(document, &key.field).unwrap();
        directed(key.direction, order::compare(&own, value))
    });
    match compared.fold(Ordering::Equal, Ordering::then) {
        Ordering::Less => true,
        Ordering::Equal => !cursor.before,
        Ordering::Greater => false,
    }
}

fn path() -> impl Strategy<Value = DocPath> {
    let collections = ["a", "b", "a/x/b", "a/y/b", "b/x/a"];
    let ids = ["__id2__", "__id10__", "0", "x", "y", "y!", "z"];
    (select(collections.to_vec()), select(ids.to_vec()))
        .prop_map(|(collection, id)| DocPath::new(format!("{collection}/{id}")).unwrap())
}

fn scalar() -> impl Strategy<Value = Value> {
    let doubles = [1.0, 1.5, f64::NAN, f64::NEG_INFINITY, -0.0];
    prop_oneof![
        3 => (0..3_i64).prop_map(Value::from),
        2 => select(doubles.to_vec()).prop_map(Value::from),
        1 => Just(Value::Null),
        1 => any::<bool>().prop_map(Value::from),
        2 => select(vec!["", "a", "a\0", "b"]).prop_map(Value::from),
        1 => path().prop_map(Value::from),
    ]
}

fn value() -> impl Strategy<Value = Value> {
    prop_oneof![
        5 => scalar(),
        2 => prop::collection::vec(scalar(), 0..4).prop_map(Value::Array),
        1 => scalar().prop_map(|v| firekeep_core::fields! { "n" => v }.into()),
    ]
}

fn name() -> impl Strategy<Value = &'static str> {
    select(vec!["p", "q", "r", "r.n"])
}

fn document() -> impl Strategy<Value = Fields> {
    let entry = (select(vec!["p", "q", "r"]), value()).prop_map(|(k, v)| (k.to_owned(), v));
    prop::collection::vec(entry, 0..4).prop_map(|entries| entries.into_iter().collect())
}

fn condition() -> impl Strategy<Value = Filter> {
    let ops = [Op::Eq, Op::Lt, Op::Le, Op::Gt, Op::Ge, Op::Ne, Op::IsNull, Op::IsNan];
    let more = [Op::IsNotNull, Op::IsNotNan, Op::ArrayContains];
    let field = |name: &str| firekeep_core::FieldPath::parse(name).unwrap();
    let one = (name(), select([&ops[..], &more].concat()), value())
        .prop_map(move |(name, op, operand)| Filter::Field { field: field(name), op, operand });
    let lists = select(vec![Op::In, Op::NotIn, Op::ArrayContainsAny]);
    let many = (name(), lists, prop::collection::vec(value(), 1..4)).prop_map(
        move |(name, op, operands)| Filter::Field {
            field: field(name),
            op,
            operand: Value::Array(operands),
        },
    );
    let names = (select(vec![Op::Eq, Op::Lt, Op::Le, Op::Gt, Op::Ge, Op::Ne]), path()).prop_map(
        |(op, path)| {
            let field = firekeep_core::FieldPath::document_id();
            Filter::Field { field, op, operand: path.into() }
        },
    );
    prop_oneof![6 => one, 2 => many, 1 => names]
}

fn filter() -> impl Strategy<Value = Filter> {
    condition().prop_recursive(2, 5, 3, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 1..4).prop_map(Filter::All),
            prop::collection::vec(inner, 1..4).prop_map(Filter::Any),
        ]
    })
}

fn scope() -> impl Strategy<Value = Scope> {
    let collection = |path: &str| Scope::Collection(path.try_into().unwrap());
    let group = |id: &str, under: Option<&str>| Scope::Group {
        id: CollectionId::new(id).unwrap(),
        under: under.map(|path| DocPath::new(path).unwrap()),
    };
    select(vec![
        collection("a"),
        collection("b"),
        collection("a/x/b"),
        group("a", None),
        group("b", None),
        group("b", Some("a/x")),
    ])
}

#[derive(Clone, Debug)]
struct Draft {
    scope: Scope,
    filter: Option<Filter>,
    order: Vec<(&'static str, bool)>,
    start: Option<(Vec<Value>, DocPath, bool)>,
    end: Option<(Vec<Value>, DocPath, bool)>,
    limit: Option<(u32, bool)>,
    offset: u32,
}

fn draft() -> impl Strategy<Value = Draft> {
    let orders = select(vec!["p", "q", "r.n", "__name__"]);
    let cursor = || prop::option::of((prop::collection::vec(value(), 0..3), path(), any::<bool>()));
    (
        scope(),
        prop::option::weighted(0.8, filter()),
        prop::collection::vec((orders, any::<bool>()), 0..3),
        cursor(),
        cursor(),
        prop::option::of((0..5_u32, any::<bool>())),
        select(vec![0, 0, 0, 1, 2]),
    )
        .prop_map(|(scope, filter, order, start, end, limit, offset)| Draft {
            scope,
            filter,
            order,
            start,
            end,
            limit,
            offset,
        })
}

impl Draft {
    /// The query, if core lets it through; cursors are made to fit its order.
    fn build(&self) -> Option<Query> {
        let keys = self.builder().build().ok()?.order().to_vec();
        let fit = |(values, name, before): &(Vec<Value>, DocPath, bool)| {
            let mut values = values.clone();
            values.truncate(keys.len());
            for (value, key) in values.iter_mut().zip(&keys) {
                if key.field.is_document_id() {
                    *value = name.into();
                }
            }
            (values, *before)
        };
        let mut builder = self.builder();
        builder = match self.start.as_ref().map(fit) {
            Some((values, true)) => builder.start_at(values),
            Some((values, false)) => builder.start_after(values),
            None => builder,
        };
        builder = match self.end.as_ref().map(fit) {
            Some((values, true)) => builder.end_before(values),
            Some((values, false)) => builder.end_at(values),
            None => builder,
        };
        builder = match self.limit {
            Some((rows, true)) if !self.order.is_empty() => builder.limit_to_last(rows),
            Some((rows, _)) => builder.limit(rows),
            None => builder,
        };
        builder.offset(self.offset).build().ok()
    }

    fn builder(&self) -> QueryBuilder {
        let mut builder = match &self.scope {
            Scope::Collection(path) => Query::collection(path),
            Scope::Group { id, under: None } => Query::group(id.as_str()),
            Scope::Group { id, under: Some(under) } => {
                Query::group_under(id.as_str(), under.clone())
            }
        };
        if let Some(filter) = &self.filter {
            builder = builder.filter(Ok(filter.clone()));
        }
        for (field, descending) in &self.order {
            builder =
                if *descending { builder.descending(field) } else { builder.ascending(field) };
        }
        builder
    }
}

#[derive(Clone, Debug)]
enum Step {
    Set(DocPath, Fields),
    Delete(DocPath),
    Query(Box<Draft>),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        5 => (path(), document()).prop_map(|(path, fields)| Step::Set(path, fields)),
        1 => path().prop_map(Step::Delete),
        3 => draft().prop_map(|draft| Step::Query(Box::new(draft))),
    ]
}

fn paths(found: &Found) -> Vec<DocPath> {
    found.rows.iter().map(|row| row.path().clone()).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(1000) })]

    #[test]
    fn finds_what_looking_at_every_document_finds(
        steps in prop::collection::vec(step(), 1..40),
        last in draft(),
    ) {
        let clock = ManualClock::new();
        let mut state = State::new(std::time::Duration::from_secs(3600));
        let mut model = Model::new();
        let mut past = Vec::new();
        for step in steps {
            let write = match step {
                Step::Set(path, fields) => Write::replace(path, fields).unwrap(),
                Step::Delete(path) => Write::delete(path),
                Step::Query(draft) => {
                    let Some(query) = draft.build() else { continue };
                    let view = state.latest(clock.wall());
                    prop_assert_eq!(paths(&run(&mut state, &query, view)), naive(&model, &query));
                    past.push((view.time, model.clone()));
                    continue;
                }
            };
            let path = write.path().clone();
            apply(&mut state, vec![write], clock.wall()).unwrap();
            match state.documents.get(&path) {
                Some(document) => model.insert(path, document.clone()),
                None => model.remove(&path),
            };
        }
        let Some(query) = last.build() else { return Ok(()) };
        for (time, model) in past {
            let view = state.past(time, clock.wall()).unwrap();
            prop_assert_eq!(paths(&run(&mut state, &query, view)), naive(&model, &query));
        }
    }
}

#[test]
fn no_inequality_finds_nan() {
    let mut state = State::new(std::time::Duration::ZERO);
    for (id, value) in [("nan", f64::NAN), ("low", f64::NEG_INFINITY), ("one", 1.0)] {
        let path = DocPath::new(format!("c/{id}")).unwrap();
        let write = Write::replace(path, firekeep_core::fields! { "v" => value }).unwrap();
        apply(&mut state, vec![write], firekeep_core::Timestamp::UNIX_EPOCH).unwrap();
    }
    let below = || Query::collection("c").filter(firekeep_core::field("v").lt(5));
    for query in [below(), below().descending("v")] {
        let view = state.latest(firekeep_core::Timestamp::UNIX_EPOCH);
        let found = run(&mut state, &query.build().unwrap(), view);
        let mut ids: Vec<_> = found.rows.iter().map(Document::id).collect();
        ids.sort_unstable();
        assert_eq!(ids, ["low", "one"]);
    }
}
