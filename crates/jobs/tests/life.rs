//! The life of a job: who may do what in which phase, and what is left of it.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use firekeep_core::{Require, Write, fields};
use firekeep_jobs::{
    DeleteOptions, Error, Job, JobSpec, Jobs, ListOptions, OnTombstoned, Phase, Update,
};
use firekeep_testkit::TestBackend;
use futures::TryStreamExt;
use support::{Bed, INDEXES};

/// Everything below `jobs/{job}`, and the job.
async fn left(bed: &Bed, job: &str) -> usize {
    let mut left = usize::from(bed.db.get(format!("jobs/{job}").as_str()).await.unwrap().is_some());
    for below in ["states", "events", "leases", "attempts"] {
        left += bed.documents(&format!("jobs/{job}/{below}")).await.len();
    }
    left
}

/// Brings a job to a phase from outside.
async fn put_in(bed: &Bed, job: &str, phase: Phase) {
    let path = firekeep_core::DocPath::new(format!("jobs/{job}")).unwrap();
    let fields = fields! { "phase" => phase.name(), "deleted" => true, "deletion" => "aged:test" };
    let write = Write::merge(path, fields).unwrap().require(Require::Present);
    bed.db.commit(vec![write]).await.unwrap();
}

async fn jobs_in(jobs: &Jobs, options: &ListOptions) -> Vec<String> {
    let infos: Vec<_> = jobs.list(options).unwrap().try_collect().await.unwrap();
    infos.iter().map(|info| info.id.to_string()).collect()
}

fn is_deleted<T: std::fmt::Debug>(answer: Result<T, Error>) -> bool {
    match answer {
        Err(Error::Deleted(_)) => true,
        other => panic!("not deleted: {other:?}"),
    }
}

