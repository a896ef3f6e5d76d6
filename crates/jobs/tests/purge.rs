//! Deletions that are killed between any two of their writes, and what others see of them meanwhile.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::sync::Arc;

use firekeep_core::{Db, DocPath, ErrorKind, Operation, Require, Write, fields};
use firekeep_jobs::{DeleteOptions, Error, GcOptions, Job, JobSpec, Jobs, Phase, Scope, Update};
use firekeep_layers::{Fault, FaultLayer, Rates, Stack};
use firekeep_testkit::TestBackend;
use futures::TryStreamExt;
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

    async fn a_seal_of_several_pages_is_taken_up_where_it_stands(backend: TestBackend) {
        let bed = Bed::new(backend);
        let job = bed.other.create("pages", CELLS).await.unwrap();
        let writer = bed.claim(&job, 0).await;
        writer.set("read", Update::finished()).await.unwrap();
        assert!(writer.close().await.unwrap().is_done());
        copy_cells(&bed, &job).await;
        bed.pass(ms(700)).await;
        let ages = || GcOptions::new("300ms".parse().unwrap(), "600ms".parse().unwrap()).unwrap();
        let gc = async |db: &Db| {
            let jobs = Jobs::builder(db.clone()).horizon(ms(1000)).build().unwrap();
            bed.drive(jobs.gc(&ages())).await.unwrap()
        };
        assert_eq!(gc(&bed.db).await.tombstoned, 1);
        bed.pass(ms(500)).await;
        // The mark of the job, and the first page; then it dies.
        bed.faults.nth(Operation::Commit, 3, Fault::Fail(ErrorKind::PermissionDenied));
        assert_eq!(gc(&bed.faulty).await.failed, 1);
        let sealed = async || {
            let cells = bed.documents("jobs/pages/states").await;
            cells.iter().filter_map(|cell| cell.get("sealed").cloned()).collect::<Vec<_>>()
        };
        let (first, cells) = (sealed().await, u64::from(CELLS));
        assert_eq!((first.len(), job.phase().await.unwrap()), (400, Some(Phase::Deleting)));
        let (report, bill) = bed.backend.bill(gc(&bed.db)).await;
        assert_eq!((report.deleted, report.failed), (1, 0), "{report}");
        // What was sealed is not sealed again: fifty cells, and the job's last phase.
        assert_eq!((bill.writes, bill.deletes), (cells - 400 + 1, cells + 2));
        assert_eq!(left(&bed, "pages").await, 0);
    }

    async fn a_cell_that_was_written_between_two_deaths_keeps_the_job(backend: TestBackend) {
        let bed = Bed::new(backend);
        let job = bed.other.create("young", CELLS).await.unwrap();
        let writer = bed.claim(&job, 0).await;
        writer.set("read", Update::new(1)).await.unwrap();
        copy_cells(&bed, &job).await;
        job.tombstone().await.unwrap();
        let jobs = |db: &Db| Jobs::builder(db.clone()).horizon(ms(1000)).build().unwrap();
        let ages = || GcOptions::new("300ms".parse().unwrap(), "600ms".parse().unwrap()).unwrap();
        assert!(writer.close().await.unwrap().is_done());
        bed.pass(ms(1200)).await;
        bed.faults.nth(Operation::Commit, 3, Fault::Fail(ErrorKind::PermissionDenied));
        let report = bed.drive(jobs(&bed.faulty).gc(&ages())).await.unwrap();
        assert_eq!((report.failed, job.phase().await.unwrap()), (1, Some(Phase::Deleting)));
        // A late write from before the seal, of a cell on the second page.
        let cell = bed.db.get("jobs/young/states/read:99").await.unwrap().unwrap();
        assert_eq!(cell.get("sealed").and_then(|sealed| sealed.as_str()).map(|s| &s[..4]), Some("tomb"));
        let mut fields = cell.fields().clone();
        fields.remove("committed");
        fields.insert("version".into(), 2.into());
        bed.db.set(cell.path().clone(), fields).await.unwrap();
        let report = bed.drive(jobs(&bed.db).gc(&ages())).await.unwrap();
        assert_eq!((report.revived, report.deleted), (1, 0), "{report}");
        assert_eq!(job.phase().await.unwrap(), Some(Phase::Active));
        assert_eq!(bed.documents("jobs/young/states").await.len(), CELLS as usize);
        let states: Vec<_> = job.states().unwrap().try_collect().await.unwrap();
        assert_eq!(states.iter().filter(|state| state.version == 2).count(), 1);
    }

    async fn a_busy_job_is_sealed_too(backend: TestBackend) {
        let bed = Bed::new(backend);
        let slow = Rates { delay: 1.0, ..Rates::default() };
        let layer = FaultLayer::new(1, Arc::clone(bed.db.clock()));
        let layer = layer.on(Operation::Commit, slow).delays(ms(5)..=ms(10));
        let stack = Stack::from_arc(Arc::clone(bed.backend.db().store())).with(layer);
        let slow = support::clocked(&bed.backend, Db::from_arc(stack.build().unwrap()));
        let job = bed.other.create("busy", CELLS).await.unwrap();
        let writer = bed.claim(&job, 0).await;
        writer.set("read", Update::finished()).await.unwrap();
        copy_cells(&bed, &job).await;
        let slow = Jobs::new(slow).open("busy").await.unwrap();
        let is_done = std::cell::Cell::new(false);
        // Between a read of cells and their seal, there is always a write of some.
        let writes = async {
            for (version, task) in (2..).zip((1..CELLS).cycle().step_by(101)) {
                if is_done.get() {
                    break;
                }
                bed.db.clock().sleep(ms(2)).await;
                let path = DocPath::new(format!("jobs/busy/states/read:{task}")).unwrap();
                let touch = Write::merge(path, fields! { "version" => version }).unwrap();
                // Once it is deleted, there is nothing to touch.
                let _ = bed.db.commit(vec![touch.require(Require::Present)]).await;
            }
        };
        let delete = async {
            let options = DeleteOptions::default().force(true);
            let deleted = slow.delete_with(&options).await;
            is_done.set(true);
            deleted
        };
        let (deleted, ()) = bed.drive(futures::future::join(delete, writes)).await;
        deleted.unwrap();
        assert_eq!((job.phase().await.unwrap(), bed.documents("jobs/busy/states").await.len()), (None, 0));
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
