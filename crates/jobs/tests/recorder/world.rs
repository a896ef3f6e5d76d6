//! A job, its writers and its subscribers, on a network that breaks, all drawn from one seed.

use std::collections::BTreeMap;
use std::ops::AddAssign;
use std::pin::Pin;
use std::sync::Arc;

use fastrand::Rng;
use firekeep_core::{Db, Operation, Store};
use firekeep_jobs::{
    Claim, Cursor, Error, Event, Job, JobSpec, Jobs, Key, Scope, TaskWriter, Update,
};
use firekeep_layers::{FaultHandle, FaultLayer, Rates, Stack};
use firekeep_testkit::TestBackend;
use futures::future::join_all;
use futures::{Stream, StreamExt};

use crate::support::{Bed, INDEXES, clocked, ms, poll_once, secs, tag, yields};
use crate::tap::{Facts, Tap};
use crate::told::{Recording, Told};
use crate::validate;

const TASKS: u32 = 3;
const TAGS: [&str; 3] = ["a", "b", "c"];

type Events = Pin<Box<dyn Stream<Item = Result<Event, Error>>>>;

pub(crate) struct World {
    bed: Bed,
    random: Rng,
    facts: Facts,
    faults: FaultHandle,
    /// Behind the tap, without faults.
    sound: Jobs,
    /// Two processes whose network breaks.
    faulty: [Jobs; 2],
    writers: Vec<Option<TaskWriter>>,
    watches: Vec<Subscriber>,
    updates: u64,
}

/// How much happened in a world.
#[derive(Clone, Debug, Default)]
pub(crate) struct Tally {
    pub(crate) commits: usize,
    pub(crate) events: usize,
    pub(crate) resumed: usize,
    pub(crate) faults: u64,
    /// How often each kind struck on the wire.
    pub(crate) on_wire: BTreeMap<&'static str, u64>,
}

impl AddAssign for Tally {
    fn add_assign(&mut self, other: Self) {
        self.commits += other.commits;
        self.events += other.events;
        self.resumed += other.resumed;
        self.faults += other.faults;
        for (kind, times) in other.on_wire {
            *self.on_wire.entry(kind).or_insert(0) += times;
        }
    }
}

struct Subscriber {
    events: Events,
    recording: Recording,
    /// Where one may go on, and after how many events.
    cursors: Vec<(usize, Cursor)>,
    /// Which subscriber this goes on from, and after how many of its events.
    after: Option<(usize, usize)>,
}

impl World {
    pub(crate) fn new(backend: TestBackend, seed: u64) -> Self {
        let facts = Facts::default();
        let inner = Arc::clone(backend.db().store());
        let tap: Arc<dyn Store> = Arc::new(Tap { inner, facts: facts.clone() });
        Self::with(backend, Arc::clone(&tap), tap, facts, seed)
    }

    /// A world whose network breaks on the wire, too. The tap is behind that, where what is answered is
    /// what happened.
    pub(crate) fn on_wire(seed: u64) -> Self {
        let facts = Facts::default();
        let mut tap: Option<Arc<dyn Store>> = None;
        let backend = TestBackend::on_wire_in_time(INDEXES, |inner| {
            let between: Arc<dyn Store> = Arc::new(Tap { inner, facts: facts.clone() });
            Arc::clone(tap.insert(between))
        });
        let plan = format!("seed={seed};{WIRE}").parse().unwrap();
        backend.faults().unwrap().set(plan).unwrap();
        let wire = Arc::clone(backend.db().store());
        Self::with(backend, tap.unwrap(), wire, facts, seed)
    }

