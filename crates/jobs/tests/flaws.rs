//! The fourteen flaws of the reference, each of which must not come back.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use firekeep_core::{Operation, Value, fields};
use firekeep_jobs::{
    Culprit, DeleteOptions, Error, Event, Job, JobSpec, Phase, Scope, Status, Update, Watch,
};
use firekeep_testkit::{TestBackend, backends};
use futures::StreamExt;
use support::{Bed, INDEXES, integer, secs, tag, text};

/// The next event that is no bookmark.
async fn next(bed: &Bed, watch: &mut Watch) -> Event {
    loop {
        match bed.drive(watch.next()).await.expect("the stream goes on").unwrap() {
            Event::Bookmark { .. } => {}
            event => return event,
        }
    }
}

/// The versions told until the last of `versions` is.
async fn versions_up_to(bed: &Bed, watch: &mut Watch, last: u64) -> Vec<u64> {
    let mut versions = vec![];
    while versions.last() != Some(&last) {
        if let Event::State { state, .. } = next(bed, watch).await {
            versions.push(state.version);
        }
    }
    versions
}

async fn force_delete(job: &Job) {
    job.delete_with(&DeleteOptions::default().force(true)).await.unwrap();
}

backends! {
    indexes: INDEXES;

    async fn flaw_01_nothing_is_lost_between_replay_and_live(backend: TestBackend) {
        let bed = Bed::new(backend);
        let job = bed.other.create("j", 1).await.unwrap();
        let writer = bed.claim(&job, 0).await;
        for round in 0..5 {
            // Writes before, while and after each watch begins.
            let mut watch = job.watch(Scope::Job).unwrap();
            let mut last = 0;
            for _ in 0..3 {
                last = writer.set("a", Update::new(round)).await.unwrap().version;
            }
            let versions = versions_up_to(&bed, &mut watch, last).await;
            assert!(versions.is_sorted_by(|one, other| one < other), "{versions:?}");
        }
    }

    async fn flaw_02_fields_have_the_names_that_queries_use(backend: TestBackend) {
        let bed = Bed::new(backend);
        let job = bed.other.create("j", 2).await.unwrap();
        bed.claim(&job, 1).await.set("a", Update::new(3).message("m")).await.unwrap();
        let documents = bed.documents("jobs/j/states").await;
        let [cell] = &documents[..] else { panic!("{documents:?}") };
        assert_eq!((text(cell, "jobID"), text(cell, "tag")), (Some("j"), Some("a")));
        assert_eq!((integer(cell, "taskID"), integer(cell, "status")), (1, 3));
        assert_eq!((integer(cell, "version"), integer(cell, "attempt")), (1, 1));
        assert_eq!(text(cell, "message"), Some("m"));
        assert!(text(cell, "eventID").is_some() && integer(cell, "schemaVersion") == 1);
        let states: Vec<_> = job.states_of("a").unwrap().collect().await;
        assert_eq!(states.len(), 1, "a listing by tag finds it");
        let record = bed.db.get("jobs/j").await.unwrap().unwrap();
        assert!(record.get("lastActive").and_then(Value::as_timestamp).is_some());
        assert_eq!((integer(&record, "numTasks"), text(&record, "phase")), (2, Some("active")));
    }

    async fn flaw_03_tasks_that_never_reported_count(backend: TestBackend) {
        let bed = Bed::new(backend);
        let job = bed.other.create("j", 3).await.unwrap();
        bed.claim(&job, 0).await.set("a", Update::finished()).await.unwrap();
        for scope in [Scope::Job, Scope::Tag(tag("a"))] {
            let aggregate = job.aggregate(scope.clone()).await.unwrap();
            assert_eq!(aggregate.status, Status::NOT_STARTED, "{scope:?}");
            assert!(matches!(aggregate.culprit, Culprit::Missing { task: 1, .. }), "{scope:?}");
            assert_eq!((aggregate.reported, aggregate.total), (1, 3), "{scope:?}");
        }
    }

    async fn flaw_04_a_reader_that_stalls_holds_up_no_writer_and_sees_no_disorder(backend: TestBackend) {
        let bed = Bed::new(backend);
        let job = bed.other.create("j", 1).await.unwrap();
        let mut stalled = job.watch(Scope::Job).unwrap();
        let _never_polled = job.watch(Scope::Job).unwrap();
        let writer = bed.claim(&job, 0).await;
        for n in 0..50 {
            drop(job.watch(Scope::Job).unwrap());
            writer.set("a", Update::new(n)).await.unwrap();
        }
        let versions = versions_up_to(&bed, &mut stalled, 50).await;
        assert!(versions.is_sorted_by(|one, other| one < other), "{versions:?}");
    }

    async fn flaw_05_closing_a_handle_closes_no_other(backend: TestBackend) {
        let bed = Bed::new(backend);
        let job = bed.other.create("j", 2).await.unwrap();
        let (one, other) = (bed.claim(&job, 0).await, bed.claim(&job, 1).await);
        let mut watch = job.watch(Scope::Job).unwrap();
        drop(job.watch(Scope::Job).unwrap());
        assert!(bed.drive(one.close()).await.unwrap().is_done());
        drop(job);
        other.set("a", Update::new(1)).await.unwrap();
        assert_eq!(versions_up_to(&bed, &mut watch, 1).await, [1]);
    }

    async fn flaw_06_a_job_has_one_life_cycle(backend: TestBackend) {
        let bed = Bed::new(backend);
        let job = bed.other.create("j", 1).await.unwrap();
        let writer = bed.claim(&job, 0).await;
        writer.set("a", Update::new(1)).await.unwrap();
        assert!(bed.drive(writer.close()).await.unwrap().is_done());
        job.tombstone().await.unwrap();
        assert_eq!(job.phase().await.unwrap(), Some(Phase::Tombstoned));
        assert_eq!(job.state("a", 0).await.unwrap().unwrap().version, 1, "nothing is erased");
        assert!(matches!(bed.other.create("j", 1).await, Err(Error::Exists(_))));
        job.delete().await.unwrap();
        assert!(matches!(bed.other.open("j").await, Err(Error::NotFound(_))));
        assert_eq!(bed.other.create("j", 1).await.unwrap().state("a", 0).await.unwrap(), None);
    }

    async fn flaw_07_a_write_after_deletion_fails_and_leaves_no_orphan(backend: TestBackend) {
        let bed = Bed::new(backend);
        let job = bed.other.create("j", JobSpec::new(1).history(3)).await.unwrap();
        let writer = bed.claim(&job, 0).await;
        writer.set("a", Update::new(1)).await.unwrap();
        force_delete(&job).await;
        for tag in ["a", "b"] {
            let error = writer.set(tag, Update::new(2)).await.unwrap_err();
            assert!(matches!(error, Error::Deleted(_) | Error::Lost { .. }), "{error}");
        }
        for below in ["states", "events"] {
            assert!(bed.documents(&format!("jobs/j/{below}")).await.is_empty(), "{below}");
        }
        assert!(bed.documents("jobs").await.is_empty());
    }

    async fn flaw_08_versions_of_another_run_are_not_taken_for_old_ones(backend: TestBackend) {
        let bed = Bed::new(backend);
        let job = bed.other.create("j", 1).await.unwrap();
        let writer = bed.claim(&job, 0).await;
        for n in 0..3 {
            writer.set("a", Update::new(n)).await.unwrap();
        }
        force_delete(&job).await;
        let anew = bed.other.create("j", 1).await.unwrap();
        assert!(anew.run() > job.run());
        let mut watch = anew.watch(Scope::Job).unwrap();
        bed.claim(&anew, 0).await.set("a", Update::new(9)).await.unwrap();
        assert_eq!(versions_up_to(&bed, &mut watch, 1).await, [1]);
        assert_eq!(job.state("a", 0).await.unwrap(), None, "nor the other way round");
    }

    async fn flaw_09_damage_and_deletion_are_told(backend: TestBackend) {
        let bed = Bed::new(backend);
        let job = bed.other.create("j", 1).await.unwrap();
        let writer = bed.claim(&job, 0).await;
        writer.set("a", Update::new(1)).await.unwrap();
        let mut watch = job.watch(Scope::Job).unwrap();
        while !matches!(next(&bed, &mut watch).await, Event::ReplayDone { .. }) {}
        bed.db.set("jobs/j/states/odd", fields! { "what" => 1 }).await.unwrap();
        let told = next(&bed, &mut watch).await;
        assert!(matches!(told, Event::Corrupt { ref path, .. } if path.ends_with("odd")), "{told:?}");
        force_delete(&job).await;
        let mut is_cell_told = false;
        loop {
            match next(&bed, &mut watch).await {
                Event::Deleted { key, .. } => is_cell_told |= key.tag == tag("a"),
                Event::JobDeleted { job, .. } => break assert_eq!(job.as_str(), "j"),
                _ => {}
            }
        }
        assert!(is_cell_told);
    }

    async fn flaw_10_a_big_job_is_deleted_in_pages(backend: TestBackend) {
        let bed = Bed::new(backend);
        let job = bed.other.create("j", 1).await.unwrap();
        let writer = bed.claim(&job, 0).await;
        for page in 0..5 {
            let tags = (0..100).map(|n| (tag(&format!("{page}.{n}")), Update::new(1)));
            writer.set_all(tags).await.unwrap();
        }
        drop(writer);
        let before = bed.backend.meter().of(Operation::Commit).deletes;
        force_delete(&job).await;
        assert!(bed.backend.meter().of(Operation::Commit).deletes - before > 500);
        assert!(bed.documents("jobs/j/states").await.is_empty());
        let commits = bed.backend.meter().of(Operation::Commit);
        assert!(commits.rpcs > 2, "one commit holds 500 writes at most");
    }

    async fn flaw_11_a_task_is_one_of_the_jobs(backend: TestBackend) {
        let bed = Bed::new(backend);
        let job = bed.other.create("j", 2).await.unwrap();
        assert!(matches!(job.claim(2).await, Err(Error::TaskOutOfRange { task: 2, tasks: 2, .. })));
        assert!(matches!(job.state("a", 2).await, Err(Error::TaskOutOfRange { .. })));
        let aggregate = job.aggregate(Scope::Task(2)).await;
        assert!(matches!(aggregate, Err(Error::TaskOutOfRange { .. })));
        assert!(matches!(job.watch(Scope::Task(2)), Err(Error::TaskOutOfRange { .. })));
    }

    async fn flaw_12_a_barrier_does_not_wait_for_who_has_failed(backend: TestBackend) {
        let bed = Bed::new(backend);
        let job = bed.other.create("j", 2).await.unwrap();
        bed.claim(&job, 1).await.set("a", Update::failed(7)).await.unwrap();
        let error = bed.drive(job.barrier("a", Status::FINISHED, secs(60))).await.unwrap_err();
        match error {
            Error::TaskFailed(state) => assert_eq!((state.key.task, state.status.as_i32()), (1, -7)),
            other => panic!("{other}"),
        }
    }

    async fn flaw_13_subscribers_share_one_listen_and_one_client(backend: TestBackend) {
        let bed = Bed::new(backend);
        let job = bed.other.create("j", 1).await.unwrap();
        bed.claim(&job, 0).await.set("a", Update::new(1)).await.unwrap();
        let mut watches: Vec<_> = (0..20).map(|_| job.watch(Scope::Job).unwrap()).collect();
        watches.extend((0..20).map(|_| job.watch(Scope::Tag(tag("a"))).unwrap()));
        let same = bed.other.open("j").await.unwrap();
        watches.push(same.watch(Scope::Job).unwrap());
        for watch in &mut watches {
            assert_eq!(versions_up_to(&bed, watch, 1).await, [1]);
        }
        assert_eq!(bed.backend.meter().of(Operation::Watch).rpcs, 1);
    }

    async fn flaw_14_each_refusal_has_a_name(backend: TestBackend) {
        let bed = Bed::new(backend);
        let jobs = &bed.other;
        assert!(matches!(jobs.open("j").await, Err(Error::NotFound(_))));
        assert!(matches!(jobs.create("j", 0).await, Err(Error::Invalid { what: "tasks", .. })));
        let job = jobs.create("j", JobSpec::new(1).tags([tag("a")])).await.unwrap();
        assert!(matches!(jobs.create("j", 1).await, Err(Error::Exists(_))));
        assert!(matches!(jobs.create_or_open("j", 2).await, Err(Error::TaskCount { .. })));
        let writer = bed.claim(&job, 0).await;
        assert!(matches!(writer.set("b", Update::new(1)).await, Err(Error::UnknownTag { .. })));
        assert!(matches!(job.delete().await, Err(Error::Claimed { .. })));
        force_delete(&job).await;
        assert!(matches!(job.claim(0).await, Err(Error::Deleted(_))));
        assert!(matches!(job.tombstone().await, Err(Error::Deleted(_))));
    }
}
