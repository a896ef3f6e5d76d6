//! `firekeep lock`.

mod breaking;
mod child;
mod list;
mod run;
mod shown;
mod status;

use std::process::ExitCode;

use firekeep::Db;
use firekeep::lock::{Error, ErrorKind, Key, Layout, Locks};

use crate::address::{StoreAddress, StoreArgs};
use crate::failure::Failure;

/// Run commands under locks that all machines share, see who holds them, break them.
#[derive(Debug, clap::Subcommand)]
#[command(after_help = "Examples:
  firekeep lock run nightly-report --store firestore://my-project -- ./report.sh
  firekeep lock status nightly-report --store firestore://my-project
  firekeep lock list --store firestore://my-project
  firekeep lock break nightly-report --yes --store firestore://my-project")]
pub(crate) enum Command {
    Run(Box<run::Args>),
    Status(status::Args),
    List(list::Args),
    Break(breaking::Args),
}

/// Where locks are kept.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct LocksArgs {
    /// Where locks are kept: `firestore://PROJECT/DATABASE` (DATABASE may be left out: it is then
    /// `(default)`), or `memory`, which locks against nobody else.
    #[arg(long, value_name = "STORE", env = "FIREKEEP_STORE")]
    store: StoreAddress,

    /// Which documents a lock is: Firekeep's own, or those of the TypeScript library.
    #[arg(long, value_enum, value_name = "LAYOUT", default_value_t)]
    layout: LayoutArg,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
enum LayoutArg {
    /// A lease that exists while it is held, and a counter beside it.
    #[default]
    Native,
    /// The documents of syncguard, to share locks with it.
    Syncguard,
}

pub(crate) async fn run(command: Command, json: bool) -> Result<ExitCode, Failure> {
    let done = match command {
        Command::Run(args) => return run::run(*args).await,
        Command::Status(args) => status::run(args, json).await,
        Command::List(args) => list::run(args, json).await,
        Command::Break(args) => breaking::run(args, json).await,
    };
    done.map(|()| ExitCode::SUCCESS)
}

impl LocksArgs {
    fn open(&self) -> Result<Locks, Failure> {
        let store = StoreArgs { store: self.store.clone(), indexes: None }.open()?.store;
        let layout = match self.layout {
            LayoutArg::Native => Layout::Native,
            LayoutArg::Syncguard => Layout::Syncguard,
        };
        Locks::builder(Db::from_arc(store)).layout(layout).build().map_err(failure)
    }
}

fn parse_key(text: &str) -> Result<Key, String> {
    Key::new(text).map_err(|error| error.to_string())
}

fn failure(error: Error) -> Failure {
    match error.kind() {
        ErrorKind::InvalidArgument => Failure::Usage(error.to_string()),
        _ => Failure::Failed(error.into()),
    }
}
