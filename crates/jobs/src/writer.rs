//! What the holder of a task writes.

mod activity;
mod apply;
mod cells;
mod progress;

use std::ops::Deref;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use firekeep_core::Timestamp;
use firekeep_lock::{Guard, Lease, Released};

use self::activity::Activity;
use self::cells::Cells;
use self::progress::Pending;
use crate::claim::ClaimOptions;
use crate::error::{Error, Result};
use crate::jobs::event_id;
use crate::key::Tag;
use crate::observer::Observer;
use crate::record::Record;
use crate::state::{Cell, State};
use crate::update::Update;

/// A claimed task: it may read all of the job, and write the states of this task alone.
///
/// It keeps its claim by itself, and gives it up when it is [closed](Self::close) or dropped.
///
/// # Cancellation
/// Dropping the writer writes what progress still waits, and gives the task up, both in the background.
#[derive(Debug)]
pub struct TaskWriter {
    pub(crate) shared: Arc<Shared>,
    guard: Option<Guard>,
}

/// What the writer and its background work share.
#[derive(Debug)]
pub(crate) struct Shared {
    observer: Observer,
    task: u32,
    attempt: u64,
    lease: Lease,
    stall_after: Duration,
    interval: Duration,
    /// What the ids of this writer's own events begin with.
    name: String,
    cells: tokio::sync::Mutex<Cells>,
    activity: Mutex<Activity>,
    pending: Mutex<Pending>,
}

/// What became of a report of progress.
#[derive(Clone, Debug, PartialEq)]
pub enum Reported {
    /// It is written.
    Written(Arc<State>),
    /// It is written in a while, together with what comes until then.
    Deferred,
}

impl TaskWriter {
    pub(crate) fn new(
        observer: Observer,
        task: u32,
        guard: Guard,
        options: &ClaimOptions,
        cells: Vec<Cell>,
        (record, now): (Record, Timestamp),
    ) -> Result<Self> {
        let activity = Activity::new(record, now, observer.0.clock_now());
        let shared = Shared {
            task,
            attempt: guard.fence().as_u64(),
            lease: guard.lease(),
            stall_after: options.stall_after,
            interval: options.progress_interval,
            name: event_id()?,
            cells: tokio::sync::Mutex::new(Cells::of(cells)),
            activity: Mutex::new(activity),
            pending: Mutex::default(),
            observer,
        };
        Ok(Self { shared: Arc::new(shared), guard: Some(guard) })
    }

    /// The task.
    pub fn task(&self) -> u32 {
        self.shared.task
    }

    /// Which attempt of the task this is, from 1.
    pub fn attempt(&self) -> u64 {
        self.shared.attempt
    }

    /// The claim: whether it still stands, and a token that is cancelled when it does not.
    pub fn lease(&self) -> &Lease {
        &self.shared.lease
    }

    /// Writes the state of the task in `tag`, at once. Progress of it that still waits is forgotten; that
    /// of other tags is taken along.
    ///
    /// The write is guarded by the version that this writer knows; it is tried again as long as that
    /// may help, and applied once, whatever is lost on the way.
    ///
    /// # Errors
    /// [`Error::Fenced`], [`Error::Lost`]: the task is another's now. [`Error::Deleted`],
    /// [`Error::Tombstoned`], [`Error::UnknownTag`], [`Error::Invalid`]; what the store answers.
    ///
    /// # Cancellation
    /// The state is written or it is not; the next write finds out.
    ///
    /// # Cost
    /// One RPC and one billed write; two writes with history, and a delete once that is full. The first
    /// write of a cell bills two reads more, for the claim and the job. Once per half of the horizon,
    /// the job is read, one RPC and one read, and stamped by one of its writers, one write. Progress that
    /// is taken along is a write per tag.
    pub async fn set<T>(&self, tag: T, update: Update) -> Result<Arc<State>>
    where
        T: TryInto<Tag>,
        T::Error: Into<Error>,
    {
        let tag = tag.try_into().map_err(Into::into)?;
        let mut states = self.set_all([(tag, update)]).await?;
        Ok(states.swap_remove(0))
    }

    /// Writes the states of the task in several tags, all or none. At most 100. Answers them in the order
    /// of their tags.
    ///
    /// # Errors
    /// As [`set`](Self::set).
    ///
    /// # Cancellation
    /// As [`set`](Self::set).
    ///
    /// # Cost
    /// As [`set`](Self::set), in one RPC, the writes once per tag.
    pub async fn set_all(
        &self,
        updates: impl IntoIterator<Item = (Tag, Update)>,
    ) -> Result<Vec<Arc<State>>> {
        self.shared.set_all(updates.into_iter().collect()).await
    }

    /// Reports mere progress: the status stays, and so does the payload. Written at once if the
    /// last write of the task is an interval old, else together with what comes until then. Status
    /// changes take it along.
    ///
    /// # Errors
    /// As [`set`](Self::set), if it is written at once. Either way it still waits then: it is tried again
    /// as long as that may help, and with the next write, [`flush`](Self::flush) or
    /// [`close`](Self::close), which tell why if it fails for good.
    ///
    /// # Cancellation
    /// The progress still waits, as if it was deferred.
    ///
    /// # Cost
    /// As [`set`](Self::set), at most once per interval and task.
    pub async fn report<T>(&self, tag: T, done: u64, total: u64, message: &str) -> Result<Reported>
    where
        T: TryInto<Tag>,
        T::Error: Into<Error>,
    {
        let tag = tag.try_into().map_err(Into::into)?;
        progress::report(&self.shared, tag, (done, total), message).await
    }

    /// Writes what progress still waits.
    ///
    /// # Errors
    /// As [`set`](Self::set); what was not written still waits.
    ///
    /// # Cost
    /// Nothing if nothing waits; else as [`set_all`](Self::set_all).
    pub async fn flush(&self) -> Result<()> {
        self.shared.flush().await
    }

    /// Writes what progress still waits, and gives the task up.
    ///
    /// # Errors
    /// As [`flush`](Self::flush); the task is given up all the same.
    ///
    /// # Cancellation
    /// As dropping the writer.
    ///
    /// # Cost
    /// As [`flush`](Self::flush), and one RPC and one billed delete.
    pub async fn close(mut self) -> Result<Released> {
        let flushed = self.shared.flush().await;
        let Some(guard) = self.guard.take() else { return Ok(Released::Gone) };
        let released = guard.release().await;
        flushed?;
        Ok(released?)
    }
}

impl Drop for TaskWriter {
    fn drop(&mut self) {
        let (shared, guard) = (Arc::clone(&self.shared), self.guard.take());
        let Some(guard) = guard else { return };
        match tokio::runtime::Handle::try_current() {
            Ok(runtime) if shared.has_pending() => {
                runtime.spawn(async move {
                    if let Err(error) = shared.flush().await {
                        tracing::warn!(task = shared.task, %error, "the last progress is not written");
                    }
                    drop(guard);
                });
            }
            _ => drop(guard),
        }
    }
}

impl Deref for TaskWriter {
    type Target = Observer;

    fn deref(&self) -> &Observer {
        &self.shared.observer
    }
}

impl Shared {
    fn now(&self) -> Instant {
        self.observer.0.clock_now()
    }

    fn lost(&self) -> Error {
        Error::Lost { job: self.observer.id().clone(), task: self.task }
    }
}
