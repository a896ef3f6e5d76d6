//! Whether a test notices.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;

use super::tree::Tree;
use crate::{step, workspace};

/// How a mutant is tried.
pub(crate) struct Trial<'a> {
    pub(crate) tree: &'a Tree,
    /// How many worlds are simulated at most.
    pub(crate) seeds: u64,
}

/// What came of it.
pub(crate) enum Verdict {
    /// A test failed: which, and what it said.
    Killed(String),
    Survived,
}

const PACKAGE: &str = "firekeep-lock";
/// A test program that takes longer hangs.
const PATIENCE: Duration = Duration::from_secs(180);

impl Trial<'_> {
    /// Tries test programs one after the other until one fails.
    ///
    /// # Errors
    /// If the code does not compile: then it is no mutant.
    pub(crate) fn of(&self, tests: &[String]) -> Result<Verdict> {
        for test in tests {
            if let Some(told) = self.failure(test, &self.build(test)?)? {
                return Ok(Verdict::Killed(format!("{test}: {told}")));
            }
        }
        Ok(Verdict::Survived)
    }

    /// Compiles a test program; answers where it is.
    fn build(&self, test: &str) -> Result<PathBuf> {
        let mut command = Command::new(env!("CARGO"));
        command.args(["test", "--quiet", "--no-run", "--message-format=json", "--locked"]);
        command.args(["--package", PACKAGE, "--test", test]).current_dir(self.tree.root());
        if crate::environment::variable("CARGO_TARGET_DIR").is_none() {
            // Shared with everything else, so that dependencies are compiled once.
            command.env("CARGO_TARGET_DIR", workspace::root().join("target"));
        }
        let output = command.output().context("cargo did not start")?;
        let errors = String::from_utf8_lossy(&output.stderr);
        let text = String::from_utf8_lossy(&output.stdout);
        ensure!(output.status.success(), "does not compile:\n{}", rendered(&text, &errors));
        let binary = text.lines().find_map(|line| executable(line, test));
        binary.with_context(|| format!("cargo built no test program `{test}`"))
    }

    /// Runs a test program; answers what it said if it failed.
    fn failure(&self, test: &str, binary: &Path) -> Result<Option<String>> {
        let said = self.tree.root().join("said.txt");
        let file = File::create(&said).context("can't write the output of a test")?;
        let mut command = Command::new(binary);
        command.args(["--skip", "emulator::"]).env("FIREKEEP_REQUIRE", "memory");
        command.env_remove("FIRESTORE_EMULATOR_HOST").env("RUST_BACKTRACE", "0");
        if test == "simulation" {
            command.arg("every_property_holds_in_every_world");
            command.env("FIREKEEP_LOCK_SEEDS", self.seeds.to_string());
            command.env("FIREKEEP_LOCK_FIRST", "1").env_remove("FIREKEEP_LOCK_SEED");
        }
        command.current_dir(self.tree.root().join("crates/lock"));
        command.stdin(Stdio::null()).stdout(file.try_clone()?).stderr(file);
        let mut child = command.spawn().context("a test program did not start")?;
        let started = step::now();
        let status = loop {
            if let Some(status) = child.try_wait()? {
                break status;
            }
            if started.elapsed() > PATIENCE {
                child.kill()?;
                child.wait()?;
                return Ok(Some(format!("hangs, after {} s", PATIENCE.as_secs())));
            }
            std::thread::sleep(Duration::from_millis(20));
        };
        let text = String::from_utf8_lossy(&std::fs::read(&said)?).into_owned();
        if status.success() {
            // Passing by running nothing would let every mutant live.
            if text.contains("running 0 tests") {
                bail!("the test program `{test}` ran no test");
            }
            return Ok(None);
        }
        Ok(Some(first_failure(&text)))
    }
}

/// The test that failed, and what it said of a seed.
fn first_failure(text: &str) -> String {
    let name =
        text.lines().find_map(|line| line.strip_prefix("test ")?.strip_suffix(" ... FAILED"));
    let seed = text.lines().find(|line| line.starts_with("seed "));
    match (name, seed) {
        (_, Some(seed)) => seed.to_owned(),
        (Some(name), None) => name.to_owned(),
        (None, None) => "ended without saying which test failed".to_owned(),
    }
}

/// The test program that a line of cargo's messages announces.
fn executable(line: &str, test: &str) -> Option<PathBuf> {
    let message: Value = serde_json::from_str(line).ok()?;
    let is_it = message["target"]["name"] == test && message["target"]["kind"][0] == "test";
    is_it.then(|| message["executable"].as_str().map(PathBuf::from)).flatten()
}

/// What the compiler said, for people.
fn rendered(messages: &str, errors: &str) -> String {
    let rendered = messages.lines().filter_map(|line| {
        let message: Value = serde_json::from_str(line).ok()?;
        Some(message["message"]["rendered"].as_str()?.to_owned())
    });
    let rendered: String = rendered.filter(|text| text.starts_with("error")).collect();
    if rendered.is_empty() { errors.trim().to_owned() } else { rendered }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_is_named_by_its_seed_or_its_test() {
        let by_test = "test a::memory ... ok\ntest b::memory ... FAILED\ntest c ... FAILED\n";
        assert_eq!(first_failure(by_test), "b::memory");
        let by_seed = "seed 7: Belief at 0: two\ntest every ... FAILED\n";
        assert_eq!(first_failure(by_seed), "seed 7: Belief at 0: two");
        assert!(first_failure("killed").contains("without saying"));
    }

    #[test]
    fn the_test_program_is_the_one_of_that_name() {
        let line = r#"{"target":{"kind":["test"],"name":"wait"},"executable":"/t/wait-1"}"#;
        assert_eq!(executable(line, "wait"), Some("/t/wait-1".into()));
        assert_eq!(executable(line, "cancel"), None);
        assert_eq!(executable("no json", "wait"), None);
    }
}
