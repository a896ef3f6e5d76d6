//! Documents: what they hold to the field, what is tolerated in them, and what is refused.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use firekeep_core::{Document, Timestamp, Value, fields};
use firekeep_jobs::{Error, Job, JobSpec, Jobs, Progress, State, Tag, Update};
use firekeep_testkit::{TestBackend, backends};

const INDEXES: &str = include_str!("../../../infra/firestore.indexes.json");
const CELL: &str = "jobs/job/states/a%2Fb:1";

fn tag(tag: &str) -> Tag {
    Tag::new(tag).unwrap()
}

async fn document(backend: &TestBackend, path: &str) -> Document {
    backend.db().get(path).await.unwrap().unwrap()
}

fn at(micros: i64) -> Timestamp {
    Timestamp::from_micros(micros).unwrap()
}

/// A job with a state that holds all there is.
async fn written(backend: &TestBackend) -> (Job, State) {
    let spec = JobSpec::new(2).history(3);
    let job = Jobs::new(backend.db().clone()).create("job", spec).await.unwrap();
    let writer = job.claim(1).await.unwrap().writer().unwrap();
    let update = Update::new(-7).message("lost").progress(1, 2).event_id("e-1").observed_at(at(5));
    let state = writer.set("a/b", update.payload(fields! { "rows" => 9 })).await.unwrap();
    assert!(writer.close().await.unwrap().is_done());
    (job, (*state).clone())
}

