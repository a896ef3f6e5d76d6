//! A lock that is held: what is believed of it, and what may be done with it.

mod extend;
mod release;
mod standing;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use firekeep_core::{Backoff, Effect, Retry, Timestamp, Version};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use crate::attempt::{Won, disown};
use crate::error::{Lost, Result};
use crate::event::{Action, Outcome};
use crate::inner::Inner;
use crate::key::Hash;
use crate::layout::{Claim, Grant};
use crate::lease::Anchor;
use crate::options::AcquireOptions;
use crate::record::Place;

/// A lock that is, or was, held. Shared by the guard, its leases and its keeper.
#[derive(Debug)]
pub(crate) struct Hold {
    pub(crate) inner: Arc<Inner>,
    pub(crate) places: Arc<[Place]>,
    pub(crate) claim: Claim,
    state: Mutex<State>,
    /// Held by whoever changes the lease in the store, so that versions are known.
    changing: futures::lock::Mutex<()>,
    /// Cancelled once the lock is no longer held.
    pub(crate) ended: CancellationToken,
    /// Cancelled to stop the keeper.
    pub(crate) stop: CancellationToken,
    /// Tells the keeper that the lease may end, or should be renewed, earlier than it knew.
    pub(crate) shortened: Notify,
    acquired: Instant,
    /// When to stop believing in any case.
    last: Option<Instant>,
}

#[derive(Clone, Debug)]
pub(crate) struct State {
    phase: Phase,
    pub(crate) ttl: Duration,
    pub(crate) deadline: Instant,
    /// When the belief ends if an extension took effect whose answer is not known.
    unanswered: Option<Instant>,
    pub(crate) grants: Vec<Grant>,
    anchor: Anchor,
    is_alone: bool,
    has_rival: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Held,
    /// A release was called for.
    GivenUp,
    Lost,
    Released,
}

/// How a release went. An answer either way, and no failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use = "a release that finds nothing to release means that the lock was lost before"]
pub enum Released {
    /// The lock was held until now, and is free.
    Done,
    /// The lease had ended before. What it left is cleared away.
    Expired,
    /// Somebody else took the lock over, or broke it.
    Gone,
}

impl Released {
    /// Whether the lock was held until it was released.
    pub fn is_done(self) -> bool {
        self == Self::Done
    }
}

const PAUSES: Backoff =
    Backoff { base: Duration::from_millis(20), cap: Duration::from_millis(500) };

impl Hold {
    pub(crate) fn new(inner: Arc<Inner>, won: Won, options: &AcquireOptions) -> Self {
        let acquired = inner.now();
        // A hold beyond what the clock can tell is one without end.
        let last = acquired.checked_add(options.max_hold);
        let state = State {
            phase: Phase::Held,
            ttl: won.claim.ttl,
            deadline: earlier(won.deadline, last),
            unanswered: None,
            grants: won.grants,
            anchor: won.anchor,
            is_alone: won.is_alone,
            has_rival: won.has_rival,
        };
        Self {
            inner,
            places: won.places,
            claim: won.claim,
            state: Mutex::new(state),
            changing: futures::lock::Mutex::default(),
            ended: CancellationToken::new(),
            stop: CancellationToken::new(),
            shortened: Notify::new(),
            acquired,
            last,
        }
    }

    pub(crate) fn key_hash(&self) -> Hash {
        self.places[0].key.hash()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The state as it is now, whoever holds the lock.
    pub(crate) fn state(&self) -> State {
        self.lock().clone()
    }

    /// The state, if the lock is held by our own clock. Finding out that it is not, loses it.
    pub(crate) fn held(&self) -> Result<State, Lost> {
        let state = self.state();
        if state.phase == Phase::Held && self.inner.now() < state.deadline {
            return Ok(state);
        }
        self.lose();
        Err(Lost { key: self.key_hash() })
    }

    pub(crate) fn is_lost(&self) -> bool {
        self.held().is_err() && self.lock().phase == Phase::Lost
    }

    /// Ends the belief. What may be left in the store is cleared away in the background.
    pub(crate) fn lose(&self) {
        let mut state = self.lock();
        if state.phase != Phase::Held {
            return;
        }
        state.phase = Phase::Lost;
        drop(state);
        self.stop.cancel();
        self.ended.cancel();
        let held = self.inner.now().saturating_duration_since(self.acquired);
        tracing::warn!(key = %self.key_hash(), "a lock is lost");
        self.inner.tell(Action::Lose, Outcome::Lost, &self.key_hash(), held);
        let (inner, places) = (Arc::clone(&self.inner), Arc::clone(&self.places));
        self.inner.tasks.spawn(disown(inner, places, self.claim.clone(), 0));
    }
}

/// How long to wait after a failure; an unknown outcome is looked into whatever its kind. `None` if
/// waiting does not help.
fn delay(failures: u32, error: &firekeep_core::Error) -> Option<Duration> {
    match error.retry() {
        Retry::Request { after } => Some(PAUSES.delay(failures, after)),
        _ => (error.effect() == Effect::Unknown).then(|| PAUSES.delay(failures, None)),
    }
}

impl State {
    pub(crate) fn versions(&self) -> impl Iterator<Item = Version> {
        self.grants.iter().map(|grant| grant.version)
    }

    /// When the lease began, by the store's clock.
    pub(crate) fn started(&self) -> Timestamp {
        self.grants.iter().map(|grant| grant.at).min().unwrap_or(Timestamp::MIN)
    }

    /// When the (first) lease ends, by the store's clock.
    pub(crate) fn ends(&self) -> Timestamp {
        self.grants.iter().map(|grant| grant.ends).min().unwrap_or(Timestamp::MIN)
    }
}

fn earlier(one: Instant, other: Option<Instant>) -> Instant {
    other.map_or(one, |other| one.min(other))
}

/// `ttl` as the store keeps it.
pub(crate) fn whole_millis(ttl: Duration) -> Duration {
    Duration::from_millis(u64::try_from(ttl.as_millis()).unwrap_or(u64::MAX))
}
