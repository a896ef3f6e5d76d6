//! `firekeep jobs`.

mod run;

use std::process::ExitCode;

use firekeep::Db;
use firekeep::jobs::{COLLECTION, Error, JobId, Jobs, Tag};

use crate::address::{StoreAddress, StoreArgs};
use crate::failure::Failure;

/// Run jobs of many tasks, watch how far they are, clear the old ones away.
#[derive(Debug, clap::Subcommand)]
#[command(after_help = "Examples:
  firekeep jobs run --job nightly --tasks 20 --store firestore://my-project -- ./rollup.sh {task}")]
pub(crate) enum Command {
    Run(Box<run::Args>),
}

/// Where jobs are kept.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct JobsArgs {
    /// Where jobs are kept: `firestore://PROJECT/DATABASE` (DATABASE may be left out: it is then
    /// `(default)`), or `memory`, which nobody else sees.
    #[arg(long, value_name = "STORE", env = "FIREKEEP_STORE")]
    store: StoreAddress,

    /// The collection of jobs.
    #[arg(long, value_name = "COLLECTION", default_value = COLLECTION)]
    collection: String,
}

pub(crate) async fn run(command: Command, json: bool) -> Result<ExitCode, Failure> {
    let done = match command {
        Command::Run(args) => run::run(*args, json).await,
    };
    done.map(|()| ExitCode::SUCCESS)
}

impl JobsArgs {
    fn open(&self) -> Result<Jobs, Failure> {
        let store = StoreArgs { store: self.store.clone(), indexes: None }.open()?.store;
        let jobs = Jobs::builder(Db::from_arc(store)).collection(&self.collection).build();
        jobs.map_err(|error| Failure::Usage(error.to_string()))
    }
}

fn parse_job(text: &str) -> Result<JobId, String> {
    JobId::new(text).map_err(|error| error.to_string())
}

fn parse_tag(text: &str) -> Result<Tag, String> {
    Tag::new(text).map_err(|error| error.to_string())
}

/// What can't be asked for is the user's mistake; the rest is the world's.
fn failure(error: Error) -> Failure {
    match error {
        Error::Invalid { .. }
        | Error::TaskCount { .. }
        | Error::TaskOutOfRange { .. }
        | Error::UnknownTag { .. } => Failure::Usage(error.to_string()),
        other => Failure::Failed(other.into()),
    }
}
