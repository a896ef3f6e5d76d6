//! Streams: replay, then live, without a gap; one listen however many subscribe.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::pin::pin;

use firekeep_core::{ErrorKind, Operation, fields};
use firekeep_jobs::{Error, Event, Key, Scope, Status, Update, Watch};
use firekeep_layers::Fault;
use firekeep_testkit::TestBackend;
use futures::StreamExt;

use support::{Bed, INDEXES, poll_once, tag, yields};

/// The next event that is no bookmark.
async fn next(watch: &mut Watch) -> Event {
    loop {
        match watch.next().await.expect("the stream goes on").unwrap() {
            Event::Bookmark { .. } => {}
            event => return event,
        }
    }
}

/// The next state: its task, version, and whether it is replayed, and how many were skipped.
async fn state(watch: &mut Watch) -> (u32, u64, bool, u64) {
    match next(watch).await {
        Event::State { state, replay, skipped, .. } => {
            (state.key.task, state.version, replay, skipped)
        }
        event => panic!("{event:?} is no state"),
    }
}

/// Whether a state is due now.
async fn has_state(watch: &mut Watch) -> bool {
    while let Some(event) = poll_once(pin!(watch.next())).await {
        if matches!(event, Some(Ok(Event::State { .. }))) {
            return true;
        }
    }
    false
}

async fn replay_done(watch: &mut Watch) {
    let event = next(watch).await;
    assert!(matches!(event, Event::ReplayDone { .. }), "{event:?}");
}

