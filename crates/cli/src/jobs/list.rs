//! `firekeep jobs list`.

use std::fmt;

use firekeep::jobs::{JobInfo, ListOptions, Phase};
use futures::StreamExt;
use serde::Serialize;

use super::{JobsArgs, failure};
use crate::failure::Failure;
use crate::output::{self, count};

/// List the jobs, one a line, in the order of their names.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  firekeep jobs list --store firestore://my-project
  firekeep jobs list --phase tombstoned --json --store firestore://my-project | jq -r .jobID")]
pub(crate) struct Args {
    #[command(flatten)]
    jobs: JobsArgs,

    /// Those in this phase only.
    #[arg(long, value_enum, value_name = "PHASE")]
    phase: Option<PhaseArg>,

    /// At most so many.
    #[arg(long, value_name = "N")]
    limit: Option<u64>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum PhaseArg {
    Active,
    Tombstoned,
    Deleting,
    Purging,
}

/// A job as its document has it.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Listed {
    #[serde(rename = "jobID")]
    job: String,
    phase: &'static str,
    num_tasks: u32,
    tags: Vec<String>,
    history: u32,
    created: String,
    last_active: String,
    tombstoned_at: Option<String>,
    schema_version: u32,
}

pub(crate) async fn run(args: Args, json: bool) -> Result<(), Failure> {
    let mut jobs = args.jobs.open()?.list(&args.options()).map_err(failure)?;
    let mut first = None;
    while let Some(info) = jobs.next().await {
        match info {
            Ok(info) => output::say(&Listed::of(&info), json),
            // One that can't be read must not hide the others.
            Err(error) => {
                output::to_stderr(&error.to_string());
                first.get_or_insert(error);
            }
        }
    }
    first.map_or(Ok(()), |error| Err(failure(error)))
}

impl Args {
    fn options(&self) -> ListOptions {
        let options = match self.phase {
            Some(phase) => ListOptions::default().phase(phase.into()),
            None => ListOptions::default(),
        };
        match self.limit {
            Some(limit) => options.limit(limit),
            None => options,
        }
    }
}

impl From<PhaseArg> for Phase {
    fn from(phase: PhaseArg) -> Self {
        match phase {
            PhaseArg::Active => Self::Active,
            PhaseArg::Tombstoned => Self::Tombstoned,
            PhaseArg::Deleting => Self::Deleting,
            PhaseArg::Purging => Self::Purging,
        }
    }
}

impl Listed {
    pub(crate) fn of(info: &JobInfo) -> Self {
        Self {
            job: info.id.to_string(),
            phase: info.phase.name(),
            num_tasks: info.tasks,
            tags: info.tags.iter().map(ToString::to_string).collect(),
            history: info.history,
            created: info.run.created().to_string(),
            last_active: info.last_active.to_string(),
            tombstoned_at: info.tombstoned_at.map(|at| at.to_string()),
            schema_version: info.schema,
        }
    }
}

impl fmt::Display for Listed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let tasks = if self.num_tasks == 1 { "task" } else { "tasks" };
        write!(f, "{}: {}, {} {tasks}", self.job, self.phase, count(self.num_tasks.into()))?;
        if !self.tags.is_empty() {
            write!(f, " × {}", self.tags.join(", "))?;
        }
        write!(f, ", created {}, last active {}", self.created, self.last_active)
    }
}
