//! Where the repository is and what belongs to it.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};
use serde::Deserialize;

use crate::step;

/// The root of the repository.
pub(crate) fn root() -> PathBuf {
    let xtask = Path::new(env!("CARGO_MANIFEST_DIR"));
    xtask.parent().unwrap_or(xtask).to_path_buf()
}

/// A `cargo` command that runs in the root of the repository.
pub(crate) fn cargo() -> Command {
    let mut command = Command::new(env!("CARGO"));
    command.current_dir(root());
    command
}

/// Builds the program of `package` and answers where it is.
pub(crate) fn build(package: &str) -> Result<PathBuf> {
    build_as(package, "dev")
}

/// As [`build`], as users get it.
pub(crate) fn build_release(package: &str) -> Result<PathBuf> {
    build_as(package, "release")
}

fn build_as(package: &str, profile: &str) -> Result<PathBuf> {
    let output = cargo()
        .args(["build", "--package", package, "--profile", profile])
        .args(["--message-format", "json-render-diagnostics"])
        .stderr(Stdio::inherit())
        .output()
        .context("`cargo build` did not start")?;
    step::succeeded(&format!("cargo build --package {package}"), output.status)?;
    let messages = output.stdout.split(|byte| *byte == b'\n');
    let mut executables = messages.filter_map(|message| {
        let message: serde_json::Value = serde_json::from_slice(message).ok()?;
        message.get("executable")?.as_str().map(PathBuf::from)
    });
    executables.next().context("`cargo build` named no executable")
}

/// The files of the repository: tracked ones and new ones that are not ignored, sorted.
pub(crate) fn files() -> Result<Vec<PathBuf>> {
    let output = Command::new("git")
        .args(["ls-files", "-z", "--cached", "--others", "--exclude-standard"])
        .current_dir(root())
        .output()
        .context("`git ls-files` did not start: install git")?;
    ensure!(output.status.success(), "`git ls-files` failed: run this in a git checkout");
    let listing = String::from_utf8(output.stdout).context("a file name is not UTF-8")?;
    let mut files: Vec<PathBuf> = listing.split_terminator('\0').map(PathBuf::from).collect();
    files.retain(|file| root().join(file).is_file());
    files.sort();
    files.dedup();
    Ok(files)
}

/// What `cargo metadata` says, as far as the checks need it.
#[derive(Debug, Deserialize)]
pub(crate) struct Metadata {
    pub(crate) packages: Vec<Package>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Package {
    pub(crate) name: String,
    pub(crate) version: String,
    pub(crate) license: Option<String>,
    pub(crate) source: Option<String>,
    pub(crate) manifest_path: PathBuf,
    pub(crate) dependencies: Vec<Dependency>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Dependency {
    pub(crate) name: String,
    /// `None` for a normal dependency, else `dev` or `build`.
    pub(crate) kind: Option<String>,
}

/// The packages of the workspace, and with `everything` all that they are built from.
pub(crate) fn metadata(everything: bool) -> Result<Metadata> {
    let mut command = cargo();
    command.args(["metadata", "--format-version", "1", "--locked"]);
    if !everything {
        command.arg("--no-deps");
    }
    let output = command.output().context("`cargo metadata` did not start")?;
    ensure!(
        output.status.success(),
        "`cargo metadata --locked` failed: {}",
        String::from_utf8_lossy(&output.stderr).trim()
    );
    serde_json::from_slice(&output.stdout).context("`cargo metadata` gave unexpected JSON")
}
