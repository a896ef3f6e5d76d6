//! What the life of a job costs, from tombstone to gone: the `# Cost` sections as assertions.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use firekeep_core::fields;
use firekeep_jobs::{Error, GcOptions, Job, JobId, JobSpec, Jobs, MigrateOptions, Update};
use firekeep_layers::Bill;
use firekeep_testkit::TestBackend;
use support::{Bed, INDEXES, ms, tag};

const fn bill(rpcs: u64, reads: u64, writes: u64, deletes: u64) -> Bill {
    Bill { rpcs, reads, writes, deletes }
}

async fn assert_cost<T>(
    bed: &Bed,
    what: &str,
    expected: Bill,
    work: impl Future<Output = Result<T, Error>>,
) -> T {
    let (done, cost) = bed.backend.bill(work).await;
    let done = done.unwrap_or_else(|error| panic!("{what}: {error}"));
    assert_eq!(cost, expected, "{what}");
    done
}

/// A job with `cells` cells, all of one task that nobody has, and as many versions kept.
async fn job(jobs: &Jobs, bed: &Bed, id: &str, cells: usize) -> Job {
    let job = jobs.create(id, JobSpec::new(1).history(1)).await.unwrap();
    let writer = bed.claim(&job, 0).await;
    let updates = (0..cells).map(|n| (tag(&format!("{n}")), Update::new(1)));
    writer.set_all(updates).await.unwrap();
    assert!(writer.close().await.unwrap().is_done());
    job
}

fn ages() -> GcOptions {
    GcOptions::new("300ms".parse().unwrap(), "600ms".parse().unwrap()).unwrap()
}

firekeep_testkit::backends! {
    indexes: INDEXES;

    async fn tombstoning_and_reviving(backend: TestBackend) {
        let bed = Bed::new(backend);
        for cells in [1, 7] {
            let job = job(&bed.other, &bed, &format!("job-{cells}"), cells).await;
            let n = cells as u64;
            assert_cost(&bed, "tombstone", bill(4, 1 + n, 1 + n, 0), job.tombstone()).await;
            assert_cost(&bed, "revive", bill(2, 1, 1, 0), job.revive()).await;
            assert_cost(&bed, "revive, active", bill(1, 1, 0, 0), job.revive()).await;
            let create = bed.other.create(job.id(), 1);
            let (exists, cost) = bed.backend.bill(create).await;
            assert!(matches!(exists, Err(Error::Exists(_))));
            assert_eq!(cost, bill(4, 3, 0, 0), "create, there");
        }
    }

    async fn deleting(backend: TestBackend) {
        let bed = Bed::new(backend);
        for cells in [1, 7] {
            let job = job(&bed.other, &bed, &format!("job-{cells}"), cells).await;
            let n = cells as u64;
            let expected = bill(21, 14 + 3 * n, 2 + n, 2 + 2 * n);
            assert_cost(&bed, "delete", expected, job.delete()).await;
        }
    }

    async fn collecting(backend: TestBackend) {
        let bed = Bed::new(backend);
        let jobs = Jobs::builder(bed.db.clone()).horizon(ms(1000)).build().unwrap();
        assert_cost(&bed, "nothing", bill(4, 4, 0, 0), jobs.gc(&ages())).await;
        assert_cost(&bed, "sweep of nothing", bill(4, 4, 0, 0), jobs.sweep(false)).await;
        for (id, cells) in [("a", 1), ("b", 7)] {
            job(&jobs, &bed, id, cells).await;
        }
        // Per job: states, events and attempts, each with a look at the job.
        let sweep = jobs.sweep(false);
        assert_cost(&bed, "sweep of two", bill(16, 16, 0, 0), sweep).await;
        bed.pass(ms(650)).await;
        // Of each the leases, the states, and its phase.
        let expected = bill(4 + 2 * 3, 3 + 2 + 2 + 8, 2, 0);
        let report = assert_cost(&bed, "tombstoned", expected, jobs.gc(&ages())).await;
        assert_eq!(report.tombstoned, 2);
        bed.pass(ms(500)).await;
        let (jobs_found, cells) = (2, 8);
        let reads = 3 + jobs_found + 12 * jobs_found + 3 * cells;
        let expected = bill(4 + 19 * 2, reads, 2 * 2 + cells, 2 * (2 + cells));
        let report = assert_cost(&bed, "deleted", expected, jobs.gc(&ages())).await;
        assert_eq!(report.deleted, 2);
    }

    async fn migrating(backend: TestBackend) {
        let bed = Bed::new(backend);
        let options = MigrateOptions::default();
        for (id, states) in [("a", 1), ("b", 7)] {
            bed.db.set(format!("jobs/{id}").as_str(), fields! { "numTasks" => 9 }).await.unwrap();
            for task in 0..states {
                let state = fields! {
                    "tag" => "read", "taskID" => task, "status" => 1, "version" => 3,
                };
                bed.db.set(format!("jobs/{id}/states/read:{task}").as_str(), state).await.unwrap();
            }
            let n = u64::try_from(states).unwrap();
            let one = options.clone().job(JobId::new(id).unwrap());
            let dry = one.clone().dry_run(true);
            assert_cost(&bed, "dry run", bill(3, 2 + n, 0, 0), bed.other.migrate(&dry)).await;
            let expected = bill(9, 3 + 3 * n, 3 + n, 0);
            assert_cost(&bed, "migrate", expected, bed.other.migrate(&one)).await;
        }
        assert_cost(&bed, "none", bill(1, 2, 0, 0), bed.other.migrate(&options)).await;
    }
}
