//! Writers, collectors, and a judge who sees everything.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::{Arc, Mutex};
use std::task::{Context, Waker};
use std::time::Duration;

use firekeep_core::{Db, Document, ManualClock, Query, Timestamp, Value};
use firekeep_jobs::{Age, Claim, ClaimOptions, GcOptions, Job, Jobs, Run, State, Update};
use firekeep_lock::Locks;
use firekeep_testkit::TestBackend;

use crate::stepped::{Client, Mutant, Stepped, step};

const INDEXES: &str = include_str!("../../../../infra/firestore.indexes.json");
const IDS: [&str; 2] = ["a", "b"];
const TASKS: u32 = 2;
const TAGS: [&str; 3] = ["x", "y", "z"];
const TOMBSTONE: Duration = Duration::from_secs(10);
const DELETE: Duration = Duration::from_secs(20);

type Actor = Pin<Box<dyn Future<Output = ()>>>;
type Shared = Rc<RefCell<Known>>;

/// What has happened, as far as anybody was told.
#[derive(Default)]
struct Known {
    /// Acknowledged writes.
    acked: Vec<State>,
    /// The ids of the claims of those who still work.
    won: BTreeSet<String>,
    /// When each run was past return.
    purged: BTreeMap<Run, Timestamp>,
    violation: Option<String>,
}

struct Won(Shared, String);

impl Drop for Won {
    fn drop(&mut self) {
        self.0.borrow_mut().won.remove(&self.1);
    }
}

pub(crate) struct World {
    backend: TestBackend,
    random: fastrand::Rng,
    mutant: Option<Mutant>,
    known: Shared,
    writers: Vec<(Actor, ManualClock)>,
    collectors: Vec<Actor>,
    /// How many of a hundred turns are writers', for a while.
    zeal: u32,
}

impl World {
    pub(crate) fn new(seed: u64, mutant: Option<Mutant>) -> Self {
        let backend = TestBackend::on_memory(INDEXES);
        let random = fastrand::Rng::with_seed(seed);
        let known = Shared::default();
        Self { backend, random, mutant, known, writers: vec![], collectors: vec![], zeal: 50 }
    }

    /// Goes so many steps, then clears up. How many jobs were deleted meanwhile, or which rule was
    /// broken.
    pub(crate) async fn run(mut self, steps: u32) -> Result<usize, String> {
        for number in 0..steps {
            self.turn();
            tokio::task::yield_now().await;
            self.judge(number % 16 == 0).await;
            if let Some(violation) = self.known.borrow_mut().violation.take() {
                return Err(format!("{violation}, at step {number}"));
            }
        }
        let purged = self.known.borrow().purged.len();
        self.clear_up().await?;
        Ok(purged)
    }

    fn clock(&self) -> &ManualClock {
        self.backend.clock().unwrap()
    }

    fn turn(&mut self) {
        match self.random.u32(..100) {
            0..3 if self.writers.len() < 4 => self.add_writer(),
            3..6 if self.collectors.len() < 3 => self.add_collector(),
            6 if !self.writers.is_empty() => {
                let one = self.random.usize(..self.writers.len());
                drop(self.writers.swap_remove(one));
            }
            7..9 if !self.collectors.is_empty() => {
                let one = self.random.usize(..self.collectors.len());
                drop(self.collectors.swap_remove(one));
            }
            9..13 => self.pass(700),
            13..16 => self.pass(11_000),
            16 => self.zeal = [1, 4, 20, 90][self.random.usize(..4)],
            17..20 if !self.writers.is_empty() => {
                let one = self.random.usize(..self.writers.len());
                self.writers[one].1.advance(Duration::from_millis(self.random.u64(..1500)));
            }
            _ => self.poll_one(),
        }
    }

    fn pass(&mut self, most: u64) {
        let time = Duration::from_millis(self.random.u64(..most));
        self.clock().advance(time);
    }

