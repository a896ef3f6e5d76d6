//! Firekeep beside its peers.

use anyhow::{Context, Result, ensure};

use crate::emulator::Running;
use crate::{step, workspace};

/// Measure Firekeep beside its peers; prints a table and JSON.
///
/// The peers live in a workspace of their own, so that neither users nor continuous integration
/// build them.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  cargo xtask bench
  cargo xtask bench lock
  cargo xtask bench jobs
  cargo xtask bench wire
  cargo xtask bench sqlite client --rounds 15
  cargo xtask bench --help   what the benchmark itself takes stands in bench/peers")]
pub(crate) struct Args {
    /// Arguments for the benchmark.
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    bench: Vec<String>,
}

pub(crate) fn run(args: &Args) -> Result<()> {
    let manifest = workspace::root().join("bench/peers/Cargo.toml");
    ensure!(manifest.is_file(), "bench/peers is missing from this checkout");
    let json = workspace::root().join("target").join("bench.json");
    std::fs::create_dir_all(workspace::root().join("target"))?;
    let emulator = if asks_for(&groups(&args.bench), &ON_THE_EMULATOR) {
        Some(Running::start()?)
    } else {
        None
    };
    let mut command = workspace::cargo();
    command.args(["run", "--quiet", "--release", "--manifest-path"]).arg(manifest).arg("--");
    command.args(groups(&args.bench));
    let writes_json = !args.bench.iter().any(|arg| arg.starts_with("--json"));
    if writes_json {
        command.arg("--json").arg(&json);
    }
    if let Some(emulator) = &emulator {
        command.env("FIRESTORE_EMULATOR_HOST", emulator.host());
    }
    if asks_for(&groups(&args.bench), &["wire"]) {
        command.env("FIREKEEP_BINARY", workspace::build_release("firekeep-cli")?);
    }
    let outcome = step::run(&mut command);
    if writes_json && json.is_file() {
        let text = std::fs::read_to_string(&json);
        println!("\n{}", text.with_context(|| format!("can't read {}", json.display()))?);
    }
    outcome
}

/// The arguments with the groups that are named first, as in `bench lock`, said as options.
fn groups(args: &[String]) -> Vec<String> {
    let named = args.iter().take_while(|arg| !arg.starts_with('-')).count();
    let (named, rest) = args.split_at(named);
    let named = named.iter().map(|group| format!("--only={group}"));
    named.chain(rest.iter().cloned()).collect()
}

/// Whether one of `groups` is among those asked for.
fn asks_for(args: &[String], groups: &[&str]) -> bool {
    let mut asked =
        args.iter().enumerate().filter_map(|(index, arg)| match arg.strip_prefix("--only") {
            Some("") => args.get(index + 1).map(String::as_str),
            Some(value) => value.strip_prefix('='),
            None => None,
        });
    let mut asked = asked.by_ref().peekable();
    asked.peek().is_none() || asked.any(|group| groups.contains(&group))
}

/// The groups that talk to the official emulator.
const ON_THE_EMULATOR: [&str; 4] = ["client", "lock", "jobs", "wire"];

#[cfg(test)]
mod tests {
    use super::{ON_THE_EMULATOR, asks_for, groups};

    #[test]
    fn groups_may_be_named_first() {
        let args = ["lock", "--rounds", "3"].map(str::to_owned);
        assert_eq!(groups(&args), ["--only=lock", "--rounds", "3"]);
        assert!(asks_for(&groups(&args), &ON_THE_EMULATOR));
        assert_eq!(groups(&args[1..]), ["--rounds", "3"]);
        assert!(!asks_for(&groups(&args), &["wire"]));
    }

    #[test]
    fn the_emulator_is_started_only_for_groups_that_talk_to_it() {
        let needs = |text: &str| {
            let args: Vec<String> = text.split_whitespace().map(str::to_owned).collect();
            asks_for(&args, &ON_THE_EMULATOR)
        };
        assert!(needs(""));
        assert!(needs("--rounds 3"));
        assert!(needs("--only sqlite --only client"));
        assert!(needs("--only=client"));
        assert!(needs("--only=jobs"));
        assert!(needs("--only wire"));
        assert!(!needs("--only sqlite --rounds 3"));
    }
}
