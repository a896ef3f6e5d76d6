//! Lost, late and repeated messages: each update is applied once, and versions have no holes.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::pin::pin;

use firekeep_core::{Clock, ErrorKind as Store, Operation, SystemClock};
use firekeep_jobs::{Claim, Error, Job, JobSpec, Reported, TaskWriter, Update};
use firekeep_layers::{Fault, Rates};
use firekeep_testkit::{TestBackend, backends};
use futures::future::join_all;
use support::{Bed, INDEXES, ms, poll_once, secs, seeds, tag, yields};

const LATE: Fault = Fault::Late { calls: u32::MAX };
/// What may befall a commit.
const BEFALLS: [Fault; 5] =
    [Fault::LoseReply, Fault::LoseRequest, LATE, Fault::Duplicate, Fault::Fail(Store::Unavailable)];

async fn kept_job(bed: &Bed) -> Job {
    bed.jobs.create("j", JobSpec::new(2).history(100)).await.unwrap()
}

/// What a version of a cell was written by.
async fn events_are(bed: &Bed, cell: &str, count: i64) {
    assert_eq!(bed.history("j", cell).await, (1..=count).collect::<Vec<_>>(), "{cell}");
    let version = bed.versions("j").await.into_iter().find(|(id, _)| id == cell).unwrap().1;
    assert_eq!(version, count, "{cell}");
}

/// How many cells say that they are the first of their task.
async fn firsts(bed: &Bed) -> usize {
    let cells = bed.documents("jobs/j/states").await;
    cells.iter().filter(|cell| cell.get("first").is_some()).count()
}

/// Polls `work` up to `polls` times, letting everything else run in between. `false` if it is done then.
async fn abandon<T>(bed: &Bed, work: impl Future<Output = T>, polls: usize) -> bool {
    let mut work = pin!(work);
    for _ in 0..polls {
        if poll_once(work.as_mut()).await.is_some() {
            return false;
        }
        tokio::task::yield_now().await;
        match bed.backend.clock() {
            Some(clock) => clock.advance(ms(20)),
            None => SystemClock.sleep(ms(1)).await,
        }
    }
    true
}