    fn poll_one(&mut self) {
        let mut cx = Context::from_waker(Waker::noop());
        let is_writer = self.random.u32(..100) < self.zeal;
        if is_writer && !self.writers.is_empty() {
            let one = self.random.usize(..self.writers.len());
            let _ = self.writers[one].0.as_mut().poll(&mut cx);
        } else if !self.collectors.is_empty() {
            let one = self.random.usize(..self.collectors.len());
            if self.collectors[one].as_mut().poll(&mut cx).is_ready() {
                drop(self.collectors.swap_remove(one));
            }
        }
    }

    fn client(&mut self, client: Client, clock: &ManualClock) -> Jobs {
        let random = Mutex::new(self.random.fork());
        let inner = Arc::clone(self.backend.db().store());
        let db = Db::new(Stepped { inner, client, mutant: self.mutant, random });
        let jobs = Jobs::builder(db.with_clock(clock.clone())).horizon(Duration::from_secs(2));
        jobs.build().unwrap()
    }

    /// A writer with a clock of its own: unless it is moved, the writer is paused.
    fn add_writer(&mut self) {
        let clock = ManualClock::new();
        clock.advance(Duration::from_secs(48 * 60 * 60));
        let jobs = self.client(Client::Writer, &clock);
        let writer = write(jobs, Rc::clone(&self.known), self.random.fork());
        self.writers.push((Box::pin(writer), clock));
    }

    fn add_collector(&mut self) {
        let clock = self.clock().clone();
        let jobs = self.client(Client::Collector, &clock);
        self.collectors.push(Box::pin(async move {
            // What fails is left to the next.
            let _ = jobs.gc(&options().sweep(true)).await;
        }));
    }

    /// Holds what is stored against what is known.
    async fn judge(&mut self, is_thorough: bool) {
        let db = self.backend.db().clone();
        for job in db.query(Query::collection("jobs")).await.unwrap() {
            let phase = job.get("phase").and_then(Value::as_str).unwrap().to_owned();
            let run = self.run_of(&job).await;
            if phase == "deleting" && self.random.u32(..4) == 0 {
                // Here it gets tight.
                self.zeal = 60;
            }
            if phase == "purging" && !self.known.borrow().purged.contains_key(&run) {
                self.known.borrow_mut().purged.insert(run, job.updated());
                self.judge_purged(&job).await;
            } else if phase != "purging" && is_thorough {
                self.judge_whole(&job, run).await;
            }
        }
        let mut known = self.known.borrow_mut();
        let late = known.acked.iter().find(|state| {
            known.purged.get(&state.run).is_some_and(|purged| state.committed_at >= *purged)
        });
        if let Some(late) = late.map(|state| state.key.to_string()) {
            known.violation = Some(format!("a write of {late} was lost with the job"));
        }
    }

    async fn run_of(&self, job: &Document) -> Run {
        // A `Run` is made by the crate alone.
        let info = Jobs::new(self.backend.db().clone()).info(job.id()).await.unwrap().unwrap();
        info.run
    }

    /// Nothing of a job that is past return is young or claimed.
    async fn judge_purged(&mut self, job: &Document) {
        let db = self.backend.db();
        let young = job.updated().saturating_sub(TOMBSTONE);
        for cell in db.query(Query::collection(format!("{}/states", job.path()))).await.unwrap() {
            let marked = cell.get("committed").and_then(Value::as_timestamp);
            if marked.unwrap_or(cell.updated()) > young {
                self.violate(format!("`{}` is deleted, and young", cell.path()));
            }
        }
        let at = |below| format!("{}/{below}", job.path());
        let locks = Locks::builder(db.clone()).leases(at("leases")).fences(at("attempts"));
        for lock in locks.build().unwrap().list(100, None).await.unwrap().locks {
            let mut young = lock.holders.iter().filter(|holder| holder.ends > job.updated());
            // Who is about to learn that there is no job has not won it.
            if young.any(|holder| self.known.borrow().won.contains(holder.raw_id())) {
                self.violate(format!("`{}` is deleted, and claimed", job.path()));
            }
        }
    }

