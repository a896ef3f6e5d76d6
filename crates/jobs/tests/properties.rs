//! Aggregates, read and folded, equal a naive model at every scope after every step; keys survive being written as ids.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeSet;
use std::collections::btree_map::{BTreeMap, Entry};

use firekeep_jobs::{
    Aggregate, Board, Culprit, Histogram, Job, JobSpec, Jobs, Key, Scope, Status, Tag, TaskWriter,
    Update,
};
use firekeep_testkit::{TestBackend, backends};
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;

const INDEXES: &str = include_str!("../../../infra/firestore.indexes.json");
/// In the order of their names, which is not that of their ids.
const TAGS: [&str; 3] = ["", "a/b:%", "é"];

/// A job, and what is written to it.
#[derive(Clone, Debug)]
struct Script {
    tasks: u32,
    declared: bool,
    /// Task (beyond the last one: taken again from 0), tag and status.
    steps: Vec<(u32, usize, i32)>,
}

fn scripts() -> impl Strategy<Value = Script> {
    let status = prop_oneof![
        3 => prop::sample::select(vec![i32::MIN, -1, 0, 0, 1, 2, i32::MAX]),
        1 => any::<i32>(),
    ];
    let steps = prop::collection::vec((0..6_u32, 0..TAGS.len(), status), 1..14);
    (1..6_u32, any::<bool>(), steps).prop_map(|(tasks, declared, steps)| Script {
        tasks,
        declared,
        steps,
    })
}

/// What an aggregate must be, from all states, one by one.
#[derive(Debug)]
struct Model {
    tasks: u32,
    declared: bool,
    states: BTreeMap<Key, i32>,
    versions: BTreeMap<Key, u64>,
}

/// A cell that counts: its status, task and tag, and whether it was reported.
type Unit = (i32, u32, Option<Tag>, bool);

impl Model {
    fn units(&self, scope: &Scope) -> Vec<Unit> {
        let mut units = vec![];
        for task in 0..self.tasks {
            let has_any = self.states.keys().any(|key| key.task == task);
            if !self.declared && !has_any && matches!(scope, Scope::Job) {
                units.push((0, task, None, false));
            }
            if !self.declared && !has_any && *scope == Scope::Task(task) {
                units.push((0, task, None, false));
            }
            for tag in TAGS.map(tag) {
                let key = Key::new(tag.clone(), task);
                let counts = self.declared || matches!(scope, Scope::Tag(_) | Scope::Cell(_));
                match self.states.get(&key) {
                    _ if !scope.holds(&key) => {}
                    Some(status) => units.push((*status, task, Some(tag), true)),
                    None if counts => units.push((0, task, Some(tag), false)),
                    None => {}
                }
            }
        }
        units
    }

    fn check(&self, scope: &Scope, found: &Aggregate, histogram: &Histogram) {
        let units = self.units(scope);
        let (status, task, tag, is_reported) = units.iter().min().unwrap();
        assert_eq!(found.status.as_i32(), *status);
        assert_eq!(found.any_error, *status < 0);
        assert_eq!((found.culprit.task(), found.culprit.tag()), (*task, tag.as_ref()));
        match &found.culprit {
            Culprit::State(state) => {
                assert!(*is_reported);
                assert_eq!(state.status.as_i32(), *status);
                assert_eq!(state.message, format!("{status}"));
            }
            Culprit::Missing { .. } => assert!(!is_reported),
        }
        let reported = |unit: &&Unit| unit.3;
        if matches!(scope, Scope::Job) && !self.declared {
            let tasks: BTreeSet<_> = units.iter().filter(reported).map(|unit| unit.1).collect();
            assert_eq!((found.reported, found.total), (tasks.len() as u64, self.tasks.into()));
        } else {
            let count = units.iter().filter(reported).count();
            assert_eq!((found.reported, found.total), (count as u64, units.len() as u64));
        }
        let counts = units.iter().map(|unit| (Status::new(unit.0), 1));
        assert_eq!(*histogram, counts.collect::<Histogram>());
    }

    /// Waits until the board knows what the model knows.
    async fn catch_up(&self, board: &mut Board) {
        loop {
            let states = board.states(&Scope::Job);
            let known = states.iter().map(|state| (state.key.clone(), state.version)).collect();
            if self.versions == known && board.as_of().is_some() {
                return;
            }
            board.changed().await.unwrap();
        }
    }

    fn scopes(&self) -> Vec<Scope> {
        let mut scopes = vec![Scope::Job];
        scopes.extend(TAGS.map(|name| Scope::Tag(tag(name))));
        for task in 0..self.tasks {
            scopes.push(Scope::Task(task));
            scopes.extend(TAGS.map(|name| Scope::Cell(Key::new(tag(name), task))));
        }
        scopes
    }

    async fn check_all(&self, job: &Job, board: &mut Board) {
        self.catch_up(board).await;
        for scope in self.scopes() {
            let found = job.aggregate(scope.clone()).await.unwrap();
            let histogram = job.histogram(scope.clone()).await.unwrap();
            self.check(&scope, &found, &histogram);
            let folded = board.aggregate(&scope).unwrap();
            self.check(&scope, &folded, folded.histogram.as_ref().unwrap());
            let lowest = job.lowest_status(scope).await.unwrap();
            let lowest = (lowest.status, lowest.reported, lowest.total);
            assert_eq!(lowest, (found.status, found.reported, found.total));
        }
    }
}

