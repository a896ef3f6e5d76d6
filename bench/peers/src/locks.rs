//! `firekeep-lock` beside a lock written the obvious way, on memory and on the emulator.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::Context;
use firekeep_core::{Db, Store};
use firekeep_firestore::FirestoreStore;
use firekeep_layers::{MeterHandle, MeterLayer, Stack};
use firekeep_lock::{AcquireOptions, Locks};
use firekeep_memory::{IndexFile, MemoryStore};
use futures::future::join_all;
use tokio::runtime::Runtime;

use crate::measure::pairs;
use crate::obvious::Obvious;
use crate::report::{Bar, Row};

const WORKERS: usize = 16;
/// How long the workers compete.
const CONTEST: Duration = Duration::from_secs(10);
/// How many cycles of one client make a round.
const CYCLES: usize = 40;

static NEXT: AtomicU64 = AtomicU64::new(0);

/// One of the two locks, and what its store is asked for.
#[derive(Clone, Debug)]
struct Subject {
    lock: Lock,
    meter: MeterHandle,
}

/// Which lock to make.
#[derive(Clone, Copy)]
enum Kind {
    Ours,
    /// With the transactions of `Db`.
    Obvious,
    /// With transactions that a request of its own begins.
    Begins,
}

#[derive(Clone, Debug)]
enum Lock {
    Ours(Locks),
    Obvious(Obvious),
}

/// What one worker did in a contest.
#[derive(Debug, Default)]
struct Share {
    waits: Vec<Duration>,
    errors: u64,
}

/// What all workers did.
#[derive(Debug)]
struct Contest {
    waits: Vec<Duration>,
    shares: Vec<usize>,
    errors: u64,
    rpcs: u64,
    took: Duration,
}

pub fn run(host: &str, rounds: usize) -> anyhow::Result<Vec<Row>> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let _entered = runtime.enter();
    let mut rows = Vec::new();
    for backend in ["memory", "emulator"] {
        eprintln!("lock: one client, then 16 workers on 16 keys and on one, on {backend} …");
        let make = |kind| match backend {
            "memory" => {
                let indexes = IndexFile::parse(r#"{"indexes": [], "fieldOverrides": []}"#)?;
                anyhow::Ok(subject(kind, MemoryStore::builder().indexes(indexes).build())?)
            }
            _ => {
                let number = NEXT.fetch_add(1, Ordering::Relaxed);
                let project = format!("bench-lock-{}-{number}", std::process::id());
                subject(kind, FirestoreStore::builder(project).emulator(host).build()?)
            }
        };
        let bars = if backend == "emulator" { EMULATOR } else { MEMORY };
        let start = Instant::now();
        let alone = |peer, case, bar| {
            uncontended(&runtime, backend, rounds, (&make(Kind::Ours)?, &make(peer)?), case, bar)
        };
        rows.push(alone(Kind::Begins, "one client, transactions begun first", bars.alone)?);
        rows.push(alone(Kind::Obvious, "one client, begun by the first read", Bar::None)?);
        eprintln!("  one client: {:.0} s", start.elapsed().as_secs_f64());
        let contest = |keys| {
            let ours = runtime.block_on(compete(&make(Kind::Ours)?, keys, CONTEST))?;
            let obvious = runtime.block_on(compete(&make(Kind::Obvious)?, keys, CONTEST))?;
            eprintln!("  {keys} keys: ours {ours}; obvious {obvious}");
            anyhow::Ok((ours, obvious))
        };
        let (ours, obvious) = contest(WORKERS)?;
        rows.push(row(backend, "16 workers on 16 keys", bars.apart, &ours, &obvious));
        let (ours, obvious) = contest(1)?;
        rows.push(row(backend, "16 workers on one key", bars.together, &ours, &obvious));
        rows.push(served(backend, &ours));
        rows.push(fifty(&runtime, backend, &make(Kind::Ours)?)?);
    }
    Ok(rows)
}

/// How often the rate of the obvious lock ours must reach.
struct Bars {
    alone: Bar,
    apart: Bar,
    together: Bar,
}

/// Alone, two commits stand against seven requests; a commit costs the emulator about half as much again
/// as a read, so that the requests saved are worth less than 3.5 times. See ADR 12.
const EMULATOR: Bars =
    Bars { alone: Bar::AtLeast(2.5), apart: Bar::AtLeast(100.0), together: Bar::AtLeast(20.0) };
