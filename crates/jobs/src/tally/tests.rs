//! The tally against a model that looks at everything.

use std::collections::BTreeMap;

use firekeep_core::Timestamp;
use proptest::prelude::*;

use super::*;
use crate::key::JobId;
use crate::state::Run;

const TASKS: u32 = 4;

fn state(tag: &str, task: u32, status: i32) -> Arc<State> {
    Arc::new(State {
        job: JobId::new("job").unwrap(),
        run: Run::new(Timestamp::UNIX_EPOCH),
        key: Key::new(Tag::new(tag).unwrap(), task),
        status: Status::new(status),
        message: String::new(),
        progress: None,
        payload: firekeep_core::Fields::new(),
        version: 1,
        event_id: String::new(),
        attempt: 1,
        observed_at: None,
        committed_at: Timestamp::UNIX_EPOCH,
    })
}

/// A unit of a scope, in the order that decides between equals, and its state if it has one.
type Unit = (Status, u32, Option<Tag>, Option<Arc<State>>);

/// Every unit of `scope`, the missing ones included.
fn units(cells: &BTreeMap<Key, Arc<State>>, declared: &[Tag], scope: &Scope) -> Vec<Unit> {
    let found = cells.values().filter(|state| scope.holds(&state.key));
    let mut units: Vec<Unit> = found
        .map(|s| (s.status, s.key.task, Some(s.key.tag.clone()), Some(Arc::clone(s))))
        .collect();
    let mut missing = |task, tag: Option<&Tag>| {
        units.push((Status::NOT_STARTED, task, tag.cloned(), None));
    };
    let has_reported = |task| cells.keys().any(|key| key.task == task);
    let is_absent = |tag: &Tag, task| !cells.contains_key(&Key::new(tag.clone(), task));
    let tasks = match scope {
        Scope::Job | Scope::Tag(_) => 0..TASKS,
        Scope::Task(task) => *task..task + 1,
        Scope::Cell(key) => key.task..key.task + 1,
    };
    for task in tasks {
        match scope {
            Scope::Tag(tag) if is_absent(tag, task) => missing(task, Some(tag)),
            Scope::Cell(key) if is_absent(&key.tag, task) => missing(task, Some(&key.tag)),
            Scope::Job | Scope::Task(_) if declared.is_empty() && !has_reported(task) => {
                missing(task, None);
            }
            Scope::Job | Scope::Task(_) => {
                declared
                    .iter()
                    .filter(|tag| is_absent(tag, task))
                    .for_each(|t| missing(task, Some(t)));
            }
            _ => {}
        }
    }
    units.sort_by(|one, other| (one.0, one.1, &one.2).cmp(&(other.0, other.1, &other.2)));
    units
}

fn check(tally: &Tally, cells: &BTreeMap<Key, Arc<State>>, declared: &[Tag], scope: &Scope) {
    let units = units(cells, declared, scope);
    let aggregate = tally.aggregate(scope);
    let (status, task, tag, state) = units.first().unwrap();
    assert_eq!(aggregate.status, *status, "{scope:?}");
    match (&aggregate.culprit, state) {
        (Culprit::State(one), Some(other)) => assert_eq!(one.key, other.key),
        (Culprit::Missing { task: one, tag: name }, None) => assert_eq!((one, name), (task, tag)),
        (culprit, _) => panic!("{scope:?}: {culprit:?} for {task} in {tag:?}"),
    }
    let histogram: Histogram = units.iter().map(|unit| (unit.0, 1)).collect();
    assert_eq!(aggregate.any_error, units.iter().any(|unit| unit.0.is_error()));
    assert_eq!(aggregate.histogram, Some(histogram));
    let missing = units.iter().filter(|unit| unit.3.is_none()).count() as u64;
    let total = match scope {
        Scope::Job if declared.is_empty() => u64::from(TASKS),
        _ => units.len() as u64,
    };
    assert_eq!((aggregate.reported, aggregate.total), (total - missing, total), "{scope:?}");
    let states: Vec<_> = units.iter().filter_map(|unit| unit.3.clone()).collect();
    let mut told = tally.states(scope);
    assert!(told.is_sorted_by_key(|state| state.key.clone()));
    told.sort_by_key(|state| (state.status, state.key.clone()));
    assert_eq!(told, states);
}

proptest! {
    #[test]
    fn every_scope_equals_the_model_after_every_step(
        is_declared in any::<bool>(),
        steps in prop::collection::vec(
            (0..TASKS, 0_usize..3, prop_oneof![Just(0), Just(-1), Just(i32::MIN), Just(i32::MAX), 0..3], 0..8),
            0..40,
        ),
    ) {
        let names: Vec<Tag> = ["", "a", "b"].map(|tag| Tag::new(tag).unwrap()).into();
        let declared = if is_declared { &names[..] } else { &[] };
        let (mut tally, mut cells) = (Tally::new(TASKS, declared), BTreeMap::new());
        for (task, tag, status, kind) in steps {
            let state = state(names[tag].as_str(), task, status);
            if kind == 0 {
                tally.remove(&state.key);
                cells.remove(&state.key);
            } else {
                tally.set(&state);
                cells.insert(state.key.clone(), state);
            }
            check(&tally, &cells, declared, &Scope::Job);
            for tag in &names {
                check(&tally, &cells, declared, &Scope::Tag(tag.clone()));
            }
            for task in 0..TASKS {
                check(&tally, &cells, declared, &Scope::Task(task));
                check(&tally, &cells, declared, &Scope::Cell(Key::new(names[1].clone(), task)));
            }
        }
    }
}