backends! {
    indexes: INDEXES;

    async fn each_update_is_applied_once_whatever_befalls_its_commit(backend: TestBackend) {
        let bed = Bed::new(backend);
        let job = kept_job(&bed).await;
        let writer = bed.claim(&job, 0).await;
        let mut version = 0;
        for round in 0..2 {
            for fault in BEFALLS {
                version += 1;
                bed.faults.next(Operation::Commit, fault);
                let state = bed.drive(writer.set("a", Update::new(round))).await.unwrap();
                assert_eq!(state.version, version, "{fault:?}");
                let stored = bed.other.open("j").await.unwrap().state("a", 0).await.unwrap();
                assert_eq!(stored.as_ref(), Some(&*state), "{fault:?}");
                bed.faults.release_late().await;
                events_are(&bed, "a:0", i64::try_from(version).unwrap()).await;
            }
        }
        assert_eq!(firsts(&bed).await, 1);
    }

    async fn the_first_write_of_a_cell_is_applied_once_whatever_befalls_it(backend: TestBackend) {
        let bed = Bed::new(backend);
        let job = kept_job(&bed).await;
        let writer = bed.claim(&job, 0).await;
        for (n, fault) in BEFALLS.into_iter().enumerate() {
            bed.faults.next(Operation::Commit, fault);
            let state = bed.drive(writer.set(format!("t{n}"), Update::new(1))).await.unwrap();
            assert_eq!(state.version, 1, "{fault:?}");
            bed.faults.release_late().await;
            events_are(&bed, &format!("t{n}:0"), 1).await;
        }
        assert_eq!(firsts(&bed).await, 1);
    }

    async fn a_late_first_write_that_was_given_up_makes_no_second_first(backend: TestBackend) {
        let bed = Bed::new(backend);
        let job = kept_job(&bed).await;
        let writer = bed.claim(&job, 0).await;
        bed.faults.next(Operation::Commit, LATE);
        bed.faults.next(Operation::BatchGet, Fault::Fail(Store::PermissionDenied));
        bed.drive(writer.set("a", Update::new(1))).await.unwrap_err();
        let state = bed.drive(writer.set("b", Update::new(1))).await.unwrap();
        assert_eq!(state.version, 1);
        bed.faults.release_late().await;
        assert_eq!(firsts(&bed).await, 1);
        let state = bed.drive(writer.set("a", Update::new(2))).await.unwrap();
        events_are(&bed, "a:0", i64::try_from(state.version).unwrap()).await;
        assert_eq!(firsts(&bed).await, 1);
    }

    async fn a_late_update_that_was_given_up_takes_its_version_or_none(backend: TestBackend) {
        let bed = Bed::new(backend);
        let job = kept_job(&bed).await;
        let writer = bed.claim(&job, 0).await;
        for tag in ["a", "b"] {
            writer.set(tag, Update::new(1)).await.unwrap();
        }
        bed.faults.next(Operation::Commit, LATE);
        bed.faults.next(Operation::BatchGet, Fault::Fail(Store::PermissionDenied));
        bed.drive(writer.set("a", Update::new(2))).await.unwrap_err();
        bed.drive(writer.set("b", Update::new(2))).await.unwrap();
        bed.faults.release_late().await;
        let state = bed.drive(writer.set("a", Update::new(3))).await.unwrap();
        assert_eq!(state.status.as_i32(), 3);
        events_are(&bed, "a:0", i64::try_from(state.version).unwrap()).await;
        events_are(&bed, "b:0", 2).await;
    }

    async fn an_update_that_is_dropped_half_way_happens_or_not(backend: TestBackend) {
        let bed = Bed::new(backend);
        let job = kept_job(&bed).await;
        let writer = bed.claim(&job, 0).await;
        let mut is_abandoned = [true; 3];
        for polls in 1..100 {
            let status = i32::try_from(polls).unwrap();
            for (n, fault) in [None, Some(Fault::LoseReply), Some(LATE)].into_iter().enumerate() {
                if !is_abandoned[n] {
                    continue;
                }
                if let Some(fault) = fault {
                    bed.faults.next(Operation::Commit, fault);
                }
                let all = [(tag("a"), Update::new(status)), (tag("b"), Update::new(status))];
                is_abandoned[n] = abandon(&bed, writer.set_all(all), polls).await;
                bed.faults.quiet();
                bed.faults.resume();
                if polls % 2 == 0 {
                    bed.faults.release_late().await;
                }
                let state = bed.drive(writer.set("c", Update::new(status))).await.unwrap();
                events_are(&bed, "c:0", i64::try_from(state.version).unwrap()).await;
            }
        }
        bed.faults.release_late().await;
        assert!(!is_abandoned[0], "it came to its end once");
        let all = [(tag("a"), Update::new(0)), (tag("b"), Update::new(0))];
        let states = bed.drive(writer.set_all(all)).await.unwrap();
        assert_eq!(states[0].version, states[1].version, "all or none, each time");
        for state in &states {
            events_are(&bed, &state.key.doc_id(), i64::try_from(state.version).unwrap()).await;
        }
        assert_eq!(firsts(&bed).await, 1);
    }

    async fn a_store_that_is_away_for_a_while_loses_nothing(backend: TestBackend) {
        let bed = Bed::new(backend);
        let job = kept_job(&bed).await;
        let writer = bed.claim(&job, 0).await;
        for nth in 1..=4 {
            bed.faults.nth(Operation::Commit, nth, Fault::LoseRequest);
            bed.faults.nth(Operation::Query, nth, Fault::Fail(Store::Unavailable));
        }
        let state = bed.drive(writer.set("a", Update::new(7))).await.unwrap();
        assert_eq!(state.version, 1);
        events_are(&bed, "a:0", 1).await;
    }

    async fn a_retry_from_another_process_applies_once(backend: TestBackend) {
        let bed = Bed::new(backend);
        let job = kept_job(&bed).await;
        let update = || Update::new(4).event_id("order-17").message("the same");
        let writer = bed.claim(&job, 0).await;
        writer.set("a", Update::new(1)).await.unwrap();
        // Nobody hears that it is written, and the process dies.
        bed.faults.next(Operation::Commit, Fault::LoseReply);
        bed.faults.next(Operation::BatchGet, Fault::Fail(Store::PermissionDenied));
        bed.drive(writer.set("a", update())).await.unwrap_err();
        drop(writer);
        let writer = bed.claim(&job, 0).await;
        let state = bed.drive(writer.set("a", update())).await.unwrap();
        assert_eq!((state.version, state.attempt), (2, 1), "it is the one that was written");
        assert_eq!(writer.set("a", update()).await.unwrap(), state);
        events_are(&bed, "a:0", 2).await;
        let both = [(tag("a"), update()), (tag("b"), update())];
        let states = writer.set_all(both).await.unwrap();
        assert_eq!((states[0].version, states[1].version), (2, 1), "what is new is written");
    }

    async fn progress_whose_reply_is_lost_is_written_once(backend: TestBackend) {
        let bed = Bed::new(backend);
        let job = kept_job(&bed).await;
        let writer = bed.claim(&job, 0).await;
        writer.set("a", Update::new(1)).await.unwrap();
        assert_eq!(writer.report("a", 5, 9, "").await.unwrap(), Reported::Deferred);
        bed.faults.next(Operation::Commit, Fault::LoseReply);
        bed.drive(writer.flush()).await.unwrap();
        bed.drive(writer.flush()).await.unwrap();
        assert!(bed.drive(writer.close()).await.unwrap().is_done());
        events_are(&bed, "a:0", 2).await;
    }

    async fn a_flush_that_gave_up_is_not_applied_twice(backend: TestBackend) {
        let bed = Bed::new(backend);
        let job = kept_job(&bed).await;
        let writer = bed.claim(&job, 0).await;
        writer.set("a", Update::new(1)).await.unwrap();
        assert_eq!(writer.report("a", 5, 9, "").await.unwrap(), Reported::Deferred);
        bed.faults.next(Operation::Commit, Fault::LoseReply);
        bed.faults.next(Operation::BatchGet, Fault::Fail(Store::PermissionDenied));
        bed.drive(writer.flush()).await.unwrap_err();
        assert!(bed.drive(writer.close()).await.unwrap().is_done());
        events_are(&bed, "a:0", 2).await;
    }

    async fn a_creation_whose_reply_is_lost_is_known_again(backend: TestBackend) {
        let bed = Bed::new(backend);
        for (n, fault) in BEFALLS.into_iter().enumerate() {
            bed.faults.next(Operation::Commit, fault);
            if n % 2 == 0 {
                bed.faults.next(Operation::BatchGet, Fault::Fail(Store::Unavailable));
            }
            let id = format!("j{n}");
            let job = bed.drive(bed.jobs.create(&*id, 1)).await.unwrap();
            bed.faults.release_late().await;
            assert_eq!(bed.other.open(&*id).await.unwrap().run(), job.run());
            assert!(matches!(bed.other.create(&*id, 1).await, Err(Error::Exists(_))));
        }
    }

    async fn a_claim_whose_replies_are_lost_is_won_and_fences(backend: TestBackend) {
        let bed = Bed::new(backend);
        let job = kept_job(&bed).await;
        bed.claim(&job, 0).await.set("a", Update::new(1)).await.unwrap();
        for (n, fault) in BEFALLS.into_iter().enumerate() {
            // The claim itself, then the marks on the cells.
            bed.until("free", async || bed.documents("jobs/j/leases").await.iter().all(|lease| {
                lease.get("holders").and_then(|h| h.as_map()).is_none_or(|h| h.is_empty())
            })).await;
            bed.faults.next(Operation::Commit, fault);
            bed.faults.next(Operation::Commit, fault);
            let writer = bed.claim(&job, 0).await;
            bed.faults.quiet();
            bed.faults.resume();
            let state = bed.drive(writer.set("a", Update::new(1))).await.unwrap();
            assert_eq!(state.version, u64::try_from(n).unwrap() + 2, "{fault:?}");
            bed.faults.release_late().await;
            let state = bed.drive(writer.close()).await.unwrap();
            assert!(state.is_done(), "{fault:?}");
            events_are(&bed, "a:0", i64::try_from(n).unwrap() + 2).await;
        }
    }
}

