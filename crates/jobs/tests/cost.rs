//! What each operation costs, to the RPC and the billed document: the `# Cost` sections as assertions.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::time::Duration;

use firekeep_core::Write;
use firekeep_jobs::{
    ClaimOptions, Event, Job, JobSpec, Jobs, Key, Reported, Scope, Tag, TaskWriter, Update,
};
use firekeep_layers::Bill;
use firekeep_testkit::{TestBackend, backends};
use futures::{StreamExt, TryStreamExt};

const INDEXES: &str = include_str!("../../../infra/firestore.indexes.json");

const fn bill(rpcs: u64, reads: u64, writes: u64, deletes: u64) -> Bill {
    Bill { rpcs, reads, writes, deletes }
}

fn jobs(backend: &TestBackend) -> Jobs {
    Jobs::new(match backend.clock() {
        Some(clock) => backend.db().clone().with_clock(clock.clone()),
        None => backend.db().clone(),
    })
}

fn tag(tag: &str) -> Tag {
    Tag::new(tag).unwrap()
}

async fn claim(job: &Job, task: u32) -> TaskWriter {
    job.claim(task).await.unwrap().writer().unwrap()
}

/// Writes one state, and gives the task up: nothing goes on in the background then.
async fn report(job: &Job, task: u32, tag: &str) {
    let writer = claim(job, task).await;
    writer.set(tag, Update::new(3)).await.unwrap();
    assert!(writer.close().await.unwrap().is_done());
}

async fn assert_cost<T>(
    backend: &TestBackend,
    what: &str,
    expected: Bill,
    work: impl Future<Output = Result<T, firekeep_jobs::Error>>,
) -> T {
    let (done, cost) = backend.bill(work).await;
    let done = done.unwrap_or_else(|error| panic!("{what}: {error}"));
    assert_eq!(cost, expected, "{what}");
    done
}

/// Copies a cell of task 0, which is written, to each of `tasks` in `tag`.
async fn copies(backend: &TestBackend, tag: &str, tasks: std::ops::Range<u32>, status: i64) {
    let cell = backend.db().get(format!("jobs/job/states/{tag}:0")).await.unwrap().unwrap();
    let copy = |task| {
        let mut fields = cell.fields().clone();
        fields.insert("taskID".into(), i64::from(task).into());
        fields.insert("status".into(), status.into());
        let path = cell.path().parent().doc(format!("{tag}:{task}")).unwrap();
        Write::replace(path, fields).unwrap()
    };
    let writes: Vec<_> = tasks.map(copy).collect();
    for page in writes.chunks(400) {
        backend.db().commit(page.to_vec()).await.unwrap();
    }
}

/// As many cells as one billed read counts; fewer on the emulator, which is slow.
fn thousand(backend: &TestBackend) -> u32 {
    if backend.is_memory() { 1000 } else { 20 }
}

