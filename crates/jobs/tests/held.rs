//! Who has which task.

use std::time::Duration;

use firekeep_jobs::{ClaimOptions, Jobs};
use firekeep_testkit::TestBackend;

const INDEXES: &str = include_str!("../../../infra/firestore.indexes.json");

firekeep_testkit::backends! {
    indexes: INDEXES;

    async fn claims_are_listed_by_task_with_their_owners_until_they_are_given_up(backend: TestBackend) {
        let jobs = Jobs::new(backend.db().clone());
        let job = jobs.create("held", 12).await.unwrap();
        assert_eq!(job.held().await.unwrap(), []);
        let other = jobs.create("other", 3).await.unwrap();
        let _elsewhere = other.claim(2).await.unwrap().writer().unwrap();
        let mut writers = vec![];
        for task in [10, 9, 0] {
            let options = ClaimOptions::default().owner(format!("worker-{task}"));
            writers.push(job.claim_with(task, &options).await.unwrap().writer().unwrap());
        }
        let held = job.held().await.unwrap();
        let shown: Vec<_> = held.iter().map(|held| (held.task, held.owner.as_deref())).collect();
        let expected = [(0, Some("worker-0")), (9, Some("worker-9")), (10, Some("worker-10"))];
        assert_eq!(shown, expected);
        assert!(held.iter().all(|held| held.remaining <= Duration::from_secs(31)), "{held:?}");
        assert!(held[2].since <= held[0].since);
        assert!(writers.pop().unwrap().close().await.unwrap().is_done());
        let tasks: Vec<_> = job.held().await.unwrap().iter().map(|held| held.task).collect();
        assert_eq!(tasks, [9, 10]);
    }
}
