//! The contract: jobs, tasks, tags, and who may write what.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use firekeep_jobs::{Claim, Error, JobSpec, Jobs, Status, Tag, TaskWriter, Update};
use firekeep_testkit::TestBackend;

const INDEXES: &str = include_str!("../../../infra/firestore.indexes.json");

fn tag(tag: &str) -> Tag {
    Tag::new(tag).unwrap()
}

async fn claim(job: &firekeep_jobs::Job, task: u32) -> TaskWriter {
    job.claim(task).await.unwrap().writer().unwrap()
}

firekeep_testkit::backends! {
    indexes: INDEXES;

    async fn a_job_is_created_once_opened_if_it_exists_and_checked(backend: TestBackend) {
        let jobs = Jobs::new(backend.db().clone());
        assert!(matches!(jobs.open("nightly").await, Err(Error::NotFound(_))));
        let job = jobs.create("nightly", 3).await.unwrap();
        assert_eq!((job.tasks(), job.id().as_str()), (3, "nightly"));
        assert!(matches!(jobs.create("nightly", 3).await, Err(Error::Exists(_))));
        assert_eq!(jobs.open("nightly").await.unwrap().run(), job.run());
        let same = jobs.create_or_open("nightly", JobSpec::new(3)).await.unwrap();
        assert_eq!(same.run(), job.run());
        let wrong = jobs.create_or_open("nightly", 4).await.unwrap_err();
        assert!(matches!(wrong, Error::TaskCount { stored: 3, asked: 4, .. }), "{wrong}");
        assert!(matches!(jobs.create("none", 0).await, Err(Error::Invalid { .. })));
    }

    async fn versions_count_from_one_without_holes_across_writers(backend: TestBackend) {
        let jobs = Jobs::new(backend.db().clone());
        let job = jobs.create("versions", 2).await.unwrap();
        let writer = claim(&job, 1).await;
        assert_eq!((writer.task(), writer.attempt()), (1, 1));
        for version in 1..=5 {
            let state = writer.set("read", Update::new(3).message("reading")).await.unwrap();
            assert_eq!((state.version, state.attempt), (version, 1));
        }
        assert!(matches!(job.claim(1).await.unwrap(), Claim::Held { .. }));
        assert!(writer.close().await.unwrap().is_done());
        let writer = claim(&job, 1).await;
        let state = writer.set("read", Update::finished()).await.unwrap();
        assert_eq!((state.version, state.attempt, state.status), (6, 2, Status::FINISHED));
        let stored = job.state("read", 1).await.unwrap().unwrap();
        assert_eq!(stored, *state);
        assert_eq!(job.state(&tag("read"), 0).await.unwrap(), None);
        assert!(matches!(job.state("read", 2).await, Err(Error::TaskOutOfRange { tasks: 2, .. })));
    }

    async fn several_tags_are_written_at_once(backend: TestBackend) {
        let jobs = Jobs::new(backend.db().clone());
        let job = jobs.create("several", JobSpec::new(1).history(2)).await.unwrap();
        let writer = claim(&job, 0).await;
        for _ in 0..3 {
            let both = [(tag("a:b"), Update::new(1)), (tag("a/%"), Update::new(2))];
            let states = writer.set_all(both).await.unwrap();
            assert_eq!(states[0].committed_at, states[1].committed_at);
        }
        assert_eq!(job.state("a/%", 0).await.unwrap().unwrap().version, 3);
        let events = backend.db().query(firekeep_core::Query::collection("jobs/several/events"));
        assert_eq!(events.await.unwrap().len(), 4, "two versions of two cells");
    }
}
