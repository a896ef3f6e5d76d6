//! A command that runs for a task: its end, and what it writes.

use std::io;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use firekeep::{Clock, SystemClock};
use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, BufReader};
use tokio::process::{Child, Command};

use super::stop::Stop;

/// The longest line; a longer one is two.
const MAX_LINE: u64 = 64 * 1024;

/// Starts the command in a process group of its own, so that a terminal's Ctrl-C is not its own to hear, and
/// what it started is told to end together with it.
pub(super) fn spawn(mut command: Command) -> io::Result<Child> {
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command.process_group(0).kill_on_drop(true).spawn()
}

/// Tells the command to end, and kills it if it has not after `patience`, or as soon as somebody
/// urges.
pub(super) async fn end(
    child: &mut Child,
    patience: Duration,
    stop: &Stop,
) -> io::Result<ExitStatus> {
    send(Signal::SIGTERM, child);
    tokio::select! {
        status = child.wait() => return status,
        () = SystemClock.sleep(patience) => {}
        () = stop.urged() => {}
    }
    send(Signal::SIGKILL, child);
    child.wait().await
}

fn send(signal: Signal, child: &Child) {
    if let Some(id) = child.id().and_then(|id| i32::try_from(id).ok()) {
        // It may have ended just now.
        let _ = killpg(Pid::from_raw(id), signal);
    }
}

/// What a command writes, line by line.
#[derive(Debug)]
pub(super) struct Lines<R>(BufReader<R>);

impl<R: AsyncRead + Unpin> Lines<R> {
    pub(super) fn of(output: R) -> Self {
        Self(BufReader::new(output))
    }

    /// The next line, without its end; `None` after the last. What is no UTF-8 is replaced.
    pub(super) async fn next(&mut self) -> Option<String> {
        let mut line = vec![];
        let read = (&mut self.0).take(MAX_LINE).read_until(b'\n', &mut line).await;
        // What can't be read will never be.
        read.ok().filter(|read| *read > 0)?;
        let text = line.strip_suffix(b"\n").unwrap_or(&line);
        Some(String::from_utf8_lossy(text).into_owned())
    }
}

/// A line that tells how far the command is: `progress DONE/TOTAL [MESSAGE]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Told {
    pub(super) done: u64,
    pub(super) total: u64,
    pub(super) message: String,
}

impl Told {
    /// Reads a line; `None` for any other.
    pub(super) fn read(line: &str) -> Option<Self> {
        let rest = line.strip_prefix("progress ")?;
        let (share, message) = rest.split_once(' ').unwrap_or((rest, ""));
        let (done, total) = share.split_once('/')?;
        let message = super::attempt::bounded(message.trim());
        Some(Self { done: done.parse().ok()?, total: total.parse().ok()?, message })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_progress_is_taken_for_progress() {
        let told = |done, total, message: &str| Told { done, total, message: message.into() };
        assert_eq!(Told::read("progress 3/10"), Some(told(3, 10, "")));
        assert_eq!(Told::read("progress 3/0  two words "), Some(told(3, 0, "two words")));
        for line in
            ["progress", "progress 3", "progress -1/2", "progress 3/x", " progress 1/2", "x"]
        {
            assert_eq!(Told::read(line), None, "{line}");
        }
    }
}