fn tag(tag: &str) -> Tag {
    Tag::new(tag).unwrap()
}

/// Plays `script` in a job of its own, and compares after every step.
async fn play(backend: &TestBackend, id: &str, script: Script) {
    let Script { tasks, declared, steps } = script;
    let spec = JobSpec::new(tasks);
    let spec = if declared { spec.tags(TAGS.map(tag)) } else { spec };
    let job = Jobs::new(backend.db().clone()).create(id, spec).await.unwrap();
    let mut model = Model { tasks, declared, states: BTreeMap::new(), versions: BTreeMap::new() };
    let mut board = job.board().unwrap();
    let mut writers: BTreeMap<u32, TaskWriter> = BTreeMap::new();
    model.check_all(&job, &mut board).await;
    for (task, name, status) in steps {
        let (task, tag) = (task % tasks, tag(TAGS[name]));
        let writer = match writers.entry(task) {
            Entry::Occupied(writer) => writer.into_mut(),
            Entry::Vacant(none) => none.insert(job.claim(task).await.unwrap().writer().unwrap()),
        };
        let update = Update::new(status).message(format!("{status}"));
        writer.set(&tag, update).await.unwrap();
        let key = Key::new(tag, task);
        *model.versions.entry(key.clone()).or_default() += 1;
        model.states.insert(key, status);
        model.check_all(&job, &mut board).await;
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn aggregates_equal_a_naive_model_after_every_step(script in scripts()) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(play(&TestBackend::on_memory(INDEXES), "job", script));
    }
}

backends! {
    indexes: INDEXES;

    async fn aggregates_equal_a_naive_model(backend: TestBackend) {
        let mut runner = TestRunner::deterministic();
        for case in 0..3 {
            let mut script = scripts().new_tree(&mut runner).unwrap().current();
            script.steps.truncate(6);
            script.declared = case % 2 == 0;
            play(&backend, &format!("job-{case}"), script).await;
        }
    }
}

fn tags() -> impl Strategy<Value = String> {
    let odd = prop::collection::vec(
        prop::sample::select(vec![
            ':', '/', '%', '\0', '\n', '@', '.', '_', '2', 'F', 'a', 'é', '\u{85}', '🦀',
        ]),
        0..12,
    );
    prop_oneof![any::<String>(), odd.prop_map(String::from_iter)]
}

proptest! {
    #[test]
    fn a_key_survives_being_an_id(text in tags(), task in any::<u32>()) {
        let key = Key::new(tag(&text), task);
        let id = key.doc_id();
        prop_assert_eq!(Key::from_doc_id(&id), Some(key));
        let is_sound = !id.contains('/') && !id.chars().any(char::is_control) && id.len() <= 1500;
        prop_assert!(is_sound, "{:?}", id);
        firekeep_core::DocPath::new(format!("jobs/j/states/{id}")).unwrap();
    }

    #[test]
    fn no_two_keys_share_an_id(
        one in tags(), other in tags(), tasks in prop::array::uniform2(0..3_u32)
    ) {
        let keys = [Key::new(tag(&one), tasks[0]), Key::new(tag(&other), tasks[1])];
        prop_assert_eq!(keys[0] == keys[1], keys[0].doc_id() == keys[1].doc_id());
    }

    #[test]
    fn a_plain_tag_stands_as_it_is(text in "[a-zA-Z0-9:@._ é-]*", task in any::<u32>()) {
        prop_assert_eq!(Key::new(tag(&text), task).doc_id(), format!("{text}:{task}"));
    }

    #[test]
    fn what_no_key_wrote_is_none(id in ".*") {
        let key = Key::from_doc_id(&id);
        prop_assert!(key.is_none_or(|key| key.doc_id() == id));
    }
}

#[test]
fn foreign_ids_are_refused() {
    for id in [
        "",
        "a",
        "a:",
        "a:x",
        "a:-1",
        "a:+1",
        "a:01",
        "a:4294967296",
        "a%:1",
        "a%2:1",
        "a%2f:1",
        "a%41:1",
        "a%FF:1",
        "a/b:1",
        "a\n:1",
        "a:1@1",
        "a: 1",
    ] {
        assert_eq!(Key::from_doc_id(id), None, "{id:?}");
    }
    assert_eq!(Key::from_doc_id("a:1:2"), Some(Key::new(tag("a:1"), 2)));
    assert_eq!(Key::from_doc_id(":0"), Some(Key::new(tag(""), 0)));
}

#[test]
fn a_tag_is_as_long_as_an_id_allows_once_it_is_escaped() {
    for (character, each) in [("a", 1), ("é", 2), ("/", 3), ("\0", 3), ("\u{85}", 6)] {
        let most = 1489 / each;
        let longest = Key::new(tag(&character.repeat(most)), u32::MAX);
        assert!(longest.doc_id().len() <= 1500, "{character:?}");
        assert_eq!(Key::from_doc_id(&longest.doc_id()), Some(longest));
        assert!(Tag::new(character.repeat(most + 1)).is_err(), "{character:?}");
    }
}
