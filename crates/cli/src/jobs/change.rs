//! `firekeep jobs tombstone`, `revive` and `delete`.

use std::fmt;

use firekeep::jobs::{DeleteOptions, Error, Job, JobId};
use serde::Serialize;

use super::{JobsArgs, failure, parse_job};
use crate::failure::Failure;
use crate::output;

/// Mark a job as old: gc deletes it once it is old enough. A write to it revives it.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  firekeep jobs tombstone nightly --store firestore://my-project")]
pub(crate) struct Tombstone {
    #[command(flatten)]
    target: Target,
}

/// Make a tombstoned job active again.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  firekeep jobs revive nightly --store firestore://my-project")]
pub(crate) struct Revive {
    #[command(flatten)]
    target: Target,
}

/// Delete a job and all its states now, whatever its age. Refused while a task of it is claimed.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  firekeep jobs delete nightly --yes --store firestore://my-project
  firekeep jobs delete nightly --yes --force --store firestore://my-project")]
pub(crate) struct Delete {
    #[command(flatten)]
    target: Target,

    /// Yes, all of it, for good.
    #[arg(long, required = true)]
    yes: bool,

    /// Also while tasks are claimed: their workers learn of it at their next write.
    #[arg(long)]
    force: bool,
}

#[derive(Debug, clap::Args)]
struct Target {
    /// The job.
    #[arg(value_name = "JOB", value_parser = parse_job)]
    job: JobId,

    #[command(flatten)]
    jobs: JobsArgs,
}

/// What the job is now.
#[derive(Debug, Serialize)]
struct Changed {
    #[serde(rename = "jobID")]
    job: String,
    phase: &'static str,
}

impl fmt::Display for Changed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.job, self.phase)
    }
}

pub(crate) async fn tombstone(args: Tombstone, json: bool) -> Result<(), Failure> {
    let job = args.target.open().await?;
    job.tombstone().await.map_err(failure)?;
    say(&job, "tombstoned", json);
    Ok(())
}

pub(crate) async fn revive(args: Revive, json: bool) -> Result<(), Failure> {
    let job = args.target.open().await?;
    job.revive().await.map_err(failure)?;
    say(&job, "active", json);
    Ok(())
}

pub(crate) async fn delete(args: Delete, json: bool) -> Result<(), Failure> {
    let job = args.target.open().await?;
    let options = DeleteOptions::default().force(args.force);
    match job.delete_with(&options).await {
        Err(error @ Error::Claimed { .. }) => {
            let message = error.to_string();
            return Err(Failure::Run { code: 1, kind: "claimed", message });
        }
        deleted => deleted.map_err(failure)?,
    }
    say(&job, "gone", json);
    Ok(())
}

fn say(job: &Job, phase: &'static str, json: bool) {
    output::say(&Changed { job: job.id().to_string(), phase }, json);
}

impl Target {
    async fn open(&self) -> Result<Job, Failure> {
        self.jobs.open()?.open(&self.job).await.map_err(failure)
    }
}
