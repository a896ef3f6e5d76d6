//! Asking who holds a key, and what operators and holders by id may do about it.

use std::sync::Arc;
use std::time::Duration;

use firekeep_core::{Require, Timestamp, Write};
use futures::TryStreamExt;

use crate::error::{Error, Result};
use crate::event::{Action, Outcome};
use crate::fence::Fence;
use crate::hold::{Released, whole_millis};
use crate::id::LockId;
use crate::inner::Sent;
use crate::key::{Hash, Key};
use crate::locks::Locks;
use crate::options::{Mode, check_lease};
use crate::record::{Found, Place};

/// A key that is held, as it was at one time of the store's.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct LockInfo {
    /// The hash of the key.
    pub key: Hash,
    /// How it is held.
    pub mode: Mode,
    /// The latest fencing token given out for the key, if it was asked for.
    pub fence: Option<Fence>,
    /// Who holds it: one, or several that share it.
    pub holders: Vec<Holding>,
    /// When this was true, by the store's clock.
    pub read_time: Timestamp,
    raw_key: String,
}

/// One holder of a key.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Holding {
    /// The hash of the lock id.
    pub id: Hash,
    /// When it was acquired, by the store's clock.
    pub acquired: Timestamp,
    /// When the lease began.
    pub started: Timestamp,
    /// When the lease ends if it is not renewed.
    pub ends: Timestamp,
    /// For how long others keep off from the time of the answer on.
    pub remaining: Duration,
    /// The holder's name, if it gave one.
    pub owner: Option<String>,
    raw_id: String,
}

impl LockInfo {
    /// The key itself, which the other fields keep out of logs.
    pub fn raw_key(&self) -> &str {
        &self.raw_key
    }

    pub(crate) fn of(place: &Place, found: &Found) -> Option<Self> {
        let record = found.record()?;
        let holders: Vec<_> = found
            .live()
            .map(|(id, holder)| Holding {
                id: Hash::of("id", id),
                acquired: holder.since,
                started: holder.at,
                ends: holder.end(),
                remaining: holder.remaining(found.read_time),
                owner: holder.owner.clone(),
                raw_id: id.to_owned(),
            })
            .collect();
        (!holders.is_empty()).then(|| Self {
            key: place.key.hash(),
            mode: record.mode,
            fence: found.fence.map(|(_, fence)| fence),
            holders,
            read_time: found.read_time,
            raw_key: place.key.as_str().to_owned(),
        })
    }
}

impl Holding {
    /// The lock id itself. Who knows it may extend and release the lock.
    pub fn raw_id(&self) -> &str {
        &self.raw_id
    }
}

impl Locks {
    /// Whether somebody holds `key`. An answer for people: by the time it is read, it may be wrong.
    ///
    /// # Errors
    /// A malformed key, and what the store answers.
    ///
    /// # Cost
    /// One RPC, one billed read; with [`clean_up`](crate::LocksBuilder::clean_up), one more RPC and one
    /// billed delete in the background if the lease ended long ago.
    pub async fn is_locked<K>(&self, key: K) -> Result<bool>
    where
        K: TryInto<Key>,
        K::Error: Into<Error>,
    {
        let place = self.place(key)?;
        let found = self.found(&place, false).await?;
        if self.0.clean_up && found.ended_before(LONG_AGO) {
            self.clean_up(&place, &found);
        }
        Ok(found.live().next().is_some())
    }

    /// Deletes a dead lease in the background, unless somebody takes it over first.
    fn clean_up(&self, place: &Place, found: &Found) {
        let Some(version) = found.version() else { return };
        let write = Write::delete(place.lease.clone()).require(Require::Version(version));
        let inner = Arc::clone(&self.0);
        self.0.tasks.spawn(async move {
            // Refused or failed, it is left to the next who acquires or asks.
            let _: Sent = inner.commit(vec![write], None).await;
        });
    }

    /// Who holds `key`; `None` if nobody does. As [`is_locked`](Self::is_locked), an answer for
    /// people.
    ///
    /// # Errors
    /// A malformed key, and what the store answers.
    ///
    /// # Cost
    /// One RPC, two billed reads.
    pub async fn lookup<K>(&self, key: K) -> Result<Option<LockInfo>>
    where
        K: TryInto<Key>,
        K::Error: Into<Error>,
    {
        let place = self.place(key)?;
        Ok(LockInfo::of(&place, &self.found(&place, true).await?))
    }

