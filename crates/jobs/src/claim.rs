//! Claiming a task: a lease, and a fence on every cell of the task.

use std::time::Duration;

use firekeep_core::{Query, Timestamp, Version, field};
use firekeep_lock::options::{MAX_LEASE, MAX_OWNER_BYTES, MIN_LEASE};
use firekeep_lock::{AcquireOptions, Attempt, CommitError, Guard};

use crate::error::{Error, Result};
use crate::job::Job;
use crate::jobs::OnTombstoned;
use crate::observer::Opened;
use crate::purge::clear_orphans;
use crate::record::{Phase, Record};
use crate::retry::{Attempts, is_refusal};
use crate::state::{Cell, Run, SCHEMA, count};
use crate::writer::TaskWriter;

/// What came of claiming a task.
#[derive(Debug)]
#[must_use = "a task that was won is given up when the writer is dropped"]
pub enum Claim {
    /// The task is ours.
    Won(TaskWriter),
    /// Somebody else has it.
    Held {
        /// For how long they keep it if they say nothing more, as far as is known.
        remaining: Duration,
    },
}

impl Claim {
    /// The writer, if the task was won.
    pub fn writer(self) -> Option<TaskWriter> {
        if let Self::Won(writer) = self { Some(writer) } else { None }
    }
}

/// How to claim a task.
#[derive(Clone, Debug)]
pub struct ClaimOptions {
    pub(crate) stall_after: Duration,
    pub(crate) heartbeat: Option<Duration>,
    pub(crate) progress_interval: Duration,
    pub(crate) owner: Option<String>,
}

impl Default for ClaimOptions {
    /// Stalled after 30 s, a heartbeat every 10 s, progress at most once a second.
    fn default() -> Self {
        Self {
            stall_after: Duration::from_secs(30),
            heartbeat: None,
            progress_interval: Duration::from_secs(1),
            owner: None,
        }
    }
}

impl ClaimOptions {
    /// For how long a claim outlives the last heartbeat: then the task is stalled, and anybody may
    /// claim it. 100 ms to a day. Heartbeats come at a third of this, or a little earlier.
    #[must_use]
    pub fn stall_after(mut self, time: Duration) -> Self {
        self.stall_after = time;
        self
    }

    /// How often the holder says that it lives, or a little earlier; at least 33 ms. A stall is no less
    /// than three of these, so that one lost heartbeat is no stall; without this, it is exactly three.
    #[must_use]
    pub fn heartbeat(mut self, every: Duration) -> Self {
        self.heartbeat = Some(every);
        self
    }

    /// How long after a write of the task mere progress waits to be written; 1 s unless told otherwise,
    /// since Firestore takes about one write a second per document for long. At most a day.
    #[must_use]
    pub fn progress_interval(mut self, interval: Duration) -> Self {
        self.progress_interval = interval;
        self
    }

    /// Who claims, for operators: a host, a process. 1 to 256 bytes.
    #[must_use]
    pub fn owner(mut self, owner: impl Into<String>) -> Self {
        self.owner = Some(owner.into());
        self
    }

    fn lock_options(&self) -> Result<AcquireOptions> {
        self.check()?;
        // A task may take as long as it takes: what ends a claim is silence alone.
        let options = AcquireOptions::default().lease(self.stall_after).max_hold(Duration::MAX);
        let options = match self.heartbeat {
            Some(heartbeat) => options.renew_every(heartbeat),
            None => options,
        };
        Ok(match &self.owner {
            Some(owner) => options.owner(owner),
            None => options,
        })
    }

    fn check(&self) -> Result<()> {
        if !(MIN_LEASE..=MAX_LEASE).contains(&self.stall_after) {
            let rule = format!("must be {MIN_LEASE:?} to {MAX_LEASE:?}, is {:?}", self.stall_after);
            return Err(Error::invalid("stall_after", rule));
        }
        if let Some(heartbeat) = self.heartbeat {
            if heartbeat < MIN_HEARTBEAT {
                let rule = format!("must be at least {MIN_HEARTBEAT:?}, is {heartbeat:?}");
                return Err(Error::invalid("heartbeat", rule));
            }
            let least = heartbeat.saturating_mul(3);
            if self.stall_after < least {
                let (is, rule) = (self.stall_after, "must be at least three heartbeats");
                return Err(Error::invalid("stall_after", format!("{rule}, {least:?}, is {is:?}")));
            }
        }
        if self.progress_interval > MAX_LEASE {
            let rule = format!("must be at most {MAX_LEASE:?}, is {:?}", self.progress_interval);
            return Err(Error::invalid("progress_interval", rule));
        }
        match self.owner.as_deref().map(str::len) {
            Some(length) if !(1..=MAX_OWNER_BYTES).contains(&length) => {
                let rule = format!("must have 1 to {MAX_OWNER_BYTES} bytes, has {length}");
                Err(Error::invalid("owner", rule))
            }
            _ => Ok(()),
        }
    }
}

/// The shortest time between heartbeats: a third of the shortest stall.
const MIN_HEARTBEAT: Duration = Duration::from_millis(33);

/// The key of the lock of a task.
pub(crate) fn lock_key(opened: &Opened, task: u32) -> String {
    format!("{}/{task}", opened.record.run.created().as_micros())
}

/// Reads what [`lock_key`] wrote; `None` for any other text.
pub(crate) fn run_and_task(key: &str) -> Option<(Run, u32)> {
    let (created, task) = key.split_once('/')?;
    let created = Timestamp::from_micros(created.parse().ok()?).ok()?;
    Some((Run::new(created), task.parse().ok()?))
}

