//! Google's Firestore emulator as a process.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use crate::process::{Process, free_port, get_root};

/// A running emulator, stopped on drop.
#[derive(Debug)]
pub struct Emulator {
    address: String,
    log: PathBuf,
    process: Process,
}

impl Emulator {
    /// Finds the emulator, starts it on a free port of the loopback interface, and waits until it
    /// answers. Its output goes to a file in the directory for temporary files.
    ///
    /// # Errors
    /// [`EmulatorError`], which names what to install.
    pub fn start() -> Result<Self, EmulatorError> {
        let launcher = find_launcher()?;
        check_java()?;
        let port = free_port().map_err(EmulatorError::Io)?;
        let address = format!("127.0.0.1:{port}");
        let log = std::env::temp_dir().join(format!("firekeep-emulator-{port}.log"));
        let arguments = ["start".to_owned(), "--host=127.0.0.1".into(), format!("--port={port}")];
        let mut process = Process::start(&launcher, arguments, &log).map_err(EmulatorError::Io)?;
        process
            .wait_until(PATIENCE, || answers(&address))
            .map_err(|why| EmulatorError::Silent { why, log: log.clone() })?;
        Ok(Self { address, log, process })
    }

    /// Where it listens: what `FIRESTORE_EMULATOR_HOST` should say.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// Its process group; see [`Process::group`].
    pub fn process_group(&self) -> u32 {
        self.process.group()
    }

    /// The file that holds its output.
    pub fn log(&self) -> &Path {
        &self.log
    }
}

/// Whether an emulator answers at `address`.
pub fn answers(address: &str) -> bool {
    get_root(address).is_ok_and(|body| body == "Ok")
}

/// Where the emulator's launcher is.
///
/// # Errors
/// [`EmulatorError::NoCli`] or [`EmulatorError::NotInstalled`].
pub fn find_launcher() -> Result<PathBuf, EmulatorError> {
    let output = Command::new("gcloud")
        .args(["info", "--format=value(installation.sdk_root)"])
        .output()
        .map_err(|_| EmulatorError::NoCli)?;
    let root = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    if !output.status.success() || root.is_empty() {
        return Err(EmulatorError::NoCli);
    }
    let launcher = Path::new(&root).join(LAUNCHER);
    if launcher.is_file() { Ok(launcher) } else { Err(EmulatorError::NotInstalled) }
}

fn check_java() -> Result<(), EmulatorError> {
    match Command::new("java").arg("-version").output() {
        Ok(output) if output.status.success() => Ok(()),
        _ => Err(EmulatorError::NoJava),
    }
}

/// Why there is no emulator.
#[derive(Debug)]
#[non_exhaustive]
pub enum EmulatorError {
    /// The gcloud CLI is missing.
    NoCli,
    /// The CLI is there, but not its emulator.
    NotInstalled,
    /// There is no Java runtime.
    NoJava,
    /// It was started and never answered.
    Silent {
        /// What became of it.
        why: &'static str,
        /// The file that holds its output.
        log: PathBuf,
    },
    /// The operating system refused something.
    Io(io::Error),
}

impl fmt::Display for EmulatorError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoCli => write!(f, "the gcloud CLI is missing; install it (https://cloud.google.com/sdk/docs/install), then {INSTALL}"),
            Self::NotInstalled => write!(f, "the Firestore emulator is missing; {INSTALL}"),
            Self::NoJava => f.write_str("the Firestore emulator needs Java 11 or later; install a runtime, on Debian with `apt-get install default-jre-headless`"),
            Self::Silent { why, log } => {
                write!(f, "the Firestore emulator does not answer: {why}; its output is in {}", log.display())
            }
            Self::Io(error) => write!(f, "the Firestore emulator can't be started: {error}"),
        }
    }
}

impl std::error::Error for EmulatorError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        if let Self::Io(error) = self { Some(error) } else { None }
    }
}

/// How the emulator is installed.
pub const INSTALL: &str = "run `gcloud components install cloud-firestore-emulator`, or, where the \
     CLI came from apt, `apt-get install google-cloud-cli-firestore-emulator`";

const LAUNCHER: &str = "platform/cloud-firestore-emulator/cloud_firestore_emulator";
const PATIENCE: Duration = Duration::from_secs(60);
