//! Our server, as its users start it.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Result, anyhow};
use firekeep_testkit::Process;
use firekeep_testkit::emulator::answers;
use firekeep_testkit::process::free_port;

use crate::workspace;

/// `firekeep emulator` on a free port, stopped on drop; or one that somebody else started.
#[derive(Debug)]
pub(super) struct Server {
    host: String,
    #[allow(dead_code, reason = "the program runs until this is dropped")]
    process: Option<Process>,
}

impl Server {
    /// Takes the one at `host`, or builds and starts one.
    pub(super) fn start(host: Option<&str>) -> Result<Self> {
        if let Some(host) = host {
            return Ok(Self { host: host.to_owned(), process: None });
        }
        let program = workspace::build("firekeep-cli")?;
        let host = format!("127.0.0.1:{}", free_port()?);
        let log = log();
        let mut process = Process::start(&program, ["emulator", "--host-port", &host], &log)?;
        process.wait_until(PATIENCE, || answers(&host)).map_err(|why| {
            anyhow!(
                "`firekeep emulator` does not answer: {why}; its output is in {}",
                log.display()
            )
        })?;
        Ok(Self { host, process: Some(process) })
    }

    pub(super) fn host(&self) -> &str {
        &self.host
    }
}

fn log() -> PathBuf {
    std::env::temp_dir().join(format!("firekeep-interop-{}.log", std::process::id()))
}

const PATIENCE: Duration = Duration::from_secs(10);