    /// Nothing of a job that is not past return is gone.
    async fn judge_whole(&mut self, job: &Document, run: Run) {
        let states = format!("{}/states", job.path());
        let stored = self.backend.db().query(Query::collection(states)).await.unwrap();
        let version = |id: &str| {
            let cell = stored.iter().find(|cell| cell.id() == id);
            cell.and_then(|cell| cell.get("version")?.as_integer()).unwrap_or(0)
        };
        let known = self.known.borrow();
        let acked =
            known.acked.iter().filter(|state| state.run == run && state.job.as_str() == job.id());
        let lost =
            acked.into_iter().find(|state| version(&state.key.doc_id()) < state.version as i64);
        let lost = lost.map(|state| format!("`{}` of {} is gone", state.key, state.job));
        drop(known);
        if let Some(lost) = lost {
            self.violate(lost);
        }
    }

    fn violate(&self, violation: String) {
        self.known.borrow_mut().violation.get_or_insert(violation);
    }

    /// Once nobody works any more, all of it goes.
    async fn clear_up(mut self) -> Result<(), String> {
        self.writers.clear();
        self.collectors.clear();
        let db = self.backend.db().clone().with_clock(self.clock().clone());
        let jobs = Jobs::builder(db.clone()).horizon(Duration::from_secs(2)).build().unwrap();
        for _ in 0..4 {
            for _ in 0..50 {
                tokio::task::yield_now().await;
            }
            self.clock().advance(Duration::from_secs(60));
            let report =
                jobs.gc(&options().sweep(true)).await.map_err(|error| error.to_string())?;
            if report.failed > 0 {
                return Err(format!("in the end, {report}"));
            }
        }
        let second = jobs.gc(&options().sweep(true)).await.map_err(|error| error.to_string())?;
        if second.scanned + second.orphans > 0 {
            return Err(format!("there is always something to do: {second}"));
        }
        for group in ["jobs", "states", "events", "leases", "attempts"] {
            let left = db.query(Query::group(group)).await.unwrap();
            if let Some(left) = left.first() {
                return Err(format!("`{}` is left", left.path()));
            }
        }
        Ok(())
    }
}

fn options() -> GcOptions {
    GcOptions::new(Age::new(TOMBSTONE).unwrap(), Age::new(DELETE).unwrap()).unwrap()
}

/// Works on a job, for as long as it is polled.
async fn write(jobs: Jobs, known: Shared, mut random: fastrand::Rng) {
    loop {
        let id = IDS[random.usize(..IDS.len())];
        if let Ok(job) = jobs.create_or_open(id, TASKS).await {
            let _ = work(&job, &known, &mut random).await;
        }
        step().await;
    }
}

async fn work(job: &Job, known: &Shared, random: &mut fastrand::Rng) -> firekeep_jobs::Result<()> {
    if random.u32(..12) == 0 {
        return job.tombstone().await;
    }
    let task = random.u32(..TASKS);
    let options = ClaimOptions::default().stall_after(Duration::from_secs(3));
    let Claim::Won(writer) = job.claim_with(task, &options).await? else { return Ok(()) };
    let id = writer.lease().id().as_str().to_owned();
    known.borrow_mut().won.insert(id.clone());
    let won = Won(Rc::clone(known), id);
    for _ in 0..random.u32(1..6) {
        for _ in 0..random.u32(..8) {
            step().await;
        }
        let tag = TAGS[random.usize(..TAGS.len())];
        let state = writer.set(tag, Update::new(1)).await?;
        known.borrow_mut().acked.push((*state).clone());
    }
    drop(won);
    if random.bool() {
        let _ = writer.close().await?;
    }
    Ok(())
}
