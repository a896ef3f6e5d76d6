//! Holders that slept too long, and tasks that are taken over.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use firekeep_jobs::{ClaimOptions, Error, Update};
use firekeep_testkit::{TestBackend, backends};
use support::{Bed, INDEXES, ms, secs};

fn short() -> ClaimOptions {
    ClaimOptions::default().stall_after(secs(1))
}

fn is_over(error: &Error) -> bool {
    matches!(error, Error::Fenced { .. } | Error::Lost { .. })
}

backends! {
    indexes: INDEXES;

    async fn a_zombie_writes_no_cell_and_leaves_no_trace(backend: TestBackend) {
        let bed = Bed::new(backend);
        let job = bed.other.create("j", 2).await.unwrap();
        let (paused, _clock) = bed.paused();
        let zombie = paused.open("j").await.unwrap();
        let zombie = bed.claim_with(&zombie, 1, &short()).await;
        for tag in ["a", "b"] {
            zombie.set(tag, Update::new(1)).await.unwrap();
        }
        bed.pass(ms(1_100)).await;
        let successor = bed.claim_with(&job, 1, &short()).await;
        assert_eq!(successor.attempt(), 2);
        let before = bed.versions("j").await;
        for tag in ["a", "b", "new"] {
            let error = zombie.set(tag, Update::new(5)).await.unwrap_err();
            assert!(is_over(&error), "{tag}: {error}");
        }
        assert_eq!(bed.versions("j").await, before, "and left no trace");
        let state = successor.set("a", Update::finished()).await.unwrap();
        assert_eq!((state.version, state.attempt), (2, 2));
    }
}
