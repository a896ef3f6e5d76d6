//! Drawing a sequence from a seed.

use fastrand::Rng;
use firekeep_core::{Aggregation, DocPath, FieldPath, Fields, Query, TransformOp, Value};

use super::command::{Command, Doc, End, Guard, Put, What};
use super::draw_query::draw_query;
use super::draw_value::{draw_fields, draw_value, number, pick};

/// Where a sequence takes place: its documents, in two collections of one id.
#[derive(Clone, Debug)]
pub(super) struct Place {
    pub(super) collection: String,
    pub(super) group: String,
    pub(super) docs: Vec<DocPath>,
}

impl Place {
    /// The place for one run, which no other run shares.
    pub(super) fn new(tag: &str) -> Self {
        let group = format!("rows-{tag}");
        let collection = format!("differential/{tag}/{group}");
        let mut paths: Vec<String> = IDS.iter().map(|id| format!("{collection}/{id}")).collect();
        paths.push(format!("{collection}/a/{group}/a"));
        paths.push(format!("{collection}/missing/{group}/\u{e000}"));
        let docs = paths.iter().filter_map(|path| DocPath::new(path).ok()).collect();
        Self { collection, group, docs }
    }
}

/// The sequence of `seed`, at `place`. The same seed means the same sequence wherever it runs.
pub(super) fn draw(seed: u64, place: &Place) -> Vec<Command> {
    let mut rng = Rng::with_seed(seed);
    let length = rng.usize(6..16);
    let mut commands = vec![Command::Commit(puts(&mut rng, &all(), 6))];
    commands.extend(std::iter::repeat_with(|| command(&mut rng, place)).take(length));
    commands
}

fn all() -> Vec<Doc> {
    (0..DOCS).collect()
}

fn command(rng: &mut Rng, place: &Place) -> Command {
    match rng.u32(0..100) {
        0..30 => Command::Commit(puts(rng, &all(), 3)),
        30..37 => Command::Get { docs: docs(rng), mask: mask(rng) },
        37..67 => Command::Query(draw_query(rng, place)),
        67..77 => {
            let query = draw_query(rng, place);
            let aggregations = aggregations(rng, &query);
            Command::Aggregate(query, aggregations)
        }
        77..81 => Command::GetPast { back: rng.usize(0..4), docs: docs(rng) },
        81..85 => Command::QueryPast { back: rng.usize(0..4), query: draw_query(rng, place) },
        85..91 => Command::Transact {
            reads: docs(rng),
            query: rng.bool().then(|| draw_query(rng, place)),
            puts: puts(rng, &all(), 3),
            end: pick(rng, &[End::Commit, End::Commit, End::Rollback, End::CommitTwice]),
        },
        91..95 => Command::Interleave {
            first: (rng.usize(0..3), puts(rng, &[0, 1, 2], 2)),
            second: (rng.usize(3..6), puts(rng, &[3, 4, 5], 2)),
        },
        _ => Command::Snapshot {
            docs: docs(rng),
            query: draw_query(rng, place),
            beside: puts(rng, &all(), 2),
        },
    }
}

fn docs(rng: &mut Rng) -> Vec<Doc> {
    let count = rng.usize(1..4);
    std::iter::repeat_with(|| rng.usize(0..DOCS)).take(count).collect()
}

fn mask(rng: &mut Rng) -> Option<Vec<FieldPath>> {
    rng.bool().then(|| paths(rng))
}

/// Paths of a mask, none inside another.
fn paths(rng: &mut Rng) -> Vec<FieldPath> {
    let count = rng.usize(0..4);
    let mut paths: Vec<FieldPath> = Vec::new();
    for _ in 0..count {
        let Ok(path) = FieldPath::parse(pick(rng, &PATHS)) else { continue };
        if !paths.iter().any(|known| known.is_prefix_of(&path) || path.is_prefix_of(known)) {
            paths.push(path);
        }
    }
    paths
}

