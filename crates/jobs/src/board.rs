//! What a job comes to, at any moment, for whoever keeps looking.

use std::future::poll_fn;
use std::sync::Arc;
use std::task::Poll;

use firekeep_core::Timestamp;

use crate::aggregate::{Aggregate, Scope};
use crate::error::{Error, Result};
use crate::hub::cells::Cells;
use crate::hub::log::Log;
use crate::hub::order::Seq;
use crate::hub::{End, Hub};
use crate::key::Tag;
use crate::observer::Observer;
use crate::state::State;

/// The states of a job and their aggregates, kept up to date. Cheap to clone; each clone has a place
/// of its own for [`changed`](Self::changed).
///
/// All boards of a job in a process share one fold and one listen. A board reads no store: its answers
/// are those as of [`as_of`](Self::as_of).
#[derive(Debug)]
pub struct Board {
    observer: Observer,
    hub: Arc<Hub<Cells>>,
    /// Which waiter it is.
    id: u64,
    /// The changes that this one has seen.
    seen: Seq,
}

impl Observer {
    /// A board of the job. It knows nothing before it is [`ready`](Board::ready).
    ///
    /// # Errors
    /// [`Error::Invalid`] outside of a tokio runtime.
    ///
    /// # Cost
    /// As [`watch`](Self::watch), with which it shares the listen.
    pub fn board(&self) -> Result<Board> {
        let hub = self.0.jobs.cells.join(&self.0)?;
        let mut log = hub.sink.log();
        let id = log.waiters.enter();
        log.tally();
        drop(log);
        Ok(Board { observer: self.clone(), hub, id, seen: 0 })
    }
}

impl Board {
    /// The job.
    pub fn observer(&self) -> &Observer {
        &self.observer
    }

    /// Completes once the board knows all states.
    ///
    /// # Errors
    /// [`Error::Deleted`] if the job is gone; what the store answered, if that ended the listen.
    ///
    /// # Cancellation
    /// Nothing is lost.
    pub async fn ready(&self) -> Result<()> {
        self.wait(|log| log.fold().is_some().then_some(())).await
    }

    /// Completes once anything has changed since this was last called; at first, once the board is
    /// ready. Changes meanwhile count as one.
    ///
    /// # Errors
    /// As [`ready`](Self::ready), once every change before that was told.
    ///
    /// # Cancellation
    /// Nothing is lost.
    pub async fn changed(&mut self) -> Result<()> {
        let seen = self.seen;
        let is_news = |log: &Log| log.fold().filter(|_| seen == 0 || log.seq() + 1 > seen);
        // One more than the changes, so that none seen and none there are told apart.
        let now = self.wait(|log| is_news(log).map(|_| log.seq() + 1)).await?;
        self.seen = now;
        Ok(())
    }

    /// What the cells of `scope` come to. Takes a time that does not depend on the number of tasks.
    ///
    /// # Errors
    /// [`Error::TaskOutOfRange`], [`Error::UnknownTag`].
    pub fn aggregate(&self, scope: &Scope) -> Result<Aggregate> {
        self.observer.check_scope(scope)?;
        Ok(self.hub.sink.log().tally().aggregate(scope))
    }

    /// The states of `scope`, by task and tag.
    pub fn states(&self, scope: &Scope) -> Vec<Arc<State>> {
        self.hub.sink.log().tally().states(scope)
    }

    /// The tags that the job declares, and those that have been reported.
    pub fn tags(&self) -> Vec<Tag> {
        self.hub.sink.log().tally().tags()
    }

    /// As of when this is true, by the store's clock; none before the board is ready.
    pub fn as_of(&self) -> Option<Timestamp> {
        let log = self.hub.sink.log();
        log.fold().map(|_| log.time())
    }

    async fn wait<T>(&self, holds: impl Fn(&Log) -> Option<T>) -> Result<T> {
        poll_fn(|task| {
            let mut log = self.hub.sink.log();
            if let Some(answer) = holds(&log) {
                return Poll::Ready(Ok(answer));
            }
            match log.ended() {
                Some(End::Deleted) => {
                    return Poll::Ready(Err(Error::Deleted(self.observer.id().clone())));
                }
                Some(End::Failed(error)) => return Poll::Ready(Err(End::told(error))),
                None => {}
            }
            log.waiters.wait(self.id, &Scope::Job, task.waker());
            Poll::Pending
        })
        .await
    }
}

impl Clone for Board {
    fn clone(&self) -> Self {
        let id = self.hub.sink.log().waiters.enter();
        let (observer, hub) = (self.observer.clone(), Arc::clone(&self.hub));
        Self { observer, hub, id, seen: self.seen }
    }
}

impl Drop for Board {
    fn drop(&mut self) {
        self.hub.sink.log().waiters.leave(self.id, &Scope::Job);
    }
}
