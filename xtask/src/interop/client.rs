//! The programs of `interop/` that use the official clients, and where those are installed.

use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result};
use clap::ValueEnum;

use super::outcome::{self, Scenario};
use crate::install::Need;
use crate::{step, workspace};

/// An official client.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, ValueEnum, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Client {
    /// `@google-cloud/firestore`.
    Node,
    /// `google-cloud-firestore`.
    Python,
}

/// Which server a client is run against.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Side {
    Ours,
    Theirs,
}

impl Side {
    /// How many transactions fight for one document: the official emulator takes seconds for two
    /// and never ends for eight.
    fn workers(self) -> &'static str {
        match self {
            Self::Ours => "8",
            Self::Theirs => "2",
        }
    }
}

impl Client {
    pub(super) const ALL: [Self; 2] = [Self::Node, Self::Python];

    pub(super) fn needs(self) -> &'static [Need] {
        match self {
            Self::Node => &[Need::Node, Need::Npm],
            Self::Python => &[Need::Python],
        }
    }

    fn sources(self) -> PathBuf {
        workspace::root().join("interop").join(self.to_string())
    }

    /// Where the client and what it needs are installed, apart from the sources.
    fn home(self) -> PathBuf {
        workspace::root().join("target").join("interop").join(self.to_string())
    }

    /// The file that pins every package.
    fn lock(self) -> &'static str {
        match self {
            Self::Node => "package-lock.json",
            Self::Python => "requirements.txt",
        }
    }

    /// Installs the client unless the pinned versions are there.
    ///
    /// # Errors
    /// If the installer fails; it has said why.
    pub(super) fn prepare(self) -> Result<()> {
        let (sources, home) = (self.sources(), self.home());
        let pinned = fs::read(sources.join(self.lock()))?;
        let installed = home.join("installed");
        if fs::read(&installed).is_ok_and(|of| of == pinned) {
            return Ok(());
        }
        println!("installing the official {self} client into {}", home.display());
        if home.exists() {
            fs::remove_dir_all(&home)?;
        }
        fs::create_dir_all(&home)?;
        match self {
            Self::Node => install_node(&sources, &home)?,
            Self::Python => install_python(&sources, &home)?,
        }
        fs::write(installed, pinned).context("can't note what is installed")
    }

    /// Runs the scenarios against the server at `host`.
    ///
    /// # Errors
    /// If the program does not run to its end; what it said is on standard error.
    pub(super) fn run(self, side: Side, host: &str, only: &str) -> Result<Vec<Scenario>> {
        let mut command = self.command();
        command.args(["--only", only]);
        command.env("FIRESTORE_EMULATOR_HOST", host).env("INTEROP_WORKERS", side.workers());
        let output = command
            .stderr(Stdio::inherit())
            .output()
            .with_context(|| format!("`{}` did not start", step::show(&command)))?;
        step::succeeded(&step::show(&command), output.status)?;
        outcome::read(&String::from_utf8_lossy(&output.stdout))
    }

    fn command(self) -> Command {
        let (sources, home) = (self.sources(), self.home());
        match self {
            Self::Node => {
                let mut command = Command::new("node");
                command.arg("--no-warnings").arg(sources.join("run.js"));
                command.env("FIREKEEP_INTEROP_MODULES", home);
                // It is on no machine of Google's, and need not ask.
                command.env("METADATA_SERVER_DETECTION", "none");
                command
            }
            Self::Python => {
                let mut command = Command::new(home.join("bin").join("python"));
                command.arg(sources.join("run.py")).env("PYTHONDONTWRITEBYTECODE", "1");
                command
            }
        }
    }
}

fn install_node(sources: &Path, home: &Path) -> Result<()> {
    for file in ["package.json", "package-lock.json"] {
        fs::copy(sources.join(file), home.join(file))?;
    }
    let arguments = ["ci", "--no-audit", "--no-fund", "--ignore-scripts", "--loglevel=error"];
    step::run(Command::new("npm").args(arguments).current_dir(home))
}

fn install_python(sources: &Path, home: &Path) -> Result<()> {
    step::run(Command::new("python3").args(["-m", "venv"]).arg(home))?;
    let mut pip = Command::new(home.join("bin").join("python"));
    pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--requirement"]);
    step::run(pip.arg(sources.join("requirements.txt")))
}

impl fmt::Display for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Node => "node",
            Self::Python => "python",
        })
    }
}
