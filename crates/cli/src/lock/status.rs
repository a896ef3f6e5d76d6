//! `firekeep lock status`.

use firekeep::lock::Key;

use super::shown::Lock;
use super::{LocksArgs, failure, parse_key};
use crate::failure::Failure;
use crate::output;

/// Show who holds a lock, and its latest fence.
///
/// An answer for people: by the time it is read, it may be wrong.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  firekeep lock status nightly-report --store firestore://my-project
  FIREKEEP_STORE=firestore://my-project firekeep lock status nightly-report --json")]
pub(crate) struct Args {
    /// What is locked: 1 to 512 bytes of any text.
    #[arg(value_parser = parse_key)]
    key: Key,

    #[command(flatten)]
    locks: LocksArgs,
}

pub(crate) async fn run(args: Args, json: bool) -> Result<(), Failure> {
    let info = args.locks.open()?.lookup(&args.key).await.map_err(failure)?;
    let lock = info.as_ref().map_or_else(|| Lock::free(args.key.as_str()), Lock::held);
    output::say(&lock, json);
    Ok(())
}
