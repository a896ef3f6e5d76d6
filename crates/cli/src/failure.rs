//! How the program ends when it does not end well.

use std::fmt;
use std::process::ExitCode;

use serde_json::json;

use crate::output;
use crate::table::Mistake;

/// The exit codes, for `--help`.
pub(crate) const EXIT_CODES: &str = "Exit codes:
  0    done
  1    the store, the network or the machine failed
  2    the command line is wrong
  3    an input file is wrong; nothing was written
  130  interrupted
  `lock run` ends with the command's own status, and has some more; see its help";

/// Mistakes shown one by one; beyond them they are counted.
const SHOWN: usize = 20;

/// Why the program ends without having done what it was asked.
#[derive(Debug)]
pub(crate) enum Failure {
    /// Something outside failed.
    Failed(anyhow::Error),
    /// The command line asks for what can't be.
    Usage(String),
    /// An input file is wrong. Nothing was written.
    Input { file: String, mistakes: Vec<Mistake> },
    /// An input file is wrong as a whole.
    File(anyhow::Error),
    /// Somebody pressed Ctrl-C; says what is done and what is not.
    Interrupted(String),
    /// A command was not run under a lock, or not to its end.
    Run { code: u8, kind: &'static str, message: String },
}

impl Failure {
    pub(crate) fn code(&self) -> ExitCode {
        ExitCode::from(match self {
            Self::Failed(_) => 1,
            Self::Usage(_) => 2,
            Self::Input { .. } | Self::File(_) => 3,
            Self::Interrupted(_) => 130,
            Self::Run { code, .. } => *code,
        })
    }

    /// Says on standard error what happened, in words or as one JSON object.
    pub(crate) fn report(&self, as_json: bool) {
        if as_json {
            output::to_stderr(&json!({ "error": self.json() }).to_string());
        } else {
            output::to_stderr(&format!("error: {self}"));
        }
    }

    fn json(&self) -> serde_json::Value {
        let kind = match self {
            Self::Failed(_) => "failed",
            Self::Usage(_) => "usage",
            Self::Input { .. } | Self::File(_) => "input",
            Self::Interrupted(_) => "interrupted",
            Self::Run { kind, .. } => kind,
        };
        match self {
            Self::Input { file, mistakes } => {
                json!({ "kind": kind, "file": file, "mistakes": mistakes })
            }
            other => json!({ "kind": kind, "message": other.to_string() }),
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Failed(error) | Self::File(error) => write!(f, "{error:#}"),
            Self::Usage(message) | Self::Interrupted(message) | Self::Run { message, .. } => {
                f.write_str(message)
            }
            Self::Input { file, mistakes } => {
                let lines = if mistakes.len() == 1 { "line" } else { "lines" };
                writeln!(f, "{} bad {lines} in {file}; nothing was written", mistakes.len())?;
                f.write_str(&list(mistakes))?;
                f.write_str("\ncorrect them, or leave them out with --skip-bad")
            }
        }
    }
}

/// The first mistakes, one a line, and how many more there are.
pub(crate) fn list(mistakes: &[Mistake]) -> String {
    let mut lines: Vec<_> = mistakes.iter().take(SHOWN).map(|m| format!("  {m}")).collect();
    if mistakes.len() > SHOWN {
        lines.push(format!("  … and {} more", mistakes.len() - SHOWN));
    }
    lines.join("\n")
}

impl From<anyhow::Error> for Failure {
    fn from(error: anyhow::Error) -> Self {
        Self::Failed(error)
    }
}
