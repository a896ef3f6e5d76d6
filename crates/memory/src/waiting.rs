//! Waiting for locks: in line, woken when it is one's turn, for so long at most.

use std::future::poll_fn;
use std::task::{Context, Poll};
use std::time::Duration;

use firekeep_core::{Cx, Error, ErrorKind, Result};
use futures::FutureExt;
use futures::future::BoxFuture;

use crate::locks::{Attempt, Ticket, Wants};
use crate::shared::{Shared, late};
use crate::state::State;
use crate::txn::{Seq, lost};

/// A request that needs locks.
pub(crate) struct Request<'a> {
    shared: &'a Shared,
    wants: Wants,
    place: Option<Ticket>,
    timer: Option<BoxFuture<'static, ()>>,
    patience: Duration,
}

impl<'a> Request<'a> {
    pub(crate) fn new(shared: &'a Shared, cx: &Cx, wants: Wants) -> Self {
        let left = cx.deadline().map(|at| at.saturating_duration_since(shared.clock.monotonic()));
        let patience = left.map_or(shared.options.lock_wait, |l| l.min(shared.options.lock_wait));
        Self { shared, wants, place: None, timer: None, patience }
    }

    /// Runs `body` once the locks are free, in the same moment. `owner` says whose they are, or why
    /// there is nothing to wait for any more.
    pub(crate) async fn run<T>(
        mut self,
        cx: &Cx,
        mut owner: impl FnMut(&mut State) -> Result<Option<Seq>> + Send,
        body: impl FnOnce(&mut State) -> Result<T> + Send,
    ) -> Result<T> {
        let mut body = Some(body);
        poll_fn(move |task| {
            let shared = self.shared;
            let done = shared.with(|state| {
                let owner = match owner(state) {
                    Ok(owner) => owner,
                    Err(error) => return Some(Err(error)),
                };
                match self.attempt(state, owner, task) {
                    Attempt::Waits => None,
                    Attempt::Deadlock => Some(Err(lost())),
                    Attempt::Granted => body.take().map(|body| body(state)),
                }
            });
            match done {
                Some(value) => Poll::Ready(value),
                None => self.poll_patience(cx, task).map(Err),
            }
        })
        .await
    }

    fn attempt(&mut self, state: &mut State, owner: Option<Seq>, task: &Context<'_>) -> Attempt {
        if matches!(self.wants, Wants::Write(_)) && state.locks.is_idle() {
            return Attempt::Granted;
        }
        if self.place.is_none() {
            // Whoever is in the way may have been gone for long.
            state.expire_txns(self.shared.clock.monotonic());
        }
        state.attempt(owner, &self.wants, &mut self.place, task.waker())
    }

    fn poll_patience(&mut self, cx: &Cx, task: &mut Context<'_>) -> Poll<Error> {
        let clock = &self.shared.clock;
        let patience = self.patience;
        let timer = self.timer.get_or_insert_with(|| clock.sleep(patience));
        timer.poll_unpin(task).map(|()| {
            if self.shared.check_deadline(cx).is_err() {
                return late();
            }
            let message = format!("a lock was not free within {} ms", patience.as_millis());
            Error::new(ErrorKind::Aborted, message)
        })
    }
}

impl Drop for Request<'_> {
    fn drop(&mut self) {
        if let Some(place) = self.place {
            self.shared.with(|state| {
                let mut wake = std::mem::take(&mut state.wake);
                state.locks.leave(place, &mut wake);
                state.wake = wake;
            });
        }
    }
}
