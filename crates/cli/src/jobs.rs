//! `firekeep jobs`.

mod change;
mod gc;
mod list;
mod migrate;
mod monitor;
mod run;
mod show;
mod shown;

use std::process::ExitCode;

use firekeep::Db;
use firekeep::jobs::{COLLECTION, Error, JobId, Jobs, Tag};

use crate::address::{StoreAddress, StoreArgs};
use crate::failure::Failure;

/// Run jobs of many tasks, watch how far they are, clear the old ones away.
#[derive(Debug, clap::Subcommand)]
#[command(after_help = "Examples:
  firekeep jobs run --job nightly --tasks 20 --store firestore://my-project -- ./rollup.sh {task}
  firekeep jobs monitor --job nightly --store firestore://my-project
  firekeep jobs list --store firestore://my-project
  firekeep jobs show nightly --store firestore://my-project
  firekeep jobs gc --tombstone-age 30d --delete-age 90d --store firestore://my-project
  firekeep jobs migrate --target 1 --dry-run --store firestore://my-project")]
pub(crate) enum Command {
    Run(Box<run::Args>),
    Monitor(Box<monitor::Args>),
    List(list::Args),
    Show(show::Args),
    Gc(Box<gc::Args>),
    Migrate(migrate::Args),
    Tombstone(change::Tombstone),
    Revive(change::Revive),
    Delete(change::Delete),
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
        Command::Monitor(args) => monitor::run(*args, json).await,
        Command::List(args) => list::run(args, json).await,
        Command::Show(args) => show::run(args, json).await,
        Command::Gc(args) => gc::run(*args, json).await,
        Command::Migrate(args) => migrate::run(args, json).await,
        Command::Tombstone(args) => change::tombstone(args, json).await,
        Command::Revive(args) => change::revive(args, json).await,
        Command::Delete(args) => change::delete(args, json).await,
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
        | Error::UnknownTag { .. }
        | Error::Downgrade { .. } => Failure::Usage(error.to_string()),
        other => Failure::Failed(other.into()),
    }
}