    /// A world where `sound` tells everything to the tap, and `faulty` is yet to be broken.
    fn with(
        backend: TestBackend,
        sound: Arc<dyn Store>,
        faulty: Arc<dyn Store>,
        facts: Facts,
        seed: u64,
    ) -> Self {
        let sound = clocked(&backend, Db::from_arc(sound));
        let watch = Rates { cut: 0.1, reset: 0.1, coalesce: 0.2, ..rates() };
        let layer = FaultLayer::new(seed, Arc::clone(sound.clock()))
            .everywhere(rates())
            .on(Operation::Watch, watch)
            .delays(ms(1)..=ms(40));
        let faults = layer.handle();
        let stack = Stack::from_arc(faulty).with(layer).build().unwrap();
        let faulty = || Jobs::new(clocked(&backend, Db::from_arc(Arc::clone(&stack))));
        let mut bed = Bed::new(backend.clone());
        // Whoever asks what time it is meets no faults.
        bed.db = sound.clone();
        Self {
            faulty: [faulty(), faulty()],
            sound: Jobs::new(sound),
            random: Rng::with_seed(seed),
            writers: (0..TASKS).map(|_| None).collect(),
            watches: vec![],
            updates: 0,
            bed,
            facts,
            faults,
        }
    }

    /// Answers how much happened.
    pub(crate) async fn run(mut self, steps: usize) -> Tally {
        let spec = JobSpec::new(TASKS).history(1_000);
        self.sound.create("j", spec).await.unwrap();
        for _ in 0..2 {
            self.subscribe().await;
        }
        for _ in 0..steps {
            match self.random.u32(0..10) {
                0..=3 => self.write().await,
                4 => self.subscribe().await,
                5 => self.resume().await,
                6 if self.random.bool() => self.writers[self.random.usize(0..3)] = None,
                6 => self.bed.pass(ms(self.random.u64(1..400))).await,
                _ => self.poll().await,
            }
        }
        self.settle().await;
        self.validate();
        self.tally()
    }

    fn tally(&self) -> Tally {
        let recordings = self.watches.iter().map(|watch| &watch.recording);
        let wire = self.bed.backend.faults().map(|faults| faults.counts()).unwrap_or_default();
        let on_wire = wire.into_iter().map(|(kind, times)| (kind.name(), times)).collect();
        Tally {
            commits: self.facts.in_order().len(),
            events: recordings.map(|recording| recording.told.len()).sum(),
            resumed: self.watches.iter().filter(|watch| watch.after.is_some()).count(),
            faults: self.faults.injected(),
            on_wire,
        }
    }

    /// Each writer that there is writes something, all at once.
    async fn write(&mut self) {
        let task = self.random.u32(0..TASKS);
        if self.writers[task as usize].is_none() {
            let job = self.job().await;
            let claim = self.bed.drive(job.claim(task)).await;
            self.writers[task as usize] = claim.ok().and_then(Claim::writer);
        }
        let mut writes = vec![];
        for writer in self.writers.iter().flatten() {
            for _ in 0..self.random.usize(0..3) {
                self.updates += 1;
                let update = Update::new(1).message(format!("{}", self.updates));
                let most = self.random.usize(1..=TAGS.len());
                let tags = TAGS[..most].iter().map(move |name| (tag(name), update.clone()));
                writes.push(writer.set_all(tags));
            }
        }
        // Whether they are carried out, the tap knows.
        let written = self.bed.drive(join_all(writes)).await;
        drop(written);
        for writer in &mut self.writers {
            if writer.as_ref().is_some_and(|writer| writer.lease().is_lost()) {
                *writer = None;
            }
        }
    }

    async fn job(&mut self) -> Job {
        let one = self.random.usize(0..2);
        loop {
            if let Ok(job) = self.bed.drive(self.faulty[one].open("j")).await {
                return job;
            }
        }
    }

    fn scope(&mut self) -> Scope {
        let name = tag(TAGS[self.random.usize(0..TAGS.len())]);
        let task = self.random.u32(0..TASKS);
        match self.random.u32(0..4) {
            0 => Scope::Job,
            1 => Scope::Tag(name),
            2 => Scope::Task(task),
            _ => Scope::Cell(Key::new(name, task)),
        }
    }

    async fn subscribe(&mut self) {
        let (job, scope, every) = (self.job().await, self.scope(), self.random.bool());
        let events: Events = match every {
            true => job.watch_history(scope.clone()).unwrap().boxed_local(),
            false => job.watch(scope.clone()).unwrap().boxed_local(),
        };
        let by_time = self.bed.backend.is_memory();
        let recording = Recording { scope, since: None, every, by_time, told: vec![] };
        self.watches.push(Subscriber { events, recording, cursors: vec![], after: None });
    }