backends! {
    indexes: INDEXES;

    async fn a_state_is_these_fields(backend: TestBackend) {
        let (job, state) = written(&backend).await;
        let expected = fields! {
            "jobID" => "job", "run" => job.run().created(), "tag" => "a/b", "taskID" => 1, "status" => -7,
            "version" => 1, "eventID" => "e-1", "attempt" => 1, "schemaVersion" => 1, "message" => "lost",
            "progress" => Value::from(fields! { "done" => 1, "total" => 2 }),
            "payload" => Value::from(fields! { "rows" => 9 }), "observedAt" => at(5), "first" => true,
        };
        let cell = document(&backend, CELL).await;
        assert_eq!(*cell.fields(), expected);
        assert_eq!(*document(&backend, "jobs/job/events/a%2Fb:1@1").await.fields(), expected);
        assert_eq!(job.state("a/b", 1).await.unwrap(), Some(state.clone()));
        assert_eq!((state.committed_at, state.progress), (cell.updated(), Some(Progress { done: 1, total: 2 })));
        // What is empty is not there; and no other cell of the task is its first.
        let writer = job.claim(1).await.unwrap().writer().unwrap();
        let state = writer.set("c", Update::default()).await.unwrap();
        let plain = fields! {
            "jobID" => "job", "run" => job.run().created(), "tag" => "c", "taskID" => 1, "status" => 0,
            "version" => 1, "eventID" => state.event_id.as_str(), "attempt" => 2, "schemaVersion" => 1,
        };
        assert_eq!(*document(&backend, "jobs/job/states/c:1").await.fields(), plain);
        // The new attempt has marked the cell of before, and noted of when its state is.
        let mut marked = expected;
        marked.extend(fields! { "fence" => 2, "committed" => cell.updated() });
        assert_eq!(*document(&backend, CELL).await.fields(), marked);
    }

    async fn a_job_is_these_fields(backend: TestBackend) {
        let jobs = Jobs::new(backend.db().clone());
        let plain = jobs.create("plain", 3).await.unwrap();
        jobs.create("full", JobSpec::new(1).tags([tag("b"), tag("a")]).history(5)).await.unwrap();
        let found = document(&backend, "jobs/plain").await;
        assert_eq!(found.created(), plain.run().created());
        let mut fields = found.fields().clone();
        assert!(fields.remove("creation").is_some_and(|creation| creation.as_str().is_some()));
        let active = fields.remove("lastActive").unwrap().as_timestamp().unwrap();
        assert!(active <= found.created(), "when the commit was asked for");
        let expected = fields! {
            "deleted" => false, "phase" => "active", "schemaVersion" => 1, "numTasks" => 3,
        };
        assert_eq!(fields, expected);
        let full = document(&backend, "jobs/full").await;
        assert_eq!(full.get("tags").unwrap(), &Value::from(vec![Value::from("a"), Value::from("b")]));
        assert_eq!(full.get("history").unwrap(), &Value::from(5));
    }

    async fn unknown_fields_are_left_alone(backend: TestBackend) {
        let (job, state) = written(&backend).await;
        for path in [CELL, "jobs/job"] {
            backend.db().merge(path, fields! { "later" => "invented" }).await.unwrap();
        }
        let mut found = job.state("a/b", 1).await.unwrap().unwrap();
        found.committed_at = state.committed_at;
        assert_eq!(found, state);
        let opened = Jobs::new(backend.db().clone()).open("job").await.unwrap();
        assert_eq!((opened.tasks(), opened.run(), opened.history()), (2, job.run(), 3));
    }

    async fn what_is_of_another_type_is_named_and_not_taken_for_something_else(backend: TestBackend) {
        let (job, _) = written(&backend).await;
        let sound = document(&backend, CELL).await.into_fields();
        let big = i64::from(i32::MAX) + 1;
        let number = Value::from(1.5);
        for (name, wrong) in [
            ("run", "now".into()), ("tag", 1.into()), ("tag", "x".repeat(1490).into()),
            ("taskID", "1".into()), ("taskID", (-1).into()), ("status", number.clone()),
            ("status", big.into()), ("version", (-1).into()), ("eventID", 1.into()),
            ("attempt", number.clone()), ("schemaVersion", "1".into()), ("message", 1.into()),
            ("progress", 1.into()), ("progress", fields! { "done" => 1 }.into()), ("payload", "p".into()),
            ("observedAt", 1.into()), ("committed", 1.into()), ("fence", (-1).into()), ("sealed", 1.into()),
            ("first", 1.into()),
        ] {
            let mut fields = sound.clone();
            fields.insert(name.into(), wrong);
            backend.db().set(CELL, fields).await.unwrap();
            assert_names(job.state("a/b", 1).await.unwrap_err(), name, CELL);
        }
        for name in ["run", "tag", "taskID", "status", "version", "attempt", "schemaVersion"] {
            let mut fields = sound.clone();
            fields.remove(name);
            backend.db().set(CELL, fields).await.unwrap();
            assert_names(job.state("a/b", 1).await.unwrap_err(), name, CELL);
        }
        let mut fields = sound.clone();
        fields.insert("taskID".into(), 0.into());
        backend.db().set(CELL, fields).await.unwrap();
        assert_names(job.state("a/b", 1).await.unwrap_err(), "a/b:0", CELL);
    }

    async fn a_job_of_another_type_is_refused(backend: TestBackend) {
        let jobs = Jobs::new(backend.db().clone());
        jobs.create("job", 2).await.unwrap();
        let sound = document(&backend, "jobs/job").await.into_fields();
        for (name, wrong) in [
            ("numTasks", 0.into()), ("numTasks", "2".into()), ("history", "3".into()), ("tags", "a".into()),
            ("tags", vec![Value::from(1)].into()), ("phase", "lost".into()), ("lastActive", 1.into()),
            ("tombstonedAt", 1.into()), ("deletion", 1.into()), ("schemaVersion", Value::Null),
            ("creation", 1.into()),
        ] {
            let mut fields = sound.clone();
            fields.insert(name.into(), wrong);
            backend.db().set("jobs/job", fields).await.unwrap();
            assert_names(jobs.open("job").await.unwrap_err(), name, "jobs/job");
        }
    }
}

fn assert_names(error: Error, what: &str, document: &str) {
    let Error::Corrupt { path, reason } = &error else { panic!("{what}: {error}") };
    assert!(path.ends_with(document), "{path}");
    assert!(reason.contains(&format!("`{what}`")), "{what}: {reason}");
}
