//! A command that runs: its end, and the signals it gets.

use std::ffi::OsString;
use std::io::{ErrorKind, IsTerminal};
use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;

use anyhow::{Context, Result};
use firekeep::lock::Lease;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tokio::process::{Child, Command};
use tokio::signal::unix::{SignalKind, signal};

use crate::failure::Failure;

/// What this process is told to do, and does to its command.
pub(crate) struct Signals {
    hangup: tokio::signal::unix::Signal,
    interrupt: tokio::signal::unix::Signal,
    terminate: tokio::signal::unix::Signal,
    /// The terminal sends Ctrl-C to the command by itself.
    is_interactive: bool,
}

impl Signals {
    /// From now on the signals end nothing by themselves.
    pub(crate) fn listen() -> Result<Self> {
        let listen = |kind| signal(kind).context("can't listen for signals");
        Ok(Self {
            hangup: listen(SignalKind::hangup())?,
            interrupt: listen(SignalKind::interrupt())?,
            terminate: listen(SignalKind::terminate())?,
            is_interactive: std::io::stdin().is_terminal(),
        })
    }

    /// The next one.
    pub(crate) async fn next(&mut self) -> Signal {
        tokio::select! {
            _ = self.hangup.recv() => Signal::SIGHUP,
            _ = self.interrupt.recv() => Signal::SIGINT,
            _ = self.terminate.recv() => Signal::SIGTERM,
        }
    }

    /// Passes one on.
    pub(crate) fn forward(&self, signal: Signal, child: &Child) {
        if signal != Signal::SIGINT || !self.is_interactive {
            send(signal, child);
        }
    }
}

/// Sends `signal`, unless the child has ended.
pub(crate) fn send(signal: Signal, child: &Child) {
    if let Some(id) = child.id().and_then(|id| i32::try_from(id).ok()) {
        // It may have ended just now.
        let _ = kill(Pid::from_raw(id), signal);
    }
}

/// Starts the command, and tells it which lock it runs under.
pub(crate) fn spawn(command: &[OsString], lease: &Lease) -> Result<Child, Failure> {
    let (program, args) = command.split_first().ok_or(Failure::Usage("no command".into()))?;
    let child = Command::new(program)
        .args(args)
        .env("FIREKEEP_FENCE", lease.fence().to_string())
        .env("FIREKEEP_LOCK_KEY", lease.key().as_str())
        .spawn();
    child.map_err(|error| {
        let (code, kind) = match error.kind() {
            ErrorKind::NotFound => (127, "not-found"),
            _ => (126, "not-executable"),
        };
        let message = format!("can't run `{}`: {error}", program.display());
        Failure::Run { code, kind, message }
    })
}

/// The status as a shell gives it: 128 and the signal's number, if one ended the command.
pub(crate) fn code(status: ExitStatus) -> u8 {
    let code = status.code().or(status.signal().map(|signal| 128 + signal));
    code.and_then(|code| u8::try_from(code).ok()).unwrap_or(u8::MAX)
}
