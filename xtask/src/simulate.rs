//! Many seeded worlds in which locks are shared.

use anyhow::Result;

use crate::{step, workspace};

/// Simulate locks in seeded worlds of skewed clocks, broken networks, pauses and crashes.
///
/// Built with optimization: a world takes half a millisecond instead of six. `cargo test` simulates 2,000.
/// A seed that fails is printed, with the command that replays it.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  cargo xtask simulate                  100,000 worlds
  cargo xtask simulate --seeds 1000000  ten times that")]
pub(crate) struct Args {
    /// How many worlds.
    #[arg(long, value_name = "COUNT", default_value_t = SEEDS)]
    seeds: u64,
}

const SEEDS: u64 = 100_000;

pub(crate) fn run(args: &Args) -> Result<()> {
    let test = ["test", "--release", "--locked", "-p", "firekeep-lock", "--test", "simulation"];
    let mut command = workspace::cargo();
    command.args(test).args(["--", "--nocapture"]);
    step::run(command.env("FIREKEEP_LOCK_SEEDS", args.seeds.to_string()))
}

/// As many as continuous integration simulates.
pub(crate) fn run_all() -> Result<()> {
    run(&Args { seeds: SEEDS })
}
