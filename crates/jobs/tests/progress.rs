//! Progress: seldom written, never lost, never out of order.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use firekeep_core::{ErrorKind as Store, Operation};
use firekeep_jobs::{ClaimOptions, Reported, State, Status, TaskWriter, Update};
use firekeep_layers::Fault;
use firekeep_testkit::{TestBackend, backends};
use futures::future::join_all;
use support::{Bed, INDEXES, ms, secs, tag};

/// An hour, so that nothing is due unless the test says so.
fn seldom() -> ClaimOptions {
    ClaimOptions::default().progress_interval(secs(3_600))
}

async fn writer(bed: &Bed, options: &ClaimOptions) -> TaskWriter {
    let job = bed.jobs.create_or_open("j", 1).await.unwrap();
    bed.claim_with(&job, 0, options).await
}

async fn stored(bed: &Bed, tag: &str) -> Option<State> {
    bed.other.observe("j").await.unwrap().state(tag, 0).await.unwrap()
}

async fn done(bed: &Bed, tag: &str) -> Option<u64> {
    stored(bed, tag).await?.progress.map(|progress| progress.done)
}

backends! {
    indexes: INDEXES;

    async fn a_hot_loop_writes_once_per_interval_and_its_end(backend: TestBackend) {
        let bed = Bed::new(backend);
        let interval = ms(200);
        let writer = writer(&bed, &ClaimOptions::default().progress_interval(interval)).await;
        let start = bed.now().await;
        let mut written = 0;
        for n in 1..=300 {
            let reported = writer.report("a", n, 300, "").await.unwrap();
            written += u64::from(matches!(reported, Reported::Written(_)));
            bed.pass(ms(5)).await;
        }
        let took = bed.now().await.since(start);
        let most = u64::try_from(took.as_millis() / interval.as_millis()).unwrap() + 1;
        let state = stored(&bed, "a").await.unwrap();
        assert!((2..=most).contains(&state.version), "{} in {took:?}", state.version);
        assert!(written <= state.version);
        assert!(writer.close().await.unwrap().is_done());
        assert_eq!(done(&bed, "a").await, Some(300));
    }

    async fn reports_at_once_are_one_write(backend: TestBackend) {
        let bed = Bed::new(backend);
        let writer = writer(&bed, &seldom()).await;
        let all = join_all((1..=50).map(|n| writer.report("a", n, 50, ""))).await;
        assert!(all.iter().all(|reported| reported.is_ok()));
        assert_eq!(stored(&bed, "a").await.unwrap().version, 1);
        writer.flush().await.unwrap();
        assert_eq!(done(&bed, "a").await, Some(50));
        assert!(stored(&bed, "a").await.unwrap().version <= 2);
    }

    async fn a_report_that_is_due_overtakes_the_one_that_waits(backend: TestBackend) {
        let bed = Bed::new(backend);
        let writer = writer(&bed, &ClaimOptions::default().progress_interval(ms(300))).await;
        writer.report("a", 1, 9, "").await.unwrap();
        assert_eq!(writer.report("a", 2, 9, "").await.unwrap(), Reported::Deferred);
        match bed.backend.clock() {
            // The task that writes what waits is woken, and has not run yet.
            Some(clock) => clock.advance(ms(300)),
            None => bed.pass(ms(300)).await,
        }
        writer.report("a", 3, 9, "").await.unwrap();
        for _ in 0..3 {
            bed.pass(ms(301)).await;
        }
        assert_eq!(done(&bed, "a").await, Some(3), "progress does not go back");
    }

    async fn the_last_value_arrives_by_itself_and_by_flush_close_and_drop(backend: TestBackend) {
        let bed = Bed::new(backend);
        let first = writer(&bed, &ClaimOptions::default().progress_interval(ms(200))).await;
        first.report("a", 1, 9, "").await.unwrap();
        assert_eq!(first.report("a", 2, 9, "two").await.unwrap(), Reported::Deferred);
        bed.until("it is written by itself", async || done(&bed, "a").await == Some(2)).await;
        assert_eq!(stored(&bed, "a").await.unwrap().message, "two");
        assert!(first.close().await.unwrap().is_done());

        let second = writer(&bed, &seldom()).await;
        second.report("a", 3, 9, "").await.unwrap();
        assert_eq!(second.report("a", 4, 9, "").await.unwrap(), Reported::Deferred);
        assert_eq!(done(&bed, "a").await, Some(3));
        second.flush().await.unwrap();
        assert_eq!(done(&bed, "a").await, Some(4));
        assert_eq!(second.report("a", 5, 9, "").await.unwrap(), Reported::Deferred);
        assert!(second.close().await.unwrap().is_done());
        assert_eq!(done(&bed, "a").await, Some(5));

        let third = writer(&bed, &seldom()).await;
        third.report("a", 6, 9, "").await.unwrap();
        assert_eq!(third.report("a", 7, 9, "").await.unwrap(), Reported::Deferred);
        drop(third);
        bed.until("it is written on drop", async || done(&bed, "a").await == Some(7)).await;
    }

    async fn a_status_takes_along_what_waits_or_says_it_better(backend: TestBackend) {
        let bed = Bed::new(backend);
        let writer = writer(&bed, &seldom()).await;
        writer.set("a", Update::new(1)).await.unwrap();
        assert_eq!(writer.report("a", 1, 9, "").await.unwrap(), Reported::Deferred);
        assert_eq!(writer.report("b", 2, 9, "").await.unwrap(), Reported::Deferred);
        let states = writer.set_all([(tag("a"), Update::finished())]).await.unwrap();
        assert_eq!(states.len(), 1, "what is asked for is answered");
        let a = stored(&bed, "a").await.unwrap();
        assert_eq!((a.status, a.version, a.progress), (Status::FINISHED, 2, None), "at once");
        let b = stored(&bed, "b").await.unwrap();
        assert_eq!((b.version, b.committed_at), (1, a.committed_at), "in the same commit");
        writer.flush().await.unwrap();
        assert_eq!(bed.versions("j").await, [("a:0".to_owned(), 2), ("b:0".to_owned(), 1)]);
    }

    async fn more_tags_than_one_write_holds_are_flushed_in_several(backend: TestBackend) {
        let bed = Bed::new(backend);
        let writer = writer(&bed, &seldom()).await;
        writer.set("a", Update::new(1)).await.unwrap();
        for n in 0..150 {
            assert_eq!(writer.report(format!("t{n}"), n, 0, "").await.unwrap(), Reported::Deferred);
        }
        assert!(bed.drive(writer.close()).await.unwrap().is_done());
        assert_eq!(bed.versions("j").await.len(), 151);
    }

    async fn progress_that_cannot_be_written_holds_up_no_status(backend: TestBackend) {
        let bed = Bed::new(backend);
        let writer = writer(&bed, &seldom()).await;
        writer.set("a", Update::new(1)).await.unwrap();
        let long = "m".repeat(1_100_000);
        assert_eq!(writer.report("b", 1, 9, &long).await.unwrap(), Reported::Deferred);
        let state = bed.drive(writer.set("a", Update::finished())).await.unwrap();
        assert_eq!(state.version, 2);
        if bed.backend.is_memory() {
            bed.drive(writer.flush()).await.unwrap_err();
        }
        writer.set("b", Update::new(1)).await.unwrap();
        bed.drive(writer.flush()).await.unwrap();
    }

    async fn what_fails_in_the_background_is_told_and_tried_again(backend: TestBackend) {
        let bed = Bed::new(backend);
        let writer = writer(&bed, &ClaimOptions::default().progress_interval(ms(200))).await;
        writer.report("a", 1, 9, "").await.unwrap();
        // The next two: one in the background, one by the caller. Heartbeats come in 8 s.
        for _ in 0..2 {
            bed.faults.next(Operation::Commit, Fault::Fail(Store::PermissionDenied));
        }
        assert_eq!(writer.report("a", 2, 9, "").await.unwrap(), Reported::Deferred);
        bed.until("it failed", async || bed.faults.injected() == 1).await;
        bed.drive(writer.flush()).await.unwrap_err();
        assert_eq!(done(&bed, "a").await, Some(1));
        bed.drive(writer.flush()).await.unwrap();
        assert_eq!(done(&bed, "a").await, Some(2));
    }

    async fn what_waits_outlives_an_outage_without_another_call(backend: TestBackend) {
        let bed = Bed::new(backend);
        let writer = writer(&bed, &ClaimOptions::default().progress_interval(ms(200))).await;
        writer.report("a", 1, 9, "").await.unwrap();
        // One try is ten attempts at most; on the emulator these take their time.
        let attempts = if bed.backend.is_memory() { 14 } else { 3 };
        for _ in 0..attempts {
            bed.faults.next(Operation::Commit, Fault::Fail(Store::Unavailable));
        }
        assert_eq!(writer.report("a", 2, 9, "").await.unwrap(), Reported::Deferred);
        for _ in 0..20 {
            bed.pass(ms(1_000)).await;
            if done(&bed, "a").await == Some(2) {
                return assert!(bed.faults.injected() >= attempts);
            }
        }
        panic!("the last value does not arrive");
    }

    async fn a_report_that_is_dropped_half_way_still_arrives(backend: TestBackend) {
        let bed = Bed::new(backend);
        let writer = writer(&bed, &ClaimOptions::default().progress_interval(ms(200))).await;
        bed.faults.next(Operation::Commit, Fault::Delay(ms(50)));
        let mut report = Box::pin(writer.report("a", 1, 9, ""));
        assert!(support::poll_once(report.as_mut()).await.is_none());
        drop(report);
        bed.until("it is written", async || done(&bed, "a").await == Some(1)).await;
    }
}
