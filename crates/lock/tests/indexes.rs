//! The exemptions of `infra/firestore.indexes.json`: no query of the locks needs what they take away.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use firekeep_core::{Db, ErrorKind, Query, field};
use firekeep_lock::{AcquireOptions, Layout, Locks, Released};
use firekeep_memory::{IndexFile, MemoryStore};
use firekeep_testkit::{TestBackend, backends};
use futures::TryStreamExt;

const INDEXES: &str = include_str!("../../../infra/firestore.indexes.json");

/// Locks on the clock of the backend.
fn locks(backend: &TestBackend, layout: Layout) -> Locks {
    let db = match backend.clock() {
        Some(clock) => backend.db().clone().with_clock(clock.clone()),
        None => backend.db().clone(),
    };
    Locks::builder(db).layout(layout).build().unwrap()
}

backends! {
    indexes: INDEXES;

    async fn every_query_of_the_locks_has_its_index(backend: TestBackend) {
        for layout in [Layout::Native, Layout::Syncguard] {
            let locks = locks(&backend, layout);
            let guard = locks.acquire_with("k", &AcquireOptions::default().fair()).await.unwrap();
            let fair = AcquireOptions::default().fair();
            assert!(locks.try_acquire_with("k", &fair).await.unwrap().is_held());
            assert!(locks.lookup_id(guard.id()).await.unwrap().is_some());
            let page = locks.list(1, None).await.unwrap();
            assert_eq!(page.locks.len(), 1);
            assert!(locks.list(1, page.next.as_ref()).await.unwrap().locks.is_empty());
            assert_eq!(locks.list_all().try_collect::<Vec<_>>().await.unwrap().len(), 1);
            assert_eq!(locks.watch(10).unwrap().next().await.unwrap().locks.len(), 1);
            assert!(locks.break_lock("k").await.unwrap().is_some());
            assert_eq!(guard.release().await.unwrap(), Released::Gone);
        }
    }
}

#[tokio::test]
async fn what_is_exempt_has_none() {
    // Not the backend that notes for `cargo xtask indexes` which indexes are needed.
    let indexes = IndexFile::parse(INDEXES).unwrap();
    let db = Db::new(MemoryStore::builder().indexes(indexes).build());
    for (collection, exempt) in [
        ("firekeep_locks", vec!["key", "mode", "revoked"]),
        ("firekeep_fences", vec!["key", "fence"]),
        ("firekeep_lock_tickets", vec!["at", "ttl_ms"]),
        ("locks", vec!["expiresAtMs", "acquiredAtMs", "key", "fence"]),
        ("fence_counters", vec!["fence", "keyDebug", "revoked"]),
    ] {
        for name in exempt {
            let query = Query::collection(collection).filter(field(name).eq(1));
            let refused = db.query(query).await.unwrap_err();
            assert_eq!(refused.kind(), ErrorKind::MissingIndex, "{collection}, {name}");
        }
    }
}
