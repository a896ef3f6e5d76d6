//! A process that shares locks with others, and may be killed or stopped at any moment.

mod counter;
mod rounds;
mod sections;

pub(crate) use self::counter::{COUNTER, KEY};
pub(crate) use self::sections::{JOURNAL, KEYS};

use std::io::Read;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use anyhow::{Context, Result};
use firekeep_core::{Clock, Db, Operation, Store};
use firekeep_firestore::FirestoreStore;
use firekeep_layers::{Fault, FaultHandle, FaultLayer, Layer, Rates};
use firekeep_lock::{Error, ErrorKind, Guard, Lease, Locks};
use serde::{Deserialize, Serialize};

use crate::ground;
use crate::history::{Call, Event, Outcome, Recorder};
use crate::skew::SkewedClock;
use crate::tap::Tap;

/// What a worker is told when it is started.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Orders {
    /// Where the emulator listens.
    pub host: String,
    /// The project, which is the episode's own.
    pub project: String,
    /// The folder of the histories, and of the register's socket.
    pub folder: PathBuf,
    /// Which worker this is, from 1.
    pub worker: u32,
    /// How often it was started before.
    pub life: u32,
    /// What its random choices are drawn from.
    pub seed: u64,
    /// By how many seconds its wall clock is ahead.
    pub wall_seconds: i64,
    /// How many microseconds its monotonic clock gains per second.
    pub rate_ppm: i64,
    /// Whether its network loses, delays and repeats.
    pub faults: bool,
    /// What it does.
    pub work: Work,
}

/// What a worker does, again and again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Work {
    /// Sections with short leases, guarded commits and fenced writes.
    Sections,
    /// Single calls with leases that outlast the run.
    Rounds,
    /// Raises a counter with a read and a plain write.
    Plain,
    /// Raises a counter with a read and a guarded commit.
    Guarded,
}

/// The name of the register's socket in the folder.
pub const SOCKET: &str = "register";
/// The file that a worker's life writes.
fn file_name(orders: &Orders) -> String {
    format!("worker-{}-{}.jsonl", orders.worker, orders.life)
}

/// Works until standard input ends, which it does with the process that started this one.
///
/// # Errors
/// What the operating system answers; a store that can't be built.
pub fn run(orders: Orders) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let worker = Worker::new(orders)?;
        worker.listen_for_the_end();
        match worker.orders.work {
            Work::Sections => sections::run(worker).await,
            Work::Rounds => rounds::run(worker).await,
            Work::Plain | Work::Guarded => counter::run(worker).await,
        }
    })
}

struct Worker {
    orders: Orders,
    clock: SkewedClock,
    db: Db,
    locks: Locks,
    faults: FaultHandle,
    recorder: Arc<Recorder>,
    calls: AtomicU64,
    is_over: Arc<AtomicBool>,
}

impl Worker {
    fn new(orders: Orders) -> Result<Self> {
        let path = orders.folder.join(file_name(&orders));
        let recorder = Recorder::open(&path, orders.worker).context("the history has no file")?;
        let recorder = Arc::new(recorder);
        let (wall_seconds, rate_ppm) = (orders.wall_seconds, orders.rate_ppm);
        let clock = SkewedClock::new(wall_seconds, rate_ppm);
        recorder.tell(Event::Born { wall_seconds, rate_ppm });
        let first = first_number(&orders);
        let (store, faults) = store(&orders, clock, &recorder, first)?;
        let db = Db::from_arc(store).with_clock(clock);
        let locks = Locks::new(db.clone());
        let (calls, is_over) = (AtomicU64::new(first), Arc::default());
        Ok(Self { orders, clock, db, locks, faults, recorder, calls, is_over })
    }

    fn listen_for_the_end(&self) {
        let is_over = Arc::clone(&self.is_over);
        std::thread::spawn(move || {
            // Nothing is ever written to it, so this returns at its end.
            let _ = std::io::stdin().read(&mut [0]);
            is_over.store(true, Ordering::Relaxed);
        });
    }

