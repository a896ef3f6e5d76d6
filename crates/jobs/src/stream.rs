//! The states of a job as they change.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use firekeep_core::Timestamp;
use futures::Stream;

use crate::aggregate::Scope;
use crate::cursor::Cursor;
use crate::error::Result;
use crate::hub::cells::Cells;
use crate::hub::log::{Content, Entry, Log};
use crate::hub::order::Seq;
use crate::hub::{End, Hub};
use crate::key::{JobId, Key};
use crate::observer::Observer;
use crate::state::{Run, State};

/// How many entries one poll looks at before it lets others have their turn.
const LOOKS: usize = 256;

/// What a [`Watch`] tells.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Event {
    /// The latest state of a cell.
    State {
        /// The state.
        state: Arc<State>,
        /// Whether it was there when the watch began, or came since.
        replay: bool,
        /// How many states of the scope came since the event before, and were overtaken by later
        /// ones of their cells before this watch was polled. If the watch goes on from a cursor that
        /// this process had yet to come to, it may count some from before the cursor.
        skipped: u64,
    },
    /// All that was there when the watch began has been told, or has changed since and is still to
    /// come. Told once.
    ReplayDone {
        /// A later watch goes on from here.
        cursor: Cursor,
    },
    /// What was told is all there is as of the time of the cursor: of each commit before it
    /// everything, and of those after it nothing.
    Bookmark {
        /// A later watch goes on from here.
        cursor: Cursor,
    },
    /// A cell is gone, as its job is being deleted.
    Deleted {
        /// Which cell.
        key: Key,
        /// The incarnation it was of.
        run: Run,
        /// As of a state.
        skipped: u64,
    },
    /// There is a document among the states that is none, or that newer code wrote.
    Corrupt {
        /// Where.
        path: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The job is gone, or another has taken its place. The stream ends after this.
    JobDeleted {
        /// The job.
        job: JobId,
        /// Its incarnation.
        run: Run,
    },
}

/// A stream of what becomes of the cells of a [`Scope`]: first the states that are there, then a
/// [`ReplayDone`](Event::ReplayDone), then each change.
///
/// - Per cell, versions strictly increase, and the last one is always told. A watch that is polled
///   slowly is told the latest of each cell, and how many it was not told.
/// - A watch keeps a place in the order of changes and nothing else: it may be left alone for as long
///   as one likes, and delays nobody.
/// - An error of the store that may pass is no event: the listen is taken up again where it broke
///   off. One that does not pass is told once, and the stream ends.
///
/// # Cancellation
/// Dropping it ends this watch alone. The last of a job's watches takes their common listen along.
pub struct Watch {
    observer: Observer,
    hub: Arc<Hub<Cells>>,
    scope: Scope,
    id: u64,
    /// Told up to here.
    at: Seq,
    /// Where the replay ends, as of when that was, and what had passed by then.
    until: Option<(Seq, Timestamp, u64)>,
    is_live: bool,
    /// What had passed at the last event.
    passed: u64,
    /// Only what came after this is told.
    since: Option<Cursor>,
    /// The time that was last told.
    told: Timestamp,
    has_news: bool,
    has_ended: bool,
}

impl Observer {
    /// Follows the states of a scope.
    ///
    /// # Errors
    /// [`Error::TaskOutOfRange`](crate::Error::TaskOutOfRange), [`Error::UnknownTag`](crate::Error::UnknownTag);
    /// [`Error::Invalid`](crate::Error::Invalid) outside of a tokio runtime.
    ///
    /// # Cost
    /// All watches, boards and barriers of a job in a process share one RPC: one billed read per cell
    /// to begin, and one per change. While there are no states, the job is read once a minute.
    pub fn watch(&self, scope: Scope) -> Result<Watch> {
        self.check_scope(&scope)?;
        let hub = self.0.jobs.cells.join(&self.0)?;
        Ok(Watch::new(self.clone(), hub, scope, None))
    }

    /// Follows the states of a scope from where an earlier watch was, in another process too: tells
    /// the states that were committed after the cursor, and goes on as [`watch`](Self::watch).
    ///
    /// # Errors
    /// As [`watch`](Self::watch). [`Error::Invalid`](crate::Error::Invalid) for a cursor of another job;
    /// [`Error::CursorTooOld`](crate::Error::CursorTooOld) for one of another incarnation.
    ///
    /// # Cost
    /// As [`watch`](Self::watch): the first of a process reads all cells.
    pub fn watch_from(&self, scope: Scope, cursor: &Cursor) -> Result<Watch> {
        cursor.check(&self.0)?;
        self.check_scope(&scope)?;
        let hub = self.0.jobs.cells.join(&self.0)?;
        Ok(Watch::new(self.clone(), hub, scope, Some(*cursor)))
    }
}

