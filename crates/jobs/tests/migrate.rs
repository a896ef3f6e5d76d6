//! Migrations: from the reference's documents to ours, and on to schemas that are yet to come.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use firekeep_core::{
    DocPath, Document, ErrorKind, Fields, Operation, Timestamp, Value, Write, fields,
};
use firekeep_jobs::{
    Error, JobId, JobSpec, MigrateEvent, MigrateOptions, MigrateReport, Migrations, Phase, Scope,
    Status, Update,
};
use firekeep_layers::Fault;
use firekeep_testkit::TestBackend;
use futures::TryStreamExt;
use support::{Bed, INDEXES};

const CELLS: [(&str, i64); 5] = [("read", 0), ("clean", 0), ("read", 1), ("50%", 1), ("a:b", 2)];

async fn put(bed: &Bed, path: &str, fields: Fields) {
    bed.db.write(Write::replace(DocPath::new(path).unwrap(), fields).unwrap()).await.unwrap();
}

/// A job as the reference writes it: names as Go has them if `is_go`, else as its design has them.
async fn reference(bed: &Bed, id: &str, is_go: bool) {
    put(bed, &format!("jobs/{id}"), fields! { "numTasks" => 4, "deleted" => false }).await;
    for (number, (tag, task)) in CELLS.into_iter().enumerate() {
        let time = Timestamp::from_micros(1_700_000_000_000_000 + number as i64).unwrap();
        let fields = fields! {
            "JobID" => id, "TaskID" => task, "Tag" => tag, "Status" => number as i64,
            "Message" => "working", "Timestamp" => time, "Version" => 7, "EventID" => "e",
            "Payload" => fields! { "rows" => 3 }, "SchemaVersion" => 0,
        };
        let design = |name: String| match name.as_str() {
            "JobID" => "jobID".to_owned(),
            name => name[..1].to_lowercase() + &name[1..],
        };
        let named = |(name, value): (String, Value)| match is_go {
            true => (name, value),
            false => (design(name), value),
        };
        let fields: Fields = fields.into_iter().map(named).collect();
        put(bed, &format!("jobs/{id}/states/{tag}:{task}"), fields).await;
    }
}

/// Two steps more: one names the message otherwise, one adds a field to jobs and states.
fn chain() -> Migrations {
    let renamed = |_: &firekeep_jobs::StateContext<'_>, mut fields: Fields| {
        let message = fields.remove("message").unwrap_or(Value::Null);
        fields.insert("says".into(), message);
        Ok(fields)
    };
    let added = |mut fields: Fields| {
        fields.insert("region".into(), "eu".into());
        fields
    };
    Migrations::builtin()
        .then(|_, fields| Ok(fields), renamed)
        .then(move |_, fields| Ok(added(fields)), move |_, fields| Ok(added(fields)))
}

fn to(target: u32) -> MigrateOptions {
    MigrateOptions::default().chain(chain()).target(target)
}

async fn documents(bed: &Bed, job: &str) -> Vec<Document> {
    let mut all = vec![bed.db.get(format!("jobs/{job}").as_str()).await.unwrap().unwrap()];
    for below in ["states", "events"] {
        all.extend(bed.documents(&format!("jobs/{job}/{below}")).await);
    }
    all
}

/// What documents hold, the times of their commits aside, which differ from run to run.
fn contents(documents: &[Document]) -> Vec<(String, Fields)> {
    let content = |document: &Document| {
        let mut fields = document.fields().clone();
        for time in ["run", "lastActive", "tombstonedAt"] {
            fields.remove(time);
        }
        (document.id().to_owned(), fields)
    };
    documents.iter().map(content).collect()
}

fn steps(report: &MigrateReport) -> Vec<(u32, u64, u64)> {
    report.steps.iter().map(|step| (step.from, step.jobs, step.states)).collect()
}