    /// Another process goes on from where a subscriber was once.
    async fn resume(&mut self) {
        let with_cursor: Vec<_> =
            (0..self.watches.len()).filter(|n| !self.watches[*n].cursors.is_empty()).collect();
        let Some(n) = self.random.choice(with_cursor) else { return };
        let job = self.job().await;
        let from = &self.watches[n];
        let (at, cursor) = from.cursors[self.random.usize(0..from.cursors.len())];
        // As a text, as another process would have it.
        let cursor: Cursor = cursor.to_string().parse().unwrap();
        let (scope, every) = (from.recording.scope.clone(), from.recording.every);
        let events: Events = match every {
            true => job.watch_history_from(scope.clone(), &cursor).unwrap().boxed_local(),
            false => job.watch_from(scope.clone(), &cursor).unwrap().boxed_local(),
        };
        let (since, by_time) = (Some(cursor.time()), self.bed.backend.is_memory());
        let recording = Recording { scope, since, every, by_time, told: vec![] };
        let after = Some((n, at));
        self.watches.push(Subscriber { events, recording, cursors: vec![], after });
    }

    /// One subscriber takes a few events. Others stall, some for ever.
    async fn poll(&mut self) {
        yields().await;
        if !self.watches.is_empty() {
            let n = self.random.usize(0..self.watches.len());
            let most = self.random.usize(1..8);
            self.watches[n].take(most).await;
        }
    }

    /// The network is sound again, and all comes to rest.
    async fn settle(&mut self) {
        self.faults.quiet();
        self.writers.clear();
        self.bed.pass(secs(1)).await;
        self.faults.release_late().await;
        if let Some(wire) = self.bed.backend.faults() {
            wire.clear(None);
            wire.release_late().await;
        }
        for _ in 0..200 {
            self.bed.pass(ms(500)).await;
            for watch in &mut self.watches {
                watch.take(usize::MAX).await;
            }
            let facts = self.facts.in_order();
            let is_settled = |watch: &Subscriber| {
                let has_ended = watch.recording.told.iter().any(|told| told.mark().is_some());
                has_ended && validate::reliable(&facts, &watch.recording).is_ok()
            };
            if self.watches.iter().all(is_settled) {
                return;
            }
        }
    }

    fn validate(&self) {
        let facts = self.facts.in_order();
        for (n, watch) in self.watches.iter().enumerate() {
            let told = &watch.recording.told;
            if let Err(why) = validate::all(&facts, &watch.recording) {
                panic!("subscriber {n} of {:?}: {why}\n{told:#?}", watch.recording.scope);
            }
            let Some((from, at)) = watch.after else { continue };
            let mut prefix = self.watches[from].recording.clone();
            prefix.told.truncate(at);
            // What the prefix did not owe, it need not tell.
            if let Err(why) = validate::resumable(&facts, &prefix, &watch.recording) {
                panic!("subscriber {n} after {at} of {from}: {why}\n{told:#?}");
            }
        }
    }
}

impl Subscriber {
    /// Takes what there is now, at most `most` events.
    async fn take(&mut self, most: usize) {
        for _ in 0..most {
            let mut next = self.events.next();
            let Some(event) = poll_once(Pin::new(&mut next)).await else { return };
            let (told, cursor) = Told::of(event.expect("the stream goes on").unwrap());
            self.recording.told.push(told);
            self.cursors.extend(cursor.map(|cursor| (self.recording.told.len(), cursor)));
        }
    }
}

fn rates() -> Rates {
    Rates {
        fail: 0.03,
        lose_request: 0.03,
        lose_reply: 0.05,
        late: 0.05,
        duplicate: 0.03,
        delay: 0.05,
        delay_reply: 0.05,
        ..Rates::default()
    }
}

/// What goes wrong on the wire, beside what the layer does.
const WIRE: &str = "commit:lose-reply=0.03,cut=0.02,disconnect=0.01,late=0.03,duplicate=0.02,aborted=0.03;\
                    listen:break=0.1,cut=0.05,disconnect=0.02,reset=0.1,stale-token=0.1,\
                    wrong-filter=0.03,expire-token=0.2,forget-token=0.2;\
                    *:unavailable=0.02,delay=0.05@1ms..30ms";
