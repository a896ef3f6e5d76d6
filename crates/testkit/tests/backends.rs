//! `backends!` gives each test a backend of its own, metered, with the indexes it asked for.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::time::Duration;

use firekeep_core::{ErrorKind, Query, fields};
use firekeep_testkit::{TestBackend, backends};

backends! {
    /// What one test writes, no other reads: both use one path, and each finds it absent.
    async fn a_database_starts_empty(backend: TestBackend) {
        backend.db().create("c/d", fields! {}).await.unwrap();
    }

    async fn another_database_starts_empty(backend: TestBackend) {
        backend.db().create("c/d", fields! {}).await.unwrap();
    }

    async fn a_bill_holds_what_was_done_meanwhile(backend: TestBackend) {
        backend.db().create("c/d", fields! {}).await.unwrap();
        let read = async { backend.db().query(Query::collection("c")).await.unwrap() };
        let (rows, bill) = backend.bill(read).await;
        assert_eq!(rows.len(), 1);
        assert_eq!((bill.rpcs, bill.reads, bill.writes), (1, 1, 0));
        assert_eq!(backend.meter().snapshot().writes, 1);
    }

    async fn memory_enforces_indexes_and_stands_still(backend: TestBackend) {
        let query = Query::collection("c").ascending("a").ascending("b");
        let answer = backend.db().query(query).await;
        let Some(clock) = backend.clock() else {
            assert!(!backend.is_memory() && answer.is_ok());
            return;
        };
        assert_eq!(answer.unwrap_err().kind(), ErrorKind::MissingIndex);
        let first = backend.db().set("c/d", fields! { "n" => 1 }).await.unwrap();
        clock.advance(Duration::from_secs(60));
        let second = backend.db().set("c/d", fields! { "n" => 2 }).await.unwrap();
        let [first, second] = [first, second].map(|written| written.version.unwrap().time());
        assert_eq!(second.since(first), Duration::from_secs(60));
    }
}

mod with_indexes {
    use super::*;

    backends! {
        indexes: r#"{ "indexes": [{ "collectionGroup": "c", "queryScope": "COLLECTION", "fields": [
            { "fieldPath": "a", "order": "ASCENDING" }, { "fieldPath": "b", "order": "ASCENDING" }
        ] }], "fieldOverrides": [] }"#;

        async fn a_listed_index_serves(backend: TestBackend) {
            let query = Query::collection("c").ascending("a").ascending("b");
            assert!(backend.db().query(query).await.unwrap().is_empty());
        }
    }
}
