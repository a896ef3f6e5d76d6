//! Deletions that are killed between any two of their writes, and what others see of them meanwhile.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use firekeep_core::{ErrorKind, Operation, Write, fields};
use firekeep_jobs::{DeleteOptions, Error, Job, JobSpec, Phase, Scope, Update};
use firekeep_layers::Fault;
use firekeep_testkit::TestBackend;
use support::{Bed, INDEXES, ms, tag};

/// More cells than one page has.
const CELLS: u32 = 450;

/// Copies the cell of task 0 to the other tasks.
async fn copy_cells(bed: &Bed, job: &Job) {
    let cell = bed.db.get(format!("jobs/{}/states/read:0", job.id()).as_str()).await.unwrap();
    let cell = cell.unwrap();
    let copy = |task: &u32| {
        let mut fields = cell.fields().clone();
        fields.insert("taskID".into(), i64::from(*task).into());
        let path = cell.path().parent().doc(format!("read:{task}")).unwrap();
        Write::create(path, fields).unwrap()
    };
    let tasks: Vec<u32> = (1..CELLS).collect();
    for tasks in tasks.chunks(450) {
        bed.db.commit(tasks.iter().map(copy).collect()).await.unwrap();
    }
}

async fn left(bed: &Bed, job: &str) -> usize {
    let mut left = 0;
    for below in ["states", "events", "leases", "attempts"] {
        left += bed.documents(&format!("jobs/{job}/{below}")).await.len();
    }
    left
}

/// Deletes a job, killed before each of its writes in turn, and looks on after each death.
async fn killed_anywhere(bed: &Bed, job: &Job, force: bool, look: impl AsyncFn()) {
    let id = job.id().to_string();
    let faulty = bed.jobs.open(id.as_str()).await.unwrap();
    let options = DeleteOptions::default().force(force);
    for nth in 1.. {
        assert!(nth < 50, "it comes to no end");
        // The second write of each run, so that each does one.
        let kill = Fault::Fail(ErrorKind::PermissionDenied);
        bed.faults.nth(Operation::Commit, 2, kill);
        match bed.drive(faulty.delete_with(&options)).await {
            Ok(()) => break,
            Err(Error::Store(error)) if error.kind() == ErrorKind::PermissionDenied => {}
            Err(error) => panic!("{error}"),
        }
        look().await;
    }
    // The last run had one write: this one is killed instead of the second.
    assert!(bed.faulty.set("t/last", fields! {}).await.is_err());
    assert_eq!(job.phase().await.unwrap(), None);
    assert_eq!(left(bed, &id).await, 0);
}

firekeep_testkit::backends! {
    indexes: INDEXES;

    async fn nobody_takes_what_is_left_of_a_job_for_the_job(backend: TestBackend) {
        let bed = Bed::new(backend);
        for force in [true, false] {
            let job = bed.other.create("half", CELLS).await.unwrap();
            let writer = bed.claim(&job, 0).await;
            writer.set("read", Update::finished()).await.unwrap();
            assert!(writer.close().await.unwrap().is_done());
            copy_cells(&bed, &job).await;
            killed_anywhere(&bed, &job, force, async || {
                for scope in [Scope::Job, Scope::Tag(tag("read"))] {
                    match job.aggregate(scope).await {
                        Ok(aggregate) => assert!(aggregate.status.is_finished(), "{aggregate:?}"),
                        Err(error) => assert!(matches!(error, Error::Deleted(_)), "{error}"),
                    }
                }
            })
            .await;
        }
    }

    async fn a_job_past_return_takes_no_write(backend: TestBackend) {
        let bed = Bed::new(backend);
        let job = bed.other.create("past", JobSpec::new(1).history(9)).await.unwrap();
        let writer = bed.claim(&job, 0).await;
        writer.set("read", Update::new(1)).await.unwrap();
        let is_past = async || job.phase().await.unwrap() == Some(Phase::Purging);
        let has_tried = std::cell::Cell::new(false);
        killed_anywhere(&bed, &job, true, async || {
            if is_past().await && !has_tried.replace(true) {
                let written = bed.drive(writer.set("read", Update::new(2))).await;
                assert!(matches!(written, Err(Error::Deleted(_))), "{written:?}");
            }
        })
        .await;
        assert!(has_tried.get());
    }

    async fn what_comes_late_is_cleared_though_a_reply_is_lost(backend: TestBackend) {
        let bed = Bed::new(backend);
        let job = bed.other.create("late", CELLS).await.unwrap();
        let writer = bed.claim(&job, 0).await;
        writer.set("read", Update::finished()).await.unwrap();
        assert!(writer.close().await.unwrap().is_done());
        copy_cells(&bed, &job).await;
        let faulty = bed.jobs.open("late").await.unwrap();
        // Two changes of phase, two pages sealed, a counter and two pages deleted; then the job.
        bed.faults.nth(Operation::Commit, 8, Fault::LoseReply);
        let options = DeleteOptions::default().pace(ms(500));
        let late = async {
            while bed.documents("jobs/late/states").await.len() == CELLS as usize {
                tokio::task::yield_now().await;
            }
            bed.db.set("jobs/late/leases/late", fields! { "late" => true }).await.unwrap();
        };
        let (deleted, ()) = bed.drive(futures::future::join(faulty.delete_with(&options), late)).await;
        deleted.unwrap();
        assert_eq!(bed.faults.injected(), 1);
        assert_eq!(job.phase().await.unwrap(), None);
        assert_eq!(left(&bed, "late").await, 0);
    }

    async fn a_version_that_an_earlier_job_left_is_in_nobodys_way(backend: TestBackend) {
        let bed = Bed::new(backend);
        bed.db.set("jobs/kept/events/read:0@1", fields! { "left" => true }).await.unwrap();
        let job = bed.other.create("kept", JobSpec::new(1).history(2)).await.unwrap();
        let writer = bed.claim(&job, 0).await;
        let written = bed.drive(writer.set("read", Update::new(1))).await.unwrap();
        assert_eq!((written.version, bed.history("kept", "read:0").await), (1, vec![1]));
    }
}
