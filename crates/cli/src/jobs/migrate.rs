//! `firekeep jobs migrate`.

use std::fmt;

use firekeep::jobs::{JobId, MigrateEvent, MigrateOptions, MigrateReport, StepReport};
use serde::Serialize;

use super::{JobsArgs, failure, parse_job};
use crate::failure::Failure;
use crate::interrupt::Interrupt;
use crate::output::{self, count};

/// Bring the documents of jobs to a newer layout, states and jobs.
///
/// Layouts go forward only. Several migrations may run at once, and each may be killed: run it again, and it
/// goes on where it stood.
#[derive(Debug, clap::Args)]
#[command(after_help = "Exit codes:
  0    every job is there
  1    a job failed, or the store or the network did
  2    the command line is wrong, or the target is below what is stored
  130  interrupted; run it again to go on

Examples:
  firekeep jobs migrate --target 1 --dry-run --store firestore://my-project
  firekeep jobs migrate --target 1 --store firestore://my-project
  firekeep jobs migrate --target 1 --job nightly --json --store firestore://my-project")]
pub(crate) struct Args {
    /// The layout to come to.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    target: u32,

    #[command(flatten)]
    jobs: JobsArgs,

    /// Write nothing, and say what would be done.
    #[arg(long)]
    dry_run: bool,

    /// This job only.
    #[arg(long, value_name = "JOB", value_parser = parse_job)]
    job: Option<JobId>,

    /// At most so many jobs that are not there yet.
    #[arg(long, value_name = "N")]
    limit: Option<u64>,
}

/// What was done.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Migrated {
    scanned: u64,
    migrated: u64,
    skipped: u64,
    failed: u64,
    steps: Vec<Step>,
    dry_run: bool,
}

#[derive(Debug, Serialize)]
struct Step {
    from: u32,
    jobs: u64,
    states: u64,
}

pub(crate) async fn run(args: Args, json: bool) -> Result<(), Failure> {
    let mut interrupt = Interrupt::listen()?;
    let jobs = args.jobs.open()?;
    let options = args.options();
    let migrating = jobs.migrate_with(&options, |event| tell(&event, json));
    let report = tokio::select! {
        report = migrating => report.map_err(failure)?,
        () = interrupt.wait() => {
            return Err(Failure::Interrupted("interrupted; run it again to go on".into()));
        }
    };
    output::say(&Migrated::of(&report), json);
    match report.failed {
        0 => Ok(()),
        failed => {
            let message = format!("{failed} jobs failed, and are as they were or half-way");
            Err(Failure::Run { code: 1, kind: "incomplete", message })
        }
    }
}

/// Says how far it is, on standard error.
fn tell(event: &MigrateEvent<'_>, json: bool) {
    let line = match event {
        MigrateEvent::Failed(job, error) => format!("{job}: failed: {error}"),
        _ if json => return,
        MigrateEvent::Begun { job, from } => format!("{job}: from schema {from}"),
        MigrateEvent::Moved { job, states } => format!("{job}: {} states more", count(*states)),
        MigrateEvent::Done(job) => format!("{job}: done"),
        _ => return,
    };
    output::to_stderr(&line);
}

impl Args {
    fn options(&self) -> MigrateOptions {
        let options = MigrateOptions::default().target(self.target).dry_run(self.dry_run);
        let options = match &self.job {
            Some(job) => options.job(job.clone()),
            None => options,
        };
        match self.limit {
            Some(limit) => options.limit(limit),
            None => options,
        }
    }
}

impl Migrated {
    fn of(report: &MigrateReport) -> Self {
        let step =
            |step: &StepReport| Step { from: step.from, jobs: step.jobs, states: step.states };
        Self {
            scanned: report.scanned,
            migrated: report.migrated,
            skipped: report.skipped,
            failed: report.failed,
            steps: report.steps.iter().map(step).collect(),
            dry_run: report.dry_run,
        }
    }
}

impl fmt::Display for Migrated {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { scanned, migrated, skipped, failed, steps, dry_run } = self;
        write!(f, "scanned={scanned} migrated={migrated} skipped={skipped} failed={failed}")?;
        for Step { from, jobs, states } in steps {
            write!(f, " step{from}={jobs}+{states}")?;
        }
        write!(f, " dry_run={dry_run}")
    }
}
