//! Barriers: all reach the target, or one fails, or it is late.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use firekeep_jobs::{Barrier, Error, Status, Update};
use firekeep_testkit::TestBackend;
use futures::future::join;

use support::{Bed, INDEXES, ms, secs};

const LONG: std::time::Duration = secs(600);

firekeep_testkit::backends! {
    indexes: INDEXES;

    async fn a_barrier_opens_when_the_last_task_is_there(backend: TestBackend) {
        let bed = Bed::new(backend);
        let job = bed.other.create("open", 2).await.unwrap();
        let writers = [bed.claim(&job, 0).await, bed.claim(&job, 1).await];
        writers[1].set("read", Update::finished()).await.unwrap();
        let work = async {
            // Errors of other tags are not this one's.
            writers[0].set("clean", Update::failed(3)).await.unwrap();
            writers[0].set("read", Update::new(1)).await.unwrap();
            writers[0].set("read", Update::new(2)).await.unwrap();
        };
        let (barrier, ()) = join(job.barrier("read", Status::new(2), LONG), work).await;
        let Barrier::Reached(states) = barrier.unwrap() else { panic!("it is late") };
        let states: Vec<_> = states.iter().map(|state| (state.key.task, state.status)).collect();
        assert_eq!(states, [(0, Status::new(2)), (1, Status::FINISHED)]);
    }

    async fn a_failed_task_ends_the_wait_and_is_named(backend: TestBackend) {
        let bed = Bed::new(backend);
        let job = bed.other.create("failed", 3).await.unwrap();
        let writers = [bed.claim(&job, 1).await, bed.claim(&job, 2).await];
        let work = async {
            writers[1].set("read", Update::failed(7).message("no input")).await.unwrap();
        };
        let (barrier, ()) = join(job.barrier("read", Status::FINISHED, LONG), work).await;
        let Err(Error::TaskFailed(state)) = barrier else { panic!("{barrier:?}") };
        assert_eq!((state.key.task, state.status, &*state.message), (2, Status::new(-7), "no input"));
        // Of several that have failed already, the lowest is named.
        writers[0].set("read", Update::failed(1)).await.unwrap();
        let again = job.barrier("read", Status::FINISHED, LONG).await;
        let Err(Error::TaskFailed(state)) = again else { panic!("{again:?}") };
        assert_eq!(state.key.task, 1);
    }

    async fn a_late_barrier_tells_who_is_missing(backend: TestBackend) {
        let bed = Bed::new(backend);
        let job = bed.other.create("late", 2).await.unwrap();
        let writer = bed.claim(&job, 1).await;
        writer.set("read", Update::finished()).await.unwrap();
        let _board = { let board = job.board().unwrap(); board.ready().await.unwrap(); board };
        let late = bed.drive(job.barrier("read", Status::FINISHED, ms(200))).await.unwrap();
        let Barrier::Late(states) = late else { panic!("{late:?}") };
        assert!(states[0].is_none());
        assert_eq!(states[1].as_ref().unwrap().status, Status::FINISHED);
        let zero = job.barrier("read", Status::NOT_STARTED, LONG).await;
        assert!(matches!(zero, Err(Error::Invalid { .. })), "{zero:?}");
    }

    async fn a_deleted_job_ends_the_wait(backend: TestBackend) {
        let bed = Bed::new(backend);
        let job = bed.other.create("deleted", 2).await.unwrap();
        let writer = bed.claim(&job, 1).await;
        writer.set("read", Update::new(1)).await.unwrap();
        let work = async {
            for path in ["jobs/deleted/states/read:1", "jobs/deleted"] {
                bed.db.delete(path).await.unwrap();
            }
        };
        let (barrier, ()) = join(job.barrier("read", Status::FINISHED, LONG), work).await;
        assert!(matches!(barrier, Err(Error::Deleted(_))), "{barrier:?}");
    }
}
