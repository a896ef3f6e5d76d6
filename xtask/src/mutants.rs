//! The lock, broken on purpose: each fault that someone might make is one that a test must notice.

mod mutant;
mod tree;
mod trial;

use std::collections::BTreeSet;
use std::fmt;

use anyhow::{Result, bail, ensure};

use self::mutant::Mutant;
use self::tree::Tree;
use self::trial::{Trial, Verdict};
use crate::step;

/// Break the lock, one fault after the other, and demand that a test notices each.
///
/// Works on a copy in target/mutants. A mutant is a patch in crates/lock/mutants that names the test
/// programs to try; the first one that fails kills it.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  cargo xtask mutants                    every mutant, with a table at the end
  cargo xtask mutants --only wall-clock  those with this in their name
  cargo xtask mutants --seeds 20000      simulating for longer")]
pub(crate) struct Args {
    /// Only mutants with this in their name.
    #[arg(long, value_name = "TEXT", default_value = "")]
    only: String,

    /// How many worlds to simulate at most.
    #[arg(long, value_name = "COUNT", default_value_t = SEEDS)]
    seeds: u64,
}

pub(crate) fn run(args: &Args) -> Result<()> {
    let mut mutants = mutant::all()?;
    mutants.retain(|mutant| mutant.name.contains(&args.only));
    ensure!(!mutants.is_empty(), "no mutant has `{}` in its name", args.only);
    let tree = Tree::copy()?;
    let trial = Trial { tree: &tree, seeds: args.seeds };
    check_original(&trial, &mutants)?;
    let mut rows = Vec::new();
    for mutant in &mutants {
        let started = step::now();
        tree.apply(mutant)?;
        let verdict = trial.of(&mutant.tests);
        tree.restore()?;
        let row = Row { mutant, verdict: verdict?, seconds: started.elapsed().as_secs_f64() };
        println!("{row}");
        rows.push(row);
    }
    sum_up(&rows)
}

/// Every mutant, for continuous integration.
pub(crate) fn run_all() -> Result<()> {
    run(&Args { only: String::new(), seeds: SEEDS })
}

const SEEDS: u64 = 4000;

/// What is not broken must pass, or a failure says nothing about a mutant.
fn check_original(trial: &Trial<'_>, mutants: &[Mutant]) -> Result<()> {
    let tests: BTreeSet<_> = mutants.iter().flat_map(|mutant| mutant.tests.clone()).collect();
    println!("without a mutant: {}", tests.iter().cloned().collect::<Vec<_>>().join(", "));
    let tests: Vec<_> = tests.into_iter().collect();
    match trial.of(&tests)? {
        Verdict::Survived => Ok(()),
        Verdict::Killed(by) => bail!("fails without a mutant: {by}"),
    }
}

struct Row<'a> {
    mutant: &'a Mutant,
    verdict: Verdict,
    seconds: f64,
}

impl fmt::Display for Row<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let by = match &self.verdict {
            Verdict::Killed(by) => by,
            Verdict::Survived => "SURVIVED",
        };
        write!(f, "{:<26} {:>6.1} s  {by}", self.mutant.name, self.seconds)
    }
}

fn sum_up(rows: &[Row<'_>]) -> Result<()> {
    println!();
    for row in rows {
        println!("{row}");
    }
    let survivors = rows.iter().filter(|row| matches!(row.verdict, Verdict::Survived));
    let survivors: Vec<_> = survivors.map(|row| row.mutant).collect();
    println!("\n{} mutants, {} survived", rows.len(), survivors.len());
    if !survivors.is_empty() {
        let told = survivors.iter().map(|mutant| format!("{}: {}", mutant.name, mutant.fault));
        bail!("no test notices\n{}", told.collect::<Vec<_>>().join("\n"));
    }
    Ok(())
}
