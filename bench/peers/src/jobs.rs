//! `firekeep-jobs`: what an update costs beside the bare commit, and beside the transaction that it replaces.

use std::sync::atomic::{AtomicU64, Ordering};

use anyhow::Context;
use firekeep_core::{
    BatchGet, Commit, Db, DocPath, Document, Error, Fields, ReadAt, Require, Timestamp, TxnOptions,
    Value, Write, fields,
};
use firekeep_firestore::FirestoreStore;
use firekeep_jobs::{Jobs, TaskWriter, Update};
use firekeep_memory::{IndexFile, MemoryStore};
use futures::future::try_join_all;
use tokio::runtime::Runtime;

use crate::measure::{Clock, Sample, pairs, sampled};
use crate::report::{Bar, Row};

/// How many updates make a round on memory.
const UPDATES: usize = 20_000;
/// How many updates of each kind go before those that count: a JVM that has just started compiles
/// itself for some thousand requests.
const WARM: usize = 6_000;

static NEXT: AtomicU64 = AtomicU64::new(0);

/// How the emulator's documents are updated.
#[derive(Clone, Copy, Debug)]
enum Peer {
    /// By a transaction that its first read begins.
    Transaction,
    /// By a transaction that a request of its own begins, as clients that lack this do.
    Begun,
}

pub fn run(host: &str, rounds: usize) -> anyhow::Result<Vec<Row>> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let _entered = runtime.enter();
    // First, while no memory is left free that a replay could take unseen.
    let mut rows = crate::streams::run(&runtime, rounds)?;
    eprintln!("jobs: updates beside bare commits on memory …");
    rows.push(bare(&runtime, rounds)?);
    let emulator = |name: &str| {
        let project = format!("bench-jobs-{}-{name}", std::process::id());
        anyhow::Ok(Db::new(FirestoreStore::builder(project).emulator(host).build()?))
    };
    eprintln!("jobs: warming the emulator up …");
    let warm = emulator("warm")?;
    for _ in 0..WARM / 640 {
        runtime.block_on(updated(&warm, 8, 80))?;
        runtime.block_on(transacted(&warm, 8, 80, Peer::Begun))?;
        runtime.block_on(transacted(&warm, 8, 80, Peer::Transaction))?;
    }
    for writers in [1, 8, 32] {
        eprintln!("jobs: {writers} writers beside transactions on the emulator …");
        let db = emulator(&writers.to_string())?;
        for peer in [Peer::Begun, Peer::Transaction] {
            rows.push(transactions(&runtime, rounds, &db, writers, peer)?);
        }
    }
    Ok(rows)
}

pub fn memory() -> anyhow::Result<Db> {
    let indexes = IndexFile::parse(include_str!("../../../infra/firestore.indexes.json"))?;
    Ok(Db::new(MemoryStore::builder().indexes(indexes).build()))
}

fn next() -> u64 {
    NEXT.fetch_add(1, Ordering::Relaxed)
}

/// The same fields as a state has.
fn state(n: u64, event_id: &str) -> Fields {
    fields! {
        "jobID" => "job", "run" => Timestamp::UNIX_EPOCH, "tag" => "read", "taskID" => 0,
        "status" => 1, "version" => n as i64, "eventID" => event_id, "attempt" => 1,
        "schemaVersion" => 1, "message" => "at work",
        "progress" => Value::from(fields! { "done" => n as i64, "total" => 100 }),
    }
}

fn update(n: u64) -> Update {
    Update::new(1).message("at work").progress(n, 100)
}

/// `set` beside commits of the same documents that are guarded by the same versions.
fn bare(runtime: &Runtime, rounds: usize) -> anyhow::Result<Row> {
    let job = runtime.block_on(Jobs::new(memory()?).create("job", 1))?;
    let writer = runtime.block_on(job.claim(0))?.writer().context("nobody else has the task")?;
    let db = memory()?;
    let cell = DocPath::new("jobs/job/states/read:0")?;
    let mut known = runtime.block_on(db.set(cell.clone(), state(0, "")))?.version;
    let ours = || {
        runtime.block_on(async {
            for n in 0..UPDATES as u64 {
                writer.set("read", update(n)).await?;
            }
            anyhow::Ok(())
        })
    };
    let peer = || {
        runtime.block_on(async {
            for n in 0..UPDATES as u64 {
                let version = known.context("a commit tells the version")?;
                let write = Write::replace(cell.clone(), state(n, "AAAAAAAAAAAAAAAAAAAAAA"))?;
                known = db.write(write.require(Require::Version(version))).await?.version;
            }
            anyhow::Ok(())
        })
    };
    let measured = pairs(rounds, ours, peer)?;
    let each = |took: std::time::Duration| took.as_secs_f64() * 1e6 / UPDATES as f64;
    Ok(Row {
        group: "jobs",
        case: "memory: set against guarded commits".into(),
        figure: "rate",
        ratio: measured.speed(),
        bar: Bar::AtLeast(0.5),
        context: format!("{:.2} µs against {:.2} µs", each(measured.ours()), each(measured.peer())),
    })
}

