//! One attempt of a task: a command from its start to its end.

use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;
use std::sync::Mutex;
use std::time::Duration;

use firekeep::jobs::{Error, State, Status, TaskWriter, Update};
use firekeep::{Clock, SystemClock};
use tokio::process::Child;
use tokio::sync::Notify;

use super::child::{self, Lines, Told};
use super::pool::Pool;
use super::template::Filling;

/// The longest message that is kept, in bytes.
const MAX_MESSAGE: usize = 1000;
/// For how long what is written after a command's end is listened to: by what it left behind.
const DRAIN: Duration = Duration::from_secs(1);
/// The status of an attempt that took too long, as `timeout` has it.
const TIMED_OUT: i32 = 124;
/// The status of a task that was cancelled, as a shell has it.
const CANCELLED: i32 = 130;
/// What such a task says.
const CANCELLED_MESSAGE: &str = "cancelled";

/// How an attempt came to its end.
#[derive(Debug)]
pub(super) enum Ended {
    /// The command has done its work.
    Finished(Update),
    /// It has not.
    Failed(Miss),
    /// The run is cancelled.
    Cancelled,
    /// The task is not ours any more.
    Lost,
}

/// An attempt that failed.
#[derive(Debug)]
pub(super) struct Miss {
    pub(super) status: Status,
    pub(super) message: String,
    told: Option<Told>,
}

/// Why a command was no longer waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Why {
    Exited,
    TimedOut,
    Cancelled,
    Lost,
}

/// One attempt.
#[derive(Debug)]
pub(super) struct Attempt<'a> {
    pool: &'a Pool<'a>,
    writer: &'a TaskWriter,
    /// Someone else was found to have the task.
    fenced: Notify,
    last: Mutex<Last>,
}

/// The latest that the command has said.
#[derive(Debug, Default)]
struct Last {
    told: Option<Told>,
    complaint: String,
}

impl<'a> Attempt<'a> {
    pub(super) fn new(pool: &'a Pool<'a>, writer: &'a TaskWriter) -> Self {
        Self { pool, writer, fenced: Notify::new(), last: Mutex::default() }
    }

    /// Runs the command.
    pub(super) async fn run(self) -> Ended {
        let job = self.pool.job.id();
        let filling = Filling { job, task: self.writer.task(), attempt: self.writer.attempt() };
        let mut child = match child::spawn(self.pool.template.fill(filling)) {
            Ok(child) => child,
            Err(error) => {
                // As a shell has it.
                let code = if error.kind() == std::io::ErrorKind::NotFound { 127 } else { 126 };
                return self.failed(code, &format!("can't run the command: {error}"));
            }
        };
        let (out, err) = (child.stdout.take(), child.stderr.take());
        let output = async {
            let told = async {
                if let Some(out) = out {
                    self.hear(Lines::of(out)).await
                }
            };
            let said = async {
                if let Some(err) = err {
                    self.listen(Lines::of(err)).await
                }
            };
            tokio::join!(told, said)
        };
        tokio::pin!(output);
        let mut is_silent = false;
        let ended = {
            let ending = self.end_of(&mut child);
            tokio::pin!(ending);
            loop {
                tokio::select! {
                    ended = &mut ending => break ended,
                    _ = &mut output, if !is_silent => is_silent = true,
                }
            }
        };
        if !is_silent {
            tokio::select! { _ = &mut output => {}, () = SystemClock.sleep(DRAIN) => {} }
        }
        match ended {
            Ok((why, status)) => self.judge(why, status),
            Err(error) => self.failed(1, &format!("can't wait for the command: {error}")),
        }
    }

    /// Waits until the command ends, or ends it.
    async fn end_of(&self, child: &mut Child) -> std::io::Result<(Why, ExitStatus)> {
        let stop = self.pool.stop;
        let timeout = async {
            match self.pool.timeout {
                Some(timeout) => SystemClock.sleep(timeout).await,
                None => std::future::pending().await,
            }
        };
        let why = tokio::select! {
            status = child.wait() => return Ok((Why::Exited, status?)),
            () = stop.asked() => Why::Cancelled,
            _ = self.writer.lease().lost() => Why::Lost,
            () = self.fenced.notified() => Why::Lost,
            () = timeout => Why::TimedOut,
        };
        Ok((why, child::end(child, self.pool.kill_after, stop).await?))
    }

