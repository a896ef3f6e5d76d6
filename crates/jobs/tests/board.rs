//! Boards: aggregates that a watcher has in constant time, the same as those that are read.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use firekeep_core::Operation;
use firekeep_jobs::{Board, Culprit, Error, JobSpec, Key, Scope, Status, Update};
use firekeep_testkit::TestBackend;

use support::{Bed, INDEXES, tag};

/// Waits until the board knows as many versions as there were updates.
async fn caught_up(board: &mut Board, versions: u64) {
    loop {
        board.changed().await.unwrap();
        let states = board.states(&Scope::Job);
        if states.iter().map(|state| state.version).sum::<u64>() >= versions {
            return;
        }
    }
}

firekeep_testkit::backends! {
    indexes: INDEXES;

    async fn a_board_says_what_a_read_says_at_every_scope(backend: TestBackend) {
        let bed = Bed::new(backend);
        for (name, spec) in [
            ("free", JobSpec::new(3)),
            ("declared", JobSpec::new(3).tags([tag("read"), tag("clean")])),
        ] {
            let job = bed.other.create(name, spec).await.unwrap();
            let mut board = job.board().unwrap();
            board.ready().await.unwrap();
            let writers = [bed.claim(&job, 0).await, bed.claim(&job, 1).await, bed.claim(&job, 2).await];
            let steps = [
                (1, "read", 5), (0, "read", 0), (2, "clean", i32::MAX), (2, "read", 3), (0, "clean", -2),
                (0, "clean", 7), (0, "read", i32::MAX), (1, "clean", 1), (1, "read", i32::MAX),
            ];
            for (done, (task, tag_name, status)) in (1..).zip(steps) {
                writers[task].set(tag_name, Update::new(status)).await.unwrap();
                caught_up(&mut board, done).await;
                for scope in [
                    Scope::Job, Scope::Tag(tag("read")), Scope::Tag(tag("clean")), Scope::Task(0),
                    Scope::Task(1), Scope::Cell(Key::new(tag("clean"), 2)),
                ] {
                    let read = job.aggregate(scope.clone()).await.unwrap();
                    let folded = board.aggregate(&scope).unwrap();
                    assert_eq!((folded.status, &folded.culprit), (read.status, &read.culprit), "{scope:?}");
                    assert_eq!((folded.reported, folded.total), (read.reported, read.total), "{scope:?}");
                    assert_eq!(folded.any_error, read.any_error, "{scope:?}");
                    let histogram = job.histogram(scope.clone()).await.unwrap();
                    assert_eq!(folded.histogram, Some(histogram), "{scope:?}");
                }
            }
            assert_eq!(board.tags(), [tag("clean"), tag("read")]);
        }
    }

    async fn boards_share_a_listen_with_watches_and_each_has_its_own_place(backend: TestBackend) {
        let bed = Bed::new(backend);
        let job = bed.other.create("shared", 2).await.unwrap();
        let writer = bed.claim(&job, 1).await;
        let mut one = job.board().unwrap();
        one.changed().await.unwrap();
        let missing = Culprit::Missing { task: 0, tag: None };
        assert_eq!(one.aggregate(&Scope::Job).unwrap().culprit, missing);
        let mut other = one.clone();
        let _watch = job.watch(Scope::Job).unwrap();
        writer.set("read", Update::finished()).await.unwrap();
        one.changed().await.unwrap();
        drop(one);
        other.changed().await.unwrap();
        assert_eq!(other.aggregate(&Scope::Task(1)).unwrap().status, Status::FINISHED);
        assert!(matches!(other.aggregate(&Scope::Task(2)), Err(Error::TaskOutOfRange { .. })));
        assert_eq!(bed.backend.meter().of(Operation::Watch).rpcs, 1);
    }
}