impl Watch {
    fn new(observer: Observer, hub: Arc<Hub<Cells>>, scope: Scope, since: Option<Cursor>) -> Self {
        let mut log = hub.sink.log();
        let id = log.waiters.enter();
        let until = log.fold().map(|_| (log.seq(), log.time(), log.passed(&scope)));
        drop(log);
        Self {
            observer,
            scope,
            id,
            at: 0,
            until,
            is_live: false,
            passed: 0,
            since,
            told: Timestamp::MIN,
            has_news: false,
            has_ended: false,
            hub,
        }
    }

    /// What it follows.
    pub fn scope(&self) -> &Scope {
        &self.scope
    }

    /// The next event, if there is one; else whether to wait.
    fn next(&mut self, log: &Log) -> Next {
        let Some((fold, time)) = log.fold() else { return self.finish(log) };
        let (until, time, passed) = *self.until.get_or_insert((fold, time, 0));
        for _ in 0..LOOKS {
            let entry = log.after(&self.scope, self.at);
            if !self.is_live && entry.is_none_or(|entry| entry.seq > until) {
                self.is_live = true;
                (self.passed, self.told) = (passed, time);
                return Next::Event(Event::ReplayDone { cursor: self.cursor(time) });
            }
            let Some(entry) = entry else { return self.idle(log) };
            self.at = entry.seq;
            if let Some(event) = self.event(entry) {
                self.has_news = true;
                return Next::Event(event);
            }
        }
        Next::Yield
    }

    /// What to tell when every change was told.
    fn idle(&mut self, log: &Log) -> Next {
        if log.time() > self.told && (self.has_news || log.pulse() > self.told) {
            self.has_news = false;
            self.told = log.time();
            return Next::Event(Event::Bookmark { cursor: self.cursor(log.time()) });
        }
        self.finish(log)
    }

    fn finish(&mut self, log: &Log) -> Next {
        let Some(end) = log.ended() else { return Next::Wait };
        self.has_ended = true;
        match end {
            End::Deleted => {
                let job = self.observer.id().clone();
                Next::Event(Event::JobDeleted { job, run: self.observer.run() })
            }
            End::Failed(error) => Next::Failed(End::told(error)),
        }
    }

    fn event(&mut self, entry: &Entry) -> Option<Event> {
        match &entry.content {
            Content::State(state) => {
                if self.since.is_some_and(|since| state.committed_at <= since.time()) {
                    return None;
                }
                let (state, replay) = (Arc::clone(state), !self.is_live);
                Some(Event::State { state, replay, skipped: self.skipped(entry, 1) })
            }
            Content::Corrupt(reason) => {
                let (path, reason) = (entry.path.to_string(), reason.to_string());
                Some(Event::Corrupt { path, reason })
            }
            // Whoever has been told nothing of it need not be told that it is gone.
            Content::Gone if !self.is_live => None,
            Content::Gone => {
                let (key, run) = (entry.key.clone()?, self.observer.run());
                Some(Event::Deleted { key, run, skipped: self.skipped(entry, 0) })
            }
        }
    }

    /// How many versions passed since the event before, besides the `told` ones.
    fn skipped(&mut self, entry: &Entry, told: u64) -> u64 {
        if !self.is_live {
            return 0;
        }
        let passed = entry.passed(&self.scope);
        let skipped = passed.saturating_sub(self.passed + told);
        self.passed = passed;
        skipped
    }

    fn cursor(&self, time: Timestamp) -> Cursor {
        self.since.map_or_else(|| Cursor::new(&self.observer.0, time), |since| since.at(time))
    }
}

/// What a poll comes to.
enum Next {
    Event(Event),
    Failed(crate::Error),
    Wait,
    Yield,
}

impl Stream for Watch {
    type Item = Result<Event>;

    fn poll_next(mut self: Pin<&mut Self>, task: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = &mut *self;
        if this.has_ended {
            return Poll::Ready(None);
        }
        let hub = Arc::clone(&this.hub);
        let mut log = hub.sink.log();
        match this.next(&log) {
            Next::Event(event) => Poll::Ready(Some(Ok(event))),
            Next::Failed(error) => Poll::Ready(Some(Err(error))),
            Next::Wait => {
                log.waiters.wait(this.id, &this.scope, task.waker());
                Poll::Pending
            }
            Next::Yield => {
                drop(log);
                task.waker().wake_by_ref();
                Poll::Pending
            }
        }
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.hub.sink.log().waiters.leave(self.id, &self.scope);
    }
}

impl fmt::Debug for Watch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Watch")
            .field("job", self.observer.id())
            .field("scope", &self.scope)
            .field("is_live", &self.is_live)
            .finish_non_exhaustive()
    }
}
