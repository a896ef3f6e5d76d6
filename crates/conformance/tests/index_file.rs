//! The suite's index file holds what its queries need, no less and no more.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::time::Duration;

use firekeep_conformance::{INDEXES, Outcome, cases, outcome_of};
use firekeep_core::{Capability, Db};
use firekeep_memory::MemoryStore;
use firekeep_memory::index_file::{IndexFile, IndexRecorder};

#[tokio::test]
async fn the_index_file_is_what_the_cases_need() {
    let listed = IndexFile::parse(INDEXES).unwrap();
    let recorder = IndexRecorder::with_overrides_of(&listed);
    let store = MemoryStore::builder().lenient().record_indexes(recorder.clone());
    let db = Db::new(store.lock_wait(Duration::from_millis(50)).build());
    for case in cases() {
        // Those cases are about queries that no index serves.
        if !case.needs.contains(&Capability::EnforcesIndexes) {
            assert_eq!(outcome_of(case, db.clone()).await, Outcome::Passed, "{}", case.name);
        }
    }
    let needed = recorder.to_index_file().to_json();
    assert_eq!(needed, INDEXES, "firestore.indexes.json should be:\n{needed}");
}