/// Writers that race on a network that loses, repeats, delays and holds up, one process after the
/// other: every answered update is one version, and versions have no holes.
async fn race(bed: &Bed, seed: u64, rounds: usize) {
    let mut random = fastrand::Rng::with_seed(seed);
    bed.other.create("j", JobSpec::new(1).history(1000)).await.unwrap();
    let mut answered = vec![];
    for round in 0..rounds {
        let Ok(job) = bed.drive(bed.jobs.open("j")).await else { continue };
        let Some(writer) = bed.drive(job.claim(0)).await.ok().and_then(Claim::writer) else {
            bed.pass(secs(11)).await;
            continue;
        };
        let work = async |writer: &TaskWriter, name: String| {
            let update = Update::new(1).event_id(name.clone()).message(name.clone());
            writer.set("a", update).await.ok().map(|state| (state.version, name))
        };
        let names = (0..random.usize(1..5)).map(|n| format!("{seed}.{round}.{n}"));
        let all = join_all(names.map(|name| work(&writer, name)));
        answered.extend(bed.drive(all).await.into_iter().flatten());
        if random.bool() {
            let _ = bed.drive(writer.close()).await;
        }
        yields().await;
    }
    bed.faults.quiet();
    bed.faults.release_late().await;
    let writer = bed.claim(&bed.other.open("j").await.unwrap(), 0).await;
    let last = bed.drive(writer.set("a", Update::new(2))).await.unwrap();
    events_are(bed, "a:0", i64::try_from(last.version).unwrap()).await;
    for (version, name) in answered {
        let event = bed.db.get(format!("jobs/j/events/a:0@{version}")).await.unwrap().unwrap();
        assert_eq!(support::text(&event, "eventID"), Some(&*name), "seed {seed}");
    }
    let events = bed.documents("jobs/j/events").await;
    let mut ids: Vec<_> = events.iter().filter_map(|e| support::text(e, "eventID")).collect();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), events.len(), "seed {seed}: an update was applied twice");
}

fn stormy() -> Rates {
    Rates {
        fail: 0.05,
        lose_request: 0.05,
        lose_reply: 0.1,
        late: 0.1,
        duplicate: 0.05,
        delay: 0.05,
        delay_reply: 0.05,
        ..Rates::default()
    }
}

#[test]
fn writers_that_race_through_storms_leave_no_holes() {
    seeds(0..200, async |seed| {
        let bed = Bed::stormy(TestBackend::on_memory(INDEXES), seed, stormy());
        race(&bed, seed, 6).await;
    });
}
