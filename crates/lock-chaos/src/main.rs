//! Started by `cargo xtask chaos`; starts itself again as its workers.

#![allow(clippy::print_stdout, reason = "a command line talks to its user")]

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Result, bail, ensure};
use clap::{Parser, Subcommand};
use fastrand::Rng;
use firekeep_core::{Clock, SystemClock};
use firekeep_lock_chaos::episode::Stage;
use firekeep_lock_chaos::worker::{self, Orders, Work};
use tokio::signal::unix::{SignalKind, signal};

/// Processes that are killed, stopped and misled about time, while they share locks.
#[derive(Debug, Parser)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run episodes, and check their histories.
    Run(Args),
    /// Be a worker. Episodes start these.
    Worker {
        /// What to do, as JSON.
        orders: String,
    },
}

#[derive(Debug, clap::Args)]
struct Args {
    /// Where the emulator listens.
    #[arg(long)]
    host: String,

    /// The emulator's process group, if it may be stopped.
    #[arg(long)]
    store_group: Option<i32>,

    /// What goes wrong on the wire, as `firekeep emulator --faults` takes it; needs such an emulator.
    #[arg(long, value_name = "PLAN")]
    faults: Option<String>,

    /// How long to go on; one set of episodes runs in any case.
    #[arg(long, default_value = "0")]
    minutes: f64,

    /// What everything random is drawn from, except how processes interleave.
    #[arg(long)]
    seed: Option<u64>,

    /// How many processes share the locks.
    #[arg(long, default_value = "4")]
    workers: u32,

    /// Where the histories go that something is wrong with.
    #[arg(long)]
    folder: PathBuf,
}

fn main() -> Result<()> {
    match Cli::parse().command {
        Command::Worker { orders } => worker::run(serde_json::from_str::<Orders>(&orders)?),
        Command::Run(args) => {
            tokio::runtime::Builder::new_multi_thread().enable_all().build()?.block_on(run(args))
        }
    }
}

async fn run(args: Args) -> Result<()> {
    ensure!(args.workers >= 2, "`--workers` must be at least 2: one is left alone at any time");
    let seed = args.seed.unwrap_or_else(|| Rng::new().u64(..));
    let stage = Stage {
        host: args.host,
        store_group: args.store_group,
        faults: args.faults,
        workers: args.workers,
        folder: args.folder,
    };
    tokio::select! {
        done = go_on(stage, seed, args.minutes) => done,
        // The stage is dropped then: what was stopped goes on, and the workers end.
        interrupted = interrupted() => interrupted,
    }
}

async fn interrupted() -> Result<()> {
    let mut terminate = signal(SignalKind::terminate())?;
    tokio::select! {
        _ = tokio::signal::ctrl_c() => {}
        _ = terminate.recv() => {}
    }
    bail!("interrupted");
}

async fn go_on(stage: Stage, mut seed: u64, minutes: f64) -> Result<()> {
    let length = Duration::from_secs_f64(minutes.clamp(0.0, 1e6) * 60.0);
    let started = SystemClock.monotonic();
    loop {
        println!("seed {seed}");
        for (work, length) in EPISODES {
            let outcome = stage.run(work, seed, length).await?;
            println!(
                "{:>5.0} s  {work:?}: {outcome}",
                (SystemClock.monotonic() - started).as_secs_f64()
            );
            ensure!(
                outcome.is_as_expected(),
                "a promise was not kept; repeat with --seed {seed}; the history is in {}",
                outcome.folder.display()
            );
        }
        if SystemClock.monotonic() - started >= length {
            return Ok(());
        }
        seed = Rng::with_seed(seed).u64(..);
    }
}

/// A set of episodes, about half a minute long.
const EPISODES: [(Work, Duration); 4] = [
    (Work::Sections, Duration::from_secs(12)),
    (Work::Rounds, Duration::from_secs(4)),
    (Work::Plain, Duration::from_secs(3)),
    (Work::Guarded, Duration::from_secs(3)),
];
