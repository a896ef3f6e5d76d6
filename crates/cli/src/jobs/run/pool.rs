//! Workers that share the tasks of a job, with each other and with other runs.

use std::collections::HashMap;
use std::io::Write;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use firekeep::jobs::{Claim, ClaimOptions, Error, Job, State, Status, Tag, TaskWriter, Update};
use firekeep::{Backoff, Clock, SystemClock};
use futures::{StreamExt, TryStreamExt, stream};

use super::attempt::{Attempt, Ended, Miss, bounded, cancelled, is_cancelled};
use super::outcome::{Failed, Outcome, Summary};
use super::queue::Queue;
use super::stop::Stop;
use super::template::Template;
use crate::output;
use crate::progress::Progress;

/// The pauses before a task is tried again.
const RETRIES: Backoff = Backoff { base: Duration::from_secs(1), cap: Duration::from_secs(60) };
/// How often a task is looked at that somebody else has.
const LOOK_AGAIN: (Duration, Duration) = (Duration::from_millis(200), Duration::from_secs(3));
/// The step that a task is in while its command runs.
const RUNNING: i32 = 1;

/// What all workers share.
#[derive(Debug)]
pub(super) struct Pool<'a> {
    pub(super) job: &'a Job,
    pub(super) tag: &'a Tag,
    pub(super) template: Template<'a>,
    pub(super) workers: usize,
    pub(super) retries: u32,
    pub(super) timeout: Option<Duration>,
    pub(super) kill_after: Duration,
    pub(super) claims: ClaimOptions,
    pub(super) stop: &'a Stop,
    pub(super) progress: Mutex<Progress>,
    pub(super) json: bool,
}

/// What one look at a task came to.
#[derive(Debug)]
enum Looked {
    /// It is done with.
    Done(Outcome),
    /// Somebody else has it, or may have; look again after this.
    Again(Duration),
}

/// The versions of the states that were there before this run.
type Before = HashMap<u32, u64>;