backends! {
    indexes: INDEXES;

    async fn creating_and_opening(backend: TestBackend) {
        let jobs = jobs(&backend);
        let create = jobs.create("job", 3);
        assert_cost(&backend, "create", bill(2, 1, 1, 0), create).await;
        assert_cost(&backend, "open", bill(1, 1, 0, 0), jobs.open("job")).await;
        let open = jobs.create_or_open("job", 3);
        assert_cost(&backend, "create or open, there", bill(1, 1, 0, 0), open).await;
        let create = jobs.create_or_open("other", 3);
        let job = assert_cost(&backend, "create or open, new", bill(3, 2, 1, 0), create).await;
        assert_cost(&backend, "phase", bill(1, 1, 0, 0), job.phase()).await;
    }

    async fn claiming_writing_and_closing(backend: TestBackend) {
        let job = jobs(&backend).create("job", 3).await.unwrap();
        let claim = job.claim(1);
        let writer = assert_cost(&backend, "claim", bill(3, 2, 2, 0), claim).await.writer().unwrap();
        let held = assert_cost(&backend, "claim, held", bill(2, 2, 0, 0), job.claim(1)).await;
        assert!(held.writer().is_none());
        let first = writer.set("a", Update::new(1));
        assert_cost(&backend, "first set", bill(1, 2, 1, 0), first).await;
        for _ in 0..3 {
            let set = writer.set("a", Update::new(2).message("m").progress(1, 2));
            assert_cost(&backend, "set", bill(1, 0, 1, 0), set).await;
        }
        let both = || [(tag("a"), Update::new(3)), (tag("b"), Update::new(3))];
        let set = writer.set_all(both());
        assert_cost(&backend, "set all, one of them new", bill(1, 2, 2, 0), set).await;
        assert_cost(&backend, "set all", bill(1, 0, 2, 0), writer.set_all(both())).await;
        assert_cost(&backend, "flush of nothing", bill(0, 0, 0, 0), writer.flush()).await;
        let close = writer.close();
        assert!(assert_cost(&backend, "close", bill(1, 0, 0, 1), close).await.is_done());
        let claim = job.claim(1);
        let claim = assert_cost(&backend, "claim of cells", bill(4, 4, 4, 0), claim).await;
        let writer = claim.writer().unwrap();
        let set = writer.set("a", Update::new(4));
        assert_cost(&backend, "set of a cell of before", bill(1, 0, 1, 0), set).await;
        assert!(writer.close().await.unwrap().is_done());
    }

    async fn keeping_history(backend: TestBackend) {
        let spec = JobSpec::new(1).history(2);
        let job = jobs(&backend).create("job", spec).await.unwrap();
        let writer = claim(&job, 0).await;
        let costs = [bill(1, 2, 2, 0), bill(1, 0, 2, 0), bill(1, 0, 2, 1), bill(1, 0, 2, 1)];
        for (version, expected) in costs.into_iter().enumerate() {
            let set = writer.set("a", Update::new(1));
            assert_cost(&backend, &format!("version {}", version + 1), expected, set).await;
        }
    }

    async fn reporting_progress(backend: TestBackend) {
        let job = jobs(&backend).create("job", 1).await.unwrap();
        let options = ClaimOptions::default().progress_interval(Duration::from_secs(3600));
        let writer = job.claim_with(0, &options).await.unwrap().writer().unwrap();
        let first = writer.report("a", 0, 9, "on it");
        let first = assert_cost(&backend, "first report", bill(1, 2, 1, 0), first).await;
        assert!(matches!(first, Reported::Written(_)));
        for done in 1..=9 {
            let report = writer.report("a", done, 9, "on it");
            let deferred = assert_cost(&backend, "deferred", bill(0, 0, 0, 0), report).await;
            assert_eq!(deferred, Reported::Deferred);
        }
        assert_cost(&backend, "flush", bill(1, 0, 1, 0), writer.flush()).await;
        writer.report("a", 10, 9, "on it").await.unwrap();
        let close = writer.close();
        let closed = assert_cost(&backend, "close with progress", bill(2, 0, 1, 1), close).await;
        assert!(closed.is_done());
        let state = job.state("a", 0).await.unwrap().unwrap();
        assert_eq!((state.version, state.progress.unwrap().done), (3, 10));
    }

    async fn stamping_the_job(backend: TestBackend) {
        let db = jobs(&backend).db().clone();
        let jobs = Jobs::builder(db).horizon(Duration::from_secs(1)).build().unwrap();
        let Some(clock) = backend.clock() else { return };
        let job = jobs.create("job", 2).await.unwrap();
        let writer = claim(&job, 0).await;
        writer.set("a", Update::new(1)).await.unwrap();
        clock.advance(Duration::from_secs(1));
        let other = claim(&job, 1).await;
        let stamp = writer.set("a", Update::new(2));
        assert_cost(&backend, "set with the stamp", bill(2, 1, 2, 0), stamp).await;
        let set = writer.set("a", Update::new(3));
        assert_cost(&backend, "set after the stamp", bill(1, 0, 1, 0), set).await;
        let first = other.set("b", Update::new(1));
        assert_cost(&backend, "first set beside another's stamp", bill(2, 3, 1, 0), first).await;
    }

    async fn reading_states(backend: TestBackend) {
        let job = jobs(&backend).create("job", 3).await.unwrap();
        let writer = claim(&job, 0).await;
        let both = [(tag("a"), Update::new(3)), (tag("b"), Update::new(3))];
        writer.set_all(both).await.unwrap();
        assert_cost(&backend, "state", bill(1, 1, 0, 0), job.state("a", 0)).await;
        assert_cost(&backend, "no state", bill(1, 1, 0, 0), job.state("a", 1)).await;
        let states = || async { job.states()?.try_collect::<Vec<_>>().await };
        assert_eq!(assert_cost(&backend, "states", bill(1, 2, 0, 0), states()).await.len(), 2);
        let of = || async { job.states_of("a")?.try_collect::<Vec<_>>().await };
        assert_eq!(assert_cost(&backend, "states of", bill(1, 1, 0, 0), of()).await.len(), 1);
    }

    async fn the_lowest_status_costs_a_row_and_a_count(backend: TestBackend) {
        let n = thousand(&backend);
        let job = jobs(&backend).create("job", n + 1).await.unwrap();
        let cell = Scope::Cell(Key::new(tag("a"), 0));
        let scopes = || [Scope::Job, Scope::Tag(tag("a")), Scope::Task(0)];
        for scope in scopes().into_iter().chain([cell.clone()]) {
            let lowest = job.lowest_status(scope);
            assert_cost(&backend, "nothing there", bill(2, 2, 0, 0), lowest).await;
        }
        report(&job, 0, "a").await;
        assert_cost(&backend, "cell", bill(1, 1, 0, 0), job.lowest_status(cell.clone())).await;
        for (from, to, reads) in [(1, n - 1, 2), (n - 1, n, 2), (n, n + 1, 3)] {
            copies(&backend, "a", from..to, 4).await;
            let reads = if n == 1000 { reads } else { 2 };
            for scope in scopes() {
                let reads = if matches!(scope, Scope::Task(_)) { 2 } else { reads };
                let what = format!("{to} of {scope:?}");
                let lowest = job.lowest_status(scope);
                assert_cost(&backend, &what, bill(2, reads, 0, 0), lowest).await;
            }
        }
        for scope in scopes() {
            let reads = if n == 1000 && !matches!(scope, Scope::Task(_)) { 3 } else { 2 };
            let aggregate = job.aggregate(scope);
            let aggregate = assert_cost(&backend, "whole", bill(2, reads, 0, 0), aggregate).await;
            assert_eq!(aggregate.status.as_i32(), 3);
        }
        assert_cost(&backend, "cell", bill(1, 1, 0, 0), job.aggregate(cell)).await;
    }

    async fn who_is_missing_costs_the_logarithm(backend: TestBackend) {
        let job = jobs(&backend).create("job", 16).await.unwrap();
        report(&job, 0, "a").await;
        copies(&backend, "a", 1..11, 4).await;
        copies(&backend, "a", 12..16, 4).await;
        for scope in [Scope::Job, Scope::Tag(tag("a"))] {
            let aggregate = job.aggregate(scope.clone());
            let aggregate = assert_cost(&backend, "search", bill(6, 6, 0, 0), aggregate).await;
            assert_eq!((aggregate.status.as_i32(), aggregate.culprit.task()), (0, 11));
            assert_cost(&backend, "flat", bill(2, 2, 0, 0), job.lowest_status(scope)).await;
        }
        // One that failed wins anyhow.
        copies(&backend, "a", 15..16, -1).await;
        let aggregate = job.aggregate(Scope::Job);
        assert_cost(&backend, "an error", bill(2, 2, 0, 0), aggregate).await;
        // One that is as low, and first, is found with one count.
        copies(&backend, "a", 15..16, 0).await;
        copies(&backend, "a", 1..2, 0).await;
        let aggregate = job.aggregate(Scope::Tag(tag("a")));
        let aggregate = assert_cost(&backend, "a tie", bill(3, 3, 0, 0), aggregate).await;
        assert_eq!(aggregate.culprit.task(), 1);
    }

    async fn a_missing_cell_of_declared_tags_costs_the_cells_of_its_task(backend: TestBackend) {
        let spec = JobSpec::new(4).tags([tag("a"), tag("b"), tag("c")]);
        let job = jobs(&backend).create("job", spec).await.unwrap();
        let three = |task| ["a", "b", "c"].map(|tag| (tag, task));
        for (name, task) in three(0).into_iter().chain(three(1)).chain([("a", 2), ("c", 2)]) {
            report(&job, task, name).await;
        }
        let aggregate = job.aggregate(Scope::Job);
        let aggregate = assert_cost(&backend, "job", bill(5, 6, 0, 0), aggregate).await;
        assert_eq!(aggregate.culprit.tag().map(Tag::as_str), Some("b"));
        let aggregate = job.aggregate(Scope::Task(2));
        assert_cost(&backend, "task", bill(3, 4, 0, 0), aggregate).await;
    }

    async fn a_histogram_costs_a_row_and_a_count_per_status(backend: TestBackend) {
        let job = jobs(&backend).create("job", 20).await.unwrap();
        report(&job, 0, "a").await;
        copies(&backend, "a", 1..8, 4).await;
        copies(&backend, "a", 8..20, i64::from(i32::MAX)).await;
        let tag = Scope::Tag(tag("a"));
        let histogram = job.histogram(tag);
        let histogram = assert_cost(&backend, "tag", bill(7, 7, 0, 0), histogram).await;
        assert_eq!((histogram.total(), histogram.percent_done()), (20, 60.0));
        let histogram = job.histogram(Scope::Job);
        assert_cost(&backend, "job", bill(8, 8, 0, 0), histogram).await;
    }

    async fn a_job_is_listened_to_once_however_many_watch(backend: TestBackend) {
        let job = jobs(&backend).create("job", 20).await.unwrap();
        report(&job, 0, "a").await;
        copies(&backend, "a", 1..20, 4).await;
        let before = backend.meter().snapshot();
        let mut watches = vec![];
        for scope in [Scope::Job, Scope::Tag(tag("a")), Scope::Task(7)].into_iter().cycle().take(30) {
            let mut watch = job.watch(scope).unwrap();
            while !matches!(watch.next().await.unwrap().unwrap(), Event::ReplayDone { .. }) {}
            watches.push(watch);
        }
        let board = job.board().unwrap();
        board.ready().await.unwrap();
        assert_eq!(board.aggregate(&Scope::Job).unwrap().status.as_i32(), 3);
        assert_eq!(backend.meter().since(before), bill(1, 20, 0, 0));
    }
}