firekeep_testkit::backends! {
    indexes: INDEXES;

    async fn a_database_of_the_reference_is_adopted(backend: TestBackend) {
        let bed = Bed::new(backend);
        for (id, is_go) in [("go", true), ("design", false)] {
            reference(&bed, id, is_go).await;
            assert!(matches!(bed.other.open(id).await, Err(Error::OlderSchema { stored: 0, .. })));
            let job = JobId::new(id).unwrap();
            let dry = MigrateOptions::default().job(job.clone()).dry_run(true);
            let planned = bed.other.migrate(&dry).await.unwrap();
            assert_eq!(steps(&planned), [(0, 1, 5)]);
            assert!(matches!(bed.other.open(id).await, Err(Error::OlderSchema { stored: 0, .. })));
            let done = bed.other.migrate(&MigrateOptions::default().job(job)).await.unwrap();
            assert_eq!((steps(&done), done.migrated), (steps(&planned), planned.migrated));

            let job = bed.other.open(id).await.unwrap();
            assert_eq!((job.tasks(), job.phase().await.unwrap()), (4, Some(Phase::Active)));
            let state = job.state("50%", 1).await.unwrap().unwrap();
            assert_eq!((state.version, state.attempt, state.message.as_str()), (7, 0, "working"));
            assert_eq!((state.status, state.event_id.as_str()), (Status::new(3), "e"));
            assert_eq!(state.committed_at.as_micros(), 1_700_000_000_000_003);
            assert_eq!(state.payload, fields! { "rows" => 3 });
            let info = bed.other.info(id).await.unwrap().unwrap();
            assert_eq!(info.last_active.as_micros(), 1_700_000_000_000_004);
            assert_eq!(job.states().unwrap().try_collect::<Vec<_>>().await.unwrap().len(), 5);
            // Three tasks have reported, of four: each has one first cell.
            let aggregate = job.aggregate(Scope::Job).await.unwrap();
            assert_eq!((aggregate.reported, aggregate.total), (3, 4));
            let writer = bed.claim(&job, 1).await;
            assert_eq!(writer.set("50%", Update::finished()).await.unwrap().version, 8);
            assert_eq!(writer.set("read", Update::finished()).await.unwrap().version, 8);
        }
        assert_eq!(steps(&bed.other.migrate(&MigrateOptions::default()).await.unwrap()), [(0, 0, 0)]);
    }

    async fn a_deleted_job_of_the_reference_is_tombstoned(backend: TestBackend) {
        let bed = Bed::new(backend);
        put(&bed, "jobs/gone", fields! { "numTasks" => 1, "deleted" => true, "schemaVersion" => 3 }).await;
        let flagged = documents(&bed, "gone").await[0].updated();
        bed.other.migrate(&MigrateOptions::default()).await.unwrap();
        let info = bed.other.info("gone").await.unwrap().unwrap();
        assert_eq!((info.phase, info.schema), (Phase::Tombstoned, 1));
        assert_eq!((info.tombstoned_at, info.last_active), (Some(flagged), flagged));
    }

    async fn planned_is_performed_and_a_second_run_has_nothing_to_do(backend: TestBackend) {
        let bed = Bed::new(backend);
        reference(&bed, "a", true).await;
        let job = bed.other.create("b", JobSpec::new(1).history(3)).await.unwrap();
        let writer = bed.claim(&job, 0).await;
        for status in 0..2 {
            writer.set("read", Update::new(status).message("m")).await.unwrap();
        }
        assert!(writer.close().await.unwrap().is_done());
        let before = contents(&documents(&bed, "b").await);
        let planned = bed.other.migrate(&to(3).dry_run(true)).await.unwrap();
        assert_eq!(steps(&planned), [(0, 1, 5), (1, 2, 8), (2, 2, 8)]);
        assert_eq!(contents(&documents(&bed, "b").await), before);
        let mut told = 0;
        let options = to(3);
        let done = bed.other.migrate_with(&options, |event| {
 if let MigrateEvent::Moved { states, .. } = event {
 told += states;
 }
 });
        let done = done.await.unwrap();
        assert_eq!((steps(&done), done.migrated, told), (steps(&planned), 2, 8));
        let again = bed.other.migrate(&to(3)).await.unwrap();
        assert_eq!((steps(&again), again.migrated), (vec![(0, 0, 0), (1, 0, 0), (2, 0, 0)], 0));
        for document in documents(&bed, "b").await {
            assert_eq!(support::text(&document, "region"), Some("eu"));
            assert_eq!(document.get("migration"), None);
        }
    }

    async fn there_is_no_way_back_and_none_into_the_unknown(backend: TestBackend) {
        let bed = Bed::new(backend);
        let job = bed.other.create("job", 1).await.unwrap();
        let id = || job.id().clone();
        bed.other.migrate(&to(2)).await.unwrap();
        let back = bed.other.migrate(&to(1).job(id())).await.unwrap_err();
        assert!(matches!(back, Error::Downgrade { stored: 2, target: 1, .. }), "{back}");
        assert_eq!(bed.other.migrate(&to(1)).await.unwrap().failed, 1);
        let unknown = bed.other.migrate(&MigrateOptions::default().job(id())).await.unwrap_err();
        assert!(matches!(unknown, Error::NewerSchema { stored: 2, known: 1, .. }), "{unknown}");
        assert!(matches!(bed.other.migrate(&to(4)).await, Err(Error::Invalid { .. })));
        assert!(matches!(bed.other.migrate(&to(0)).await, Err(Error::Invalid { .. })));
        let none = MigrateOptions::default().job(JobId::new("none").unwrap());
        assert!(matches!(bed.other.migrate(&none).await, Err(Error::NotFound(_))));
    }

    async fn old_code_reads_the_next_schema_and_writes_nothing_to_it(backend: TestBackend) {
        let bed = Bed::new(backend);
        let job = bed.other.create("job", 2).await.unwrap();
        let writer = bed.claim(&job, 0).await;
        let state = writer.set("read", Update::new(3).message("mine")).await.unwrap();
        bed.other.migrate(&to(2)).await.unwrap();
        let before = contents(&documents(&bed, "job").await);
        for tag in ["read", "new"] {
            let refused = bed.drive(writer.set(tag, Update::new(4))).await.unwrap_err();
            assert!(matches!(refused, Error::NewerSchema { stored: 2, .. }), "{refused}");
        }
        assert!(matches!(job.claim(1).await, Err(Error::NewerSchema { .. })));
        assert!(matches!(job.tombstone().await, Err(Error::NewerSchema { .. })));
        let read = bed.other.observe("job").await.unwrap().state("read", 0).await.unwrap().unwrap();
        assert_eq!((read.version, read.status, read.committed_at), (1, Status::new(3), state.committed_at));
        assert_eq!(contents(&documents(&bed, "job").await), before);
        let other = &documents(&bed, "job").await[1];
        assert_eq!(support::text(other, "says"), Some("mine"));
        bed.other.migrate(&to(3)).await.unwrap();
        assert!(matches!(bed.other.observe("job").await, Err(Error::NewerSchema { .. })));
    }

    async fn a_writer_at_work_loses_nothing(backend: TestBackend) {
        let bed = Bed::new(backend);
        let job = bed.other.create("job", 4).await.unwrap();
        let mut writers = vec![];
        for task in 0..3 {
            let writer = bed.claim(&job, task).await;
            writer.set("read", Update::new(1).message("1")).await.unwrap();
            writers.push(writer);
        }
        // The migration ends behind its first page: states are there, the job is not.
        bed.faults.nth(Operation::Commit, 2, Fault::Fail(ErrorKind::PermissionDenied));
        assert_eq!(bed.jobs.migrate(&to(2)).await.unwrap().failed, 1);
        let refused = bed.drive(writers[0].set("read", Update::new(2))).await.unwrap_err();
        assert!(matches!(refused, Error::NewerSchema { .. }), "{refused}");
        // A task without cells is written as the job is, and comes along.
        let late = bed.claim(&job, 3).await;
        late.set("read", Update::new(1).message("1")).await.unwrap();
        let report = bed.other.migrate(&to(2)).await.unwrap();
        assert_eq!(report.steps[1].states, 1, "the others are there already");
        let states = bed.documents("jobs/job/states").await;
        assert_eq!(states.len(), 4);
        for state in states {
            assert_eq!(support::text(&state, "says"), Some("1"), "{}", state.path());
        }
    }

    async fn what_is_malformed_stops_its_job_and_no_other(backend: TestBackend) {
        let bed = Bed::new(backend);
        for id in ["bad", "good", "worse"] {
            reference(&bed, id, true).await;
        }
        put(&bed, "jobs/bad/states/x:1", fields! { "Tag" => "x", "TaskID" => -1 }).await;
        put(&bed, "jobs/worse", fields! { "numTasks" => "many" }).await;
        let mut failed = vec![];
        let options = MigrateOptions::default();
        let report = bed.other.migrate_with(&options, |event| {
            if let MigrateEvent::Failed(id, _) = event { failed.push(id.to_string()) }
        });
        assert_eq!(report.await.unwrap().migrated, 1);
        assert_eq!(failed, ["bad", "worse"]);
        assert!(bed.other.open("good").await.is_ok());
    }

    async fn killed_anywhere_and_gone_on_is_as_in_one_go(backend: TestBackend) {
        let bed = Bed::new(backend);
        reference(&bed, "clean", true).await;
        bed.other.migrate(&to(3)).await.unwrap();
        let clean = contents(&documents(&bed, "clean").await);
        for fault in [Fault::Fail(ErrorKind::PermissionDenied), Fault::LoseReply] {
            for nth in 1..=5 {
                let id = format!("killed-{nth}");
                reference(&bed, &id, true).await;
                let only = to(3).job(JobId::new(&id).unwrap());
                bed.faults.nth(Operation::Commit, nth, fault);
                let first = bed.drive(bed.jobs.migrate(&only)).await;
                assert_eq!(first.is_err(), nth <= 3 && fault != Fault::LoseReply, "{nth}");
                bed.faults.quiet();
                bed.faults.resume();
                bed.other.migrate(&only).await.unwrap();
                let mut now = contents(&documents(&bed, &id).await);
                for (_, fields) in &mut now {
                    if fields.contains_key("jobID") {
                        fields.insert("jobID".into(), "clean".into());
                    }
                }
                now[0].0 = "clean".into();
                assert_eq!(now, clean, "{nth}");
                bed.other.open(&*id).await.unwrap_err();
                let path = DocPath::new(format!("jobs/{id}")).unwrap();
                bed.db.delete(path).await.unwrap();
                assert!(bed.other.sweep(false).await.unwrap().documents > 0);
            }
        }
    }
}

