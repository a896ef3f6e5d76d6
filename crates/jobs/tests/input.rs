//! Bad input is named, and nothing is sent.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::fmt::Debug;
use std::future::Future;
use std::time::Duration;

use firekeep_jobs::{ClaimOptions, Error, Job, JobId, JobSpec, Jobs, Result, Tag, Update};
use firekeep_testkit::{TestBackend, backends};
use support::{Bed, INDEXES, ms, secs, tag};

/// Asserts that `call` fails for `what`, and that nothing was sent.
async fn refuses<T: Debug>(bed: &Bed, what: &str, call: impl Future<Output = Result<T>>) {
    let (answer, bill) = bed.backend.bill(call).await;
    match answer.unwrap_err() {
        Error::Invalid { what: named, .. } => assert_eq!(named, what),
        other => panic!("{what}: {other}"),
    }
    assert_eq!(bill.rpcs, 0, "{what}");
}

async fn job(bed: &Bed, spec: impl Into<JobSpec>) -> Job {
    bed.other.create("j", spec).await.unwrap()
}

#[test]
fn ids_and_tags_are_bounded_by_what_firestore_takes() {
    for id in ["", ".", "..", "__x__", "____", "a/b", &"x".repeat(1_501)] {
        assert!(matches!(JobId::new(id), Err(Error::Invalid { what: "job", .. })), "{id:?}");
    }
    for id in ["x", "...", "__id7__", "__x", "_", "__", "___", &"x".repeat(1_500), "ü:%\n"] {
        assert_eq!(JobId::new(id).unwrap().as_str(), id);
    }
    assert!(Tag::new("t".repeat(1_489)).is_ok() && Tag::new("").is_ok());
    for long in ["t".repeat(1_490), "/".repeat(497), "é".repeat(745)] {
        assert!(matches!(Tag::new(long), Err(Error::Invalid { what: "tag", .. })));
    }
    assert!(Tag::new("/".repeat(496)).is_ok() && Tag::new("é".repeat(744)).is_ok());
}

