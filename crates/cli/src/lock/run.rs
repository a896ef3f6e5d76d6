//! `firekeep lock run`.

use std::ffi::OsString;
use std::process::{ExitCode, ExitStatus};
use std::time::Duration;

use anyhow::Context;
use firekeep::lock::{AcquireOptions, Error, ErrorKind, Guard, Key, Lease, Locks};
use firekeep::{Clock, SystemClock};
use nix::sys::signal::Signal;
use tokio::process::Child;

use super::child::{Signals, code, send, spawn};
use super::{LocksArgs, parse_key};
use crate::failure::Failure;
use crate::output;
use crate::process::this_process;
use crate::time::parse_time;

/// Run a command while a lock is held.
///
/// Waits for the lock, runs the command, renews the lease while it runs, and releases the lock when it
/// ends. The command finds the fencing token in FIREKEEP_FENCE and the key in FIREKEEP_LOCK_KEY; a
/// resource that refuses tokens lower than it has seen is safe whatever happens to this machine.
/// SIGTERM, SIGINT and SIGHUP are passed on to the command, but for a Ctrl-C, which the terminal
/// sends it itself. Only the command itself gets signals, not what it started.
///
/// If the lease is lost, because the store was out of reach for longer than it or because somebody broke
/// the lock, the command gets SIGTERM, and SIGKILL after --kill-after.
#[derive(Debug, clap::Args)]
#[command(after_help = "Exit codes:
  the command's own, or 128 and the number of the signal that ended it; else
  2    the command line is wrong
  75   somebody else held the lock for longer than --wait; try again later
  124  the lease was lost while the command ran; it was stopped, or ended before it could be
  125  the store, the network or the machine failed; the command was not run
  126  the command can't be run
  127  there is no such command
  129, 130, 143  SIGHUP, SIGINT, SIGTERM while it waited for the lock

Examples:
  firekeep lock run nightly-report --store firestore://my-project -- ./report.sh --full
  firekeep lock run migrate --ttl 1m --wait 10m --fair --store firestore://my-project -- make migrate
  firekeep lock run deploy --wait 0s --store firestore://my-project -- ./deploy || test $? = 75")]
pub(crate) struct Args {
    /// What to lock: 1 to 512 bytes of any text.
    #[arg(value_parser = parse_key)]
    key: Key,

    #[command(flatten)]
    locks: LocksArgs,

    /// For how long others keep off if this machine dies: 100ms to 24h. The lease is renewed at a third
    /// of it.
    #[arg(long, value_name = "TIME", default_value = "30s", value_parser = parse_time)]
    ttl: Duration,

    /// For how long to wait for the lock; 0s tries once.
    #[arg(long, value_name = "TIME", default_value = "5s", value_parser = parse_time)]
    wait: Duration,

    /// Wait in the order of arrival among all who wait fairly.
    #[arg(long)]
    fair: bool,

    /// Hold the lock together with other shared holders.
    #[arg(long)]
    shared: bool,

    /// A name for operators to see beside the lock; HOST:PROCESS unless given.
    #[arg(long, value_name = "NAME")]
    owner: Option<String>,

    /// How long a command has between SIGTERM and SIGKILL once its lease is lost.
    #[arg(long, value_name = "TIME", default_value = "10s", value_parser = parse_time)]
    kill_after: Duration,

    /// The command and its arguments.
    #[arg(last = true, required = true, value_name = "COMMAND")]
    command: Vec<OsString>,
}

/// For how long the end of the process waits for what is cleared up in the background.
const SETTLE: Duration = Duration::from_secs(5);

pub(crate) async fn run(args: Args) -> Result<ExitCode, Failure> {
    let mut signals = Signals::listen()?;
    let locks = args.locks.open()?;
    let done = run_locked(&args, &locks, &mut signals).await;
    // What was given up on the way must not lie until its lease ends.
    let settled = SystemClock.sleep(SETTLE);
    tokio::select! { () = locks.settled() => {}, () = settled => {} }
    done
}

async fn run_locked(
    args: &Args,
    locks: &Locks,
    signals: &mut Signals,
) -> Result<ExitCode, Failure> {
    let options = args.options()?;
    let guard = tokio::select! {
        guard = locks.acquire_with(&args.key, &options) => guard.map_err(not_acquired)?,
        signal = signals.next() => return Err(interrupted(signal)),
    };
    let status = match spawn(&args.command, &guard) {
        Ok(mut child) => watch(&mut child, &guard, signals, args.kill_after).await,
        Err(failure) => Err(failure),
    };
    let was_held = release(guard).await;
    let status = status?;
    if was_held { Ok(ExitCode::from(code(status))) } else { Err(lost(status)) }
}

/// Waits for the command's end, passes signals on, and ends it if the lease is lost.
async fn watch(
    child: &mut Child,
    lease: &Lease,
    signals: &mut Signals,
    kill_after: Duration,
) -> Result<ExitStatus, Failure> {
    let mut kill_at = None;
    loop {
        tokio::select! {
            status = child.wait() => {
                return status.context("can't wait for the command").map_err(Failure::Failed);
            }
            signal = signals.next() => signals.forward(signal, child),
            _ = lease.lost(), if kill_at.is_none() => {
                output::to_stderr("the lease is lost; ending the command");
                send(Signal::SIGTERM, child);
                kill_at = Some(SystemClock.monotonic() + kill_after);
            }
            () = sleep_until(kill_at) => {
                send(Signal::SIGKILL, child);
                return child.wait().await.context("can't wait").map_err(Failure::Failed);
            }
        }
    }
}

/// Completes at `at`; never without one.
async fn sleep_until(at: Option<std::time::Instant>) {
    match at {
        Some(at) => {
            let rest = at.saturating_duration_since(SystemClock.monotonic());
            SystemClock.sleep(rest).await;
        }
        None => std::future::pending().await,
    }
}

/// Releases. Whether the lock was held until then, as far as can be known.
async fn release(guard: Guard) -> bool {
    match guard.release().await {
        Ok(released) => released.is_done(),
        Err(error) => {
            output::to_stderr(&format!("not released; the lease ends by itself: {error}"));
            true
        }
    }
}

impl Args {
    fn options(&self) -> Result<AcquireOptions, Failure> {
        let owner = self.owner.clone().unwrap_or_else(this_process);
        let options = AcquireOptions::default().lease(self.ttl).wait(self.wait).owner(owner);
        let options = options.max_hold(Duration::MAX);
        let options = if self.fair { options.fair() } else { options };
        Ok(if self.shared { options.shared() } else { options })
    }
}

fn not_acquired(error: Error) -> Failure {
    let (code, kind) = match error.kind() {
        ErrorKind::InvalidArgument => return Failure::Usage(error.to_string()),
        ErrorKind::AcquisitionTimeout => (75, "held"),
        _ => (125, "failed"),
    };
    Failure::Run { code, kind, message: error.to_string() }
}

fn interrupted(signal: Signal) -> Failure {
    let code = u8::try_from(128 + signal as i32).unwrap_or(u8::MAX);
    let message = format!("{signal} while waiting for the lock; the command was not run");
    Failure::Run { code, kind: "interrupted", message }
}

fn lost(status: ExitStatus) -> Failure {
    let message = format!("the lease was lost while the command ran, which ended with {status}");
    Failure::Run { code: 124, kind: "lost", message }
}
