//! Leader election: one of several candidates leads, for a term.

use std::fmt;
use std::ops::Deref;
use std::sync::Arc;
use std::time::{Duration, Instant};

use firekeep_core::{
    DocPath, DocumentChange, Timestamp, Version, WatchEvent, WatchFrom, WatchRequest, WatchTarget,
};
use futures::StreamExt;
use futures::future::{Either, select};
use futures::stream::{self, BoxStream, Stream};

use crate::error::{Error, Result};
use crate::fence::Fence;
use crate::guard::{Guard, Lease};
use crate::hold::Released;
use crate::inner::Inner;
use crate::key::{Hash, Key};
use crate::locks::Locks;
use crate::options::AcquireOptions;
use crate::record::{Found, Place, Record};
use crate::wait::Attempt;

/// An election: whoever holds the key leads, until it resigns, dies, or is cut off for longer than its
/// lease. The term is the fencing token, so a later leader has a higher term.
#[derive(Clone, Debug)]
pub struct Election {
    locks: Locks,
    place: Place,
}

/// The lease of a leader: Kubernetes' default, long enough to survive a restart of the network.
const TERM_LEASE: Duration = Duration::from_secs(15);

impl Locks {
    /// The election of `key`. Its leader holds the lock of that key.
    ///
    /// # Errors
    /// A malformed key.
    pub fn election<K>(&self, key: K) -> Result<Election>
    where
        K: TryInto<Key>,
        K::Error: Into<Error>,
    {
        Ok(Election { locks: self.clone(), place: self.place(key)? })
    }
}

impl Election {
    /// How `candidate` campaigns: a lease of 15 s that is renewed without end, waiting without end.
    pub fn options(candidate: impl AsRef<str>) -> AcquireOptions {
        let options = AcquireOptions::default().lease(TERM_LEASE).max_hold(Duration::MAX);
        options.wait(Duration::MAX).owner(candidate)
    }

    /// Campaigns as `candidate` until it leads.
    ///
    /// # Errors
    /// As [`Locks::acquire_with`], but for the timeout; a name that is empty or longer than 256 bytes.
    ///
    /// # Cancellation
    /// As [`Locks::acquire`].
    ///
    /// # Cost
    /// As [`Locks::acquire`], and one RPC a second while another leads.
    pub async fn campaign(&self, candidate: impl AsRef<str>) -> Result<Leadership> {
        self.campaign_with(&Self::options(candidate)).await
    }

    /// Campaigns with options of its own; the owner in them is the candidate's name.
    ///
    /// # Errors
    /// As [`Locks::acquire_with`]. A wait that fails for the moment goes on.
    ///
    /// # Cancellation
    /// As [`Locks::acquire`].
    ///
    /// # Cost
    /// As [`campaign`](Self::campaign).
    pub async fn campaign_with(&self, options: &AcquireOptions) -> Result<Leadership> {
        self.locks.acquire_with(&self.place.key, options).await.map(Leadership)
    }

    /// Campaigns with a single attempt; `None` if another leads.
    ///
    /// # Errors
    /// As [`campaign`](Self::campaign).
    ///
    /// # Cost
    /// As [`Locks::try_acquire`].
    pub async fn try_campaign(&self, candidate: impl AsRef<str>) -> Result<Option<Leadership>> {
        let options = Self::options(candidate);
        let attempt = self.locks.try_acquire_with(&self.place.key, &options).await?;
        Ok(Attempt::guard(attempt).map(Leadership))
    }

    /// Who leads now. An answer for people: by the time it is read, it may be wrong.
    ///
    /// # Errors
    /// What the store answers.
    ///
    /// # Cost
    /// One RPC, two billed reads.
    pub async fn leader(&self) -> Result<Option<Leader>> {
        let found = self.locks.0.read(std::slice::from_ref(&self.place), true, None).await?;
        Ok(found.first().and_then(Leader::of))
    }

    /// Follows who leads: the present leader first, or `None`, then each change. A leader whose lease
    /// ends unrenewed is followed by `None` although the store tells no event then. Renewals are not
    /// changes; terms that begin and end between two events of the store may be skipped.
    ///
    /// The stream ends after an error; observe again to go on.
    ///
    /// # Cancellation
    /// Dropping the stream ends the subscription.
    ///
    /// # Cost
    /// One RPC for as long as the stream lives, two billed reads to begin, one per renewal, and two per
    /// change of the leader.
    pub fn observe(&self) -> impl Stream<Item = Result<Option<Leader>>> + Send + use<> {
        let inner = Arc::clone(&self.locks.0);
        let paths = vec![self.place.lease.clone(), self.place.fence.clone()];
        let request =
            WatchRequest { target: WatchTarget::Documents(paths), from: WatchFrom::Start };
        let events = inner.db.store().watch(&inner.db.cx().clone().with_label("lock"), request);
        let observer = Observing {
            inner,
            events,
            lease_path: self.place.lease.clone(),
            lease: None,
            fence: None,
            is_caught_up: false,
            lapses: None,
            told: None,
        };
        stream::unfold(Some(observer), |observer| async {
            let mut observer = observer?;
            match observer.next().await? {
                Ok(leader) => Some((Ok(leader), Some(observer))),
                Err(error) => Some((Err(error), None)),
            }
        })
    }
}