    /// What `id` holds; `None` if it holds nothing. Of several keys that were acquired together, the
    /// first found.
    ///
    /// # Errors
    /// What the store answers.
    ///
    /// # Cost
    /// One RPC and one billed read to find the key, and if there is one, those of
    /// [`lookup`](Self::lookup).
    pub async fn lookup_id(&self, id: &LockId) -> Result<Option<LockInfo>> {
        for place in self.places_of(id).await? {
            let found = self.found(&place, true).await?;
            if let Some(info) = LockInfo::of(&place, &found).filter(|info| info.holds(id)) {
                return Ok(Some(info));
            }
        }
        Ok(None)
    }

    /// Whether `id` holds `key`. An answer for people; a write under the lock is
    /// [`Lease::commit`](crate::Lease::commit).
    ///
    /// # Errors
    /// A malformed key, and what the store answers.
    ///
    /// # Cost
    /// One RPC, two billed reads.
    pub async fn owns<K>(&self, key: K, id: &LockId) -> Result<bool>
    where
        K: TryInto<Key>,
        K::Error: Into<Error>,
    {
        Ok(self.lookup(key).await?.is_some_and(|info| info.holds(id)))
    }

    /// Makes the leases of `id` begin anew with `ttl`, for who has the id and no guard, such as another
    /// process. `false` if it holds nothing: what has ended is not revived.
    ///
    /// # Errors
    /// A lease out of range; what the store answers; in [`Layout::Syncguard`](crate::Layout::Syncguard),
    /// two live leases with this id, which nobody should have written.
    ///
    /// # Cancellation
    /// The leases are extended, all or none, or not.
    ///
    /// # Cost
    /// A query, a read and a commit; a guard needs only the last.
    pub async fn extend_id(&self, id: &LockId, ttl: Duration) -> Result<bool> {
        check_lease(ttl)?;
        let ttl = whole_millis(ttl);
        Ok(self.change(id, Change::Extend(ttl)).await?.is_done())
    }

    /// Releases what `id` holds, for who has the id and no guard.
    ///
    /// # Errors
    /// What the store answers, and as [`extend_id`](Self::extend_id).
    ///
    /// # Cancellation
    /// The keys are released, all or none, or not.
    ///
    /// # Cost
    /// A query, a read and a commit; a guard needs only the last.
    pub async fn release_id(&self, id: &LockId) -> Result<Released> {
        self.change(id, Change::Release).await
    }

    /// Changes what `id` holds, guarded by what was read. What has ended is cleared away on the way,
    /// unless nothing but that was found and it is to be extended.
    async fn change(&self, id: &LockId, change: Change) -> Result<Released> {
        let before = self.0.now();
        let mut key = None;
        let changed = self.change_found(id, change, &mut key).await;
        // An id that is found nowhere belongs to no key of which it could be told.
        if let Some(key) = key {
            let action = match change {
                Change::Extend(_) => Action::Extend,
                Change::Release => Action::Release,
            };
            let outcome = Outcome::of_release(&changed);
            self.0.tell(action, outcome, &key, self.0.now().saturating_duration_since(before));
        }
        changed
    }

    /// Changes what `id` holds, and notes the key.
    async fn change_found(
        &self,
        id: &LockId,
        change: Change,
        key: &mut Option<Hash>,
    ) -> Result<Released> {
        let mut unknown = false;
        for _ in 0..TRIES {
            let places = self.places_of(id).await?;
            if let Some(place) = places.first() {
                key.get_or_insert(place.key.hash());
            }
            let found = self.0.read(&places, false, None).await?;
            let ours = places.iter().zip(&found).filter(|(_, found)| found.holder(id).is_some());
            let (live, dead): (Vec<_>, Vec<_>) = ours.partition(|(_, found)| {
                found.holder(id).is_some_and(|holder| holder.is_live(found.read_time))
            });
            let has_ended = match (live.len(), dead.len()) {
                // Gone, an extension whose reply was lost has nothing left to extend.
                (0, 0) if unknown && matches!(change, Change::Release) => {
                    return Ok(Released::Done);
                }
                (0, 0) => return Ok(Released::Gone),
                (live, dead) => self.has_ended(live, dead)?,
            };
            let writes = match change {
                Change::Extend(_) if has_ended => return Ok(Released::Expired),
                Change::Extend(ttl) => self.writes(id, &live, &dead, Some(ttl))?,
                Change::Release => self.writes(id, &live, &dead, None)?,
            };
            match self.0.commit(writes, None).await {
                Sent::Done(_) if has_ended => return Ok(Released::Expired),
                Sent::Done(_) => return Ok(Released::Done),
                Sent::Refused => {}
                Sent::Unknown(_) => unknown = true,
                Sent::Failed(error) => return Err(error.into()),
            }
        }
        Err(Error::new(
            crate::ErrorKind::ServiceUnavailable,
            format!("a lock changed under {TRIES} attempts to change it; try again"),
        ))
    }

