//! Firekeep beside its peers. Every figure is a ratio within one run; absolute times stand beside
//! it only to give a sense of scale.

mod bare;
mod client;
mod jobs;
mod locks;
mod measure;
mod memory;
mod obvious;
mod report;
mod sqlite;
mod streams;
mod typed;
mod wire;

use std::path::PathBuf;

use clap::{Parser, ValueEnum};

/// Measures Firekeep beside SQLite, the bare generated client, the `firestore` crate, and a lock and
/// updates of state written the obvious way.
#[derive(Debug, Parser)]
#[command(
    after_help = "Examples:\n  cargo xtask bench\n  cargo xtask bench --only sqlite --rounds 15"
)]
struct Args {
    /// Only these groups; all by default.
    #[arg(long, value_enum)]
    only: Vec<Group>,
    /// Rounds of each pair after the warm-up; the medians are quoted.
    #[arg(long, default_value_t = 9)]
    rounds: usize,
    /// Writes the rows as JSON to this file.
    #[arg(long)]
    json: Option<PathBuf>,
    /// The emulator's address, needed by the groups `client`, `lock`, `jobs` and `wire`.
    #[arg(long, env = "FIRESTORE_EMULATOR_HOST")]
    emulator: Option<String>,
    /// The release binary of `firekeep`, needed by the group `wire`.
    #[arg(long, env = "FIREKEEP_BINARY")]
    firekeep: Option<PathBuf>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Group {
    /// The memory store against SQLite in memory.
    Sqlite,
    /// The last 100 readings out of 10^4, 10^5 and 10^6.
    Scale,
    /// Commits with 0, 100 and 1,000 watchers of other documents.
    Watchers,
    /// The Firestore backend against the bare generated client, the `firestore` crate and a lock
    /// written the obvious way.
    Client,
    /// `firekeep-lock` against a lock written the obvious way, on memory and the emulator.
    Lock,
    /// `firekeep-jobs`: updates against bare commits on memory and against transactions on the emulator.
    Jobs,
    /// `firekeep emulator` against the official emulator.
    Wire,
}

fn main() -> anyhow::Result<()> {
    let args = Args::parse();
    let wants = |group| args.only.is_empty() || args.only.contains(&group);
    let mut rows = Vec::new();
    if wants(Group::Sqlite) {
        rows.extend(sqlite::run(args.rounds)?);
    }
    if wants(Group::Scale) {
        rows.extend(memory::scale(args.rounds)?);
    }
    if wants(Group::Watchers) {
        rows.extend(memory::watchers(args.rounds)?);
    }
    if wants(Group::Client) {
        let host = args.emulator.as_deref().ok_or_else(|| {
            anyhow::anyhow!("the group `client` needs the emulator: run `cargo xtask bench`")
        })?;
        rows.extend(client::run(host, args.rounds)?);
    }
    if wants(Group::Lock) {
        let host = args.emulator.as_deref().ok_or_else(|| {
            anyhow::anyhow!("the group `lock` needs the emulator: run `cargo xtask bench lock`")
        })?;
        rows.extend(locks::run(host, args.rounds)?);
    }
    if wants(Group::Jobs) {
        let host = args.emulator.as_deref().ok_or_else(|| {
            anyhow::anyhow!("the group `jobs` needs the emulator: run `cargo xtask bench jobs`")
        })?;
        rows.extend(jobs::run(host, args.rounds)?);
    }
    if wants(Group::Wire) {
        let (Some(firekeep), Some(host)) = (&args.firekeep, &args.emulator) else {
            anyhow::bail!("the group `wire` needs two emulators: run `cargo xtask bench wire`");
        };
        rows.extend(wire::run(firekeep, host, args.rounds)?);
    }
    report::print(&rows);
    if let Some(path) = args.json {
        std::fs::write(&path, serde_json::to_string_pretty(&report::json(&rows))?)?;
        println!("wrote {}", path.display());
    }
    let missed = rows.iter().filter(|row| !row.met()).count();
    anyhow::ensure!(missed == 0, "{missed} of {} figures missed their bar", rows.len());
    Ok(())
}
