//! What a job keeps of the past: the last versions of each cell.

mod ledger;
mod versions;

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use firekeep_core::{Query, Timestamp, field};
use futures::Stream;

use self::ledger::{Content, Kept, Ledger};
pub(crate) use self::versions::Versions;
use crate::aggregate::Scope;
use crate::cursor::Cursor;
use crate::error::{Error, Result};
use crate::hub::order::Seq;
use crate::hub::{End, Hub};
use crate::key::Key;
use crate::observer::Observer;
use crate::retry::Attempts;
use crate::state::{Cell, State};
use crate::stream::Event;

/// How many versions one poll looks at before it lets others have their turn.
const LOOKS: usize = 256;

/// A stream of every version of the cells of a [`Scope`]: first those that are kept, then a
/// [`ReplayDone`](Event::ReplayDone), then each that is written.
///
/// - Each version comes once; those of a cell come in order, without a hole. None is ever skipped.
/// - Versions are kept by the store and not for the subscriber. One that is polled so slowly that the
///   next version it is due was dropped, as newer ones came, is told [`Error::CursorTooOld`], and ends.
///
/// # Cancellation
/// As of a [`Watch`](crate::Watch).
pub struct HistoryWatch {
    observer: Observer,
    hub: Arc<Hub<Versions>>,
    scope: Scope,
    id: u64,
    since: Option<Cursor>,
    /// Where the replay ends, and as of when that was.
    until: Option<(Seq, Timestamp)>,
    is_live: bool,
    told: Timestamp,
    has_news: bool,
    has_ended: bool,
}

impl Observer {
    /// The versions of a cell that are kept, in order.
    ///
    /// # Errors
    /// [`Error::Invalid`] for a job that keeps none; [`Error::TaskOutOfRange`], [`Error::UnknownTag`];
    /// [`Error::Corrupt`]; what the store answers.
    ///
    /// # Cost
    /// One RPC, one billed read per version.
    pub async fn history_of(&self, key: &Key) -> Result<Vec<Arc<State>>> {
        self.check_history(&Scope::Cell(key.clone()))?;
        let query = Query::collection(self.0.place.events.as_str())
            .filter(field("tag").eq(key.tag.as_str()))
            .filter(field("taskID").eq(i64::from(key.task)))
            .build()?;
        let mut attempts = Attempts::new(&self.0.jobs.db);
        let documents = loop {
            match self.0.jobs.db.query(query.clone()).await {
                Ok(documents) => break documents,
                Err(error) => attempts.failed(error).await?,
            }
        };
        let cells = documents.iter().map(|document| Cell::read(&self.0.id, document));
        let states = cells.map(|cell| Ok(cell?.state));
        let mut states = states.collect::<Result<Vec<_>>>()?;
        states.retain(|state| state.run == self.run());
        states.sort_by_key(|state| state.version);
        Ok(states)
    }

    /// Follows every version of the cells of a scope.
    ///
    /// # Errors
    /// [`Error::Invalid`] for a job that keeps no versions, and outside of a tokio runtime;
    /// [`Error::TaskOutOfRange`], [`Error::UnknownTag`].
    ///
    /// # Cost
    /// All such watches of a job in a process share one RPC: one billed read per version that is kept
    /// to begin, and one per version written.
    pub fn watch_history(&self, scope: Scope) -> Result<HistoryWatch> {
        HistoryWatch::new(self.clone(), scope, None)
    }

    /// Follows every version of the cells of a scope that was committed after the cursor.
    ///
    /// # Errors
    /// As [`watch_history`](Self::watch_history). [`Error::Invalid`] for a cursor of another job;
    /// [`Error::CursorTooOld`] for one of another incarnation. The stream yields
    /// [`Error::CursorTooOld`] unless it is certain that all that came after the cursor is kept still.
    ///
    /// # Cost
    /// As [`watch_history`](Self::watch_history).
    pub fn watch_history_from(&self, scope: Scope, cursor: &Cursor) -> Result<HistoryWatch> {
        cursor.check(&self.0)?;
        HistoryWatch::new(self.clone(), scope, Some(*cursor))
    }

    fn check_history(&self, scope: &Scope) -> Result<()> {
        self.check_scope(scope)?;
        match self.history() {
            0 => Err(Error::invalid("history", format!("is not kept by job `{}`", self.id()))),
            _ => Ok(()),
        }
    }
}

