//! Many requests at random to a server of the protocol.

use anyhow::Result;

use crate::{step, workspace};

/// Send requests at random, good, false and damaged ones, to a server of Firestore's protocol.
///
/// Built with optimization, so that a second is enough for thousands. `cargo test` sends 4,000.
/// The seed of a request that gets no status is printed and kept, to be sent first from then on.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  cargo xtask fuzz                   200,000 requests
  cargo xtask fuzz --cases 5000000   many more")]
pub(crate) struct Args {
    /// How many requests.
    #[arg(long, value_name = "COUNT", default_value_t = 200_000)]
    cases: u64,
}

pub(crate) fn run(args: &Args) -> Result<()> {
    let test = ["test", "--release", "--locked", "-p", "firekeep-wire", "--test", "hostile"];
    let mut command = workspace::cargo();
    command.args(test).args(["--", "every_request_gets_a_status", "--nocapture"]);
    step::run(command.env("FIREKEEP_FUZZ_CASES", args.cases.to_string()))
}
