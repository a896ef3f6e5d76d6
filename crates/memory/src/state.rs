//! Everything the store holds, behind one lock, and its time.

use std::task::Waker;
use std::time::Duration;

use firekeep_core::{DocPath, Document, Error, ErrorKind, Result, Timestamp};

use crate::documents::{Documents, Replaced};
use crate::former::Former;
use crate::history::{Change, History};
use crate::locks::Locks;
use crate::slots::{Slot, SlotId};
use crate::txn::Txns;
use crate::watchers::Watchers;

/// The store's state.
#[derive(Debug)]
pub(crate) struct State {
    pub(crate) documents: Documents,
    pub(crate) history: History,
    pub(crate) txns: Txns,
    pub(crate) locks: Locks,
    pub(crate) watchers: Watchers,
    /// The latest time that any answer held.
    last: Timestamp,
    /// How far back reads reach.
    window: Duration,
    /// Positions of watches before this time are of no use any more.
    pub(crate) oldest_position: Timestamp,
    /// Whom to wake once the lock is free again.
    pub(crate) wake: Vec<Waker>,
    /// When expired documents are due to be deleted next; never if `None`.
    pub(crate) next_sweep: Option<Timestamp>,
}

/// As of when a request reads.
#[derive(Clone, Copy, Debug)]
pub(crate) struct View {
    /// The time.
    pub(crate) time: Timestamp,
    /// Whether anything changed since.
    pub(crate) is_past: bool,
}

impl State {
    pub(crate) fn new(window: Duration) -> Self {
        Self {
            documents: Documents::default(),
            history: History::new(),
            txns: Txns::new(),
            locks: Locks::default(),
            watchers: Watchers::default(),
            last: Timestamp::MIN,
            window,
            oldest_position: Timestamp::MIN,
            wake: Vec::new(),
            next_sweep: None,
        }
    }

    /// The time of a read now: never before any time answered earlier.
    pub(crate) fn read_time(&mut self, wall: Timestamp) -> Timestamp {
        self.last = self.last.max(wall);
        self.last
    }

    /// The time of a commit now: after every time answered earlier, whatever the wall clock does.
    pub(crate) fn commit_time(&mut self, wall: Timestamp) -> Timestamp {
        self.last = wall.max(self.last.next());
        self.last
    }

    /// The present.
    pub(crate) fn latest(&mut self, wall: Timestamp) -> View {
        View { time: self.read_time(wall), is_past: false }
    }

    /// The past at `time`.
    ///
    /// # Errors
    /// `InvalidArgument` in the future, `FailedPrecondition` before the window.
    pub(crate) fn past(&mut self, time: Timestamp, wall: Timestamp) -> Result<View> {
        let now = self.read_time(wall);
        if time > now {
            return Err(Error::invalid("the read time lies in the future"));
        }
        if time < now.saturating_sub(self.window) || time < self.history.horizon() {
            return Err(Error::new(
                ErrorKind::FailedPrecondition,
                format!("the read time is more than {} s ago", self.window.as_secs()),
            ));
        }
        Ok(self.view_at(time))
    }

    /// The state at `time`, which is known to be remembered.
    pub(crate) fn view_at(&self, time: Timestamp) -> View {
        View { time, is_past: self.history.since(time).next().is_some() }
    }

    /// The document at `path` as of `view`.
    pub(crate) fn get(&self, path: &DocPath, view: View) -> Option<Document> {
        self.seen(self.documents.slot(path)?, view)
    }

    /// The document in `slot` as of `view`.
    pub(crate) fn seen(&self, slot: &Slot, view: View) -> Option<Document> {
        if view.is_past { self.history.as_of(view.time, slot) } else { slot.live.clone() }
    }

    /// Whether the document at `path` was changed, made or deleted after `time`.
    pub(crate) fn changed_since(&self, path: &DocPath, time: Timestamp) -> bool {
        let slot = self.documents.slot(path);
        slot.and_then(|slot| self.history.time_of(slot.last)).is_some_and(|last| last > time)
    }

    /// Deletes the document at `path`, with all that follows from it.
    pub(crate) fn delete(&mut self, path: &DocPath, time: Timestamp) {
        self.install(path, self.documents.find(path), None, time);
    }

    /// Puts `after` at `path`, whose slot is `known` if it has one, with all that follows from it.
    pub(crate) fn install(
        &mut self,
        path: &DocPath,
        known: Option<SlotId>,
        after: Option<Document>,
        time: Timestamp,
    ) {
        self.watchers.touch(path, &mut self.wake);
        let change = self.history.next_id();
        if let Some(replaced) = self.documents.put(path, known, after, change) {
            let Replaced { slot, before, last } = replaced;
            let after = self.documents.slot_by_id(slot).and_then(|slot| slot.live.as_ref());
            let before = Former::of(before, after);
            self.history.push(Change { time, slot, before, previous: last });
        }
    }

    /// Forgets what nobody can ask for any more.
    pub(crate) fn prune(&mut self) {
        let window = self.last.saturating_sub(self.window);
        let bound = self.txns.oldest_snapshot().map_or(window, |oldest| oldest.min(window));
        while let Some((id, change)) = self.history.forget(bound) {
            self.documents.forget(change.slot, id);
        }
    }
}
