//! The developer commands of Firekeep: `cargo xtask --help`.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a command line talks to its user")]

mod arrows;
mod bench;
mod chaos;
mod ci;
mod demo;
mod deny;
mod emulator;
mod environment;
mod fuzz;
mod indexes;
mod install;
mod interop;
mod interrupt;
mod jobs;
mod mutants;
mod simulate;
mod step;
mod tally;
mod test;
mod tidy;
mod workspace;

use clap::{Parser, Subcommand};

/// The developer commands of Firekeep. Start with `cargo xtask demo`, then `cargo xtask test`.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask", disable_help_subcommand = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Demo(demo::Args),
    Test(test::Args),
    Ci(ci::Args),
    Emulator(emulator::Args),
    Mutants(mutants::Args),
    Simulate(simulate::Args),
    Fuzz(fuzz::Args),
    Bench(bench::Args),
    Chaos(chaos::Args),
    Gc(jobs::Gc),
    Migrate(jobs::Migrate),
    Monitor(jobs::Monitor),
    Indexes(indexes::Args),
    Interop(interop::Args),
    Arrows(arrows::Args),
    Deny(deny::Args),
    Tidy(tidy::Args),
}

fn main() -> anyhow::Result<()> {
    match Cli::parse().command {
        Command::Demo(args) => demo::run(&args),
        Command::Test(args) => test::run(&args),
        Command::Emulator(args) => emulator::run(&args),
        Command::Indexes(args) => indexes::run(&args),
        Command::Interop(args) => interop::run(&args),
        Command::Mutants(args) => mutants::run(&args),
        Command::Simulate(args) => simulate::run(&args),
        Command::Fuzz(args) => fuzz::run(&args),
        Command::Bench(args) => bench::run(&args),
        Command::Chaos(args) => chaos::run(&args),
        Command::Gc(args) => jobs::gc(&args),
        Command::Migrate(args) => jobs::migrate(&args),
        Command::Monitor(args) => jobs::monitor(&args),
        Command::Ci(args) => ci::run(&args),
        Command::Arrows(args) => arrows::run(&args),
        Command::Deny(args) => deny::run(&args),
        Command::Tidy(args) => tidy::run(&args),
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::Cli;

    #[test]
    fn every_command_says_what_it_does_and_gives_an_example() {
        Cli::command().debug_assert();
        for command in Cli::command().get_subcommands() {
            let name = command.get_name();
            assert!(command.get_about().is_some(), "`{name}` says nothing about itself");
            let examples = command.get_after_help().map(ToString::to_string).unwrap_or_default();
            assert!(examples.contains(&format!("cargo xtask {name}")), "`{name}` has no example");
        }
    }
}
