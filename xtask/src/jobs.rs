//! The commands of the reference's Makefile that look after jobs, under their names.
//!
//! Each builds the `firekeep` command and hands it what it was given: `cargo xtask gc …` is
//! `firekeep jobs gc …`. With FIRESTORE_EMULATOR_HOST set, they work on the emulator, in the project `firekeep-demo`
//! unless `--store` or FIREKEEP_STORE names another.

use std::process::Command;

use anyhow::Result;

use crate::{environment, step, workspace};

/// The project of the demo, which has an emulator to itself.
const STORE: &str = "firestore://firekeep-demo";

/// Tombstone old jobs and delete older ones: `firekeep jobs gc`.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  cargo xtask gc --dry-run                                   what would be done, on the emulator
  cargo xtask gc --tombstone-age 30d --delete-age 90d --store firestore://my-project
  cargo xtask gc --help-command                              all options of the command")]
pub(crate) struct Gc {
    #[command(flatten)]
    forwarded: Forwarded,
}

/// Bring the documents of jobs to a newer layout: `firekeep jobs migrate`.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  cargo xtask migrate --target 1 --dry-run                   what would be done, on the emulator
  cargo xtask migrate --target 1 --store firestore://my-project
  cargo xtask migrate --help-command                         all options of the command")]
pub(crate) struct Migrate {
    #[command(flatten)]
    forwarded: Forwarded,
}

/// Follow the states of a job: `firekeep jobs monitor`.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  cargo xtask monitor --job nightly                          on the emulator
  cargo xtask monitor --job nightly --json --store firestore://my-project
  cargo xtask monitor --help-command                         all options of the command")]
pub(crate) struct Monitor {
    #[command(flatten)]
    forwarded: Forwarded,
}

#[derive(Debug, clap::Args)]
struct Forwarded {
    /// Show the help of the command itself.
    #[arg(long)]
    help_command: bool,

    /// What the command is given.
    #[arg(trailing_var_arg = true, allow_hyphen_values = true, value_name = "ARGUMENTS")]
    arguments: Vec<String>,
}

pub(crate) fn gc(args: &Gc) -> Result<()> {
    args.forwarded.to("gc")
}

pub(crate) fn migrate(args: &Migrate) -> Result<()> {
    args.forwarded.to("migrate")
}

pub(crate) fn monitor(args: &Monitor) -> Result<()> {
    args.forwarded.to("monitor")
}

impl Forwarded {
    fn to(&self, name: &str) -> Result<()> {
        let mut command = Command::new(workspace::build("firekeep-cli")?);
        command.args(["jobs", name]).args(&self.arguments);
        if self.help_command {
            command.arg("--help");
        }
        if let Some(store) = default_store(&environment::variable) {
            command.env("FIREKEEP_STORE", store);
        }
        step::run(&mut command)
    }
}

/// The store of who names none: the demo's, but only on an emulator.
fn default_store(variable: &dyn Fn(&str) -> Option<String>) -> Option<&'static str> {
    let is_free = variable("FIREKEEP_STORE").is_none();
    (is_free && variable("FIRESTORE_EMULATOR_HOST").is_some()).then_some(STORE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_on_an_emulator_a_store_is_chosen_for_who_names_none() {
        let set = |names: &'static [&'static str]| {
            default_store(&move |name: &str| names.contains(&name).then(|| "x".to_owned()))
        };
        assert_eq!(set(&[]), None);
        assert_eq!(set(&["FIRESTORE_EMULATOR_HOST"]), Some(STORE));
        assert_eq!(set(&["FIRESTORE_EMULATOR_HOST", "FIREKEEP_STORE"]), None);
    }
}
