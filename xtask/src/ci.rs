//! Everything that must pass before a change is merged.

use anyhow::Result;

use crate::step::{self, Steps};
use crate::{
    arrows, chaos, demo, deny, indexes, interop, mutants, simulate, test, tidy, workspace,
};

/// Run every check and every test; what `.ci/run` calls.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  cargo xtask ci   all steps, with a table of timings at the end
  .ci/run          the same, as in continuous integration: missing packages are installed")]
pub(crate) struct Args {}

/// The cheap steps come first. A step that fails does not hide what the others find.
pub(crate) fn run(_: &Args) -> Result<()> {
    let mut steps = Steps::default();
    steps.run("fmt", || step::run(workspace::cargo().args(["fmt", "--all", "--check"])));
    steps.run("arrows", || arrows::run(&arrows::Args::default()));
    steps.run("deny", || deny::run(&deny::Args {}));
    steps.run("tidy", || tidy::run(&tidy::Args::default()));
    steps.run("clippy", clippy);
    steps.run("doc", doc);
    steps.run("test", || test::run_noting_indexes(indexes::new_folder()?));
    steps.run("indexes", indexes::check);
    steps.run("interop", || interop::run(&interop::Args::default()));
    steps.run("simulate", simulate::run_all);
    steps.run("mutants", mutants::run_all);
    steps.run("chaos", chaos::run_briefly);
    steps.run("demo", demo::run_briefly);
    steps.finish()
}

fn clippy() -> Result<()> {
    let args = ["clippy", "--workspace", "--all-targets", "--locked", "--", "-D", "warnings"];
    step::run(workspace::cargo().args(args))
}

fn doc() -> Result<()> {
    let args = ["doc", "--workspace", "--no-deps", "--locked"];
    step::run(workspace::cargo().args(args).env("RUSTDOCFLAGS", "-D warnings"))
}
