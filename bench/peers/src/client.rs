//! `FirestoreStore` on the emulator against the bare generated client (documents as they come) and
//! against the `firestore` crate (typed on both sides).

use std::sync::Arc;

use anyhow::Context;
use firekeep_core::{Collection, Db, DocPath, Write};
use firekeep_firestore::FirestoreStore;
use futures::stream::{self, StreamExt, TryStreamExt};
use tokio::runtime::Runtime;

use crate::bare::Bare;
use crate::measure::pairs;
use crate::memory::{last_hundred, path, reading};
use crate::report::{Bar, Row};
use crate::typed::{Crate, Reading};

const IN_FLIGHT: usize = 64;
/// How many documents the operations go round.
pub const DOCUMENTS: usize = 200;

/// One of the operations compared, on any of the three clients.
#[derive(Clone, Copy, Debug)]
pub enum Op {
    Get,
    /// A get by the RPC that ours uses, because it alone answers the read time. The `firestore`
    /// crate's plain get uses another, which the emulator answers faster.
    Lookup,
    Commit,
    Query,
}

impl Op {
    fn name(self) -> &'static str {
        match self {
            Self::Get => "get",
            Self::Lookup => "get by the same RPC",
            Self::Commit => "commit",
            Self::Query => "query of 100",
        }
    }

    fn rounds_of(self, in_flight: usize) -> usize {
        match (self, in_flight) {
            (Self::Query, 1) => 60,
            (Self::Query, _) => 256,
            (_, 1) => 400,
            _ => 3_000,
        }
    }
}

pub fn run(host: &str, rounds: usize) -> anyhow::Result<Vec<Row>> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let project = format!("bench-{}", std::process::id());
    let store = FirestoreStore::builder(project.clone()).emulator(host).build()?;
    let ours = Ours::new(Db::new(store))?;
    let (bare, peer) = runtime.block_on(async {
        ours.fill().await?;
        anyhow::Ok((Bare::connect(host, &project).await?, Crate::connect(&project).await?))
    })?;
    let (ours, bare, peer) = (Arc::new(ours), Arc::new(bare), Arc::new(peer));
    // A JVM that has just started would be measured while it compiles itself.
    for op in [Op::Get, Op::Commit, Op::Query] {
        against_bare(&runtime, 2, op, IN_FLIGHT, &ours, &bare)?;
        against_crate(&runtime, 2, op, IN_FLIGHT, &ours, &peer)?;
    }
    let mut rows = Vec::new();
    for op in [Op::Get, Op::Lookup, Op::Commit, Op::Query] {
        for in_flight in [1, IN_FLIGHT] {
            if !matches!(op, Op::Lookup) {
                rows.extend(against_bare(&runtime, rounds, op, in_flight, &ours, &bare)?);
            }
            rows.extend(against_crate(&runtime, rounds, op, in_flight, &ours, &peer)?);
        }
    }
    Ok(rows)
}

/// Runs `op` `n` times with `in_flight` under way at once.
fn many<F, Fut>(runtime: &Runtime, n: usize, in_flight: usize, op: F) -> anyhow::Result<()>
where
    F: Fn(usize) -> Fut,
    Fut: Future<Output = anyhow::Result<()>>,
{
    let run = stream::iter(0..n).map(|i| anyhow::Ok(op(i)));
    runtime.block_on(async { run.try_buffer_unordered(in_flight).try_collect::<()>().await })
}

fn against_bare(
    runtime: &Runtime,
    rounds: usize,
    op: Op,
    in_flight: usize,
    ours: &Arc<Ours>,
    bare: &Arc<Bare>,
) -> anyhow::Result<[Row; 2]> {
    let n = op.rounds_of(in_flight);
    let measured = pairs(
        rounds,
        || {
            many(runtime, n, in_flight, |i| {
                let ours = Arc::clone(ours);
                async move { ours.plain(op, i).await }
            })
        },
        || {
            many(runtime, n, in_flight, |i| {
                let bare = Arc::clone(bare);
                async move { bare.run(op, i).await }
            })
        },
    )?;
    let case = format!("{}, {in_flight} in flight, bare", op.name());
    Ok([
        Row {
            group: "client",
            case: case.clone(),
            figure: "times the time",
            ratio: 1.0 / measured.speed(),
            bar: Bar::AtMost(1.05),
            context: format!("{:.0} µs", measured.ours().as_secs_f64() * 1e6 / n as f64),
        },
        Row {
            group: "client",
            case,
            figure: "times the client CPU",
            ratio: measured.cpu(),
            bar: Bar::AtMost(1.10),
            context: String::new(),
        },
    ])
}

fn against_crate(
    runtime: &Runtime,
    rounds: usize,
    op: Op,
    in_flight: usize,
    ours: &Arc<Ours>,
    peer: &Arc<Crate>,
) -> anyhow::Result<[Row; 2]> {
    let n = op.rounds_of(in_flight);
    let measured = pairs(
        rounds,
        || {
            many(runtime, n, in_flight, |i| {
                let ours = Arc::clone(ours);
                async move { ours.typed(op, i).await }
            })
        },
        || {
            many(runtime, n, in_flight, |i| {
                let peer = Arc::clone(peer);
                async move { peer.run(op, i).await }
            })
        },
    )?;
    let case = format!("{}, {in_flight} in flight, `firestore`", op.name());
    // "No slower" within the noise of one run; "ahead" is above it.
    let bar = if in_flight == 1 { 0.98 } else { 1.0 };
    Ok([
        Row {
            group: "client",
            case: case.clone(),
            figure: "times its rate",
            ratio: measured.speed(),
            bar: Bar::AtLeast(bar),
            context: format!("{:.0} µs", measured.ours().as_secs_f64() * 1e6 / n as f64),
        },
        Row {
            group: "client",
            case,
            figure: "times the client CPU",
            ratio: measured.cpu(),
            bar: Bar::AtMost(1.0),
            context: String::new(),
        },
    ])
}

/// Firekeep, untyped and typed.
struct Ours {
    db: Db,
    readings: Collection<Reading>,
    paths: Vec<DocPath>,
}

impl Ours {
    fn new(db: Db) -> anyhow::Result<Self> {
        let readings = db.collection("tenants/acme/devices/room-0/readings")?;
        Ok(Self { db, readings, paths: (0..DOCUMENTS).map(|n| path(0, n)).collect() })
    }

    async fn fill(&self) -> anyhow::Result<()> {
        for (n, path) in self.paths.iter().enumerate() {
            self.db.set(path, reading(n)).await?;
        }
        Ok(())
    }

    async fn plain(&self, op: Op, i: usize) -> anyhow::Result<()> {
        let path = &self.paths[i % DOCUMENTS];
        match op {
            Op::Get | Op::Lookup => drop(self.db.get(path).await?.context("a reading is missing")?),
            Op::Commit => drop(self.db.write(Write::replace(path.clone(), reading(i))?).await?),
            Op::Query => {
                let rows = self.db.query(last_hundred(0)).await?;
                anyhow::ensure!(rows.len() == 100, "rows are missing");
            }
        }
        Ok(())
    }

    async fn typed(&self, op: Op, i: usize) -> anyhow::Result<()> {
        let id = self.paths[i % DOCUMENTS].id();
        match op {
            Op::Get | Op::Lookup => {
                drop(self.readings.get(id).await?.context("a reading is missing")?)
            }
            Op::Commit => drop(self.readings.set(id, &Reading::nth(i)).await?),
            Op::Query => {
                let rows = self.readings.query().descending("at").limit(100).get().await?;
                anyhow::ensure!(rows.len() == 100, "rows are missing");
            }
        }
        Ok(())
    }
}
