//! gc under any interleaving of writers who are paused, killed and late, leases, and several
//! collections that are killed anywhere and fail now and then: no job with a write or a claim that is
//! young is ever deleted, no job is ever half of one, and in the end nothing is left.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod stepped;
mod world;

use stepped::Mutant;
use world::World;

const STEPS: u32 = 1500;

async fn run(seed: u64, mutant: Option<Mutant>) -> Result<usize, String> {
    World::new(seed, mutant).run(STEPS).await
}

#[tokio::test]
async fn no_job_that_is_young_or_claimed_is_deleted_and_all_others_are() {
    let mut deleted = 0;
    for seed in 0..60 {
        deleted += run(seed, None).await.unwrap_or_else(|broken| panic!("seed {seed}: {broken}"));
    }
    assert!(deleted > 60, "too few are deleted for this to show anything: {deleted}");
}

#[tokio::test]
async fn each_guard_is_needed() {
    use Mutant::{Compare, JobCheck, Leases, PurgeGuard, Seals};
    // Each with a seed shortly before one that finds it; any other finds it, too, in a while.
    let mutants = [(Seals, 226), (Leases, 62), (Compare, 20), (PurgeGuard, 0), (JobCheck, 2)];
    for (mutant, first) in mutants {
        let mut found = None;
        for seed in first..first + 400 {
            found = run(seed, Some(mutant)).await.err().map(|what| (seed, what));
            if found.is_some() {
                break;
            }
        }
        assert!(found.is_some(), "{mutant:?} is not noticed");
    }
}
