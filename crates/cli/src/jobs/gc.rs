//! `firekeep jobs gc`.

use std::fmt;
use std::time::Duration;

use firekeep::jobs::{Age, GcEvent, GcOptions, GcReport};
use serde::Serialize;

use super::{JobsArgs, failure};
use crate::failure::Failure;
use crate::interrupt::Interrupt;
use crate::output;
use crate::time::parse_time;

/// Tombstone jobs that nobody has worked on for long, and delete those that were tombstoned long ago.
///
/// A job is as old as its newest state, by the store's clock, and is never collected while a task of it is
/// claimed. Several collections may run at once, and each may be killed: the next goes on.
///
/// Ages are numbers with units: mo (30 days), w, d, h, m (minutes), s, ms, as in 90d, 1d12h, 3mo.
#[derive(Debug, clap::Args)]
#[command(after_help = "Exit codes:
  0    done
  1    a job could not be judged, or the store or the network failed
  2    the command line is wrong
  130  interrupted; run it again to go on

Examples:
  firekeep jobs gc --store firestore://my-project --dry-run
  firekeep jobs gc --tombstone-age 30d --delete-age 90d --store firestore://my-project
  firekeep jobs gc --sweep --pace 1s --json --store firestore://my-project")]
pub(crate) struct Args {
    #[command(flatten)]
    jobs: JobsArgs,

    /// Jobs of this age are tombstoned.
    #[arg(long, value_name = "AGE", default_value = "30d", value_parser = parse_age)]
    tombstone_age: Age,

    /// Jobs of this age are deleted, if they were tombstoned for at least the difference.
    #[arg(long, value_name = "AGE", default_value = "90d", value_parser = parse_age)]
    delete_age: Age,

    /// Write nothing, and say what would be done.
    #[arg(long)]
    dry_run: bool,

    /// Delete what is left below jobs that have no document, too. It reads of every job.
    #[arg(long)]
    sweep: bool,

    /// How long to pause after each page of deletes; not at all unless given.
    #[arg(long, value_name = "TIME", default_value = "0s", value_parser = parse_time)]
    pace: Duration,
}

/// What was done.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Collected {
    scanned: u64,
    tombstoned: u64,
    deleted: u64,
    revived: u64,
    failed: u64,
    orphans: u64,
    documents: u64,
    dry_run: bool,
    #[serde(skip)]
    shown: String,
}

impl fmt::Display for Collected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.shown)
    }
}

pub(crate) async fn run(args: Args, json: bool) -> Result<(), Failure> {
    let mut interrupt = Interrupt::listen()?;
    let jobs = args.jobs.open()?;
    let options = GcOptions::new(args.tombstone_age, args.delete_age).map_err(failure)?;
    let options = options.dry_run(args.dry_run).sweep(args.sweep).pace(args.pace);
    let collecting = jobs.gc_with(&options, |event| tell(&event, args.dry_run, json));
    let report = tokio::select! {
        report = collecting => report.map_err(failure)?,
        () = interrupt.wait() => {
            return Err(Failure::Interrupted("interrupted; run it again to go on".into()));
        }
    };
    output::say(&Collected::of(&report), json);
    match report.failed {
        0 => Ok(()),
        failed => {
            let message = format!("{failed} jobs could not be judged, and are as they were");
            Err(Failure::Run { code: 1, kind: "incomplete", message })
        }
    }
}

/// Says what becomes of a job, on standard error: the result is the last line alone.
fn tell(event: &GcEvent<'_>, dry_run: bool, json: bool) {
    let would = if dry_run { "would be " } else { "" };
    let line = match event {
        GcEvent::Failed(job, error) => format!("{job}: kept: {error}"),
        _ if json => return,
        GcEvent::Tombstoned(job) => format!("{job}: {would}tombstoned"),
        GcEvent::Deleted(job, documents) => format!("{job}: {would}deleted, {documents} documents"),
        GcEvent::Revived(job) => format!("{job}: {would}active again"),
        GcEvent::Orphaned(job, documents) => format!("{job}: {would}swept, {documents} documents"),
        _ => return,
    };
    output::to_stderr(&line);
}

impl Collected {
    fn of(report: &GcReport) -> Self {
        Self {
            scanned: report.scanned,
            tombstoned: report.tombstoned,
            deleted: report.deleted,
            revived: report.revived,
            failed: report.failed,
            orphans: report.orphans,
            documents: report.documents,
            dry_run: report.dry_run,
            shown: report.to_string(),
        }
    }
}

fn parse_age(text: &str) -> Result<Age, String> {
    text.parse::<Age>().map_err(|error| error.to_string())
}