backends! {
    indexes: INDEXES;

    async fn specs(backend: TestBackend) {
        let bed = Bed::new(backend);
        let jobs = &bed.other;
        refuses(&bed, "tasks", jobs.create("j", 0)).await;
        refuses(&bed, "tasks", jobs.create("j", 1 << 31)).await;
        refuses(&bed, "tasks", jobs.create_or_open("j", 0)).await;
        let tags = |n| (0..n).map(|n| tag(&format!("t{n}")));
        refuses(&bed, "tags", jobs.create("j", JobSpec::new(1).tags(tags(101)))).await;
        refuses(&bed, "history", jobs.create("j", JobSpec::new(1).history(1_001))).await;
        refuses(&bed, "job", jobs.create("", 1)).await;
        refuses(&bed, "job", jobs.open("a/b")).await;
        refuses(&bed, "job", jobs.observe("..")).await;
        let twice = tags(100).chain(tags(100));
        let job = jobs.create("j", JobSpec::new((1 << 31) - 1).tags(twice).history(1_000)).await;
        assert_eq!(job.unwrap().declared_tags().len(), 100, "a tag twice is a tag");
    }

    async fn options(backend: TestBackend) {
        let bed = Bed::new(backend);
        let build = |horizon| Jobs::builder(bed.db.clone()).horizon(horizon).build();
        refuses(&bed, "horizon", async { build(ms(999)) }).await;
        assert!(build(secs(1)).is_ok());
        assert!(Jobs::builder(bed.db.clone()).collection("a/b").build().is_err());
        let job = job(&bed, 1).await;
        let day = secs(86_400);
        let options = ClaimOptions::default;
        for (what, options) in [
            ("stall_after", options().stall_after(ms(99))),
            ("stall_after", options().stall_after(day + ms(1))),
            ("stall_after", options().stall_after(Duration::MAX)),
            ("stall_after", options().heartbeat(ms(10_001))),
            ("stall_after", options().heartbeat(Duration::MAX)),
            ("heartbeat", options().heartbeat(Duration::ZERO)),
            ("progress_interval", options().progress_interval(Duration::MAX)),
            ("owner", options().owner("")),
            ("owner", options().owner("x".repeat(257))),
        ] {
            refuses(&bed, what, job.claim_with(0, &options)).await;
        }
        let most = options().stall_after(day).heartbeat(day / 3).progress_interval(day);
        let writer = bed.claim_with(&job, 0, &most.owner("x".repeat(256))).await;
        for n in 0..2 {
            writer.report("a", n, 2, "").await.unwrap();
        }
    }

    async fn tasks_and_tags(backend: TestBackend) {
        let bed = Bed::new(backend);
        let job = job(&bed, JobSpec::new(2).tags([tag("a"), tag("b")])).await;
        let writer = bed.claim(&job, 1).await;
        for task in [2, u32::MAX] {
            let (claim, bill) = bed.backend.bill(job.claim(task)).await;
            let error = claim.unwrap_err();
            assert!(matches!(error, Error::TaskOutOfRange { tasks: 2, .. }), "{error}");
            assert_eq!(bill.rpcs, 0);
            let (state, bill) = bed.backend.bill(job.state("a", task)).await;
            assert!(matches!(state.unwrap_err(), Error::TaskOutOfRange { tasks: 2, .. }));
            assert_eq!(bill.rpcs, 0);
        }
        let undeclared = async {
            let answers = [
                writer.set("c", Update::new(1)).await.unwrap_err(),
                writer.report("c", 1, 2, "").await.unwrap_err(),
                writer.set_all([(tag("a"), Update::new(1)), (tag("c"), Update::new(1))])
                    .await.unwrap_err(),
            ];
            for error in answers {
                assert!(matches!(error, Error::UnknownTag { .. }), "{error}");
            }
        };
        assert_eq!(bed.backend.bill(undeclared).await.1.rpcs, 0);
        assert_eq!(bed.versions("j").await, [], "all or none");
    }

    async fn updates(backend: TestBackend) {
        let bed = Bed::new(backend);
        let job = job(&bed, JobSpec::new(1).history(1)).await;
        let writer = bed.claim(&job, 0).await;
        let cells = |n| (0..n).map(|n| (tag(&format!("t{n}")), Update::new(1)));
        refuses(&bed, "updates", writer.set_all(cells(101))).await;
        refuses(&bed, "updates", writer.set_all([])).await;
        refuses(&bed, "updates", writer.set_all(cells(2).chain(cells(1)))).await;
        refuses(&bed, "event_id", writer.set("a", Update::new(1).event_id(""))).await;
        let long = Update::new(1).event_id("x".repeat(129));
        refuses(&bed, "event_id", writer.set("a", long)).await;
        refuses(&bed, "tag", writer.set("x".repeat(1_490), Update::new(1))).await;
        let over = u64::try_from(i64::MAX).unwrap() + 1;
        refuses(&bed, "progress", writer.set("a", Update::new(1).progress(over, 0))).await;
        refuses(&bed, "progress", writer.report("a", 0, over, "")).await;
        // What a history adds to an id must fit, too.
        refuses(&bed, "tag", writer.set("x".repeat(1_489), Update::new(1))).await;
        refuses(&bed, "tag", writer.report("x".repeat(1_489), 1, 2, "")).await;
        writer.set("x".repeat(1_470), Update::new(1)).await.unwrap();
        writer.set("a", Update::new(1).event_id("x".repeat(128))).await.unwrap();
        assert_eq!(writer.set_all(cells(100)).await.unwrap().len(), 100);
    }

    async fn the_longest_names_are_written_and_read(backend: TestBackend) {
        let bed = Bed::new(backend);
        let id = "j".repeat(1_500);
        let job = bed.other.create(&*id, (1 << 31) - 1).await.unwrap();
        let task = job.tasks() - 1;
        let writer = bed.claim(&job, task).await;
        let longest = "t".repeat(1_489);
        let state = writer.set(&*longest, Update::failed(i32::MIN).progress(0, i64::MAX as u64));
        let state = state.await.unwrap();
        assert_eq!(job.state(&*longest, task).await.unwrap().unwrap(), *state);
        for odd in ["", ".", "a/b:%\n", "__x__"] {
            let state = writer.set(odd, Update::new(1)).await.unwrap();
            assert_eq!(job.state(odd, task).await.unwrap().unwrap(), *state, "{odd:?}");
        }
    }
}