firekeep_testkit::backends! {
    indexes: INDEXES;

    async fn each_phase_allows_what_it_allows(backend: TestBackend) {
        let bed = Bed::new(backend);
        let job = bed.other.create("life", 2).await.unwrap();
        let writer = bed.claim(&job, 0).await;
        writer.set("read", Update::new(1)).await.unwrap();
        assert!(writer.close().await.unwrap().is_done());

        job.tombstone().await.unwrap();
        assert_eq!(job.phase().await.unwrap(), Some(Phase::Tombstoned));
        assert_eq!(bed.other.observe("life").await.unwrap().run(), job.run());
        assert!(matches!(bed.other.create("life", 2).await, Err(Error::Exists(_))));
        assert_eq!(job.state("read", 0).await.unwrap().unwrap().version, 1);
        let info = bed.other.info("life").await.unwrap().unwrap();
        assert!(info.tombstoned_at.unwrap() >= info.last_active);
        job.revive().await.unwrap();
        job.revive().await.unwrap();
        assert_eq!(job.phase().await.unwrap(), Some(Phase::Active));
        assert_eq!(bed.other.info("life").await.unwrap().unwrap().tombstoned_at, None);

        for phase in [Phase::Deleting, Phase::Purging] {
            put_in(&bed, "life", phase).await;
            assert_eq!(job.phase().await.unwrap(), Some(phase));
            assert!(is_deleted(bed.other.open("life").await));
            assert!(is_deleted(bed.other.create_or_open("life", 2).await));
            assert!(matches!(bed.other.create("life", 2).await, Err(Error::Exists(_))));
            assert!(is_deleted(job.claim(1).await));
            assert!(is_deleted(job.tombstone().await));
            assert!(is_deleted(job.revive().await));
            assert_eq!(job.state("read", 0).await.unwrap().unwrap().version, 1);
        }
        job.delete().await.unwrap();
        assert_eq!((job.phase().await.unwrap(), left(&bed, "life").await), (None, 0));
        assert!(matches!(bed.other.open("life").await, Err(Error::NotFound(_))));
        assert!(is_deleted(job.delete().await));
        assert!(is_deleted(job.tombstone().await));
        assert!(is_deleted(job.claim(1).await));
        bed.until("the claim has left nothing", async || left(&bed, "life").await == 0).await;
    }

    async fn flaw_7_a_write_after_deletion_fails_and_leaves_nothing(backend: TestBackend) {
        let bed = Bed::new(backend);
        let job = bed.other.create("after", JobSpec::new(2).history(3)).await.unwrap();
        let (writer, other) = (bed.claim(&job, 0).await, bed.claim(&job, 1).await);
        writer.set("read", Update::new(1)).await.unwrap();
        match job.delete().await {
            Err(Error::Claimed { leases: 2, .. }) => {}
            answer => panic!("two tasks are claimed: {answer:?}"),
        }
        assert_eq!(job.phase().await.unwrap(), Some(Phase::Active));
        writer.set("read", Update::new(2)).await.unwrap();
        job.delete_with(&DeleteOptions::default().force(true)).await.unwrap();
        assert_eq!(left(&bed, "after").await, 0);
        assert!(is_deleted(bed.drive(writer.set("read", Update::new(3))).await));
        for (writer, tag) in [(&writer, "new"), (&other, "read")] {
            match bed.drive(writer.set(tag, Update::new(3))).await {
                Err(Error::Deleted(_) | Error::Lost { .. }) => {}
                answer => panic!("written to a job that is gone: {answer:?}"),
            }
        }
        assert!(is_deleted(job.claim(0).await));
        drop((writer, other));
        bed.until("nothing is left", async || left(&bed, "after").await == 0).await;
    }

    async fn flaw_8_a_job_created_anew_is_another_run(backend: TestBackend) {
        let bed = Bed::new(backend);
        let old = bed.other.create("anew", 1).await.unwrap();
        let stale = bed.claim(&old, 0).await;
        stale.set("read", Update::new(9)).await.unwrap();
        old.delete_with(&DeleteOptions::default().force(true)).await.unwrap();
        let new = bed.other.create("anew", 1).await.unwrap();
        assert!(new.run() > old.run());
        assert_eq!(old.phase().await.unwrap(), None);
        let writer = bed.claim(&new, 0).await;
        let state = writer.set("read", Update::new(1)).await.unwrap();
        assert_eq!((state.version, state.run), (1, new.run()));
        for tag in ["read", "other"] {
            match bed.drive(stale.set(tag, Update::new(7))).await {
                Err(Error::Deleted(_) | Error::Lost { .. }) => {}
                answer => panic!("an old writer wrote to a new job: {answer:?}"),
            }
        }
        assert!(is_deleted(old.claim(0).await));
        assert!(is_deleted(old.delete().await));
        assert_eq!(new.state("read", 0).await.unwrap().unwrap(), *state);
        writer.set("read", Update::new(2)).await.unwrap();
    }

    async fn a_write_to_a_tombstoned_job_revives_it(backend: TestBackend) {
        let bed = Bed::new(backend);
        let job = bed.other.create("revived", 2).await.unwrap();
        let writer = bed.claim(&job, 0).await;
        writer.set("read", Update::new(1)).await.unwrap();
        for tag in ["read", "first"] {
            job.tombstone().await.unwrap();
            writer.set(tag, Update::new(2)).await.unwrap();
            assert_eq!(job.phase().await.unwrap(), Some(Phase::Active), "{tag}");
        }
        assert_eq!(job.state("read", 0).await.unwrap().unwrap().version, 2);
        job.tombstone().await.unwrap();
        let other = bed.claim(&job, 1).await;
        assert_eq!(job.phase().await.unwrap(), Some(Phase::Active), "by a claim");
        drop(other);
    }

    async fn or_it_is_refused(backend: TestBackend) {
        let bed = Bed::new(backend);
        let jobs = Jobs::builder(bed.db.clone()).on_tombstoned(OnTombstoned::Refuse);
        let job: Job = jobs.build().unwrap().create("refused", 2).await.unwrap();
        let writer = bed.claim(&job, 0).await;
        let written = writer.set("read", Update::new(1)).await.unwrap();
        job.tombstone().await.unwrap();
        for tag in ["read", "first"] {
            let refused = writer.set(tag, Update::new(2)).await.unwrap_err();
            assert!(matches!(refused, Error::Tombstoned(_)), "{refused}");
        }
        assert!(matches!(job.claim(1).await, Err(Error::Tombstoned(_))));
        assert_eq!(job.state("read", 0).await.unwrap().unwrap(), *written);
        assert_eq!(job.state("first", 0).await.unwrap(), None);
        job.revive().await.unwrap();
        writer.set("read", Update::new(2)).await.unwrap();
    }

    async fn flaw_10_a_deletion_goes_in_pages(backend: TestBackend) {
        let bed = Bed::new(backend);
        let job = bed.other.create("pages", 900).await.unwrap();
        let states = firekeep_core::CollectionPath::new("jobs/pages/states").unwrap();
        let ids: Vec<_> = (0..900).collect();
        for ids in ids.chunks(450) {
            let write = |id| Write::create(states.doc(format!("bulk:{id}")).unwrap(), fields! {});
            let writes = ids.iter().map(write).collect::<Result<_, _>>();
            bed.db.commit(writes.unwrap()).await.unwrap();
        }
        let (deleted, bill) = bed.backend.bill(job.delete()).await;
        deleted.unwrap();
        assert_eq!(left(&bed, "pages").await, 0);
        assert_eq!(bill.deletes, 901, "{bill:?}");
    }

    async fn jobs_are_listed_by_pages_and_phases(backend: TestBackend) {
        let bed = Bed::new(backend);
        for id in ["a", "b", "c", "d", "e"] {
            bed.other.create(id, 1).await.unwrap();
        }
        bed.other.open("b").await.unwrap().tombstone().await.unwrap();
        bed.db.set("jobs/c", fields! { "numTasks" => 1 }).await.unwrap();
        let all = ListOptions::default().page(2);
        let infos = bed.other.list(&all).unwrap();
        let infos: Vec<_> = futures::StreamExt::collect(infos).await;
        let ids: Vec<_> = infos.iter().flatten().map(|info| info.id.as_str()).collect();
        assert_eq!(ids, ["a", "b", "d", "e"]);
        assert!(matches!(&infos[2], Err(Error::OlderSchema { job, .. }) if job.as_str() == "c"));
        let active = ListOptions::default().phase(Phase::Active).page(1);
        assert_eq!(jobs_in(&bed.other, &active).await, ["a", "d", "e"]);
        assert_eq!(jobs_in(&bed.other, &active.clone().limit(2)).await, ["a", "d"]);
        let after = active.after(firekeep_jobs::JobId::new("a").unwrap());
        assert_eq!(jobs_in(&bed.other, &after).await, ["d", "e"]);
        let tombstoned = ListOptions::default().phase(Phase::Tombstoned);
        assert_eq!(jobs_in(&bed.other, &tombstoned).await, ["b"]);
    }
}
