//! Counting semaphores: a fixed number of permits, each with a lease.

use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::attempt::{Attempted, Claimant, Contender, Held};
use crate::error::{Error, Result};
use crate::guard::Guard;
use crate::id::LockId;
use crate::inner::Inner;
use crate::key::{Hash, Key};
use crate::layout::Claim;
use crate::locks::Locks;
use crate::options::{AcquireOptions, Mode};
use crate::record::{Found, Place};
use crate::wait::{self, Attempt};

/// A counting semaphore: at most so many holders at a time.
///
/// A permit is a lock of its own, with lease, fencing token and guarded commits, on one of as many
/// derived keys as there are permits; a dead holder's permit comes back when its lease ends. Tokens
/// rise per permit and not across permits: [`Lease::commit`](crate::Lease::commit) needs none.
///
/// Processes must agree on the number of permits: with two numbers, the larger one counts.
#[derive(Clone, Debug)]
pub struct Semaphore {
    inner: Arc<Inner>,
    permits: Arc<[Place]>,
}

/// The most permits of one semaphore. Finding a free one of many reads them all.
pub const MAX_PERMITS: u32 = 100;
/// How often an attempt goes for another permit when somebody else was faster.
const RACES: u32 = 3;

impl Locks {
    /// The semaphore of `key` with so many permits. It has nothing to do with the lock of that key.
    ///
    /// # Errors
    /// A malformed key; [`InvalidArgument`](crate::ErrorKind::InvalidArgument) unless there are 1 to
    /// [`MAX_PERMITS`], or in a layout without semaphores.
    pub fn semaphore<K>(&self, key: K, permits: u32) -> Result<Semaphore>
    where
        K: TryInto<Key>,
        K::Error: Into<Error>,
    {
        if !(1..=MAX_PERMITS).contains(&permits) {
            return Err(Error::invalid("permits", format!("must be 1 to {MAX_PERMITS}")));
        }
        let key = key.try_into().map_err(Into::into)?;
        let permits = (0..permits).map(|slot| self.0.scheme.permit(&key, slot));
        Ok(Semaphore { inner: Arc::clone(&self.0), permits: permits.collect::<Result<_>>()? })
    }
}

impl Semaphore {
    /// Acquires a permit, with the default options.
    ///
    /// # Errors
    /// As [`Locks::acquire`].
    ///
    /// # Cancellation
    /// As [`Locks::acquire`].
    ///
    /// # Cost
    /// As [`Locks::acquire`] while most permits are free. If the permit first tried is held, one RPC
    /// and one billed read per permit more, and one RPC for each race lost.
    pub async fn acquire(&self) -> Result<Guard> {
        self.acquire_with(&AcquireOptions::default()).await
    }

    /// Acquires a permit.
    ///
    /// # Errors
    /// As [`Locks::acquire_with`]; [`InvalidArgument`](crate::ErrorKind::InvalidArgument) for shared
    /// or fair options.
    ///
    /// # Cancellation
    /// As [`Locks::acquire`].
    ///
    /// # Cost
    /// As [`acquire`](Self::acquire).
    pub async fn acquire_with(&self, options: &AcquireOptions) -> Result<Guard> {
        wait::acquire(&self.inner, self.contender(options)?, options).await
    }

    /// Tries once to acquire a permit.
    ///
    /// # Errors
    /// As [`acquire_with`](Self::acquire_with), but for the timeout.
    ///
    /// # Cancellation
    /// As [`Locks::try_acquire`].
    ///
    /// # Cost
    /// As [`acquire`](Self::acquire).
    pub async fn try_acquire_with(&self, options: &AcquireOptions) -> Result<Attempt> {
        wait::try_once(&self.inner, self.contender(options)?, options).await
    }

    /// How many permits nobody holds. An answer for people: by the time it is read, it may be wrong.
    ///
    /// # Errors
    /// What the store answers.
    ///
    /// # Cost
    /// One RPC, one billed read per permit.
    pub async fn available(&self) -> Result<usize> {
        let found = self.inner.read(&self.permits, false, None).await?;
        Ok(found.iter().filter(|found| found.live().next().is_none()).count())
    }

    fn contender(&self, options: &AcquireOptions) -> Result<Permit> {
        options.check()?;
        if options.mode == Mode::Shared || options.fair {
            return Err(Error::invalid("options", "of a permit can be neither shared nor fair"));
        }
        let claim = Claim::new(options)?;
        Ok(Permit { semaphore: self.clone(), claim })
    }
}

/// A claim on any one permit.
struct Permit {
    semaphore: Semaphore,
    claim: Claim,
}

impl Permit {
    /// Tries one permit, with a lock id of its own: what became of an earlier one is not ours to know.
    async fn try_permit(&mut self, at: usize, until: Option<Instant>) -> Result<Attempted> {
        self.claim.id = LockId::random()?;
        let place: Arc<[Place]> = [self.semaphore.permits[at].clone()].into();
        let inner = Arc::clone(&self.semaphore.inner);
        Claimant::new(inner, place, self.claim.clone()).attempt(until).await
    }
}

impl Contender for Permit {
    async fn attempt(&mut self, until: Option<Instant>) -> Result<Attempted> {
        let mut at = fastrand::usize(..self.semaphore.permits.len());
        let mut shortest = Duration::ZERO;
        for _ in 0..=RACES {
            if let Attempted::Won(won) = self.try_permit(at, until).await? {
                return Ok(Attempted::Won(won));
            }
            let permits = &self.semaphore.permits;
            let found = self.semaphore.inner.read(permits, false, until).await?;
            let remaining = found.iter().map(remaining);
            shortest = remaining.clone().min().unwrap_or_default();
            let free: Vec<_> = remaining
                .enumerate()
                .filter(|(_, rest)| rest.is_zero())
                .map(|(at, _)| at)
                .collect();
            match fastrand::choice(free) {
                Some(free) => at = free,
                None => break,
            }
        }
        Ok(Attempted::Held(Held { remaining: shortest }))
    }

    fn key(&self) -> Hash {
        self.semaphore.permits[0].key.hash()
    }
}

fn remaining(found: &Found) -> Duration {
    let live = found.live().map(|(_, holder)| holder.remaining(found.read_time));
    live.max().unwrap_or_default()
}