    fn is_over(&self) -> bool {
        self.is_over.load(Ordering::Relaxed)
    }

    async fn pause(&self, millis: u64) {
        self.clock.sleep(Duration::from_millis(millis)).await;
    }

    /// Makes something happen to the next commit.
    fn next_commit(&self, fault: Fault) {
        self.faults.next(Operation::Commit, fault);
    }

    /// Tells that a call begins, and answers its number.
    fn invoke(&self, key: &str, call: Call) -> u64 {
        let op = self.calls.fetch_add(1, Ordering::Relaxed);
        self.recorder.tell(Event::Invoke { op, key: key.to_owned(), call });
        op
    }

    fn returned(&self, op: u64, outcome: Outcome) {
        self.recorder.tell(Event::Return { op, outcome });
    }

    /// Tells how an acquisition ended.
    fn acquired(&self, op: u64, acquired: Result<Option<Guard>, Error>) -> Option<Guard> {
        let (guard, outcome) = match acquired {
            Ok(Some(guard)) => {
                let outcome = Outcome::Won {
                    id: guard.id().hash().as_str().to_owned(),
                    fence: guard.fence().as_u64(),
                    started: guard.started().as_micros(),
                };
                (Some(guard), outcome)
            }
            Ok(None) => (None, Outcome::Held),
            Err(error) if error.kind() == ErrorKind::AcquisitionTimeout => (None, Outcome::Held),
            Err(error) => (None, Outcome::Failed(error.kind().name().to_owned())),
        };
        self.returned(op, outcome);
        guard
    }

    /// Tells what a lease believes of itself at this moment, in the machine's time.
    fn tell_belief(&self, turn: u64, lease: &Lease) {
        // Read before the lease is asked: stopped between the two, it would claim too little.
        let now = ground::now();
        let remaining = self.clock.real(lease.remaining());
        let until = now + u64::try_from(remaining.as_nanos()).unwrap_or(u64::MAX / 2);
        self.recorder.tell(Event::Believes { turn, until });
    }

    async fn release(&self, key: &str, turn: u64, guard: Guard) {
        let op = self.invoke(key, Call::Release(turn));
        let outcome = match guard.release().await {
            Ok(released) if released.is_done() => Outcome::Done,
            Ok(_) => Outcome::Lost,
            Err(error) => Outcome::Failed(error.kind().name().to_owned()),
        };
        self.returned(op, outcome);
    }
}

/// Numbers of calls and requests, unique in an episode.
fn first_number(orders: &Orders) -> u64 {
    u64::from(orders.worker) << 48 | u64::from(orders.life) << 32
}

fn store(
    orders: &Orders,
    clock: SkewedClock,
    recorder: &Arc<Recorder>,
    first: u64,
) -> Result<(Arc<dyn Store>, FaultHandle)> {
    let store = FirestoreStore::builder(&orders.project)
        .emulator(&orders.host)
        .clock(Arc::new(clock))
        .build()?;
    let tap: Arc<dyn Store> = Arc::new(Tap::new(Arc::new(store), Arc::clone(recorder), first));
    let layer = FaultLayer::new(orders.seed, Arc::new(clock));
    let faults = layer.handle();
    let layer = if orders.faults { bad(layer) } else { layer };
    Ok((Box::new(layer).wrap(tap), faults))
}

/// A network that loses, delays and repeats.
fn bad(layer: FaultLayer) -> FaultLayer {
    let everywhere = Rates { fail: 0.01, delay: 0.02, delay_reply: 0.02, ..Rates::default() };
    let commits =
        Rates { lose_request: 0.01, lose_reply: 0.02, late: 0.01, duplicate: 0.01, ..everywhere };
    layer
        .everywhere(everywhere)
        .on(Operation::Commit, commits)
        .delays(Duration::from_millis(1)..=Duration::from_millis(400))
        .late_after(1..=4)
}
