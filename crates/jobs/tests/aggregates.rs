//! One-shot aggregates: what the states of many tasks come to, read with a few queries.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use firekeep_jobs::{
    Aggregate, Culprit, Error, Job, JobSpec, Jobs, Key, Scope, Status, Tag, Update,
};
use firekeep_testkit::{TestBackend, backends};

const INDEXES: &str = include_str!("../../../infra/firestore.indexes.json");

fn tag(tag: &str) -> Tag {
    Tag::new(tag).unwrap()
}

async fn set(job: &Job, task: u32, tag: &str, status: i32) {
    let writer = job.claim(task).await.unwrap().writer().unwrap();
    writer.set(tag, Update::new(status)).await.unwrap();
    assert!(writer.close().await.unwrap().is_done());
}

async fn job(backend: &TestBackend, spec: impl Into<JobSpec>) -> Job {
    Jobs::new(backend.db().clone()).create("job", spec).await.unwrap()
}

/// The status, what has reported, of how many, and whose the status is.
fn told(aggregate: &Aggregate) -> (i32, u64, u64, String) {
    let culprit = match &aggregate.culprit {
        Culprit::State(state) => {
            assert_eq!(state.status, aggregate.status);
            state.key.to_string()
        }
        Culprit::Missing { task, tag: Some(tag) } => format!("no {tag}:{task}"),
        Culprit::Missing { task, tag: None } => format!("no {task}"),
    };
    assert_eq!(aggregate.any_error, aggregate.status.is_error());
    (aggregate.status.as_i32(), aggregate.reported, aggregate.total, culprit)
}

async fn assert_told(job: &Job, scope: Scope, expected: (i32, u64, u64, &str)) {
    let found = told(&job.aggregate(scope.clone()).await.unwrap());
    assert_eq!((found.0, found.1, found.2, &*found.3), expected, "{scope:?}");
    let lowest = job.lowest_status(scope.clone()).await.unwrap();
    let lowest = (lowest.status.as_i32(), lowest.reported, lowest.total);
    assert_eq!(lowest, (expected.0, expected.1, expected.2), "{scope:?}");
    let histogram = job.histogram(scope.clone()).await.unwrap();
    let lowest = (histogram.lowest().map(Status::as_i32), histogram.total() >= expected.2);
    assert_eq!(lowest, (Some(expected.0), true), "{scope:?}");
}

