//! The first command of the README.

use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use anyhow::{Context, Result, bail};
use clap::ValueEnum;
use serde::Deserialize;

use crate::emulator::Running;
use crate::{interrupt, step, workspace};

/// Build Firekeep and show a building that is alive, in the browser.
///
/// A nightly rollup of its readings runs as a job; a worker of it hangs, is taken over, and is refused.
/// Fails if that does not come about.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  cargo xtask demo                     simulated rooms, on memory
  cargo xtask demo --csv room.csv      real readings, replayed
  cargo xtask demo --store firestore   the same on the Firestore emulator
  cargo xtask demo --speed 600 --port 0")]
pub(crate) struct Args {
    /// Where the readings are kept.
    #[arg(long, value_enum, default_value_t)]
    store: Backend,

    /// Replay the readings of this file instead of simulating.
    #[arg(long, value_name = "FILE")]
    csv: Option<PathBuf>,

    /// The port to listen on; 0 picks a free one. 8080 unless that is taken.
    #[arg(long, value_name = "PORT")]
    port: Option<u16>,

    /// How many times faster than real time.
    #[arg(long, value_name = "FACTOR", default_value = "60")]
    speed: String,

    /// End as soon as the page is there and the rollup is done.
    #[arg(long)]
    exit_when_ready: bool,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
enum Backend {
    /// In the process.
    #[default]
    Memory,
    /// On the official emulator, started and stopped around the demo.
    Firestore,
}

/// What the demo says once it serves.
#[derive(Debug, Deserialize)]
struct Ready {
    url: String,
    store: String,
}

pub(crate) fn run(args: &Args) -> Result<()> {
    println!("building firekeep; the first time takes some minutes");
    let binary = workspace::build("firekeep-cli")?;
    let mut command = command(args, binary);
    let emulator = match args.store {
        Backend::Memory => None,
        Backend::Firestore => Some(Running::start()?),
    };
    if let Some(emulator) = &emulator {
        command.args(["--store", "firestore://firekeep-demo"]);
        command.env("FIRESTORE_EMULATOR_HOST", emulator.host());
    }
    // From here on a signal must not end this process before the demo has ended.
    let interrupt = interrupt::listen()?;
    println!("storing the past");
    let mut demo = command.spawn().context("the demo did not start")?;
    let outcome = show(&mut demo, args.exit_when_ready, &interrupt);
    stop(&mut demo)?;
    outcome
}

/// What came of the nightly rollup, which the demo has checked.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct RolledUp {
    #[serde(rename = "jobID")]
    job: String,
    tasks: u32,
    stalled_ms: u64,
    fenced: u64,
    taken_over: u64,
}

/// Shows that the README's first command works: starts the demo, and ends it once it serves and has
/// rolled up.
pub(crate) fn run_briefly() -> Result<()> {
    run(&Args {
        store: Backend::Memory,
        csv: None,
        port: Some(0),
        speed: "60".to_owned(),
        exit_when_ready: true,
    })
}

fn command(args: &Args, binary: PathBuf) -> Command {
    let mut command = Command::new(binary);
    let port = args.port.unwrap_or_else(usual_port);
    command.args(["demo", "--json", "--speed", &args.speed]);
    command.args(["--listen", &format!("127.0.0.1:{port}")]);
    if let Some(csv) = &args.csv {
        command.arg("--csv").arg(csv);
    }
    command.stdout(Stdio::piped());
    command
}

/// 8080, or a free port if somebody has that.
fn usual_port() -> u16 {
    match TcpListener::bind(("127.0.0.1", 8080)) {
        Ok(_) => 8080,
        Err(_) => {
            println!("port 8080 is taken: taking a free one");
            0
        }
    }
}

/// Prints the address once the demo serves, and what came of the rollup, and waits for Ctrl-C.
fn show(demo: &mut Child, exit_when_ready: bool, interrupt: &interrupt::Interrupt) -> Result<()> {
    let output = demo.stdout.take().context("the demo has no output")?;
    let mut lines = BufReader::new(output).lines();
    let mut line = || lines.next().transpose().context("the demo's output broke off");
    let Some(Ok(ready)) = line()?.map(|line| serde_json::from_str::<Ready>(&line)) else {
        bail!("the demo ended before it served; it said why above");
    };
    println!("\n  {}\n\nreadings are kept in {}; Ctrl-C ends the demo", ready.url, ready.store);
    match line()?.map(|line| serde_json::from_str::<RolledUp>(&line)) {
        Some(Ok(done)) => println!("{}", told(&done)),
        _ if interrupt.came() => return Ok(()),
        _ => bail!("the nightly rollup did not come to its end; the demo said why above"),
    }
    if !exit_when_ready {
        interrupt.wait();
    }
    Ok(())
}

fn told(done: &RolledUp) -> String {
    let RolledUp { job, tasks, stalled_ms, fenced, taken_over } = done;
    format!(
        "{job}: {tasks} device-days rolled up; one worker hung, its task stalled for {stalled_ms} ms, \
         attempt {taken_over} took it over, and attempt {fenced} was refused when it woke up"
    )
}

/// Asks the demo to end after the requests under way, and waits for it.
fn stop(demo: &mut Child) -> Result<()> {
    if demo.try_wait()?.is_none() {
        let id = demo.id().to_string();
        step::run(Command::new("kill").args(["-TERM", &id]))?;
    }
    demo.wait().context("the demo can't be waited for").map(drop)
}