impl Pool<'_> {
    /// Runs until every task has ended, here or elsewhere, or the run is cancelled.
    pub(super) async fn run(&self) -> Result<Summary, Error> {
        let mut summary = Summary::new(self.job.id(), self.job.tasks());
        let mut before = Before::new();
        let mut open: Vec<bool> = vec![true; self.job.tasks() as usize];
        let mut states = self.job.states_of(self.tag)?;
        while let Some(state) = states.try_next().await? {
            before.insert(state.key.task, state.version);
            if state.status.is_finished() {
                if let Some(open) = open.get_mut(state.key.task as usize) {
                    *open = false;
                }
                self.note(&mut summary, Outcome::Skipped);
            }
        }
        let open = (0_u32..).zip(open).filter(|(_, open)| *open).map(|(task, _)| task);
        let queue = Queue::new(open);
        let shared = Mutex::new(summary);
        let workers = stream::iter(0..self.workers);
        workers.for_each_concurrent(None, |_| self.work(&queue, &before, &shared)).await;
        Ok(shared.into_inner().unwrap_or_else(PoisonError::into_inner))
    }

    /// One worker.
    async fn work(&self, queue: &Queue, before: &Before, summary: &Mutex<Summary>) {
        while !self.stop.is_asked() {
            let next =
                tokio::select! { next = queue.next() => next, () = self.stop.asked() => None };
            let Some(task) = next else { return };
            match self.look(task, before.get(&task).copied().unwrap_or(0)).await {
                Ok(Looked::Done(outcome)) => self.note(&mut lock(summary), outcome),
                Ok(Looked::Again(after)) => queue.put_back(task, after),
                Err(error) => {
                    if matches!(error, Error::Deleted(_)) {
                        // There is nothing to work on any more.
                        self.stop.ask();
                    }
                    let failed = Failed { task, status: None, message: error.to_string() };
                    self.note(&mut lock(summary), Outcome::Failed(failed));
                }
            }
        }
    }

    /// Claims a task, and brings it to its end.
    async fn look(&self, task: u32, before: u64) -> Result<Looked, Error> {
        if let Some(outcome) = self.ended_elsewhere(task, before).await? {
            return Ok(Looked::Done(outcome));
        }
        let mut failures = 0;
        loop {
            let writer = match self.job.claim_with(task, &self.claims).await? {
                Claim::Won(writer) => writer,
                Claim::Held { remaining } => {
                    return Ok(Looked::Again(remaining.clamp(LOOK_AGAIN.0, LOOK_AGAIN.1)));
                }
            };
            let tried = self.attempt(&writer, before, &mut failures).await;
            let closed = writer.close().await;
            match tried? {
                Some(looked) => {
                    if let Err(error) = closed {
                        tracing::warn!(task, %error, "the claim is not given up; it ends by itself");
                    }
                    return Ok(looked);
                }
                // Each attempt has a claim of its own, which fences off what is left of the one before.
                None => continue,
            }
        }
    }

    /// Runs the command once. `None` if it is to be tried again.
    async fn attempt(
        &self,
        writer: &TaskWriter,
        before: u64,
        failures: &mut u32,
    ) -> Result<Option<Looked>, Error> {
        let task = writer.task();
        if *failures == 0
            && let Some(outcome) = self.ended_elsewhere(task, before).await?
        {
            return Ok(Some(Looked::Done(outcome)));
        }
        if self.stop.is_asked() {
            return Ok(Some(Looked::Done(Outcome::Cancelled)));
        }
        if self.is_lost(writer.set(self.tag, Update::new(RUNNING)).await)? {
            return Ok(Some(Looked::Again(LOOK_AGAIN.0)));
        }
        let (update, outcome) = match Attempt::new(self, writer).run().await {
            Ended::Lost => return Ok(Some(Looked::Again(LOOK_AGAIN.0))),
            Ended::Cancelled => (cancelled(), Outcome::Cancelled),
            Ended::Finished(update) => (update, Outcome::Finished),
            Ended::Failed(miss) if *failures < self.retries => {
                *failures += 1;
                return self.pause(writer, &miss, *failures).await;
            }
            Ended::Failed(miss) => {
                let (status, message) = (Some(miss.status.as_i32()), miss.message.clone());
                (miss.to_update(), Outcome::Failed(Failed { task, status, message }))
            }
        };
        if self.is_lost(writer.set(self.tag, update).await)? {
            return Ok(Some(Looked::Again(LOOK_AGAIN.0)));
        }
        Ok(Some(Looked::Done(outcome)))
    }

    /// Says that the task is tried again, and waits until then. An error would say that the task does no
    /// more by itself.
    async fn pause(
        &self,
        writer: &TaskWriter,
        miss: &Miss,
        failures: u32,
    ) -> Result<Option<Looked>, Error> {
        let delay = RETRIES.delay(failures, None);
        let message = format!("{}, trying again in {delay:.0?}: {}", miss.status, miss.message);
        let update = Update::new(RUNNING).message(bounded(&message));
        if self.is_lost(writer.set(self.tag, update).await)? {
            return Ok(Some(Looked::Again(LOOK_AGAIN.0)));
        }
        tokio::select! {
            () = SystemClock.sleep(delay) => Ok(None),
            _ = writer.lease().lost() => Ok(Some(Looked::Again(LOOK_AGAIN.0))),
            () = self.stop.asked() => {
                self.is_lost(writer.set(self.tag, cancelled()).await)?;
                Ok(Some(Looked::Done(Outcome::Cancelled)))
            }
        }
    }

    /// What another run made of a task, if it is through with it. An error that was there before this
    /// run is tried again, and so is one that another run has cancelled.
    async fn ended_elsewhere(&self, task: u32, before: u64) -> Result<Option<Outcome>, Error> {
        let Some(state) = self.job.state(self.tag, task).await? else { return Ok(None) };
        if state.status.is_finished() {
            let is_new = state.version > before;
            return Ok(Some(if is_new { Outcome::Elsewhere } else { Outcome::Skipped }));
        }
        let is_final = state.status.is_error() && state.version > before && !is_cancelled(&state);
        Ok(is_final.then(|| Outcome::Failed(failed(&state))))
    }

    /// Whether a write says that the task is another's now.
    fn is_lost<T>(&self, written: Result<T, Error>) -> Result<bool, Error> {
        match written {
            Ok(_) => Ok(false),
            Err(Error::Fenced { .. } | Error::Lost { .. }) => Ok(true),
            Err(error) => Err(error),
        }
    }

    /// Passes on a line that a command wrote.
    pub(super) fn pass_on(&self, line: &str) {
        if self.json {
            return self.complain(line);
        }
        lock(&self.progress).aside(|| {
            let mut out = std::io::stdout().lock();
            let _ = writeln!(out, "{line}").and_then(|()| out.flush());
        });
    }

    /// Passes on a line that a command wrote to standard error.
    pub(super) fn complain(&self, line: &str) {
        lock(&self.progress).aside(|| output::to_stderr(line));
    }

    fn note(&self, summary: &mut Summary, outcome: Outcome) {
        if !self.json
            && let Outcome::Failed(failed) = &outcome
        {
            self.complain(&failed.to_string());
        }
        if !matches!(outcome, Outcome::Cancelled) {
            lock(&self.progress).advance(1);
        }
        summary.note(outcome);
    }
}

fn failed(state: &State) -> Failed {
    let status = Some(Status::as_i32(state.status));
    Failed { task: state.key.task, status, message: state.message.clone() }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