backends! {
    indexes: INDEXES;

    async fn what_never_reported_is_not_started_at_every_scope(backend: TestBackend) {
        let job = job(&backend, 3).await;
        assert_told(&job, Scope::Job, (0, 0, 3, "no 0")).await;
        assert_told(&job, Scope::Tag(tag("a")), (0, 0, 3, "no a:0")).await;
        assert_told(&job, Scope::Task(1), (0, 0, 1, "no 1")).await;
        assert_told(&job, Scope::Cell(Key::new(tag("a"), 1)), (0, 0, 1, "no a:1")).await;
        set(&job, 0, "a", 5).await;
        set(&job, 2, "a", i32::MAX).await;
        set(&job, 2, "b", 3).await;
        assert_told(&job, Scope::Job, (0, 2, 3, "no 1")).await;
        assert_told(&job, Scope::Tag(tag("a")), (0, 2, 3, "no a:1")).await;
        assert_told(&job, Scope::Task(2), (3, 2, 2, "b:2")).await;
        assert_told(&job, Scope::Cell(Key::new(tag("a"), 2)), (i32::MAX, 1, 1, "a:2")).await;
        set(&job, 1, "b", 7).await;
        assert_told(&job, Scope::Job, (3, 3, 3, "b:2")).await;
        assert_told(&job, Scope::Tag(tag("b")), (0, 2, 3, "no b:0")).await;
        let histogram = job.histogram(Scope::Tag(tag("b"))).await.unwrap();
        let counts: Vec<_> = histogram.iter().map(|(status, count)| (status.as_i32(), count)).collect();
        assert_eq!(counts, [(0, 1), (3, 1), (7, 1)]);
    }

    async fn an_error_wins_and_a_tie_goes_to_the_lower_cell(backend: TestBackend) {
        let job = job(&backend, 4).await;
        set(&job, 1, "a", 0).await;
        assert_told(&job, Scope::Tag(tag("a")), (0, 1, 4, "no a:0")).await;
        set(&job, 0, "a", 9).await;
        assert_told(&job, Scope::Tag(tag("a")), (0, 2, 4, "a:1")).await;
        assert_told(&job, Scope::Job, (0, 2, 4, "a:1")).await;
        for (task, tag) in [(3, "b"), (2, "b"), (2, "a")] {
            set(&job, task, tag, i32::MIN).await;
        }
        assert_told(&job, Scope::Job, (i32::MIN, 4, 4, "a:2")).await;
        assert_told(&job, Scope::Task(2), (i32::MIN, 2, 2, "a:2")).await;
    }

    async fn declared_tags_count_from_the_start(backend: TestBackend) {
        let job = job(&backend, JobSpec::new(3).tags([tag("a"), tag("b")])).await;
        assert_told(&job, Scope::Job, (0, 0, 6, "no a:0")).await;
        assert_told(&job, Scope::Task(1), (0, 0, 2, "no a:1")).await;
        for (task, tag) in [(0, "a"), (0, "b"), (1, "b"), (2, "a")] {
            set(&job, task, tag, 4).await;
        }
        assert_told(&job, Scope::Job, (0, 4, 6, "no a:1")).await;
        assert_told(&job, Scope::Task(1), (0, 1, 2, "no a:1")).await;
        assert_told(&job, Scope::Task(2), (0, 1, 2, "no b:2")).await;
        set(&job, 1, "a", 0).await;
        assert_told(&job, Scope::Job, (0, 5, 6, "a:1")).await;
        set(&job, 2, "b", 1).await;
        assert_told(&job, Scope::Job, (0, 6, 6, "a:1")).await;
        let unknown = job.aggregate(Scope::Tag(tag("c"))).await.unwrap_err();
        assert!(matches!(unknown, Error::UnknownTag { .. }), "{unknown}");
        let none = job.lowest_status(Scope::Task(3)).await.unwrap_err();
        assert!(matches!(none, Error::TaskOutOfRange { task: 3, tasks: 3, .. }), "{none}");
    }

    async fn a_job_that_is_gone_or_created_anew_has_no_aggregate(backend: TestBackend) {
        let job = job(&backend, 2).await;
        let scopes = || [Scope::Job, Scope::Tag(tag("a")), Scope::Task(0), Scope::Cell(Key::new(tag("a"), 0))];
        backend.db().delete("jobs/job").await.unwrap();
        for scope in scopes() {
            let gone = job.aggregate(scope.clone()).await.unwrap_err();
            assert!(matches!(gone, Error::Deleted(_)), "{scope:?}: {gone}");
        }
        let anew = Jobs::new(backend.db().clone()).create("job", 2).await.unwrap();
        assert!(matches!(job.lowest_status(Scope::Job).await, Err(Error::Deleted(_))));
        set(&anew, 0, "a", 1).await;
        for scope in scopes() {
            let gone = job.histogram(scope.clone()).await.unwrap_err();
            assert!(matches!(gone, Error::Deleted(_)), "{scope:?}: {gone}");
            let _: Aggregate = anew.aggregate(scope).await.unwrap();
        }
    }
}

#[test]
fn an_aggregate_may_be_awaited_on_any_thread() {
    fn is_send<T: Send>(_: impl FnOnce(Job) -> T) {}
    is_send(|job| async move { job.aggregate(Scope::Job).await });
    is_send(|job| async move { job.histogram(Scope::Job).await });
}
