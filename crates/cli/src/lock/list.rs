//! `firekeep lock list`.

use std::pin::pin;

use futures::TryStreamExt;

use super::shown::Lock;
use super::{LocksArgs, failure};
use crate::failure::Failure;
use crate::output;

/// List the locks that are held, one a line, without their fences.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  firekeep lock list --store firestore://my-project
  firekeep lock list --json --store firestore://my-project | jq -r .key")]
pub(crate) struct Args {
    #[command(flatten)]
    locks: LocksArgs,
}

pub(crate) async fn run(args: Args, json: bool) -> Result<(), Failure> {
    let locks = args.locks.open()?;
    let mut held = pin!(locks.list_all());
    while let Some(info) = held.try_next().await.map_err(failure)? {
        output::say(&Lock::held(&info), json);
    }
    Ok(())
}
