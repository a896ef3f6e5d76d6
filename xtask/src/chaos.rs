//! Locks between processes that are killed, stopped and misled about time.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, anyhow};
use firekeep_testkit::{Process, emulator, process};

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
  cargo xtask chaos --wire                  the same on `firekeep emulator`, with faults on the wire
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

    /// On `firekeep emulator`, where calls go wrong on the wire as well.
    #[arg(long)]
    wire: bool,
}

pub(crate) fn run(args: &Args) -> Result<()> {
    println!("building the processes that share the locks");
    let binary = workspace::build("firekeep-lock-chaos")?;
    if args.wire {
        return run_on_wire(args, &binary);
    }
    let emulator = Running::start()?;
    let group = emulator.process_group();
    if group.is_none() {
        println!("the emulator is somebody else's: it will not be stopped");
    }
    run_on(args, &binary, emulator.host(), group, &[])
}

/// Runs on an emulator of ours, which ends with this.
fn run_on_wire(args: &Args, binary: &Path) -> Result<()> {
    let program = workspace::build("firekeep-cli")?;
    let address = format!("127.0.0.1:{}", process::free_port()?);
    let log = std::env::temp_dir().join(format!("firekeep-chaos-{}.log", std::process::id()));
    let mut server = Process::start(&program, ["emulator", "--host-port", &address], &log)
        .context("`firekeep emulator` did not start")?;
    server
        .wait_until(Duration::from_secs(10), || emulator::answers(&address))
        .map_err(|why| anyhow!("`firekeep emulator`: {why}; its output is in {}", log.display()))?;
    println!("faults strike on the wire: {WIRE}");
    run_on(args, binary, &address, Some(server.group()), &["--faults", WIRE])
}

fn run_on(args: &Args, binary: &Path, host: &str, group: Option<u32>, more: &[&str]) -> Result<()> {
    let folder = workspace::root().join("target").join("chaos");
    let mut command = Command::new(binary);
    command.args(["run", "--host", host, "--minutes", &args.minutes.to_string()]);
    command.args(["--workers", &args.workers.to_string()]).arg("--folder").arg(folder).args(more);
    if let Some(seed) = args.seed {
        command.args(["--seed", &seed.to_string()]);
    }
    if let Some(group) = group {
        command.args(["--store-group", &group.to_string()]);
    }
    let outcome = step::run(&mut command);
    if let Some(group) = group {
        // If the run itself was killed, the emulator may be stopped, and would not notice its end.
        step::run(Command::new("kill").args(["-CONT", "--", &format!("-{group}")]))?;
    }
    outcome
}

/// One set of episodes on each emulator, for continuous integration.
pub(crate) fn run_briefly() -> Result<()> {
    run(&Args { workers: 4, ..Args::default() })?;
    run(&Args { workers: 4, wire: true, ..Args::default() })
}

/// What goes wrong on the wire: what a worker's own network can't do, too. Who reads is struck less, so
/// that there is something to be struck.
const WIRE: &str = "commit:lose-request=0.01,lose-reply=0.02,cut=0.01,disconnect=0.01,late=0.01@1..20,\
                    duplicate=0.01,aborted=0.01,unavailable=0.01,resource-exhausted=0.005,\
                    delay-reply=0.02@1ms..300ms;\
                    *:unavailable=0.005,delay=0.01@1ms..300ms,cut=0.003,break=0.003";
