#![doc = include_str!("../README.md")]

mod address;
mod demo;
mod emulator;
mod failure;
mod ingest;
mod interrupt;
mod jobs;
mod lock;
mod log;
mod output;
mod process;
mod progress;
mod serve;
mod table;
mod time;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use failure::{EXIT_CODES, Failure};
use log::LogFormat;

/// Shared state in Cloud Firestore: serve device readings, feed them, show them.
#[derive(Debug, Parser)]
#[command(name = "firekeep", version, after_help = EXIT_CODES, disable_help_subcommand = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,

    /// Print results and errors as JSON, one object a line.
    #[arg(long, global = true)]
    json: bool,

    /// How log lines on standard error look; RUST_LOG decides which are written.
    #[arg(long, global = true, value_enum, default_value_t, value_name = "FORMAT")]
    log: LogFormat,
}

#[derive(Debug, Subcommand)]
enum Command {
    Serve(serve::Args),
    Ingest(Box<ingest::Args>),
    Demo(demo::Args),
    Emulator(Box<emulator::Args>),
    #[command(subcommand)]
    Lock(lock::Command),
    #[command(subcommand)]
    Jobs(jobs::Command),
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    log::start(cli.log);
    match run(cli.command, cli.json) {
        Ok(code) => code,
        Err(failure) => {
            failure.report(cli.json);
            failure.code()
        }
    }
}

fn run(command: Command, json: bool) -> Result<ExitCode, Failure> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let runtime = runtime.map_err(|error| Failure::Failed(error.into()))?;
    let result = runtime.block_on(async {
        let done = match command {
            Command::Serve(args) => serve::run(args, json).await,
            Command::Ingest(args) => ingest::run(*args, json).await,
            Command::Demo(args) => demo::run(args, json).await,
            Command::Emulator(args) => emulator::run(*args, json).await,
            Command::Lock(command) => return lock::run(command, json).await,
            Command::Jobs(command) => return jobs::run(command, json).await,
        };
        done.map(|()| ExitCode::SUCCESS)
    });
    // A request that the user gave up must not keep the process.
    runtime.shutdown_background();
    result
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::Cli;

    #[test]
    fn the_command_line_is_consistent_and_every_command_has_an_example() {
        Cli::command().debug_assert();
        let check = |command: &clap::Command, name: String| {
            let help = command.get_after_help().map(ToString::to_string).unwrap_or_default();
            assert!(help.contains(&format!("firekeep {name}")), "`{name}` has no example");
        };
        for command in Cli::command().get_subcommands() {
            let name = command.get_name();
            check(command, name.to_owned());
            command
                .get_subcommands()
                .for_each(|sub| check(sub, format!("{name} {}", sub.get_name())));
        }
    }
}