pub(crate) async fn claim(job: &Job, task: u32, options: &ClaimOptions) -> Result<Claim> {
    job.check_task(task)?;
    let lock = options.lock_options()?;
    let opened = &job.observer().0;
    let guard = match job.locks.try_acquire_with(lock_key(opened, task), &lock).await? {
        Attempt::Won(guard) => guard,
        Attempt::Held(held) => return Ok(Claim::Held { remaining: held.remaining }),
    };
    let cells = fence(opened, task, &guard).await?;
    // The lease first, then the job: a deletion marks the job first and looks for leases then. The
    // cells first, too: what was read of them may be the work of a deletion that had sealed them.
    let (record, now) = match writable(opened).await {
        Ok(found) => found,
        Err(error) => {
            let _ = guard.release().await;
            if matches!(error, Error::Deleted(_)) {
                // Where there is no job, nothing else would find the counter of the lock.
                clear_orphans(&opened.jobs, &opened.place, Duration::ZERO).await?;
            }
            return Err(error);
        }
    };
    let observer = job.observer().clone();
    let writer = TaskWriter::new(observer, task, guard, options, cells, (record, now))?;
    Ok(Claim::Won(writer))
}

/// The job as it is now, if it takes writes; revives it if it is tombstoned.
async fn writable(opened: &Opened) -> Result<(Record, Timestamp)> {
    let mut attempts = Attempts::new(&opened.jobs.db);
    loop {
        let error = match current(opened).await {
            Ok((record, now)) if record.phase == Phase::Active => return Ok((record, now)),
            Ok((record, _)) => {
                let revive = record.enter(opened.place.job.clone(), Phase::Active, None)?;
                match opened.jobs.db.commit(vec![revive]).await {
                    Ok(_) => continue,
                    Err(error) => error,
                }
            }
            Err(Error::Store(error)) => error,
            Err(error) => return Err(error),
        };
        attempts.failed(error).await?;
    }
}

/// The job as it is now, if it takes writes, if only to revive it.
pub(crate) async fn current(opened: &Opened) -> Result<(Record, Timestamp)> {
    let gone = || Error::Deleted(opened.id.clone());
    let (record, now) = opened.jobs.record(&opened.place.job).await?.ok_or_else(gone)?;
    if record.run != opened.record.run || record.phase.is_going() {
        return Err(gone());
    }
    record.check_writable(&opened.id)?;
    if record.phase != Phase::Active && opened.jobs.on_tombstoned == OnTombstoned::Refuse {
        return Err(Error::Tombstoned(opened.id.clone()));
    }
    Ok((record, now))
}

/// Marks each cell of the task with the attempt of `guard`, so that no earlier writer can change it.
async fn fence(opened: &Opened, task: u32, guard: &Guard) -> Result<Vec<Cell>> {
    let attempt = guard.fence().as_u64();
    let mut attempts = Attempts::new(&opened.jobs.db);
    loop {
        let mut cells = match cells_of(opened, task).await {
            Err(Error::Store(error)) => {
                attempts.failed(error).await?;
                continue;
            }
            cells => cells?,
        };
        let behind: Vec<_> = cells.iter_mut().filter(|cell| cell.fence < attempt).collect();
        match mark(opened, task, guard, behind).await {
            Ok(()) => return Ok(cells),
            Err(Error::Store(error)) => {
                if !is_refusal(&error) {
                    tracing::debug!(task, %error, "fencing off earlier attempts again");
                }
                attempts.failed(error).await?;
            }
            Err(error) => return Err(error),
        }
    }
}

/// Marks `cells`, and takes over which versions they have then.
async fn mark(opened: &Opened, task: u32, guard: &Guard, mut cells: Vec<&mut Cell>) -> Result<()> {
    let attempt = guard.fence().as_u64();
    for page in cells.chunks_mut(crate::page::PAGE as usize) {
        let marks = page.iter().map(|cell| {
            let path = opened.place.states.doc(cell.state.key.doc_id())?;
            cell.mark(path, "fence", count(attempt))
        });
        let committed = guard.commit(marks.collect::<Result<_>>()?).await;
        let committed = committed.map_err(|error| match error {
            CommitError::Store(error) => Error::Store(error),
            _ => Error::Lost { job: opened.id.clone(), task },
        })?;
        for (cell, written) in page.iter_mut().zip(&committed.writes) {
            cell.fence = attempt;
            cell.document = written.version.unwrap_or_else(|| Version::at(committed.commit_time));
        }
    }
    Ok(())
}

/// The cells of a task, those of this run, to write them.
pub(crate) async fn cells_of(opened: &Opened, task: u32) -> Result<Vec<Cell>> {
    let query = Query::collection(opened.place.states.as_str());
    let query = query.filter(field("taskID").eq(i64::from(task)));
    let documents = opened.jobs.db.query(query).await?;
    let cells = documents.iter().map(|document| opened.cell(document));
    let cells: Vec<Cell> = cells.filter_map(Result::transpose).collect::<Result<_>>()?;
    match cells.iter().map(|cell| cell.schema).find(|schema| *schema > SCHEMA) {
        // It would lose what a migration has made of it.
        Some(stored) => Err(Error::NewerSchema { job: opened.id.clone(), stored, known: SCHEMA }),
        None => Ok(cells),
    }
}
