//! What the holder of a lock has in hand.

use std::fmt;
use std::future::Future;
use std::ops::Deref;
use std::sync::Arc;
use std::time::{Duration, Instant};

use firekeep_core::{Committed, Effect, Require, Timestamp, Txn, Write};
use tokio_util::sync::CancellationToken;
use tracing::Instrument;

use crate::attempt::Won;
use crate::error::{CommitError, Lost, Result};
use crate::event::{Action, Outcome, span};
use crate::fence::Fence;
use crate::hold::{Hold, Released, State};
use crate::id::LockId;
use crate::inner::{Inner, is_refusal};
use crate::keeper;
use crate::key::Key;
use crate::options::AcquireOptions;

/// A lock, held until it is released or dropped.
///
/// It renews its lease by itself unless told otherwise, and knows by its own clock when it can no
/// longer be sure of it. Derefs to its [`Lease`], which is what the work under the lock needs.
///
/// # Cancellation
/// Dropping the guard stops the renewal and releases in the background, on the runtime if there is
/// one and on a thread otherwise; failures go to the callback for them. If the process ends before,
/// or the runtime of the locks, the lease runs out by itself.
#[must_use = "a guard that is dropped releases its lock"]
pub struct Guard {
    lease: Lease,
    is_armed: bool,
}

/// A handle to a held lock: what it is, how long it is held, and what may be done under it.
///
/// Clones are handles to the same lock. They don't hold it: once the guard is gone, so is the lock.
#[derive(Clone)]
pub struct Lease(Arc<Hold>);

impl Guard {
    pub(crate) fn new(inner: Arc<Inner>, won: Won, options: &AcquireOptions) -> Self {
        let hold = Arc::new(Hold::new(Arc::clone(&inner), won, options));
        let span = span(Action::Hold, &hold.key_hash());
        let every = options.renew.then(|| options.renew_every.unwrap_or(Duration::MAX));
        let keeper = keeper::keep(Arc::clone(&hold), every).instrument(span);
        inner.tasks.spawn(keeper);
        Self { lease: Lease(hold), is_armed: true }
    }

    /// A handle for the work under the lock.
    pub fn lease(&self) -> Lease {
        self.lease.clone()
    }

    /// Releases the lock, and says whether it was held until now.
    ///
    /// A release that took effect answers [`Released::Done`] even if the store's reply was lost.
    ///
    /// # Errors
    /// What the store answers after several tries; the lease then ends by itself.
    ///
    /// # Cancellation
    /// Dropping the future releases all the same, in the background.
    ///
    /// # Cost
    /// One RPC, one billed delete. A shared lock that others hold too is one more RPC, one read, and
    /// one write instead.
    pub async fn release(mut self) -> Result<Released> {
        self.is_armed = false;
        let hold = Arc::clone(&self.lease.0);
        let (inner, tell) = (Arc::clone(&hold.inner), Arc::clone(&hold.inner));
        let released = inner.tasks.finish(async move { hold.release().await }, move |released| {
            if let Err(error) = released {
                tell.release_failed(&error);
            }
        });
        released.await
    }
}

impl Deref for Guard {
    type Target = Lease;

    fn deref(&self) -> &Lease {
        &self.lease
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        if self.is_armed {
            let hold = Arc::clone(&self.lease.0);
            hold.give_up();
            self.lease.0.inner.tasks.spawn(async move {
                if let Err(error) = hold.release().await {
                    hold.inner.release_failed(&error);
                }
            });
        }
    }
}

impl Lease {
    /// The fencing token; of the first key, where there are several.
    pub fn fence(&self) -> Fence {
        self.0.state().grants[0].fence
    }

    /// The fencing token of each key, in the order of [`keys`](Self::keys).
    pub fn fences(&self) -> Vec<Fence> {
        self.0.state().grants.iter().map(|grant| grant.fence).collect()
    }

    /// The id of this acquisition. Who knows it may extend and release the lock.
    pub fn id(&self) -> &LockId {
        &self.0.claim.id
    }

    /// The key; the first, where there are several.
    pub fn key(&self) -> &Key {
        &self.0.places[0].key
    }