/// Sums only without a limit or an offset: the store picks the order of the rows to sum, so which
/// of them a limit keeps is not defined.
fn aggregations(rng: &mut Rng, query: &Query) -> Vec<(String, Aggregation)> {
    let field = |rng: &mut Rng| FieldPath::parse(pick(rng, &["a", "b", "m.n"]));
    let count = Aggregation::Count { up_to: rng.bool().then(|| rng.u32(1..6)) };
    let mut aggregations = vec![("count".to_owned(), count)];
    let all = query.limit().is_none() && query.offset() == 0;
    if let (true, Ok(field)) = (all && rng.bool(), field(rng)) {
        aggregations.push(("sum".to_owned(), Aggregation::Sum(field.clone())));
        aggregations.push(("average".to_owned(), Aggregation::Average(field)));
    }
    aggregations
}

/// Writes to some of `among`. A document that is written twice carries no guard, because stores
/// may judge a guard by the state before the commit or by the state within it.
fn puts(rng: &mut Rng, among: &[Doc], most: usize) -> Vec<Put> {
    let count = rng.usize(1..=most);
    let mut puts: Vec<Put> = Vec::new();
    // Of two guards that fail, stores may name either.
    let guarded = rng.usize(0..count * 2);
    for index in 0..count {
        let doc = among[rng.usize(0..among.len())];
        let seen = puts.iter().any(|put| put.doc == doc);
        let mut put = put(rng, doc);
        if index == guarded && !seen {
            put.guard = Some(guard(rng));
            if rng.u32(0..4) == 0 {
                put = Put { what: What::Verify, transforms: vec![], ..put };
            }
        }
        // One with a guard stands alone on its document.
        if !puts.iter().any(|earlier| earlier.doc == doc && earlier.guard.is_some()) {
            puts.push(put);
        }
    }
    puts
}

fn put(rng: &mut Rng, doc: Doc) -> Put {
    let what = match rng.u32(0..10) {
        0..4 => What::Replace(draw_fields(rng)),
        4..6 => What::Merge(draw_fields(rng)),
        6..8 => What::MergeMasked(draw_fields(rng), paths(rng)),
        8 => What::MergeMasked(Fields::new(), vec![]),
        _ => What::Delete,
    };
    let transforms = if matches!(what, What::Delete) || rng.bool() {
        vec![]
    } else {
        let count = rng.usize(1..4);
        let targets = targets(&what);
        std::iter::repeat_with(|| transform(rng, &targets)).take(count).collect()
    };
    Put { doc, what, transforms, guard: None }
}

/// The fields that a transform beside `what` may change: nested ones only in maps that `what` sets.
/// The emulator takes a map made by a transform for another than an equal one that is set.
fn targets(what: &What) -> Vec<&'static str> {
    let mut targets = vec!["a", "b"];
    if let What::Replace(fields) | What::Merge(fields) = what {
        let is_map = |path| {
            let value = FieldPath::parse(path).ok().and_then(|path| path.find(fields).cloned());
            matches!(value, Some(Value::Map(inner)) if !inner.is_empty())
        };
        targets.extend(is_map("m").then_some("m.n"));
        targets.extend(is_map("m.o").then_some("m.o.p"));
    }
    targets
}

fn transform(rng: &mut Rng, targets: &[&'static str]) -> (&'static str, TransformOp) {
    let elements = |rng: &mut Rng| {
        let count = rng.usize(0..3);
        std::iter::repeat_with(|| draw_value(rng, 0)).take(count).collect()
    };
    let op = match rng.u32(0..11) {
        0..3 => TransformOp::Increment(number(rng)),
        3..5 => TransformOp::Maximum(number(rng)),
        5..7 => TransformOp::Minimum(number(rng)),
        7..9 => TransformOp::ArrayUnion(elements(rng)),
        9 => TransformOp::ArrayRemove(elements(rng)),
        // No query looks at this field: its value is the time, which differs.
        _ => return ("at", TransformOp::CommitTime),
    };
    (pick(rng, targets), op)
}

fn guard(rng: &mut Rng) -> Guard {
    match rng.u32(0..5) {
        0 => Guard::Absent,
        1 | 2 => Guard::Present,
        3 => Guard::SeenVersion(0),
        _ => Guard::SeenVersion(rng.usize(0..3)),
    }
}

const IDS: [&str; 6] = ["a", "B", "__id7__", "é", "\u{e000}", "\u{1f600}"];
const DOCS: usize = IDS.len() + 2;
const PATHS: [&str; 7] = ["a", "b", "m", "m.n", "m.o.p", "`x.y`", "nowhere"];
