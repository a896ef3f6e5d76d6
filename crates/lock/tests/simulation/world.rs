//! One seed's world: a store, clients, faults, and time that moves when nothing else does.

use std::future::{Future, poll_fn};
use std::sync::Arc;
use std::sync::atomic::AtomicI64;
use std::task::Poll;
use std::time::Duration;

use fastrand::Rng;
use firekeep_core::{Clock, Db, ManualClock, Store, Timestamp};
use firekeep_layers::{FaultHandle, FaultLayer, Layer};
use firekeep_lock::{AcquireOptions, Event, Locks, Observer};
use firekeep_memory::MemoryStore;
use tokio::runtime::{Builder, Handle};
use tokio::task::JoinHandle;

use crate::book::Book;
use crate::client::{Client, KEYS};
use crate::clock::{Gate, SECOND, SkewedClock};
use crate::counts::Counts;
use crate::link::Link;
use crate::plan::Plan;
use crate::property::{Property, Violation};
use crate::recorder::Recorder;

/// What came of a seed.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) violations: Vec<Violation>,
    pub(crate) counts: Counts,
}

impl Outcome {
    /// That of a world that came to no end.
    pub(crate) fn panic() -> Self {
        let told = "the world panicked, as told above".to_owned();
        let violation = Violation { property: Property::Liveness, at: Timestamp::UNIX_EPOCH, told };
        Self { violations: vec![violation], counts: Counts::default() }
    }
}

/// Runs the world of `seed`, from nothing to the end of all leases.
pub(crate) fn run(seed: u64, plan: Plan) -> Outcome {
    // What the crate draws, it draws on this thread.
    fastrand::seed(seed);
    // One turn of the runtime runs everything that is ready.
    let runtime = Builder::new_current_thread().event_interval(1_000_000).build().unwrap();
    let book = runtime.block_on(async {
        let mut world = World::new(seed, plan);
        world.live().await;
        world.wind_up().await;
        world.book
    });
    drop(runtime);
    let pages = book.pages();
    Outcome { violations: pages.violations.clone(), counts: pages.counts }
}

struct World {
    plan: Plan,
    rng: Rng,
    clock: ManualClock,
    book: Arc<Book>,
    /// The store without faults, and the one with them.
    recorder: Arc<Recorder>,
    store: Arc<dyn Store>,
    faults: FaultHandle,
    gates: Vec<Gate>,
    scripts: Vec<JoinHandle<()>>,
}

/// For how long after their leases the last traces of everything are gone.
const SETTLED: Duration = Duration::from_secs(20);
/// After what time all that was under way when the faults stopped has arrived.
const ARRIVED: Duration = Duration::from_secs(2);
/// How much longer than what is left of the leases a new client waits at most.
const PATIENCE: Duration = Duration::from_millis(1100);
/// No world lives longer.
const END: Duration = Duration::from_secs(600);

impl World {
    fn new(seed: u64, plan: Plan) -> Self {
        let mut rng = Rng::with_seed(seed);
        let clock = ManualClock::new();
        let book = Arc::new(Book::new(clock.clone(), plan.is_told));
        let memory = MemoryStore::builder().clock(clock.clone()).history(Duration::ZERO).build();
        let recorder = Arc::new(Recorder::new(memory, Arc::clone(&book)));
        let delays = Duration::from_millis(1)..=Duration::from_millis(1500);
        let layer = FaultLayer::new(rng.u64(..), Arc::new(clock.clone()))
            .everywhere(plan.rates(&mut rng))
            .delays(delays);
        let faults = layer.handle();
        let store = Box::new(layer).wrap(Arc::clone(&recorder) as Arc<dyn Store>);
        let (gates, scripts) = Default::default();
        let mut world = Self { plan, rng, clock, book, recorder, store, faults, gates, scripts };
        let writes = Arc::new(AtomicI64::new(1));
        for _ in 0..world.rng.u32(2..=4) {
            world.start(&writes);
        }
        world
    }

    /// Starts a client.
    fn start(&mut self, writes: &Arc<AtomicI64>) {
        let (offset, rate) = self.plan.skew(&mut self.rng);
        let clock = SkewedClock::new(self.clock.clone(), offset, rate);
        let link =
            Link::new(Arc::clone(&self.store), clock.clone(), self.clock.clone(), self.rng.u64(..));
        let db = Db::new(link).with_clock(clock.clone());
        self.gates.push(clock.gate.clone());
        let client = Client {
            locks: self.locks(&db),
            db,
            clock,
            rng: Rng::with_seed(self.rng.u64(..)),
            book: Arc::clone(&self.book),
            plan: self.plan,
            writes: Arc::clone(writes),
        };
        self.scripts.push(spawn(client.run()));
    }

