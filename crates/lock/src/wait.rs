//! Acquiring: attempts, and the waits between them.

use std::pin::pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use firekeep_core::DocPath;
use futures::future::select;
use tracing::Instrument;

use crate::attempt::{Attempted, Contender, Held};
use crate::error::{Error, Result};
use crate::event::{Action, Outcome, span};
use crate::guard::Guard;
use crate::inner::Inner;
use crate::options::AcquireOptions;

/// What one attempt to acquire came to.
#[derive(Debug)]
#[must_use = "a lock that was won is released when it is dropped"]
pub enum Attempt {
    /// The lock is ours.
    Won(Guard),
    /// Somebody else holds it.
    Held(Held),
}

impl Attempt {
    /// The guard, if the lock was won.
    pub fn guard(self) -> Option<Guard> {
        if let Self::Won(guard) = self { Some(guard) } else { None }
    }

    /// Whether somebody else holds the lock.
    pub fn is_held(&self) -> bool {
        matches!(self, Self::Held(_))
    }
}

/// For how much longer than the wait its last attempt may take to be answered.
const LAST_ANSWER: Duration = Duration::from_secs(2);

/// Tries once.
pub(crate) async fn try_once(
    inner: &Arc<Inner>,
    contender: impl Contender,
    options: &AcquireOptions,
) -> Result<Attempt> {
    let key = contender.key();
    let before = inner.now();
    let attempt = cancellable(options, detached(inner, contender, options, None));
    let attempt = attempt.instrument(span(Action::Try, &key)).await;
    let attempt = attempt.and_then(|(_, attempt)| attempt);
    let outcome = match &attempt {
        Ok(Attempt::Won(_)) => Outcome::Done,
        Ok(Attempt::Held(_)) => Outcome::Refused,
        Err(error) => Outcome::of_error(error),
    };
    inner.tell(Action::Try, outcome, &key, inner.now().saturating_duration_since(before));
    attempt.map_err(|error| error.of_key(key))
}

/// Tries until the lock is won, or the wait or the retries are used up.
pub(crate) async fn acquire(
    inner: &Arc<Inner>,
    contender: impl Contender,
    options: &AcquireOptions,
) -> Result<Guard> {
    let key = contender.key();
    let mut wait = Wait { inner, options, start: inner.now(), attempts: 0 };
    let won = wait.run(contender).instrument(span(Action::Acquire, &key)).await;
    let outcome = won.as_ref().map_or_else(Outcome::of_error, |_| Outcome::Done);
    let took = inner.now().saturating_duration_since(wait.start);
    inner.tell_attempts(Action::Acquire, outcome, &key, took, wait.attempts);
    if wait.attempts > 1 {
        inner.tell_attempts(Action::Wait, outcome, &key, took, wait.attempts);
    }
    won.map_err(|error| error.of_key(key))
}

struct Wait<'a> {
    inner: &'a Arc<Inner>,
    options: &'a AcquireOptions,
    start: Instant,
    attempts: u32,
}

impl Wait<'_> {
    async fn run(&mut self, mut contender: impl Contender) -> Result<Guard> {
        // A wait beyond what the clock can tell is one without end.
        let deadline = self.start.checked_add(self.options.wait);
        loop {
            self.attempts += 1;
            let is_last = deadline.is_some_and(|deadline| self.inner.now() >= deadline)
                || self.options.retries.is_some_and(|retries| self.attempts > retries);
            let until = deadline.and_then(|deadline| deadline.checked_add(LAST_ANSWER));
            let attempt = detached(self.inner, contender, self.options, until);
            let (back, attempt) = cancellable(self.options, attempt).await?;
            contender = back;
            let remaining = match attempt {
                Ok(Attempt::Won(guard)) => return Ok(guard),
                Ok(Attempt::Held(held)) => Some(held.remaining),
                // What fails for the moment does not end a wait that may outlast it.
                Err(error) if error.is_transient() && !is_last => None,
                Err(error) => return Err(error),
            };
            if is_last {
                let waited = self.inner.now().saturating_duration_since(self.start);
                return Err(Error::timeout(waited, self.attempts));
            }
            self.sleep(remaining, deadline, contender.in_the_way())
                .instrument(span(Action::Wait, &contender.key()))
                .await?;
        }
    }

    /// Sleeps for the smallest of the back-off, what remains of the other's lease, and what remains
    /// of the wait: the last attempt is at its end. What is in the way is watched meanwhile.
    async fn sleep(
        &self,
        remaining: Option<Duration>,
        deadline: Option<Instant>,
        in_the_way: Option<DocPath>,
    ) -> Result<()> {
        let mut delay = self.options.delay(self.attempts, fastrand::f64());
        if let Some(remaining) = remaining.filter(|remaining| !remaining.is_zero()) {
            delay = delay.min(remaining);
        }
        if let Some(deadline) = deadline {
            delay = delay.min(deadline.saturating_duration_since(self.inner.now()));
        }
        cancellable(self.options, async {
            let sleep = self.inner.clock().sleep(delay);
            match in_the_way {
                None => sleep.await,
                // The sleep stays the fallback: leases end without an event.
                Some(path) => drop(select(sleep, pin!(self.inner.vanished(path))).await),
            }
        })
        .await
    }
}

/// Makes an attempt that comes to its end even if the caller goes away meanwhile: what it won then is
/// released.
async fn detached<C: Contender>(
    inner: &Arc<Inner>,
    mut contender: C,
    options: &AcquireOptions,
    until: Option<Instant>,
) -> (C, Result<Attempt>) {
    let (shared, options) = (Arc::clone(inner), options.clone());
    let attempt = async move {
        let attempt = contender.attempt(until).await.map(|attempted| match attempted {
            Attempted::Held(held) => Attempt::Held(held),
            Attempted::Won(won) => Attempt::Won(Guard::new(shared, won, &options)),
        });
        (contender, attempt)
    };
    // Not claimed, both are dropped, and clear up behind themselves.
    inner.tasks.finish(attempt, drop).await
}

/// `work`, unless the caller's token is cancelled before it is done.
async fn cancellable<T>(options: &AcquireOptions, work: impl Future<Output = T>) -> Result<T> {
    let Some(token) = &options.cancel else { return Ok(work.await) };
    tokio::select! {
        biased;
        () = token.cancelled() => Err(Error::aborted()),
        done = work => Ok(done),
    }
}
