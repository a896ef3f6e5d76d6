//! The official emulator in the foreground.

use std::process::Command;

use anyhow::{Context, Result};
use firekeep_testkit::Emulator;

use crate::install::{self, Need};
use crate::{environment, step, workspace};

/// Run the Firestore emulator until Ctrl-C, or for as long as a command runs.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  cargo xtask emulator                                     prints the line to export
  cargo xtask emulator -- cargo test -p firekeep-firestore runs a command with it")]
pub(crate) struct Args {
    /// A command that runs with FIRESTORE_EMULATOR_HOST set; the emulator ends with it.
    #[arg(last = true, value_name = "COMMAND")]
    command: Vec<String>,
}

/// An emulator that answers: one that runs already, or one of our own that ends when this is
/// dropped.
#[derive(Debug)]
pub(crate) enum Running {
    Theirs(String),
    Ours(Emulator),
}

impl Running {
    /// The emulator that FIRESTORE_EMULATOR_HOST names, or a new one on a free port.
    pub(crate) fn start() -> Result<Self> {
        if let Some(host) = environment::variable("FIRESTORE_EMULATOR_HOST") {
            println!("FIRESTORE_EMULATOR_HOST is set: using the emulator at {host}");
            return Ok(Self::Theirs(host));
        }
        install::provide(&[Need::Emulator, Need::Java])?;
        println!("starting the emulator");
        Emulator::start().map(Self::Ours).context("the emulator did not start")
    }

    /// Where it listens: `127.0.0.1:8787`.
    pub(crate) fn host(&self) -> &str {
        match self {
            Self::Theirs(host) => host,
            Self::Ours(emulator) => emulator.address(),
        }
    }

    /// The process group of our own; somebody else's is not ours to signal.
    pub(crate) fn process_group(&self) -> Option<u32> {
        match self {
            Self::Theirs(_) => None,
            Self::Ours(emulator) => Some(emulator.process_group()),
        }
    }
}

pub(crate) fn run(args: &Args) -> Result<()> {
    let emulator = Running::start()?;
    let Some((program, arguments)) = args.command.split_first() else {
        println!("export FIRESTORE_EMULATOR_HOST={}", emulator.host());
        println!("Ctrl-C stops it");
        // The emulator ends with this process, however that ends.
        loop {
            std::thread::park();
        }
    };
    let mut command = Command::new(program);
    command.args(arguments).env("FIRESTORE_EMULATOR_HOST", emulator.host());
    command.current_dir(workspace::root());
    step::run(&mut command)
}