/// Here no round trip is saved, and the obvious lock does less: nobody renews it, or tells its holder
/// of a loss.
const MEMORY: Bars = Bars { alone: Bar::None, apart: Bar::None, together: Bar::None };

fn subject(kind: Kind, store: impl Store) -> anyhow::Result<Subject> {
    let layer = MeterLayer::new();
    let meter = layer.handle();
    let db = Db::from_arc(Stack::new(store).with(layer).build()?);
    let lock = match kind {
        Kind::Ours => Lock::Ours(Locks::new(db)),
        Kind::Obvious => Lock::Obvious(Obvious::new(db)),
        Kind::Begins => Lock::Obvious(Obvious::beginning(db)),
    };
    Ok(Subject { lock, meter })
}

impl Subject {
    /// Acquires, does the section, releases. Answers how long it waited, and how many attempts failed.
    async fn cycle(&self, key: &str, section: Duration) -> anyhow::Result<(Duration, u64)> {
        let before = Instant::now();
        match &self.lock {
            Lock::Ours(locks) => {
                let options = AcquireOptions::default().wait(Duration::from_secs(3600));
                let guard = locks.acquire_with(key, &options).await?;
                let waited = before.elapsed();
                hold(section).await;
                anyhow::ensure!(guard.release().await?.is_done(), "a lock was lost");
                Ok((waited, 0))
            }
            Lock::Obvious(lock) => {
                let id = format!("id-{}", NEXT.fetch_add(1, Ordering::Relaxed));
                let errors = obviously(lock, key, &id).await;
                let waited = before.elapsed();
                hold(section).await;
                let mut failures = 0;
                while lock.release(&id).await.is_err() {
                    failures += 1;
                }
                Ok((waited, errors + failures))
            }
        }
    }
}

async fn hold(section: Duration) {
    if !section.is_zero() {
        tokio::time::sleep(section).await;
    }
}

/// Tries with the same back-off as ours until the lock is won. Answers how many attempts failed.
async fn obviously(lock: &Obvious, key: &str, id: &str) -> u64 {
    let (mut delay, mut errors) = (Duration::from_millis(100), 0);
    loop {
        match lock.try_acquire(key, id).await {
            Ok(true) => return errors,
            Ok(false) => {}
            Err(_) => errors += 1,
        }
        tokio::time::sleep(delay / 2 + (delay / 2).mul_f64(fastrand::f64())).await;
        delay = (delay * 2).min(Duration::from_secs(1));
    }
}

fn uncontended(
    runtime: &Runtime,
    backend: &str,
    rounds: usize,
    (ours, obvious): (&Subject, &Subject),
    case: &str,
    bar: Bar,
) -> anyhow::Result<Row> {
    let times = if backend == "memory" { 100 } else { 1 };
    let round = |subject: &Subject| {
        // A key of its own: the emulator keeps the versions of a document for an hour, and gets
        // slower with each.
        let key = format!("alone-{}", NEXT.fetch_add(1, Ordering::Relaxed));
        runtime.block_on(async {
            for _ in 0..CYCLES * times {
                subject.cycle(&key, Duration::ZERO).await?;
            }
            anyhow::Ok(())
        })
    };
    // A JVM that has just started would be measured while it compiles itself, which takes it some
    // thousand requests.
    for _ in 0..if backend == "memory" { 3 } else { 80 } {
        round(ours)?;
        round(obvious)?;
    }
    let pairs = pairs(rounds, || round(ours), || round(obvious))?;
    let each = |took: Duration| took.as_secs_f64() * 1e6 / (CYCLES * times) as f64;
    let context = format!(
        "acquire and release: {:.0} µs against {:.0} µs",
        each(pairs.ours()),
        each(pairs.peer())
    );
    let case = format!("{backend}: {case}");
    Ok(Row { group: "lock", case, figure: "rate", ratio: pairs.speed(), bar, context })
}

