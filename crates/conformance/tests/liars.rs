//! The suite catches every liar, by the cases that the liar names.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::sync::Arc;
use std::time::Duration;

use firekeep_conformance::liars::{Liar, liars};
use firekeep_conformance::{Case, Outcome, cases, outcome_of};
use firekeep_core::{Concurrency, Db, Store};
use firekeep_memory::MemoryStore;

fn honest() -> Arc<dyn Store> {
    let store = MemoryStore::builder().lenient().concurrency(Concurrency::Optimistic);
    Arc::new(store.lock_wait(Duration::from_millis(50)).build())
}

fn case(name: &str) -> Case {
    cases().into_iter().find(|case| case.name == name).unwrap_or_else(|| panic!("no case {name}"))
}

async fn accused(liar: Liar) {
    for name in liar.caught_by {
        let truth = outcome_of(case(name), Db::from_arc(honest())).await;
        assert_eq!(truth, Outcome::Passed, "{name} on an honest store");
        let told = outcome_of(case(name), Db::from_arc(liar.over(honest()))).await;
        assert_ne!(told, Outcome::Passed, "{name} believes a store that {}", liar.name);
    }
}

#[tokio::test]
async fn every_liar_is_caught_by_each_case_it_names() {
    assert!(liars().len() >= 10);
    for liar in liars() {
        assert!(!liar.caught_by.is_empty(), "nobody is named to catch a store that {}", liar.name);
        accused(liar).await;
    }
}

#[test]
fn names_are_unique_and_say_their_subject() {
    let mut names: Vec<_> = cases().iter().map(|case| case.name).collect();
    assert!(names.len() >= 150, "{} cases", names.len());
    assert!(names.iter().all(|name| name.split('/').count() == 2));
    names.sort_unstable();
    assert!(names.windows(2).all(|pair| pair[0] != pair[1]));
}