    fn locks(&self, db: &Db) -> Locks {
        if !self.plan.is_told {
            return Locks::new(db.clone());
        }
        let teller = Teller { client: self.gates.len(), book: Arc::clone(&self.book) };
        Locks::builder(db.clone()).observer(Arc::new(teller)).build().unwrap()
    }

    /// Until every client has come to the end of its script, or is dead.
    async fn live(&mut self) {
        let mut nemesis = self.clock.sleep(Duration::ZERO);
        loop {
            self.settle().await;
            if self.is_over() {
                return;
            }
            if self.plan.pauses && futures::poll!(&mut nemesis).is_ready() {
                nemesis = self.strike();
            }
            self.step();
        }
    }

    fn is_over(&self) -> bool {
        let mut clients = self.scripts.iter().zip(&self.gates);
        clients.all(|(script, gate)| script.is_finished() || gate.is_dead())
    }

    /// Stops a process, or lets the stopped ones run again; answers until when to leave it at that.
    fn strike(&mut self) -> futures::future::BoxFuture<'static, ()> {
        if self.gates.iter().any(|gate| gate.is_shut() && !gate.is_dead()) {
            self.book.tell(|| "all that were stopped run again".to_owned());
            self.gates.iter().for_each(Gate::open);
        } else if self.rng.bool() {
            let at = self.rng.usize(0..self.gates.len());
            self.gates[at].shut();
            self.book.tell(|| format!("client {} is stopped", at + 1));
        }
        self.clock.sleep(Duration::from_millis(self.rng.u64(100..3500)))
    }

    /// The faults stop, and what is left of them arrives.
    async fn wind_up(&mut self) {
        self.faults.quiet();
        self.gates.iter().for_each(Gate::open);
        self.faults.release_late().await;
        let arrived = self.clock.sleep(ARRIVED);
        self.drive(arrived).await;
        let newcomer = self.newcomer();
        self.drive(newcomer).await;
        let rest = self.clock.sleep(SETTLED);
        self.drive(rest).await;
        self.book.close();
        let is_whole = !self.gates.iter().any(Gate::is_dead);
        let tasks = Handle::current().metrics().num_alive_tasks();
        if is_whole && tasks > 0 {
            self.book.violate(Property::Cleanliness, format!("{tasks} tasks are left over"));
        }
    }

    /// A client that has seen nothing of what went before gets every key, and gives it back.
    fn newcomer(&self) -> impl Future<Output = ()> + use<> {
        let clock = SkewedClock::new(self.clock.clone(), 0, SECOND);
        let db = Db::from_arc(Arc::clone(&self.recorder) as Arc<dyn Store>).with_clock(clock);
        let (locks, book) = (Locks::new(db), Arc::clone(&self.book));
        let options = AcquireOptions::default().wait(self.book.left() + PATIENCE);
        async move {
            for key in KEYS {
                match locks.acquire_with(key, &options).await {
                    Ok(guard) => {
                        if !guard.release().await.is_ok_and(|released| released.is_done()) {
                            book.violate(Property::Liveness, format!("{key}: not released"));
                        }
                    }
                    Err(error) => book.violate(Property::Liveness, format!("{key}: {error}")),
                }
            }
        }
    }

    /// Lets time pass until `work` is done.
    async fn drive(&self, work: impl Future<Output = ()> + Send + 'static) {
        let work = spawn(work);
        loop {
            self.settle().await;
            if work.is_finished() {
                return;
            }
            self.step();
        }
    }

    /// Runs everything that is ready, and holds the result against what must hold.
    async fn settle(&self) {
        for _ in 0..2 {
            let mut is_back = false;
            poll_fn(|cx| {
                if std::mem::replace(&mut is_back, true) {
                    return Poll::Ready(());
                }
                cx.waker().wake_by_ref();
                Poll::Pending
            })
            .await;
        }
        self.book.check();
    }

    /// Moves time to where something happens next.
    fn step(&self) {
        let next = self.clock.next_wake().expect("whoever is not done waits for something");
        self.clock.advance(next);
        let age = self.clock.wall().since(ManualClock::new().wall());
        assert!(age < END, "the world goes on for ever");
    }
}

/// Prints what a client's locks say of themselves.
#[derive(Debug)]
struct Teller {
    client: usize,
    book: Arc<Book>,
}

impl Observer for Teller {
    fn event(&self, event: &Event) {
        self.book.tell(|| format!("client {}: {event:?}", self.client));
    }
}

fn spawn(work: impl Future<Output = ()> + Send + 'static) -> JoinHandle<()> {
    #[allow(clippy::disallowed_methods, reason = "the tasks belong to the simulation")]
    tokio::spawn(work)
}