    /// The keys, in the order in which they were asked for.
    pub fn keys(&self) -> impl Iterator<Item = &Key> {
        self.0.places.iter().map(|place| &place.key)
    }

    /// For how long the lock is surely held if nothing more is heard from the store: zero once it
    /// is lost or released.
    pub fn remaining(&self) -> Duration {
        let held = self.0.held();
        held.map_or(Duration::ZERO, |s| s.deadline.saturating_duration_since(self.0.inner.now()))
    }

    /// When the lease began, by the store's clock; the earliest, where there are several keys.
    pub fn started(&self) -> Timestamp {
        self.0.state().started()
    }

    /// When the lease ends, by the store's clock. The holder stops believing in it earlier.
    pub fn ends(&self) -> Timestamp {
        self.0.state().ends()
    }

    /// Whether the lock was lost: its lease ran out, or somebody broke it.
    pub fn is_lost(&self) -> bool {
        self.0.is_lost()
    }

    /// Whether the lock is still held: neither lost nor released.
    pub fn is_held(&self) -> bool {
        self.0.held().is_ok()
    }

    /// Completes as soon as the lock is lost; never, once it was released.
    pub async fn lost(&self) -> Lost {
        self.0.ended.cancelled().await;
        if !self.is_lost() {
            std::future::pending::<()>().await;
        }
        Lost { key: self.0.key_hash() }
    }

    /// A token that is cancelled once the lock is no longer held: lost or released. A child token,
    /// so that cancelling it does nothing to the lock.
    pub fn token(&self) -> CancellationToken {
        self.0.ended.child_token()
    }

    /// Makes the lease begin anew with `ttl`, which renewals keep to from now on. `false` if the
    /// lock is lost: what has ended is not revived.
    ///
    /// An extension that took effect answers `true` even if the store's reply was lost.
    ///
    /// # Errors
    /// [`InvalidArgument`](crate::ErrorKind::InvalidArgument) for a lease out of range; what the
    /// store answers until the lease ends.
    ///
    /// # Cancellation
    /// The lease is extended or not; the next extension finds out.
    ///
    /// # Cost
    /// One RPC, one billed write per key.
    pub async fn extend(&self, ttl: Duration) -> Result<bool> {
        let extended = self.0.extend(ttl, Action::Extend).await;
        extended.map_err(|error| error.of_key(self.0.key_hash()))
    }

    /// Commits `writes` on the condition that the lock is held, in the same commit: the write of a
    /// holder that was paused beyond its lease can't land. Data in the same database needs no other
    /// fencing.
    ///
    /// A commit whose outcome is unknown ([`CommitError::effect`]) may still land while the lease stands as
    /// it was, even after later commits of the same holder. An [`extend`](Self::extend) or a release keeps
    /// it out from then on; read the data after that.
    ///
    /// # Errors
    /// [`CommitError::Lost`] if the lock is no longer held: nothing was written. Else what the store
    /// answers, such as a refused precondition of the writes themselves.
    ///
    /// # Cancellation
    /// All of the writes happen or none, and only while the lock is held.
    ///
    /// # Cost
    /// One RPC, the writes, and one billed read per key for the check. If a renewal went between, one
    /// RPC more.
    pub async fn commit(&self, writes: Vec<Write>) -> Result<Committed, CommitError> {
        let before = self.0.inner.now();
        let span = span(Action::Commit, &self.0.key_hash());
        let committed = self.commit_guarded(writes).instrument(span).await;
        self.tell_commit(before, committed.as_ref().err().map_or(Outcome::Done, outcome));
        committed
    }

    fn tell_commit(&self, before: Instant, outcome: Outcome) {
        let took = self.0.inner.now().saturating_duration_since(before);
        self.0.inner.tell(Action::Commit, outcome, &self.0.key_hash(), took);
    }

    async fn commit_guarded(&self, writes: Vec<Write>) -> Result<Committed, CommitError> {
        loop {
            let state = self.0.held()?;
            let mut guarded = writes.clone();
            guarded.extend(self.verifies(&state));
            match self.0.inner.db.commit(guarded).await {
                Ok(mut committed) => {
                    committed.writes.truncate(writes.len());
                    return Ok(committed);
                }
                Err(error) => self.is_worth_another(error, &state).await?,
            }
        }
    }