firekeep_testkit::backends! {
    indexes: INDEXES;

    async fn a_watch_replays_marks_and_follows(backend: TestBackend) {
        let bed = Bed::new(backend);
        let job = bed.other.create("follow", 3).await.unwrap();
        let (zero, one) = (bed.claim(&job, 0).await, bed.claim(&job, 1).await);
        one.set("read", Update::new(1)).await.unwrap();
        zero.set("read", Update::new(1)).await.unwrap();
        let mut watch = job.watch(Scope::Job).unwrap();
        // In the order of their commits, not of their keys.
        assert_eq!(state(&mut watch).await, (1, 1, true, 0));
        assert_eq!(state(&mut watch).await, (0, 1, true, 0));
        replay_done(&mut watch).await;
        zero.set("read", Update::finished()).await.unwrap();
        assert_eq!(state(&mut watch).await, (0, 2, false, 0));
        one.set_all([(tag("read"), Update::new(2)), (tag("clean"), Update::new(1))]).await.unwrap();
        assert_eq!(state(&mut watch).await, (1, 1, false, 0));
        assert_eq!(state(&mut watch).await, (1, 2, false, 0));
    }

    async fn subscribers_share_a_listen_that_ends_with_the_last(backend: TestBackend) {
        let bed = Bed::new(backend);
        let job = bed.other.create("share", 2).await.unwrap();
        let writer = bed.claim(&job, 0).await;
        writer.set("read", Update::new(1)).await.unwrap();
        let listens = || bed.backend.meter().of(Operation::Watch);
        let mut watches = vec![];
        for scope in [Scope::Job, Scope::Tag(tag("read")), Scope::Task(0), Scope::Cell(Key::new(tag("read"), 0))] {
            let handle = bed.other.observe("share").await.unwrap();
            watches.push(handle.watch(scope).unwrap());
        }
        let mut elsewhere = job.watch(Scope::Task(1)).unwrap();
        for watch in &mut watches {
            assert_eq!(state(watch).await, (0, 1, true, 0));
            replay_done(watch).await;
        }
        replay_done(&mut elsewhere).await;
        // One is closed; the others are none the wiser.
        drop(watches.remove(0));
        writer.set("read", Update::finished()).await.unwrap();
        for watch in &mut watches {
            assert_eq!(state(watch).await, (0, 2, false, 0));
        }
        assert!(!has_state(&mut elsewhere).await, "nothing of its task");
        assert_eq!(listens().rpcs, 1);
        drop((watches, elsewhere));
        yields().await;
        let before = listens();
        writer.set("read", Update::new(3)).await.unwrap();
        yields().await;
        assert_eq!(listens().reads, before.reads, "nobody listens");
        let mut again = job.watch(Scope::Job).unwrap();
        assert_eq!(state(&mut again).await, (0, 3, true, 0));
        assert_eq!(listens().rpcs, 2);
    }

    async fn who_was_not_polled_is_told_the_latest_and_how_many_it_missed(backend: TestBackend) {
        let bed = Bed::new(backend);
        let job = bed.other.create("stalled", 2).await.unwrap();
        let writers = [bed.claim(&job, 0).await, bed.claim(&job, 1).await];
        let mut watches = vec![];
        for scope in [Scope::Job, Scope::Tag(tag("read")), Scope::Task(0), Scope::Cell(Key::new(tag("read"), 0))] {
            let mut watch = job.watch(scope).unwrap();
            replay_done(&mut watch).await;
            watches.push(watch);
        }
        let mut prompt = job.watch(Scope::Job).unwrap();
        replay_done(&mut prompt).await;
        for step in 1..=10 {
            for writer in &writers {
                writer.set("read", Update::new(step)).await.unwrap();
                writer.set("clean", Update::new(step)).await.unwrap();
            }
        }
        // Once this one knows the last of all, the others' listen, which is the same, does too.
        let mut passed = 0;
        while passed < 40 {
            passed += 1 + state(&mut prompt).await.3;
        }
        let mut told = vec![];
        for (watch, keys) in watches.iter_mut().zip([4, 2, 2, 1]) {
            let mut sum = (0, 0);
            for _ in 0..keys {
                let (_, version, replay, skipped) = state(watch).await;
                assert_eq!((version, replay), (10, false));
                sum = (sum.0 + 1, sum.1 + skipped);
            }
            told.push(sum);
        }
        assert_eq!(told, [(4, 36), (2, 18), (2, 18), (1, 9)], "states told, and skipped");
    }

    async fn who_writes_in_its_own_loop_goes_on(backend: TestBackend) {
        let bed = Bed::new(backend);
        let job = bed.other.create("own", 1).await.unwrap();
        let writer = bed.claim(&job, 0).await;
        writer.set("read", Update::new(1)).await.unwrap();
        let mut watch = job.watch(Scope::Cell(Key::new(tag("read"), 0))).unwrap();
        let mut versions = vec![];
        while versions.len() < 8 {
            if let Event::State { state, .. } = next(&mut watch).await {
                versions.push(state.version);
                writer.set("read", Update::new(1)).await.unwrap();
            }
        }
        assert_eq!(versions, Vec::from_iter(1..=8));
    }

    async fn a_mark_is_no_event(backend: TestBackend) {
        let bed = Bed::new(backend);
        let job = bed.other.create("marks", 1).await.unwrap();
        let writer = bed.claim(&job, 0).await;
        writer.set("read", Update::new(1)).await.unwrap();
        let mut watch = job.watch(Scope::Job).unwrap();
        assert_eq!(state(&mut watch).await, (0, 1, true, 0));
        replay_done(&mut watch).await;
        assert!(writer.close().await.unwrap().is_done());
        // The second attempt fences every cell off.
        let writer = bed.claim(&job, 0).await;
        yields().await;
        writer.set("read", Update::new(2)).await.unwrap();
        assert_eq!(state(&mut watch).await, (0, 2, false, 0));
    }

    async fn what_cannot_be_read_is_told_and_the_rest_goes_on(backend: TestBackend) {
        let bed = Bed::new(backend);
        let job = bed.other.create("corrupt", 2).await.unwrap();
        let writer = bed.claim(&job, 0).await;
        bed.db.set("jobs/corrupt/states/alien", fields! { "a" => 1_i64 }).await.unwrap();
        writer.set("read", Update::new(1)).await.unwrap();
        let mut watch = job.watch(Scope::Job).unwrap();
        let mut of_task = job.watch(Scope::Task(0)).unwrap();
        let (one, other) = (next(&mut watch).await, next(&mut watch).await);
        let is_alien = |event: &Event| {
            matches!(event, Event::Corrupt { path, .. } if path == "jobs/corrupt/states/alien")
        };
        assert!(is_alien(&one) != is_alien(&other), "{one:?} {other:?}");
        replay_done(&mut watch).await;
        assert_eq!(state(&mut of_task).await, (0, 1, true, 0));
        replay_done(&mut of_task).await;
        bed.db.merge("jobs/corrupt/states/read:0", fields! { "status" => "odd" }).await.unwrap();
        let event = next(&mut of_task).await;
        let Event::Corrupt { path, reason } = event else { panic!("{event:?}") };
        assert_eq!((&*path, reason.contains("status")), ("jobs/corrupt/states/read:0", true));
        bed.db.merge("jobs/corrupt/states/read:0", fields! { "status" => 5_i64 }).await.unwrap();
        assert_eq!(state(&mut of_task).await, (0, 1, false, 0));
    }

    async fn a_job_created_anew_is_another_and_the_old_streams_end(backend: TestBackend) {
        // Whether the listen tells of the deletion, or of the new job's cell in the place of the old.
        for sees_each in [false, true] {
        let bed = Bed::new(backend.clone());
        let name = if sees_each { "anew" } else { "anew-at-once" };
        let job = bed.other.create(name, 1).await.unwrap();
        let writer = bed.claim(&job, 0).await;
        writer.set("read", Update::new(1)).await.unwrap();
        writer.set("read", Update::new(2)).await.unwrap();
        let mut watch = job.watch(Scope::Tag(tag("read"))).unwrap();
        assert_eq!(state(&mut watch).await, (0, 2, true, 0));
        replay_done(&mut watch).await;
        for path in [format!("jobs/{name}/states/read:0"), format!("jobs/{name}")] {
            bed.db.delete(path.as_str()).await.unwrap();
            if sees_each {
                yields().await;
            }
        }
        let anew = bed.other.create(name, 1).await.unwrap();
        assert!(writer.close().await.unwrap().is_done());
        let writer = bed.claim(&anew, 0).await;
        writer.set("read", Update::new(7)).await.unwrap();
        let event = bed.drive(next(&mut watch)).await;
        let gone = Key::new(tag("read"), 0);
        assert!(matches!(&event, Event::Deleted { key, run, .. } if *key == gone && *run == job.run()));
        let event = bed.drive(next(&mut watch)).await;
        assert!(matches!(&event, Event::JobDeleted { run, .. } if *run == job.run()), "{event:?}");
        assert!(watch.next().await.is_none());
        let mut other = anew.watch(Scope::Job).unwrap();
        assert_eq!(state(&mut other).await, (0, 1, true, 0));
        // A late look at the old run ends at once, and tells nothing of the new one.
        let mut late = job.watch(Scope::Job).unwrap();
        replay_done(&mut late).await;
        let event = bed.drive(next(&mut late)).await;
        assert!(matches!(event, Event::JobDeleted { .. }), "{event:?}");
        }
    }

    async fn a_job_without_states_that_is_deleted_ends_its_streams(backend: TestBackend) {
        // Nothing tells but a look once in a while, which takes a minute of the store's time.
        if !backend.is_memory() {
            return;
        }
        let bed = Bed::new(backend);
        let job = bed.other.create("empty", 1).await.unwrap();
        let mut watch = job.watch(Scope::Job).unwrap();
        replay_done(&mut watch).await;
        bed.db.delete("jobs/empty").await.unwrap();
        let event = bed.drive(next(&mut watch)).await;
        assert!(matches!(event, Event::JobDeleted { .. }), "{event:?}");
    }

    async fn a_broken_listen_goes_on_where_it_was(backend: TestBackend) {
        let bed = Bed::new(backend);
        let job = bed.other.create("broken", 4).await.unwrap();
        for task in 0..4 {
            bed.claim(&job, task).await.set("read", Update::new(1)).await.unwrap();
        }
        let mut watch = bed.jobs.observe("broken").await.unwrap().watch(Scope::Job).unwrap();
        for task in 0..4 {
            assert_eq!(state(&mut watch).await, (task, 1, true, 0));
        }
        replay_done(&mut watch).await;
        let writer = bed.claim(&job, 2).await;
        let faults = [
            vec![Fault::Cut],
            vec![Fault::Cut, Fault::Fail(ErrorKind::Unavailable)],
            vec![Fault::Cut, Fault::Fail(ErrorKind::PositionExpired)],
            vec![Fault::Reset],
        ];
        for (version, faults) in (2..).zip(faults) {
            for fault in faults {
                bed.faults.next(Operation::Watch, fault);
            }
            writer.set("read", Update::new(2)).await.unwrap();
            let told = bed.drive(state(&mut watch)).await;
            assert_eq!(told, (2, version, false, 0), "nothing is told twice");
        }
    }

    async fn what_vanished_while_a_listen_began_anew_is_told(backend: TestBackend) {
        let bed = Bed::new(backend);
        let job = bed.other.create("vanished", 3).await.unwrap();
        let writers = [bed.claim(&job, 0).await, bed.claim(&job, 1).await, bed.claim(&job, 2).await];
        for writer in &writers {
            writer.set("read", Update::new(1)).await.unwrap();
        }
        let observer = bed.jobs.observe("vanished").await.unwrap();
        let (mut watch, board) = (observer.watch(Scope::Job).unwrap(), observer.board().unwrap());
        for task in 0..3 {
            assert_eq!(state(&mut watch).await, (task, 1, true, 0));
        }
        replay_done(&mut watch).await;
        let faults = [
            vec![Fault::Reset],
            vec![Fault::Cut, Fault::Fail(ErrorKind::PositionExpired)],
        ];
        for (task, faults) in (0..).zip(faults) {
            for fault in faults {
                bed.faults.next(Operation::Watch, fault);
            }
            let path = format!("jobs/vanished/states/read:{task}");
            bed.db.delete(path.as_str()).await.unwrap();
            let event = bed.drive(next(&mut watch)).await;
            let gone = Key::new(tag("read"), task);
            assert!(matches!(&event, Event::Deleted { key, .. } if *key == gone), "{event:?}");
            assert_eq!(board.states(&Scope::Job).len(), 2 - task as usize);
        }
        // Who comes now is not told of what was there before.
        let mut late = observer.watch(Scope::Job).unwrap();
        assert_eq!(state(&mut late).await, (2, 1, true, 0));
        replay_done(&mut late).await;
    }

    async fn a_failure_that_lasts_is_told_to_all_and_ends_the_streams(backend: TestBackend) {
        let bed = Bed::new(backend);
        let job = bed.jobs.create("denied", 1).await.unwrap();
        bed.faults.next(Operation::Watch, Fault::Fail(ErrorKind::PermissionDenied));
        let mut watches = [job.watch(Scope::Job).unwrap(), job.watch(Scope::Task(0)).unwrap()];
        let board = job.board().unwrap();
        for watch in &mut watches {
            let error = watch.next().await.unwrap().unwrap_err();
            let Error::Store(error) = error else { panic!("{error:?}") };
            assert_eq!(error.kind(), ErrorKind::PermissionDenied);
            assert!(watch.next().await.is_none());
        }
        assert!(matches!(board.ready().await, Err(Error::Store(_))));
        // Whoever comes later begins anew.
        replay_done(&mut job.watch(Scope::Job).unwrap()).await;
        let strange = job.watch(Scope::Task(1)).unwrap_err();
        assert!(matches!(strange, Error::TaskOutOfRange { .. }), "{strange}");
    }

    async fn a_final_state_is_told_to_many_who_come_at_any_time(backend: TestBackend) {
        let bed = Bed::new(backend);
        let job = bed.other.create("many", 1).await.unwrap();
        let writer = bed.claim(&job, 0).await;
        let mut watches = vec![];
        for step in 1..=20 {
            for _ in 0..5 {
                watches.push(bed.other.observe("many").await.unwrap().watch(Scope::Job).unwrap());
            }
            writer.set("read", Update::new(step)).await.unwrap();
        }
        writer.set("read", Update::finished()).await.unwrap();
        for watch in &mut watches {
            let mut last = 0;
            loop {
                if let Event::State { state, .. } = next(watch).await {
                    assert!(state.version > last);
                    last = state.version;
                    if state.status == Status::FINISHED {
                        break;
                    }
                }
            }
        }
        assert_eq!(bed.backend.meter().of(Operation::Watch).rpcs, 1);
    }
}