/// A term of office: leads until it resigns, is dropped, or loses its lease.
#[must_use = "a leadership that is dropped resigns"]
#[derive(Debug)]
pub struct Leadership(Guard);

impl Leadership {
    /// The term: the fencing token, higher than that of all leaders before.
    pub fn term(&self) -> Fence {
        self.0.fence()
    }

    /// Resigns, so that another can lead at once. Says whether it led until now.
    ///
    /// # Errors
    /// As [`Guard::release`].
    ///
    /// # Cancellation
    /// As [`Guard::release`].
    ///
    /// # Cost
    /// As [`Guard::release`].
    pub async fn resign(self) -> Result<Released> {
        self.0.release().await
    }
}

impl Deref for Leadership {
    type Target = Lease;

    fn deref(&self) -> &Lease {
        &self.0
    }
}

/// Who leads, as seen by others.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Leader {
    /// The name that the candidate gave.
    pub name: Option<String>,
    /// The term.
    pub term: Fence,
    /// The hash of the lock id, which differs between two terms of one candidate.
    pub id: Hash,
    /// When the term began, by the store's clock.
    pub since: Timestamp,
}

impl Leader {
    fn of(found: &Found) -> Option<Self> {
        let (id, holder) = found.live().next()?;
        Some(Self {
            name: holder.owner.clone(),
            term: found.fence?.1,
            id: Hash::of("id", id),
            since: holder.since,
        })
    }
}

impl fmt::Debug for Leader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Leader")
            .field("term", &self.term)
            .field("id", &self.id)
            .finish_non_exhaustive()
    }
}

/// What an observer knows.
struct Observing {
    inner: Arc<Inner>,
    events: BoxStream<'static, firekeep_core::Result<WatchEvent>>,
    lease_path: DocPath,
    lease: Option<(Version, Record)>,
    fence: Option<(Version, Fence)>,
    is_caught_up: bool,
    /// When the present leader's lease ends unless it is renewed.
    lapses: Option<Instant>,
    /// What was told last.
    told: Option<Option<Leader>>,
}

impl Observing {
    /// The next change; `None` at the end of the watch.
    async fn next(&mut self) -> Option<Result<Option<Leader>>> {
        loop {
            let lapse = self.lapse();
            let event = match select(self.events.next(), lapse).await {
                Either::Left((event, _)) => event?,
                Either::Right(((), _)) => {
                    self.lapses = None;
                    match self.tell(None) {
                        Some(change) => return Some(Ok(change)),
                        None => continue,
                    }
                }
            };
            match event.map_err(Error::from).and_then(|event| self.take(event)) {
                Ok(Some(change)) => return Some(Ok(change)),
                Ok(None) => {}
                Err(error) => return Some(Err(error)),
            }
        }
    }

    /// Completes when the leader's lease ends; never without one.
    fn lapse(&self) -> futures::future::BoxFuture<'static, ()> {
        match self.lapses {
            Some(at) => self.inner.clock().sleep(at.saturating_duration_since(self.inner.now())),
            None => Box::pin(std::future::pending()),
        }
    }

    fn take(&mut self, event: WatchEvent) -> Result<Option<Option<Leader>>> {
        let batch = match event {
            WatchEvent::Batch(batch) => batch,
            WatchEvent::Reset => {
                (self.lease, self.fence, self.is_caught_up) = (None, None, false);
                return Ok(None);
            }
            WatchEvent::Checkpoint { .. } => return Ok(None),
        };
        for change in batch.changes {
            self.change(change)?;
        }
        self.is_caught_up |= batch.caught_up;
        if !self.is_caught_up {
            return Ok(None);
        }
        let (lease, fence) = (self.lease.clone(), self.fence);
        let found = Found { lease, fence, read_time: batch.read_time };
        let remaining = found.live().map(|(_, holder)| holder.remaining(batch.read_time)).max();
        self.lapses = remaining.map(|remaining| self.inner.now() + remaining);
        Ok(self.tell(Leader::of(&found)))
    }

    fn change(&mut self, change: DocumentChange) -> Result<()> {
        let is_lease = *change.path() == self.lease_path;
        match change {
            DocumentChange::Set(document) if is_lease => {
                self.lease = Some((document.version(), self.inner.scheme.record(&document)?));
            }
            DocumentChange::Set(document) => {
                self.fence = Some((document.version(), self.inner.scheme.fence(&document)?));
            }
            DocumentChange::Removed(_) if is_lease => self.lease = None,
            DocumentChange::Removed(_) => self.fence = None,
        }
        Ok(())
    }

    /// The leader, if that is news.
    fn tell(&mut self, leader: Option<Leader>) -> Option<Option<Leader>> {
        if self.told.as_ref() == Some(&leader) {
            return None;
        }
        self.told = Some(leader.clone());
        Some(leader)
    }
}
