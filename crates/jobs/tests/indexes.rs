//! The exemptions of `infra/firestore.indexes.json`: no query of the jobs needs what they take away.
//! That no composite index lacks, every other suite shows on memory.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use firekeep_core::{Db, ErrorKind, Query, field};
use firekeep_memory::{IndexFile, MemoryStore};

const INDEXES: &str = include_str!("../../../infra/firestore.indexes.json");

/// What is exempt, by collection.
const EXEMPT: [(&str, &[&str]); 5] = [
    ("jobs", &["creation", "deletion", "history", "migration", "numTasks", "tags"]),
    (
        "states",
        &[
            "attempt",
            "committed",
            "eventID",
            "fence",
            "message",
            "observedAt",
            "payload",
            "progress",
            "sealed",
            "version",
        ],
    ),
    (
        "events",
        &[
            "attempt",
            "committed",
            "eventID",
            "first",
            "message",
            "observedAt",
            "payload",
            "progress",
        ],
    ),
    ("leases", &["holders", "key", "mode", "revoked"]),
    ("attempts", &["fence", "key"]),
];

#[tokio::test]
async fn what_is_exempt_has_no_index() {
    // Not the backend that notes for `cargo xtask indexes` which indexes are needed.
    let indexes = IndexFile::parse(INDEXES).unwrap();
    let db = Db::new(MemoryStore::builder().indexes(indexes).build());
    for (collection, exempt) in EXEMPT {
        let path =
            if collection == "jobs" { "jobs".into() } else { format!("jobs/j/{collection}") };
        for name in exempt {
            let query = Query::collection(&*path).filter(field(name).eq(1));
            let refused = db.query(query).await.unwrap_err();
            assert_eq!(refused.kind(), ErrorKind::MissingIndex, "{collection}, {name}");
        }
    }
}
