//! Streams: replay, then live, without a gap; one listen however many subscribe.

use firekeep_core::Operation;
use firekeep_jobs::{Event, Job, Jobs, Scope, Status, Tag, TaskWriter, Update, Watch};
use firekeep_testkit::TestBackend;
use futures::StreamExt;

const INDEXES: &str = include_str!("../../../infra/firestore.indexes.json");

async fn claim(job: &Job, task: u32) -> TaskWriter {
    job.claim(task).await.unwrap().writer().unwrap()
}

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

firekeep_testkit::backends! {
    indexes: INDEXES;

    async fn a_watch_replays_marks_and_follows(backend: TestBackend) {
        let jobs = Jobs::new(backend.db().clone());
        let job = jobs.create("follow", 3).await.unwrap();
        let (zero, one) = (claim(&job, 0).await, claim(&job, 1).await);
        one.set("read", Update::new(1)).await.unwrap();
        zero.set("read", Update::new(1)).await.unwrap();
        let mut watch = job.watch(Scope::Job).unwrap();
        assert_eq!(state(&mut watch).await, (1, 1, true, 0));
        assert_eq!(state(&mut watch).await, (0, 1, true, 0));
        assert!(matches!(next(&mut watch).await, Event::ReplayDone { .. }));
        zero.set("read", Update::finished()).await.unwrap();
        assert_eq!(state(&mut watch).await, (0, 2, false, 0));
        let Event::Bookmark { cursor } = watch.next().await.unwrap().unwrap() else { panic!() };
        one.set("clean", Update::finished()).await.unwrap();
        let other = Jobs::new(backend.db().clone()).observe("follow").await.unwrap();
        let mut later = other.watch_from(Scope::Job, &cursor).unwrap();
        assert_eq!(state(&mut later).await, (1, 1, true, 0));
        assert!(matches!(next(&mut later).await, Event::ReplayDone { .. }));
    }

    async fn subscribers_share_a_listen(backend: TestBackend) {
        let jobs = Jobs::new(backend.db().clone());
        let job = jobs.create("share", 2).await.unwrap();
        let writer = claim(&job, 0).await;
        writer.set("read", Update::new(1)).await.unwrap();
        let mut watches = vec![];
        for scope in [Scope::Job, Scope::Tag(Tag::new("read").unwrap()), Scope::Task(0)] {
            watches.push(jobs.observe("share").await.unwrap().watch(scope).unwrap());
        }
        let board = job.board().unwrap();
        board.ready().await.unwrap();
        assert_eq!(board.aggregate(&Scope::Job).unwrap().status, Status::NOT_STARTED);
        for watch in &mut watches {
            assert_eq!(state(watch).await, (0, 1, true, 0));
            assert!(matches!(next(watch).await, Event::ReplayDone { .. }));
        }
        watches.remove(0);
        writer.set("read", Update::finished()).await.unwrap();
        for watch in &mut watches {
            assert_eq!(state(watch).await, (0, 2, false, 0));
        }
        let bill = backend.meter().of(Operation::Watch);
        assert_eq!(bill.rpcs, 1);
    }
}