/// Lets the workers lock and release until the time is over; what is under way then does not count.
async fn compete(subject: &Subject, keys: usize, time: Duration) -> anyhow::Result<Contest> {
    let (before, start) = (subject.meter.snapshot(), Instant::now());
    let workers = (0..WORKERS).map(|worker| {
        let (subject, key) = (subject.clone(), format!("key-{}", worker % keys));
        tokio::spawn(async move {
            let mut share = Share::default();
            let _ = tokio::time::timeout(time, async {
                // A store in memory has everything at hand: without a yield nothing else would run.
                while start.elapsed() < time {
                    tokio::task::yield_now().await;
                    match subject.cycle(&key, Duration::ZERO).await {
                        Ok((waited, errors)) => {
                            share.waits.push(waited);
                            share.errors += errors;
                        }
                        Err(_) => share.errors += 1,
                    }
                }
            })
            .await;
            share
        })
    });
    let shares: Vec<Share> = join_all(workers).await.into_iter().collect::<Result<_, _>>()?;
    let mut waits: Vec<_> = shares.iter().flat_map(|share| share.waits.clone()).collect();
    waits.sort();
    Ok(Contest {
        waits,
        shares: shares.iter().map(|share| share.waits.len()).collect(),
        errors: shares.iter().map(|share| share.errors).sum(),
        rpcs: subject.meter.since(before).rpcs,
        took: start.elapsed(),
    })
}

fn row(backend: &str, case: &str, bar: Bar, ours: &Contest, obvious: &Contest) -> Row {
    Row {
        group: "lock",
        case: format!("{backend}: {case}"),
        figure: "completed sections",
        ratio: ours.rate() / obvious.rate().max(1.0 / obvious.took.as_secs_f64()),
        bar,
        context: format!("ours {ours}; obvious {obvious}"),
    }
}

fn served(backend: &str, ours: &Contest) -> Row {
    let served = ours.shares.iter().filter(|&&share| share > 0).count();
    Row {
        group: "lock",
        case: format!("{backend}: 16 workers on one key"),
        figure: "share of workers served",
        ratio: served as f64 / WORKERS as f64,
        bar: Bar::AtLeast(1.0),
        context: format!("{served} of {WORKERS}"),
    }
}

/// Ten workers, five sections of 10 ms each, with the default options: all of them, and no error.
fn fifty(runtime: &Runtime, backend: &str, ours: &Subject) -> anyhow::Result<Row> {
    let Lock::Ours(locks) = &ours.lock else { anyhow::bail!("not ours") };
    let start = Instant::now();
    let workers = (0..10).map(|_| {
        let locks = locks.clone();
        tokio::spawn(async move {
            let mut fences = Vec::new();
            for _ in 0..5 {
                let guard = locks.acquire("fifty").await?;
                fences.push(guard.fence());
                tokio::time::sleep(Duration::from_millis(10)).await;
                anyhow::ensure!(guard.release().await?.is_done(), "a lock was lost");
            }
            Ok(fences)
        })
    });
    let answers = runtime.block_on(join_all(workers));
    let mut errors = 0;
    let mut fences = BTreeSet::new();
    for answer in answers {
        match answer.context("a worker panicked")? {
            Ok(won) => fences.extend(won),
            Err(_) => errors += 1,
        }
    }
    Ok(Row {
        group: "lock",
        case: format!("{backend}: 10 workers × 5 × 10 ms"),
        figure: "share done",
        ratio: fences.len() as f64 / 50.0,
        bar: Bar::AtLeast(1.0),
        context: format!(
            "{} of 50, {errors} errors, {:.1} s",
            fences.len(),
            start.elapsed().as_secs_f64()
        ),
    })
}

impl Contest {
    fn rate(&self) -> f64 {
        self.waits.len() as f64 / self.took.as_secs_f64()
    }

    fn percentile(&self, share: f64) -> Duration {
        let at = (self.waits.len() as f64 * share) as usize;
        self.waits.get(at.min(self.waits.len().saturating_sub(1))).copied().unwrap_or_default()
    }
}

impl std::fmt::Display for Contest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let ms = |wait: Duration| wait.as_secs_f64() * 1e3;
        write!(
            f,
            "{} in {:.0} s, {}–{} per worker, wait p50 {:.1} p99 {:.1} longest {:.0} ms, {:.1} RPCs each, {} errors",
            self.waits.len(),
            self.took.as_secs_f64(),
            self.shares.iter().min().unwrap_or(&0),
            self.shares.iter().max().unwrap_or(&0),
            ms(self.percentile(0.5)),
            ms(self.percentile(0.99)),
            ms(self.waits.last().copied().unwrap_or_default()),
            self.rpcs as f64 / self.waits.len().max(1) as f64,
            self.errors,
        )
    }
}
