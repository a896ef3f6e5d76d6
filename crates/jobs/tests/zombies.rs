//! Holders that slept too long, tasks that are taken over, and jobs that went away meanwhile.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use firekeep_core::{Clock, Operation, Timestamp, Value};
use firekeep_jobs::{
    Claim, ClaimOptions, DeleteOptions, Error, Job, JobSpec, Jobs, OnTombstoned, Phase, Reported,
    TaskWriter, Update,
};
use firekeep_layers::Fault;
use firekeep_testkit::{TestBackend, backends};
use futures::future::join_all;
use support::{Bed, INDEXES, ms, secs, tag};

/// Stalled after a second.
fn short() -> ClaimOptions {
    ClaimOptions::default().stall_after(secs(1))
}

fn is_over(error: &Error) -> bool {
    matches!(error, Error::Fenced { .. } | Error::Lost { .. })
}

fn is_gone(error: &Error) -> bool {
    is_over(error) || matches!(error, Error::Deleted(_))
}

/// All documents of the job, its leases and their counters apart.
async fn trace(bed: &Bed) -> Vec<(String, Timestamp)> {
    let mut documents = bed.documents("jobs").await;
    for collection in ["states", "events"] {
        documents.extend(bed.documents(&format!("jobs/j/{collection}")).await);
    }
    documents.iter().map(|d| (d.path().to_string(), d.updated())).collect()
}

/// A client that goes to sleep once it has written the cells `a` and `b` of task 0.
async fn sleeper(bed: &Bed, jobs: &Jobs) -> TaskWriter {
    let job = jobs.open("j").await.unwrap();
    let writer = bed.claim_with(&job, 0, &short()).await;
    for tag in ["a", "b"] {
        writer.set(tag, Update::new(1)).await.unwrap();
    }
    writer
}

async fn kept_job(bed: &Bed) -> Job {
    bed.other.create("j", JobSpec::new(2).history(10)).await.unwrap()
}

/// Every write there is.
async fn tries(writer: &TaskWriter) -> Vec<Error> {
    let both = [(tag("a"), Update::new(5)), (tag("new"), Update::new(5))];
    let mut errors = vec![
        writer.set("a", Update::new(5)).await.unwrap_err(),
        writer.set("b", Update::finished()).await.unwrap_err(),
        writer.set("new", Update::new(5)).await.unwrap_err(),
        writer.set_all(both).await.unwrap_err(),
    ];
    match writer.report("a", 9, 9, "").await {
        Ok(reported) => assert_eq!(reported, Reported::Deferred),
        Err(error) => errors.push(error),
    }
    errors.push(writer.flush().await.unwrap_err());
    errors
}