    /// Records the progress that the command tells, and passes the rest on.
    async fn hear(&self, mut lines: Lines<impl tokio::io::AsyncRead + Unpin>) {
        while let Some(line) = lines.next().await {
            let Some(told) = Told::read(&line) else {
                self.pool.pass_on(&line);
                continue;
            };
            let reported =
                self.writer.report(self.pool.tag, told.done, told.total, &told.message).await;
            self.last().told = Some(told);
            match reported {
                Ok(_) => {}
                Err(Error::Fenced { .. } | Error::Lost { .. } | Error::Deleted(_)) => {
                    self.fenced.notify_one();
                }
                Err(error) => {
                    tracing::warn!(task = self.writer.task(), %error, "progress is not recorded");
                }
            }
        }
    }

    /// Passes on what the command complains of, and remembers the last of it.
    async fn listen(&self, mut lines: Lines<impl tokio::io::AsyncRead + Unpin>) {
        while let Some(line) = lines.next().await {
            if !line.trim().is_empty() {
                self.last().complaint = bounded(line.trim());
            }
            self.pool.complain(&line);
        }
    }

    fn judge(&self, why: Why, status: ExitStatus) -> Ended {
        match why {
            Why::Cancelled => Ended::Cancelled,
            Why::Lost => Ended::Lost,
            Why::TimedOut => {
                let timeout = self.pool.timeout.unwrap_or_default();
                self.failed(TIMED_OUT, &format!("took longer than {timeout:?}"))
            }
            Why::Exited if status.success() => {
                let told = self.last().told.take();
                let message = told.as_ref().map(|told| told.message.clone());
                let update = Update::finished().message(message.unwrap_or_default());
                Ended::Finished(with_progress(update, told.as_ref()))
            }
            Why::Exited => {
                let complaint = self.last().complaint.clone();
                let message = if complaint.is_empty() { status.to_string() } else { complaint };
                let code = status.code().or(status.signal().map(|signal| 128 + signal));
                self.failed(code.unwrap_or(1), &message)
            }
        }
    }

    fn failed(&self, code: i32, message: &str) -> Ended {
        let told = self.last().told.take();
        Ended::Failed(Miss { status: Status::new(-code), message: bounded(message), told })
    }

    fn last(&self) -> std::sync::MutexGuard<'_, Last> {
        self.last.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

impl Miss {
    /// The error to record.
    pub(super) fn to_update(&self) -> Update {
        let update = Update::new(self.status).message(&*self.message);
        with_progress(update, self.told.as_ref())
    }
}

fn with_progress(update: Update, told: Option<&Told>) -> Update {
    match told {
        Some(told) => update.progress(told.done, told.total),
        None => update,
    }
}

/// The state of a task that was cancelled.
pub(super) fn cancelled() -> Update {
    Update::failed(CANCELLED).message(CANCELLED_MESSAGE)
}

/// Whether a state is that of a task that was cancelled.
pub(super) fn is_cancelled(state: &State) -> bool {
    state.status.as_i32() == -CANCELLED && state.message == CANCELLED_MESSAGE
}

/// As much of `text` as is kept as a message.
pub(super) fn bounded(text: &str) -> String {
    if text.len() <= MAX_MESSAGE {
        return text.to_owned();
    }
    let room = MAX_MESSAGE - '…'.len_utf8();
    let end = (0..=room).rev().find(|end| text.is_char_boundary(*end)).unwrap_or(0);
    format!("{}…", &text[..end])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_are_cut_between_characters() {
        assert_eq!(bounded("short"), "short");
        let long = bounded(&"é".repeat(2000));
        assert!(long.len() <= MAX_MESSAGE && long.ends_with("é…"), "{}", long.len());
    }
}
