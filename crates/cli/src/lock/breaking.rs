//! `firekeep lock break`.

use std::fmt;

use firekeep::lock::Key;
use serde::Serialize;

use super::shown::Lock;
use super::{LocksArgs, failure, parse_key};
use crate::failure::Failure;
use crate::output;

/// Take a lock away from whoever holds it.
///
/// The holder is not asked and learns of it late: what it writes under the lock in the same
/// database is refused, anything else it does is not. Break the locks of dead holders only, or wait for
/// their leases to end. Fences go on from where they are.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  firekeep lock break nightly-report --yes --store firestore://my-project")]
pub(crate) struct Args {
    /// What is locked.
    #[arg(value_parser = parse_key)]
    key: Key,

    /// Yes, the holder is dead, or may lose its lock.
    #[arg(long, required = true)]
    yes: bool,

    #[command(flatten)]
    locks: LocksArgs,
}

/// What came of it.
#[derive(Debug, Serialize)]
struct Broken {
    broken: bool,
    lock: Lock,
}

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.broken { write!(f, "broken: {}", self.lock) } else { write!(f, "{}", self.lock) }
    }
}

pub(crate) async fn run(args: Args, json: bool) -> Result<(), Failure> {
    let broken = args.locks.open()?.break_lock(&args.key).await.map_err(failure)?;
    let lock = broken.as_ref().map_or_else(|| Lock::free(args.key.as_str()), Lock::held);
    output::say(&Broken { broken: broken.is_some(), lock }, json);
    Ok(())
}
