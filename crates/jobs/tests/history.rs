//! History: every version once, in order, or an error; never a silent hole.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use firekeep_core::Operation;
use firekeep_jobs::{Cursor, Error, Event, HistoryWatch, JobSpec, Jobs, Key, Scope, Update};
use firekeep_layers::Fault;
use firekeep_testkit::TestBackend;
use futures::StreamExt;

use support::{Bed, INDEXES, ms, tag, yields};

/// The next so many versions, and whether they were replayed.
async fn versions(watch: &mut HistoryWatch, count: usize) -> Vec<(String, u64, bool)> {
    let mut versions = vec![];
    while versions.len() < count {
        if let Event::State { state, replay, skipped, .. } = watch.next().await.unwrap().unwrap() {
            assert_eq!(skipped, 0);
            versions.push((state.key.to_string(), state.version, replay));
        }
    }
    versions
}

async fn replay_done(watch: &mut HistoryWatch) -> Cursor {
    match watch.next().await.unwrap().unwrap() {
        Event::ReplayDone { cursor } => cursor,
        event => panic!("{event:?}"),
    }
}

firekeep_testkit::backends! {
    indexes: INDEXES;

    async fn a_job_keeps_as_many_versions_as_it_was_told_to(backend: TestBackend) {
        let bed = Bed::new(backend);
        let job = bed.other.create("kept", JobSpec::new(1).history(3)).await.unwrap();
        let writer = bed.claim(&job, 0).await;
        for step in 1..=12 {
            writer.set("read", Update::new(step)).await.unwrap();
        }
        let kept = job.history_of(&Key::new(tag("read"), 0)).await.unwrap();
        let kept: Vec<_> = kept.iter().map(|state| (state.version, state.status.as_i32())).collect();
        assert_eq!(kept, [(10, 10), (11, 11), (12, 12)]);
        let none = bed.other.create("none", 1).await.unwrap();
        let error = none.history_of(&Key::new(tag("read"), 0)).await.unwrap_err();
        assert!(matches!(error, Error::Invalid { what: "history", .. }), "{error}");
        assert!(matches!(none.watch_history(Scope::Job), Err(Error::Invalid { .. })));
    }

    async fn every_version_comes_once_and_in_order_on_one_listen(backend: TestBackend) {
        let bed = Bed::new(backend);
        let job = bed.other.create("all", JobSpec::new(2).history(50)).await.unwrap();
        let writers = [bed.claim(&job, 0).await, bed.claim(&job, 1).await];
        writers[0].set("read", Update::new(1)).await.unwrap();
        writers[0].set("read", Update::new(2)).await.unwrap();
        let mut watch = job.watch_history(Scope::Job).unwrap();
        let mut cell = job.watch_history(Scope::Cell(Key::new(tag("read"), 1))).unwrap();
        let of = |key: &str, version, replay| (key.to_owned(), version, replay);
        assert_eq!(versions(&mut watch, 2).await, [of("read:0", 1, true), of("read:0", 2, true)]);
        let cursor = replay_done(&mut watch).await;
        for step in 1..=20 {
            writers[1].set("read", Update::new(step)).await.unwrap();
        }
        let live: Vec<_> = (1..=20).map(|version| of("read:1", version, false)).collect();
        assert_eq!(versions(&mut watch, 20).await, live);
        let told: Vec<_> = versions(&mut cell, 20).await.into_iter().map(|told| told.1).collect();
        assert_eq!(told, Vec::from_iter(1..=20));
        assert_eq!(bed.backend.meter().of(Operation::Watch).rpcs, 1);
        let process = Jobs::new(bed.db.clone()).observe("all").await.unwrap();
        let mut later = process.watch_history_from(Scope::Job, &cursor).unwrap();
        let told: Vec<_> = versions(&mut later, 20).await.into_iter().map(|told| told.1).collect();
        assert_eq!(told, Vec::from_iter(1..=20));
        replay_done(&mut later).await;
    }

    async fn every_version_comes_once_whatever_becomes_of_the_listen(backend: TestBackend) {
        let bed = Bed::new(backend);
        let job = bed.other.create("faults", JobSpec::new(2).history(1000)).await.unwrap();
        let writers = [bed.claim(&job, 0).await, bed.claim(&job, 1).await];
        let observer = bed.jobs.observe("faults").await.unwrap();
        let mut watch = observer.watch_history(Scope::Job).unwrap();
        let mut rng = fastrand::Rng::with_seed(7);
        let (mut told, mut written) = (vec![], vec![]);
        for step in 0..60 {
            let fault = match rng.u8(..6) {
                0 => Some(Fault::Cut),
                1 => Some(Fault::Reset),
                2 => Some(Fault::Coalesce(ms(2))),
                _ => None,
            };
            if let Some(fault) = fault {
                bed.faults.next(Operation::Watch, fault);
            }
            let tags = [(tag("read"), Update::new(step)), (tag("clean"), Update::new(step))];
            let states = rng.choice(&writers).unwrap().set_all(tags).await.unwrap();
            written.extend(states.iter().map(|state| (state.key.to_string(), state.version)));
            yields().await;
            if step % 7 == 6 {
                told.extend(bed.drive(versions(&mut watch, 3)).await);
            }
        }
        let left = written.len() - told.len();
        told.extend(bed.drive(versions(&mut watch, left)).await);
        let told: Vec<_> = told.into_iter().map(|(key, version, _)| (key, version)).collect();
        assert_eq!(told, written, "in the order of their commits, and by key within one");
        assert!(bed.faults.injected() > 5);
    }

    async fn who_is_too_slow_for_what_is_kept_is_told_and_not_skipped(backend: TestBackend) {
        let bed = Bed::new(backend);
        let job = bed.other.create("slow", JobSpec::new(2).history(2)).await.unwrap();
        let writers = [bed.claim(&job, 0).await, bed.claim(&job, 1).await];
        writers[0].set("read", Update::new(1)).await.unwrap();
        let mut watch = job.watch_history(Scope::Job).unwrap();
        versions(&mut watch, 1).await;
        let cursor = replay_done(&mut watch).await;
        let mut unconcerned = job.watch_history(Scope::Task(1)).unwrap();
        replay_done(&mut unconcerned).await;
        let board = job.board().unwrap();
        for step in 2..=6 {
            writers[0].set("read", Update::new(step)).await.unwrap();
        }
        writers[1].set("read", Update::new(1)).await.unwrap();
        // The other task's version comes last: then the first task's have been trimmed.
        assert_eq!(versions(&mut unconcerned, 1).await[0].1, 1);
        let error = loop {
            match watch.next().await.unwrap() {
                Ok(Event::State { .. }) => panic!("a version was skipped"),
                Ok(_) => {}
                Err(error) => break error,
            }
        };
        assert!(matches!(error, Error::CursorTooOld(_)), "{error}");
        assert!(watch.next().await.is_none());
        let process = Jobs::new(bed.db.clone()).observe("slow").await.unwrap();
        let mut late = process.watch_history_from(Scope::Job, &cursor).unwrap();
        assert!(matches!(late.next().await, Some(Err(Error::CursorTooOld(_)))));
        let mut fine = process.watch_history_from(Scope::Task(1), &cursor).unwrap();
        assert_eq!(versions(&mut fine, 1).await[0].1, 1);
        drop(board);
    }
}
