//! Waiting for all tasks of a tag.

use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt;
use futures::future::{Either, select};

use crate::aggregate::Scope;
use crate::error::{Error, Result};
use crate::key::Tag;
use crate::observer::Observer;
use crate::state::State;
use crate::status::Status;
use crate::stream::{Event, Watch};

/// How a wait for all tasks of a tag ended.
#[derive(Clone, Debug, PartialEq)]
#[must_use = "the deadline may have come first"]
pub enum Barrier {
    /// Every task has reached the target: one state per task, in order.
    Reached(Vec<Arc<State>>),
    /// The deadline came first: the latest state of each task, in order; none of those that never
    /// reported.
    Late(Vec<Option<Arc<State>>>),
}

impl Barrier {
    /// Whether every task has reached the target.
    pub fn is_reached(&self) -> bool {
        matches!(self, Self::Reached(_))
    }
}

impl Observer {
    /// Waits until every task of `tag` has a status of at least `target`, for at most `deadline`.
    ///
    /// # Errors
    /// [`Error::TaskFailed`] as soon as any task of the tag has an error, with the state of the lowest
    /// such task known; [`Error::Deleted`] if a state or the job is deleted; [`Error::Invalid`] unless
    /// `target` is above [`Status::NOT_STARTED`]; [`Error::UnknownTag`]; what the store answers.
    ///
    /// # Cancellation
    /// Nothing is lost.
    ///
    /// # Cost
    /// As [`watch`](Self::watch), with which it shares the listen.
    pub async fn barrier<T>(&self, tag: T, target: Status, deadline: Duration) -> Result<Barrier>
    where
        T: TryInto<Tag>,
        T::Error: Into<Error>,
    {
        let tag = tag.try_into().map_err(Into::into)?;
        if target <= Status::NOT_STARTED {
            return Err(Error::invalid("target", "must be above not started"));
        }
        let timer = self.0.jobs.db.clock().sleep(deadline);
        let mut watch = self.watch(Scope::Tag(tag))?;
        let mut wait = Wait::new(self, target);
        let ended = match select(Box::pin(wait.run(&mut watch)), timer).await {
            Either::Left((ended, _)) => Some(ended),
            Either::Right(_) => None,
        };
        match ended {
            None => Ok(Barrier::Late(wait.states)),
            Some(ended) => {
                ended.map(|()| Barrier::Reached(wait.states.into_iter().flatten().collect()))
            }
        }
    }
}

/// The states of the tasks so far.
struct Wait {
    observer: Observer,
    target: Status,
    states: Vec<Option<Arc<State>>>,
    /// How many have yet to reach the target.
    behind: usize,
}

impl Wait {
    fn new(observer: &Observer, target: Status) -> Self {
        let tasks = observer.tasks() as usize;
        Self { observer: observer.clone(), target, states: vec![None; tasks], behind: tasks }
    }

    /// Takes what the watch tells until all have reached the target, or one fails.
    async fn run(&mut self, watch: &mut Watch) -> Result<()> {
        let mut is_live = false;
        while let Some(event) = watch.next().await {
            match event? {
                Event::State { state, replay: true, .. } => self.take(state),
                Event::State { state, .. } if state.status.is_error() => {
                    return Err(failed(&state));
                }
                Event::State { state, .. } => self.take(state),
                Event::ReplayDone { .. } => {
                    is_live = true;
                    let mut states = self.states.iter().flatten();
                    if let Some(state) = states.find(|state| state.status.is_error()) {
                        return Err(failed(state));
                    }
                }
                Event::Deleted { .. } | Event::JobDeleted { .. } => break,
                Event::Corrupt { path, reason } => return Err(Error::Corrupt { path, reason }),
                Event::Bookmark { .. } => {}
            }
            if is_live && self.behind == 0 {
                return Ok(());
            }
        }
        Err(Error::Deleted(self.observer.id().clone()))
    }

    fn take(&mut self, state: Arc<State>) {
        let has_reached = |state: &Arc<State>| state.status >= self.target;
        let is_there = has_reached(&state);
        if let Some(place) = self.states.get_mut(state.key.task as usize) {
            let was_there = place.as_ref().is_some_and(has_reached);
            self.behind = self.behind + usize::from(was_there) - usize::from(is_there);
            *place = Some(state);
        }
    }
}

fn failed(state: &State) -> Error {
    Error::TaskFailed(Box::new(state.clone()))
}