impl HistoryWatch {
    fn new(observer: Observer, scope: Scope, since: Option<Cursor>) -> Result<Self> {
        observer.check_history(&scope)?;
        let hub = observer.0.jobs.versions.join(&observer.0)?;
        let mut ledger = hub.sink.ledger();
        let id = ledger.seat(&scope, since.map(|since| since.time()));
        let until = ledger.fold().map(|_| (ledger.seq(), ledger.time()));
        drop(ledger);
        Ok(Self {
            observer,
            scope,
            id,
            since,
            until,
            is_live: false,
            told: Timestamp::MIN,
            has_news: false,
            has_ended: false,
            hub,
        })
    }

    /// What it follows.
    pub fn scope(&self) -> &Scope {
        &self.scope
    }

    fn next(&mut self, ledger: &mut Ledger) -> Next {
        if let Some(reason) = ledger.lost(self.id) {
            self.has_ended = true;
            return Next::Told(Err(Error::CursorTooOld(reason)));
        }
        let Some(fold) = ledger.fold() else { return self.finish(ledger) };
        let (until, time) = *self.until.get_or_insert(fold);
        for _ in 0..LOOKS {
            let at = ledger.place(self.id);
            let next = ledger.after(&self.scope, at);
            if !self.is_live && next.is_none_or(|(seq, _)| seq > until) {
                self.is_live = true;
                self.told = time;
                return Next::Told(Ok(Event::ReplayDone { cursor: self.cursor(time) }));
            }
            let Some((seq, kept)) = next else { return self.idle(ledger) };
            let event = self.event(kept);
            ledger.advance(self.id, seq);
            if let Some(event) = event {
                self.has_news = true;
                return Next::Told(Ok(event));
            }
        }
        Next::Yield
    }

    fn idle(&mut self, ledger: &Ledger) -> Next {
        let time = ledger.time();
        if time > self.told && (self.has_news || ledger.pulse() > self.told) {
            self.has_news = false;
            self.told = time;
            return Next::Told(Ok(Event::Bookmark { cursor: self.cursor(time) }));
        }
        self.finish(ledger)
    }

    fn finish(&mut self, ledger: &Ledger) -> Next {
        let Some(end) = ledger.ended() else { return Next::Wait };
        self.has_ended = true;
        Next::Told(match end {
            End::Deleted => {
                let job = self.observer.id().clone();
                Ok(Event::JobDeleted { job, run: self.observer.run() })
            }
            End::Failed(error) => Err(End::told(error)),
        })
    }

    fn event(&self, kept: &Kept) -> Option<Event> {
        match &kept.content {
            Content::State(state) => {
                let is_due = self.since.is_none_or(|since| state.committed_at > since.time());
                let (state, replay) = (Arc::clone(state), !self.is_live);
                is_due.then_some(Event::State { state, replay, skipped: 0 })
            }
            Content::Corrupt(reason) => {
                let (path, reason) = (kept.path.to_string(), reason.to_string());
                Some(Event::Corrupt { path, reason })
            }
        }
    }

    fn cursor(&self, time: Timestamp) -> Cursor {
        self.since.map_or_else(|| Cursor::new(&self.observer.0, time), |since| since.at(time))
    }
}

/// What a poll comes to.
enum Next {
    Told(Result<Event>),
    Wait,
    Yield,
}

impl Stream for HistoryWatch {
    type Item = Result<Event>;

    fn poll_next(mut self: Pin<&mut Self>, task: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = &mut *self;
        if this.has_ended {
            return Poll::Ready(None);
        }
        let hub = Arc::clone(&this.hub);
        let mut ledger = hub.sink.ledger();
        match this.next(&mut ledger) {
            Next::Told(event) => return Poll::Ready(Some(event)),
            Next::Wait => ledger.waiters.wait(this.id, &this.scope, task.waker()),
            Next::Yield => {
                drop(ledger);
                task.waker().wake_by_ref();
            }
        }
        Poll::Pending
    }
}

impl Drop for HistoryWatch {
    fn drop(&mut self) {
        self.hub.sink.ledger().leave(self.id, &self.scope);
    }
}

impl fmt::Debug for HistoryWatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HistoryWatch")
            .field("job", self.observer.id())
            .field("scope", &self.scope)
            .field("is_live", &self.is_live)
            .finish_non_exhaustive()
    }
}