    /// Runs `body` in a transaction that commits on the condition that the lock is held, as
    /// [`commit`](Self::commit) does. Without writes in `body`, only what it read is consistent.
    ///
    /// # Errors
    /// What `body` answers; else as [`commit`](Self::commit).
    ///
    /// # Cancellation
    /// As [`Db::transact`](firekeep_core::Db::transact).
    ///
    /// # Cost
    /// As [`Db::transact`](firekeep_core::Db::transact), and one billed read per key.
    pub async fn transact<T, E, F, Fut>(&self, body: F) -> Result<T, E>
    where
        F: FnMut(Txn) -> Fut,
        Fut: Future<Output = Result<T, E>> + Send,
        E: From<CommitError> + From<firekeep_core::Error>,
    {
        let before = self.0.inner.now();
        let span = span(Action::Commit, &self.0.key_hash());
        let (outcome, answer) = match self.transact_guarded(body).instrument(span).await {
            Ok(value) => (Outcome::Done, Ok(value)),
            Err(Failed::Body(error)) => (Outcome::Cancelled, Err(error)),
            Err(Failed::Store(error)) => (outcome(&error), Err(error.into())),
        };
        self.tell_commit(before, outcome);
        answer
    }

    async fn transact_guarded<T, E, F, Fut>(&self, mut body: F) -> Result<T, Failed<E, CommitError>>
    where
        F: FnMut(Txn) -> Fut,
        Fut: Future<Output = Result<T, E>> + Send,
        E: From<firekeep_core::Error>,
    {
        loop {
            let state = self.0.held().map_err(|lost| Failed::Store(lost.into()))?;
            let guarded = self.0.inner.db.transact(|txn| {
                let (work, verifies) = (body(txn.clone()), self.verifies(&state));
                async move {
                    let value = work.await.map_err(Failed::Body)?;
                    verifies.into_iter().for_each(|verify| txn.write(verify));
                    Ok(value)
                }
            });
            match guarded.await {
                Ok(value) => return Ok(value),
                Err(Failed::Body(error)) => return Err(Failed::Body(error)),
                Err(Failed::Store(error)) => {
                    self.is_worth_another(error, &state).await.map_err(Failed::Store)?;
                }
            }
        }
    }

    fn verifies(&self, state: &State) -> Vec<Write> {
        let places = self.0.places.iter().zip(state.versions());
        places
            .map(|(p, version)| Write::verify(p.lease.clone(), Require::Version(version)))
            .collect()
    }

    /// Whether a commit failed only because a renewal moved the lease's version.
    async fn is_worth_another(
        &self,
        error: firekeep_core::Error,
        used: &State,
    ) -> Result<(), CommitError> {
        if error.effect() == Effect::Unknown || !is_refusal(&error) {
            return Err(error.into());
        }
        match self.0.moved_since(used).await {
            Ok(Some(true)) => Ok(()),
            Ok(None) => Err(Lost { key: self.0.key_hash() }.into()),
            // The lease stands as it was: it is the writes that were refused. Or nobody can say.
            Ok(Some(false)) | Err(_) => Err(error.into()),
        }
    }
}

/// How a commit under a lock that failed went, to observers.
fn outcome(error: &CommitError) -> Outcome {
    match error {
        CommitError::Lost(_) => Outcome::Lost,
        CommitError::Store(error) if is_refusal(error) => Outcome::Refused,
        CommitError::Store(_) => Outcome::Failed,
    }
}

/// Where a transaction under a lock failed.
enum Failed<E, S> {
    Body(E),
    Store(S),
}

impl<E> From<firekeep_core::Error> for Failed<E, firekeep_core::Error> {
    fn from(error: firekeep_core::Error) -> Self {
        Self::Store(error)
    }
}

impl fmt::Debug for Guard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Guard").field(&self.lease).finish()
    }
}

impl fmt::Debug for Lease {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lease")
            .field("key", &self.0.key_hash())
            .field("id", &self.0.claim.id)
            .field("fence", &self.fence())
            .field("remaining", &self.remaining())
            .finish()
    }
}