/// As above, with pages of few states, so that it is killed at each of them.
#[tokio::test]
async fn each_page_is_a_checkpoint() {
    let bed = Bed::new(TestBackend::on_memory(INDEXES));
    let many = async |id: &str| {
        put(&bed, &format!("jobs/{id}"), fields! { "numTasks" => 9 }).await;
        for number in 0..350 {
            let fields = fields! {
                "Tag" => format!("t{number}"), "TaskID" => number % 9, "Status" => 1, "Version" => 1,
                "Timestamp" => Timestamp::UNIX_EPOCH.next(),
            };
            put(&bed, &format!("jobs/{id}/states/t{number}:{}", number % 9), fields).await;
        }
    };
    many("job").await;
    bed.other.migrate(&to(2)).await.unwrap();
    let clean = contents(&documents(&bed, "job").await);
    // Four pages, the job, the end.
    for nth in 1..=6 {
        bed.db.delete(DocPath::new("jobs/job").unwrap()).await.unwrap();
        assert_eq!(bed.other.sweep(false).await.unwrap().documents, 350);
        many("job").await;
        bed.faults.nth(Operation::Commit, nth, Fault::Fail(ErrorKind::PermissionDenied));
        assert_eq!(bed.jobs.migrate(&to(2)).await.unwrap().failed, 1, "{nth}");
        let rest = bed.other.migrate(&to(2)).await.unwrap();
        let left = 350_u64.saturating_sub((nth - 1) * 100);
        assert_eq!(rest.steps[0].states, left, "what was done is not done again");
        assert_eq!(contents(&documents(&bed, "job").await), clean, "{nth}");
    }
}