    /// Whether an id with so many live and dead leases no longer holds what it acquired. In a layout
    /// with one key per id, a dead lease beside a live one is somebody's copy.
    fn has_ended(&self, live: usize, dead: usize) -> Result<bool> {
        let is_one_each = self.0.scheme.admit(Mode::Exclusive, 2).is_err();
        if is_one_each && live > 1 {
            return Err(Error::internal(format!(
                "{live} live leases carry one lock id, and one at most is right; break the others"
            )));
        }
        Ok(live == 0 || !is_one_each && dead > 0)
    }

    /// What clears the dead leases away, and extends or releases the live ones.
    fn writes(
        &self,
        id: &LockId,
        live: &[(&Place, &Found)],
        dead: &[(&Place, &Found)],
        ttl: Option<Duration>,
    ) -> Result<Vec<Write>> {
        let write = |(place, found): &(&Place, &Found), ttl: Option<Duration>| {
            let (version, record) = found.lease.as_ref()?;
            Some(match ttl {
                Some(ttl) => {
                    let (since, now) = (found.holder(id)?.since, found.read_time);
                    self.0.scheme.extend(place, id, *version, ttl, since, now)
                }
                None => self.0.scheme.without(place, id, *version, record),
            })
        };
        let cleared = dead.iter().filter_map(|dead| write(dead, None));
        cleared.chain(live.iter().filter_map(|live| write(live, ttl))).collect()
    }

    async fn found(&self, place: &Place, with_fence: bool) -> Result<Found> {
        let before = self.0.now();
        let found = self.0.read(std::slice::from_ref(place), with_fence, None).await;
        let outcome = match &found {
            Ok(found) if found[0].live().next().is_some() => Outcome::Done,
            Ok(_) => Outcome::Refused,
            Err(error) => Outcome::of_error(error),
        };
        let took = self.0.now().saturating_duration_since(before);
        self.0.tell(Action::Lookup, outcome, &place.key.hash(), took);
        found?.pop().ok_or_else(|| Error::internal("the store's answer to a read is empty"))
    }

    /// The keys whose leases hold `id`.
    async fn places_of(&self, id: &LockId) -> Result<Vec<Place>> {
        let query = self.0.scheme.by_id(id)?;
        let documents: Vec<_> = self.0.db.stream(query)?.try_collect().await?;
        documents.iter().map(|document| self.0.scheme.place_of(document)).collect()
    }
}

impl LockInfo {
    fn holds(&self, id: &LockId) -> bool {
        self.holders.iter().any(|holding| holding.raw_id == id.as_str())
    }
}

impl std::fmt::Debug for LockInfo {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("LockInfo")
            .field("key", &self.key)
            .field("mode", &self.mode)
            .field("fence", &self.fence)
            .field("holders", &self.holders)
            .finish_non_exhaustive()
    }
}

impl std::fmt::Debug for Holding {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Holding")
            .field("id", &self.id)
            .field("ends", &self.ends)
            .field("owner", &self.owner)
            .finish_non_exhaustive()
    }
}

/// What to do with what an id holds.
#[derive(Clone, Copy)]
enum Change {
    Extend(Duration),
    Release,
}

const TRIES: u32 = 5;
/// For how long a lease that is deleted by who asks for its key has ended.
const LONG_AGO: Duration = Duration::from_millis(2000);