fn transactions(
    runtime: &Runtime,
    rounds: usize,
    db: &Db,
    writers: usize,
    peer: Peer,
) -> anyhow::Result<Row> {
    // Documents of its own for each round: the emulator keeps their versions for an hour, and gets
    // slower with each.
    let each = if writers == 1 { 100 } else { 640 / writers };
    let ours = || runtime.block_on(updated(db, writers, each));
    let peer_round = || runtime.block_on(transacted(db, writers, each, peer));
    let measured = sampled(rounds, ours, peer_round)?;
    let rate = |took: std::time::Duration| (writers * each) as f64 / took.as_secs_f64();
    let (begun, bar) = match peer {
        // One commit against a begin, a read and a commit; see ADR 16 for why that is no 3.
        Peer::Begun => ("begun first", Bar::AtLeast(1.8)),
        Peer::Transaction => ("begun by the read", Bar::None),
    };
    Ok(Row {
        group: "jobs",
        case: format!("emulator: {writers} writers, {begun}"),
        figure: "rate",
        ratio: measured.speed(),
        bar,
        context: format!(
            "{:.0} against {:.0} updates/s",
            rate(measured.ours()),
            rate(measured.peer())
        ),
    })
}

async fn updated(db: &Db, writers: usize, each: usize) -> anyhow::Result<Sample> {
    let jobs = Jobs::new(db.clone());
    let job = jobs.create(format!("ours-{}", next()).as_str(), writers as u32).await?;
    let claims = (0..writers as u32).map(|task| job.claim(task));
    let claims = try_join_all(claims).await?.into_iter();
    let tasks: Vec<TaskWriter> = claims.filter_map(|claim| claim.writer()).collect();
    anyhow::ensure!(tasks.len() == writers, "somebody else has a task");
    try_join_all(tasks.iter().map(|task| task.set("read", update(0)))).await?;
    let work = tasks.iter().map(|task| async move {
        for n in 0..each as u64 {
            task.set("read", update(n)).await?;
        }
        anyhow::Ok(())
    });
    let took = timed(try_join_all(work)).await?;
    for closed in try_join_all(tasks.into_iter().map(TaskWriter::close)).await? {
        anyhow::ensure!(closed.is_done(), "a claim was lost");
    }
    Ok(took)
}

async fn transacted(db: &Db, writers: usize, each: usize, peer: Peer) -> anyhow::Result<Sample> {
    let job = next();
    let cell = |task| DocPath::new(format!("jobs/theirs-{job}/states/read:{task}"));
    let cells = (0..writers).map(cell).collect::<Result<Vec<_>, _>>()?;
    try_join_all(cells.iter().map(|cell| db.set(cell.clone(), state(0, "")))).await?;
    let work = cells.iter().map(|cell| async move {
        for _ in 0..each {
            match peer {
                Peer::Transaction => transact(db, cell).await?,
                Peer::Begun => begin(db, cell).await?,
            }
        }
        anyhow::Ok(())
    });
    timed(try_join_all(work)).await
}

async fn timed<T>(work: impl Future<Output = anyhow::Result<T>>) -> anyhow::Result<Sample> {
    let clock = Clock::start();
    work.await?;
    Ok(clock.stop())
}

/// Reads, counts up, writes: a transaction of two requests.
async fn transact(db: &Db, cell: &DocPath) -> anyhow::Result<()> {
    let done = db.transact(|txn| {
        let cell = cell.clone();
        async move {
            let found = txn.get(&cell).await?;
            txn.write(Write::replace(cell, counted_up(found.as_ref()))?);
            Ok::<_, Error>(())
        }
    });
    Ok(done.await?)
}

/// The same with three.
async fn begin(db: &Db, cell: &DocPath) -> anyhow::Result<()> {
    let (store, cx) = (db.store(), db.cx());
    let txn = store.begin(cx, TxnOptions::default()).await?;
    let at = ReadAt::Txn(txn.clone());
    let request = BatchGet { paths: vec![cell.clone()], mask: None, at };
    let found = store.batch_get(cx, request).await?.lookups.pop();
    let found = found.and_then(|lookup| lookup.document);
    let write = Write::replace(cell.clone(), counted_up(found.as_ref()))?;
    store.commit(cx, Commit::new(vec![write])?.in_txn(txn)).await?;
    Ok(())
}

fn counted_up(found: Option<&Document>) -> Fields {
    let version = found.and_then(|cell| cell.get("version")?.as_integer()).unwrap_or(0);
    state(version as u64 + 1, &format!("{:022x}", fastrand::u64(..)))
}
