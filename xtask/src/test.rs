//! The second command of the README.

use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};

use crate::emulator::Running;
use crate::install::{self, Need};
use crate::tally::Tally;
use crate::{step, workspace};

/// Run all tests, with the emulator started and stopped around them.
///
/// What is missing on the machine is installed as root or in continuous integration; elsewhere the
/// command to install it is printed.
#[derive(Debug, Default, clap::Args)]
#[command(after_help = "Examples:
  cargo xtask test                      everything
  cargo xtask test --memory             what needs nothing but Rust
  cargo xtask test -- -p firekeep-core  arguments after -- go to `cargo test`
  cargo xtask test -- --test pages -- --nocapture")]
pub(crate) struct Args {
    /// Run only what needs nothing but Rust: no emulator, no browser.
    #[arg(long)]
    memory: bool,

    /// Where suites note which indexes they need.
    #[arg(skip)]
    record_indexes: Option<PathBuf>,

    /// Arguments for `cargo test`.
    #[arg(last = true)]
    cargo: Vec<String>,
}

pub(crate) fn run(args: &Args) -> Result<()> {
    let started = step::now();
    let mut command = workspace::cargo();
    command.args(["test", "--no-fail-fast"]);
    if !names_a_package(&args.cargo) {
        command.arg("--workspace");
    }
    command.args(&args.cargo);
    if let Some(folder) = &args.record_indexes {
        command.env("FIREKEEP_RECORD_INDEXES", folder);
    }
    let emulator = prepare(args, &mut command)?;
    let outcome = tee(&mut command);
    drop(emulator);
    if args.memory {
        println!("\n{LEFT_OUT}");
    }
    let (tally, succeeded) = outcome?;
    println!("\n{tally}; {:.0} seconds", started.elapsed().as_secs_f64());
    if !succeeded {
        bail!("`{}` failed\n{}", step::show(&command), tally.failures());
    }
    Ok(())
}

/// Runs all tests, and lets the suites note in `folder` which indexes they need.
pub(crate) fn run_noting_indexes(folder: PathBuf) -> Result<()> {
    run(&Args { record_indexes: Some(folder), ..Args::default() })
}

const LEFT_OUT: &str = "LEFT OUT by --memory: the Firestore backend on the emulator, every feature \
    suite on the emulator, the differential runs, and the page in a browser. `cargo xtask test` \
    runs them.";

/// Says to the tests which backends they must find, and provides them.
fn prepare(args: &Args, command: &mut Command) -> Result<Option<Running>> {
    if args.memory {
        println!("{LEFT_OUT}\n");
        if !args.cargo.iter().any(|arg| arg == "--") {
            command.arg("--");
        }
        // What can't run without the emulator stands in modules of that name.
        command.args(["--skip", "emulator::"]);
        command.env("FIREKEEP_REQUIRE", "memory").env_remove("FIRESTORE_EMULATOR_HOST");
        return Ok(None);
    }
    install::provide(&Need::TESTS)?;
    let emulator = Running::start()?;
    println!("the emulator answers at {}\n", emulator.host());
    command.env("FIREKEEP_REQUIRE", "memory,emulator,chromium");
    command.env("FIRESTORE_EMULATOR_HOST", emulator.host());
    Ok(Some(emulator))
}

fn names_a_package(args: &[String]) -> bool {
    let own = args.iter().take_while(|arg| *arg != "--");
    own.into_iter().any(|arg| arg.starts_with("-p") || arg.starts_with("--package"))
}

/// Runs `cargo test`, passes its output on line by line, and sums up the results.
fn tee(command: &mut Command) -> Result<(Tally, bool)> {
    let mut child = command.stdout(Stdio::piped()).spawn().context("`cargo test` did not start")?;
    let mut tally = Tally::default();
    if let Some(output) = child.stdout.take() {
        for line in BufReader::new(output).split(b'\n') {
            let line = line.context("the output of `cargo test` broke off")?;
            let line = String::from_utf8_lossy(&line);
            println!("{line}");
            tally.read(&line);
        }
    }
    let status = child.wait().context("`cargo test` can't be waited for")?;
    Ok((tally, status.success()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_package_that_is_named_is_not_widened_to_the_workspace() {
        let args = |text: &str| text.split(' ').map(str::to_owned).collect::<Vec<_>>();
        assert!(names_a_package(&args("-p firekeep-core")));
        assert!(names_a_package(&args("--package=firekeep-core")));
        assert!(!names_a_package(&args("pages -- -p")));
    }

    #[test]
    fn output_is_summed_up_and_the_exit_status_kept() {
        let line = "echo 'test result: ok. 2 passed; 0 failed; 0 ignored'";
        let run = |script: &str| tee(Command::new("sh").args(["-c", script])).unwrap();
        let (tally, succeeded) = run(line);
        assert!(succeeded);
        assert!(tally.to_string().starts_with("2 tests passed, 0 failed"), "{tally}");
        assert!(!run(&format!("{line}; exit 101")).1);
    }
}
