//! Locks between processes that are killed, stopped and misled about time.

use std::process::Command;

use anyhow::Result;

use crate::emulator::Running;
use crate::{step, workspace};

/// Kill, stop and mislead processes that share locks on the emulator, and check what they did.
///
/// The clocks of the processes are off by up to an hour, and by 1 % in rate; their network loses, delays
/// and repeats. An emulator that this command started is stopped now and then too. What is checked stands
/// in crates/lock-chaos/README.md. Fails if a promise was not kept, or if the control without fences
/// loses no update; the seed and the history are printed.
#[derive(Debug, Default, clap::Args)]
#[command(after_help = "Examples:
  cargo xtask chaos                         one set of episodes, half a minute
  cargo xtask chaos --minutes 60            sets with new seeds for an hour
  cargo xtask chaos --seed 7 --workers 8    the clocks, faults and troubles of seed 7")]
pub(crate) struct Args {
    /// For how long to begin new sets of episodes.
    #[arg(long, value_name = "N", default_value_t = 0.0)]
    minutes: f64,

    /// What is drawn from; a new one if not given.
    #[arg(long)]
    seed: Option<u64>,

    /// How many processes share the locks, at least 2.
    #[arg(long, default_value_t = 4)]
    workers: u32,
}

pub(crate) fn run(args: &Args) -> Result<()> {
    println!("building the processes that share the locks");
    let binary = workspace::build("firekeep-lock-chaos")?;
    let emulator = Running::start()?;
    let folder = workspace::root().join("target").join("chaos");
    let mut command = Command::new(binary);
    command.args(["run", "--host", emulator.host(), "--minutes", &args.minutes.to_string()]);
    command.args(["--workers", &args.workers.to_string()]).arg("--folder").arg(folder);
    if let Some(seed) = args.seed {
        command.args(["--seed", &seed.to_string()]);
    }
    let group = emulator.process_group();
    match group {
        Some(group) => drop(command.args(["--store-group", &group.to_string()])),
        None => println!("the emulator is somebody else's: it will not be stopped"),
    }
    let outcome = step::run(&mut command);
    if let Some(group) = group {
        // If the run itself was killed, the emulator may be stopped, and would not notice its end.
        step::run(Command::new("kill").args(["-CONT", "--", &format!("-{group}")]))?;
    }
    outcome
}

/// One set of episodes, for continuous integration.
pub(crate) fn run_briefly() -> Result<()> {
    run(&Args { workers: 4, ..Args::default() })
}