backends! {
    indexes: INDEXES;

    async fn a_zombie_writes_no_cell_and_leaves_no_trace(backend: TestBackend) {
        let bed = Bed::new(backend);
        let job = kept_job(&bed).await;
        let (paused, _clock) = bed.paused();
        let zombie = sleeper(&bed, &paused).await;
        bed.pass(ms(1_100)).await;
        let successor = bed.claim_with(&job, 0, &ClaimOptions::default()).await;
        assert_eq!(successor.attempt(), 2);
        let before = trace(&bed).await;
        for error in tries(&zombie).await {
            assert!(is_over(&error), "{error}");
        }
        assert_eq!(zombie.close().await.err().map(|error| is_over(&error)), Some(true));
        assert_eq!(trace(&bed).await, before);
        let state = successor.set("a", Update::finished()).await.unwrap();
        assert_eq!((state.version, state.attempt), (2, 2));
        assert_eq!(bed.history("j", "a:0").await, [1, 2]);
    }

    async fn a_zombie_of_a_task_without_cells_writes_none(backend: TestBackend) {
        let bed = Bed::new(backend);
        let job = kept_job(&bed).await;
        let (paused, _clock) = bed.paused();
        let zombie = paused.open("j").await.unwrap();
        let zombie = bed.claim_with(&zombie, 0, &short()).await;
        bed.pass(ms(1_100)).await;
        let _successor = bed.claim(&job, 0).await;
        let before = trace(&bed).await;
        for error in tries(&zombie).await {
            assert!(is_over(&error), "{error}");
        }
        assert_eq!(trace(&bed).await, before);
    }

    async fn a_write_under_way_when_the_task_is_taken_over_comes_first_or_never(backend: TestBackend) {
        let bed = Bed::new(backend);
        let job = kept_job(&bed).await;
        for tag in ["a", "new"] {
            // Its clock is the store's, so that it tries again; its network is what fails.
            let first = bed.claim_with(&bed.jobs.open("j").await.unwrap(), 0, &short()).await;
            first.set("a", Update::new(1)).await.unwrap();
            let before = bed.history("j", "a:0").await.len();
            bed.faults.next(Operation::Commit, Fault::Late { calls: u32::MAX });
            for _ in 0..200 {
                bed.faults.next(Operation::BatchGet, Fault::LoseRequest);
                bed.faults.next(Operation::Query, Fault::LoseRequest);
                bed.faults.next(Operation::Commit, Fault::LoseRequest);
            }
            let error = bed.drive(first.set(tag, Update::new(2))).await.unwrap_err();
            assert!(is_over(&error) || matches!(error, Error::Store(_) | Error::Lock(_)), "{error}");
            let second = bed.claim_with(&job, 0, &short()).await;
            assert_eq!(bed.faults.release_late().await, 1);
            let events = i64::try_from(before).unwrap();
            assert_eq!(bed.history("j", "a:0").await, (1..=events).collect::<Vec<_>>());
            assert!(bed.history("j", "new:0").await.is_empty());
            let state = second.set("a", Update::new(3)).await.unwrap();
            assert_eq!(i64::try_from(state.version).unwrap(), events + 1);
            bed.faults.quiet();
            bed.faults.resume();
            assert!(second.close().await.unwrap().is_done());
        }
    }

    async fn of_eight_claims_at_once_one_wins(backend: TestBackend) {
        let bed = Bed::new(backend);
        let job = kept_job(&bed).await;
        for round in 1..=3 {
            let claims = join_all((0..8).map(|_| job.claim(0)));
            let claims: Vec<_> = bed.drive(claims).await.into_iter().map(Result::unwrap).collect();
            let mut won: Vec<_> = claims.into_iter().filter_map(Claim::writer).collect();
            let winner = won.pop().unwrap();
            assert!(won.is_empty(), "{} more", won.len());
            assert_eq!(winner.attempt(), round);
            winner.set("a", Update::new(1)).await.unwrap();
            assert!(winner.close().await.unwrap().is_done());
        }
        assert_eq!(bed.versions("j").await, [("a:0".to_owned(), 3)]);
    }

    async fn who_lives_keeps_its_task_and_who_does_not_keeps_it_for_three_heartbeats(backend: TestBackend) {
        let bed = Bed::new(backend);
        let job = kept_job(&bed).await;
        let options = ClaimOptions::default().stall_after(ms(900)).heartbeat(ms(300));
        let living = bed.claim_with(&job, 1, &options).await;
        let (paused, _clock) = bed.paused();
        let dead = bed.claim_with(&paused.open("j").await.unwrap(), 0, &options).await;
        let claimed = bed.now().await;
        let mut died = None;
        for _ in 0..24 {
            bed.pass(ms(100)).await;
            assert!(bed.drive(job.claim(1)).await.unwrap().writer().is_none(), "it lives");
            if died.is_none() && let Some(writer) = bed.drive(job.claim(0)).await.unwrap().writer() {
                died = Some((bed.now().await.since(claimed), writer));
            }
        }
        let (after, next) = died.expect("it is dead");
        assert!(after >= ms(899), "{after:?} is less than three heartbeats");
        assert_eq!((next.attempt(), living.attempt()), (2, 1));
        assert!(is_over(&dead.set("a", Update::new(1)).await.unwrap_err()));
        living.set("a", Update::new(1)).await.unwrap();
    }

    async fn clocks_that_jump_neither_end_a_claim_nor_keep_it(backend: TestBackend) {
        let bed = Bed::new(backend);
        let job = kept_job(&bed).await;
        let (paused, clock) = bed.paused();
        let writer = sleeper(&bed, &paused).await;
        for wall in [Timestamp::UNIX_EPOCH, clock.wall().saturating_add(secs(9_000_000))] {
            clock.set_wall(wall);
            writer.set("a", Update::new(1)).await.unwrap();
            assert!(writer.lease().is_held());
            assert!(job.claim(0).await.unwrap().writer().is_none());
        }
        bed.pass(ms(1_100)).await;
        let _successor = bed.claim(&job, 0).await;
        assert!(is_over(&writer.set("a", Update::new(1)).await.unwrap_err()));
    }

    async fn a_zombie_revives_no_tombstoned_job(backend: TestBackend) {
        let bed = Bed::new(backend);
        let job = kept_job(&bed).await;
        let (paused, _clock) = bed.paused();
        let zombie = sleeper(&bed, &paused).await;
        bed.pass(ms(1_100)).await;
        assert!(bed.claim(&job, 0).await.close().await.unwrap().is_done());
        job.tombstone().await.unwrap();
        let before = trace(&bed).await;
        for error in tries(&zombie).await {
            assert!(is_over(&error), "{error}");
        }
        assert_eq!(trace(&bed).await, before);
        assert_eq!(job.phase().await.unwrap(), Some(Phase::Tombstoned));
    }

    async fn a_holder_revives_a_tombstoned_job_or_is_refused(backend: TestBackend) {
        let bed = Bed::new(backend);
        let job = kept_job(&bed).await;
        let strict = Jobs::builder(bed.db.clone()).on_tombstoned(OnTombstoned::Refuse).build().unwrap();
        let strict = strict.open("j").await.unwrap();
        let holder = bed.claim(&strict, 0).await;
        holder.set("a", Update::new(1)).await.unwrap();
        job.tombstone().await.unwrap();
        for tag in ["a", "new"] {
            let error = holder.set(tag, Update::new(2)).await.unwrap_err();
            assert!(matches!(error, Error::Tombstoned(_)), "{error}");
        }
        let error = strict.claim(1).await.unwrap_err();
        assert!(matches!(error, Error::Tombstoned(_)), "{error}");
        assert_eq!(bed.versions("j").await, [("a:0".to_owned(), 1)]);
        let lenient = bed.claim(&job, 1).await;
        assert_eq!(job.phase().await.unwrap(), Some(Phase::Active), "a claim revives");
        for tag in ["a", "b"] {
            job.tombstone().await.unwrap();
            lenient.set(tag, Update::new(1)).await.unwrap();
            assert_eq!(job.phase().await.unwrap(), Some(Phase::Active), "a write revives");
        }
        holder.set("a", Update::new(2)).await.unwrap();
    }

    async fn a_write_to_a_job_that_is_gone_leaves_no_orphan(backend: TestBackend) {
        let bed = Bed::new(backend);
        let force = DeleteOptions::default().force(true);
        for is_created_anew in [false, true] {
            let job = kept_job(&bed).await;
            let old = bed.claim(&job, 0).await;
            old.set("a", Update::new(1)).await.unwrap();
            let empty = bed.claim(&job, 1).await;
            job.delete_with(&force).await.unwrap();
            let new = match is_created_anew {
                true => Some(bed.claim(&kept_job(&bed).await, 0).await),
                false => None,
            };
            if let Some(new) = &new {
                new.set("a", Update::new(7)).await.unwrap();
            }
            let before = trace(&bed).await;
            for writer in [&old, &empty] {
                for error in tries(writer).await {
                    assert!(is_gone(&error), "{error}");
                }
            }
            assert_eq!(trace(&bed).await, before, "an orphan");
            if let Some(new) = new {
                assert_eq!(new.set("a", Update::new(8)).await.unwrap().version, 2);
            }
        }
    }

    async fn one_of_many_writers_stamps_the_job_once_per_half_horizon(backend: TestBackend) {
        let bed = Bed::new(backend);
        let horizon = secs(4);
        let jobs = Jobs::builder(bed.db.clone()).horizon(horizon).build().unwrap();
        let job = jobs.create("j", 8).await.unwrap();
        let writers = join_all((0..8).map(|task| bed.claim(&job, task))).await;
        let (start, mut stamps) = (bed.now().await, vec![]);
        for n in 0..60 {
            let writes = writers.iter().map(|writer| writer.set("a", Update::new(n)));
            for state in join_all(writes).await {
                assert_eq!(state.unwrap().version, u64::try_from(n).unwrap() + 1);
            }
            let document = bed.db.get("jobs/j").await.unwrap().unwrap();
            let stamp = document.get("lastActive").and_then(Value::as_timestamp).unwrap();
            if stamps.last() != Some(&stamp) {
                stamps.push(stamp);
            }
            assert!(document.updated().since(stamp) < ms(2), "nothing else moves it");
            bed.pass(ms(200)).await;
        }
        let took = bed.now().await.since(start).as_millis();
        let least = usize::try_from(took / 2_500).unwrap();
        let most = usize::try_from(took / 1_600).unwrap() + 1;
        assert!((least..=most).contains(&stamps.len()), "{} in {took} ms", stamps.len());
    }
}

#[test]
fn a_task_may_take_longer_than_an_hour_and_says_that_it_lives_as_often_as_asked() {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(async {
        let bed = Bed::new(TestBackend::on_memory(INDEXES));
        let job = kept_job(&bed).await;
        let options = ClaimOptions::default().stall_after(secs(60)).heartbeat(secs(5));
        let writer = bed.claim_with(&job, 0, &options).await;
        let before = bed.backend.meter().of(Operation::Commit).rpcs;
        for _ in 0..2 * 3_600 {
            bed.pass(secs(1)).await;
        }
        let heartbeats = bed.backend.meter().of(Operation::Commit).rpcs - before;
        assert!((1_400..2_000).contains(&heartbeats), "{heartbeats}");
        assert!(writer.lease().is_held());
        writer.set("a", Update::finished()).await.unwrap();
    });
}
