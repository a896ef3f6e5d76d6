//! One claim on some keys: attempts with one lock id, until they are won, held or given up.

use std::sync::Arc;
use std::time::{Duration, Instant};

use firekeep_core::{Backoff, Committed, DocPath, Retry, Timestamp, Write};

use crate::error::{Error, Result};
use crate::fence::Fence;
use crate::id::LockId;
use crate::inner::{Inner, Sent};
use crate::key::Hash;
use crate::layout::{Claim, Grant};
use crate::lease::Anchor;
use crate::options::Mode;
use crate::record::{Found, Place};

/// What an attempt came to.
pub(crate) enum Attempted {
    Won(Won),
    Held(Held),
}

/// The keys are ours.
pub(crate) struct Won {
    pub(crate) places: Arc<[Place]>,
    pub(crate) claim: Claim,
    pub(crate) grants: Vec<Grant>,
    pub(crate) anchor: Anchor,
    /// Until when to believe in the lease.
    pub(crate) deadline: Instant,
    /// Whether nobody shares any of the keys.
    pub(crate) is_alone: bool,
    /// Whether another commit of the claim may still be under way: it took the leases to be absent, and
    /// must not find them so after the release.
    pub(crate) has_rival: bool,
}

/// Somebody else holds one of the keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Held {
    /// For how long they keep it if they say nothing more, as far as is known.
    pub remaining: Duration,
}

/// A claim that is being made. Dropped while the outcome of a commit is unknown, it sees to it in
/// the background that the commit leaves no lock behind.
pub(crate) struct Claimant {
    inner: Arc<Inner>,
    places: Arc<[Place]>,
    claim: Claim,
    /// How many commits were sent whose outcome is not known.
    pending: u32,
    held: Option<Known>,
    /// Writes that belong to the claim: they happen if and when it is won.
    also: Vec<Write>,
}

/// Whoever tries to acquire something, again and again.
pub(crate) trait Contender: Send + 'static {
    /// Tries once, until `until` at the latest.
    fn attempt(&mut self, until: Option<Instant>)
    -> impl Future<Output = Result<Attempted>> + Send;

    /// The hash of the (first) key.
    fn key(&self) -> Hash;

    /// The document whose end frees the way, if it is worth watching.
    fn in_the_way(&self) -> Option<DocPath> {
        None
    }
}

/// What is known of who holds the keys, so as not to ask again each time.
#[derive(Clone, Copy)]
struct Known {
    until: Instant,
    ask_at: Instant,
}

/// How often an attempt competes again when another client's commit was faster than its own.
const RACES: u32 = 3;
/// How often an attempt sends a request that failed for the moment.
const TRIES: u32 = 4;
/// After what time a waiter asks again who holds the keys.
const ASK_AGAIN: Duration = Duration::from_secs(1);
/// Waits between requests that failed for the moment.
const PAUSES: Backoff =
    Backoff { base: Duration::from_millis(50), cap: Duration::from_millis(1000) };

impl Claimant {
    pub(crate) fn new(inner: Arc<Inner>, places: Arc<[Place]>, claim: Claim) -> Self {
        Self { inner, places, claim, pending: 0, held: None, also: Vec::new() }
    }

    /// Adds a write that happens if and when the claim is won. It needs no precondition to hold.
    pub(crate) fn also(&mut self, write: Write) {
        self.also.push(write);
    }

    pub(crate) fn places(&self) -> &Arc<[Place]> {
        &self.places
    }

    pub(crate) fn id(&self) -> &LockId {
        &self.claim.id
    }

    async fn try_claim(&mut self, until: Option<Instant>) -> Result<Attempted> {
        let (mut races, mut failures) = (0, 0);
        let mut found = None;
        if self.inner.scheme.reads_first() {
            match self.look(until).await? {
                Looked::Free(free, anchor) => found = Some((free, anchor)),
                Looked::Came(answer) => return Ok(answer),
            }
        }
        loop {
            let before = self.inner.now();
            let writes = self.writes(found.as_ref().map(|(found, _)| found.as_slice()))?;
            match self.inner.commit(writes, until).await {
                Sent::Done(committed) => return self.won(found, &committed, before),
                Sent::Refused => {
                    races += 1;
                    if let Some(held) = self.still_held() {
                        return Ok(Attempted::Held(held));
                    }
                }
                Sent::Unknown(error) => {
                    (self.pending, failures) = (self.pending + 1, failures + 1);
                    // Nothing says that the store is overloaded, so the first look does not wait.
                    if failures > 1 {
                        self.pause(error, failures, until).await?;
                    }
                }
                Sent::Failed(error) => {
                    failures += 1;
                    if error.retry() == Retry::Never {
                        return Err(error.into());
                    }
                    self.pause(error, failures, until).await?;
                    continue;
                }
            }
            match self.look(until).await? {
                Looked::Came(answer) => return Ok(answer),
                Looked::Free(..) if races > RACES => {
                    return Ok(Attempted::Held(Held { remaining: Duration::ZERO }));
                }
                Looked::Free(free, anchor) => found = Some((free, anchor)),
            }
        }
    }

    /// The writes that claim all keys, on top of what was found.
    fn writes(&self, found: Option<&[Found]>) -> Result<Vec<Write>> {
        let mut writes = Vec::with_capacity(self.places.len() * 2);
        for (at, place) in self.places.iter().enumerate() {
            let found = found.and_then(|found| found.get(at));
            if let Some((_, fence)) = found.and_then(|found| found.fence) {
                check_fence(place, fence.as_u64() + 1)?;
            }
            writes.extend(self.inner.scheme.claim(place, &self.claim, found)?);
        }
        writes.extend(self.also.iter().cloned());
        Ok(writes)
    }

    /// Waits before a request is sent again, or answers why it is not.
    async fn pause(
        &self,
        error: firekeep_core::Error,
        failures: u32,
        until: Option<Instant>,
    ) -> Result<()> {
        let after = if let Retry::Request { after } = error.retry() { after } else { None };
        let pause = PAUSES.delay(failures, after);
        if failures >= TRIES || until.is_some_and(|until| self.inner.now() + pause >= until) {
            return Err(error.into());
        }
        self.inner.clock().sleep(pause).await;
        Ok(())
    }

    /// Reads who holds the keys. It is the one place that decides so.
    async fn look(&mut self, until: Option<Instant>) -> Result<Looked> {
        let mut failures = 0;
        let (found, before) = loop {
            let before = self.inner.now();
            match self.inner.read(&self.places, true, until).await {
                Ok(found) => break (found, before),
                Err(error) => {
                    failures += 1;
                    let pause = PAUSES.delay(failures, None);
                    let is_late = until.is_some_and(|until| self.inner.now() + pause >= until);
                    if !error.is_transient() || failures >= TRIES || is_late {
                        return Err(error);
                    }
                    self.inner.clock().sleep(pause).await;
                }
            }
        };
        let server = found.first().map_or(Timestamp::MIN, |found| found.read_time);
        let anchor = Anchor { server, before };
        if let Some(won) = self.ours(&found, anchor) {
            self.pending = 0;
            return Ok(Looked::Came(Attempted::Won(won)));
        }
        let blocks = found.iter().filter_map(|found| found.blocks(&self.claim.id, self.claim.mode));
        if let Some(remaining) = blocks.max() {
            let now = self.inner.now();
            let until = now + remaining;
            self.held = Some(Known { until, ask_at: until.min(now + ASK_AGAIN) });
            return Ok(Looked::Came(Attempted::Held(Held { remaining })));
        }
        Ok(Looked::Free(found, anchor))
    }

    /// What is known without asking: that the lease that was seen is not over yet.
    fn still_held(&self) -> Option<Held> {
        let now = self.inner.now();
        let known =
            self.held.filter(|known| self.claim.mode == Mode::Exclusive && now < known.ask_at);
        known.map(|known| Held { remaining: known.until.saturating_duration_since(now) })
    }

    /// Whether a commit whose reply was lost won: our id is in every lease. A shared claim is made
    /// again instead, since other holders may have raised the fence since.
    fn ours(&self, found: &[Found], anchor: Anchor) -> Option<Won> {
        if self.claim.mode == Mode::Shared {
            return None;
        }
        let mut grants = Vec::with_capacity(found.len());
        let mut deadline = None::<Instant>;
        for found in found {
            let holder = found.holder(&self.claim.id).filter(|h| h.end() > found.read_time)?;
            let (_, fence) = found.fence?;
            let until = anchor.believe_until(holder.end());
            deadline = Some(deadline.map_or(until, |earlier| earlier.min(until)));
            grants.push(Grant {
                version: found.version()?,
                fence,
                at: holder.at,
                ends: holder.end(),
                since: holder.since,
            });
        }
        let (places, claim) = (Arc::clone(&self.places), self.claim.clone());
        Some(Won {
            places,
            claim,
            grants,
            anchor,
            deadline: deadline?,
            is_alone: true,
            has_rival: self.pending > 1,
        })
    }

    /// Puts together what a commit won.
    fn won(
        &mut self,
        found: Option<(Vec<Found>, Anchor)>,
        committed: &Committed,
        before: Instant,
    ) -> Result<Attempted> {
        let written = committed.writes.len().saturating_sub(self.also.len());
        let per_key = (written / self.places.len()).max(1);
        let chunks = committed.writes[..written].chunks(per_key).enumerate();
        let grants = chunks.map(|(at, written)| {
            let found = found.as_ref().and_then(|(found, _)| found.get(at));
            self.inner.scheme.granted(&self.claim, found, written)
        });
        let grants: Vec<_> = match grants.collect() {
            Ok(grants) => grants,
            Err(error) => return self.refuse(error),
        };
        for (place, grant) in self.places.iter().zip(&grants) {
            if let Err(error) = check_fence(place, grant.fence.as_u64()) {
                return self.refuse(error);
            }
        }
        let has_rival = std::mem::take(&mut self.pending) > 0;
        let anchor = Anchor { server: committed.commit_time, before };
        let end = grants.iter().map(|grant| grant.ends).min();
        let deadline = match (&found, end) {
            // The times were written by us, as seen at the read.
            (Some((_, read)), Some(end)) if self.inner.scheme.reads_first() => {
                read.believe_until(end)
            }
            // The stamp was given by the store, after we sent.
            _ => before + crate::lease::believed(self.claim.ttl),
        };
        let others = found.iter().flat_map(|(found, _)| found).flat_map(Found::live);
        let is_alone = others.filter(|(id, _)| *id != self.claim.id.as_str()).count() == 0;
        let (places, claim) = (Arc::clone(&self.places), self.claim.clone());
        Ok(Attempted::Won(Won { places, claim, grants, anchor, deadline, is_alone, has_rival }))
    }

    /// The commit happened and can't be handed over: dropping the claim clears it away.
    fn refuse(&mut self, error: Error) -> Result<Attempted> {
        self.pending += 1;
        Err(error)
    }
}

enum Looked {
    Free(Vec<Found>, Anchor),
    Came(Attempted),
}

/// Warns before the counter's end, and refuses at it.
fn check_fence(place: &Place, next: u64) -> Result<()> {
    let key = place.key.hash();
    if next > Fence::MAX.as_u64() {
        let message = format!("the fences are used up: the counter is beyond {}", Fence::MAX);
        return Err(Error::internal(message).of_key(key));
    }
    if next > Fence::WARN.as_u64() {
        tracing::warn!(%key, fence = next, "a tenth of the fences of a key is used up");
    }
    Ok(())
}

impl Contender for Claimant {
    async fn attempt(&mut self, until: Option<Instant>) -> Result<Attempted> {
        self.try_claim(until).await
    }

    fn key(&self) -> Hash {
        self.places[0].key.hash()
    }
}

impl Drop for Claimant {
    fn drop(&mut self) {
        if self.pending > 0 {
            let (inner, places) = (Arc::clone(&self.inner), Arc::clone(&self.places));
            let work = disown(inner, places, self.claim.clone(), self.pending);
            self.inner.tasks.spawn(work);
        }
    }
}

/// Sees to it that a claim that is given up holds nothing, and that a commit of it that is still
/// under way is refused; `pending` were sent whose outcome is not known. Gives up itself after a lease's
/// length, when nothing can be held any more.
pub(crate) async fn disown(inner: Arc<Inner>, places: Arc<[Place]>, claim: Claim, pending: u32) {
    let until = inner.now() + claim.ttl;
    let mut failures = 0;
    while inner.now() < until {
        match disown_once(&inner, &places, &claim, pending, until).await {
            Ok(true) => return,
            Ok(false) => {}
            Err(error) => {
                tracing::debug!(%error, "clearing a lock that was given up failed; trying again");
            }
        }
        failures += 1;
        inner.clock().sleep(PAUSES.delay(failures, None)).await;
    }
    tracing::warn!(id = %claim.id.hash(), "a lock that was given up may lie until its lease ends");
}

async fn disown_once(
    inner: &Inner,
    places: &[Place],
    claim: &Claim,
    pending: u32,
    until: Instant,
) -> Result<bool> {
    // Only a layout that guards its claims by the counter revokes one by it.
    let with_fences = pending > 0 && inner.scheme.reads_first();
    let found = inner.read(places, with_fences, Some(until)).await?;
    let mut writes = Vec::new();
    let mut has_landed = false;
    for (place, found) in places.iter().zip(&found) {
        match &found.lease {
            Some((version, record)) if record.holders.contains_key(claim.id.as_str()) => {
                has_landed = true;
                writes.push(inner.scheme.without(place, &claim.id, *version, record)?);
            }
            // A live holder's commit has moved what ours was guarded by. One key of several is enough.
            _ if pending == 0 || !writes.is_empty() => {}
            _ if found.blocks(&claim.id, claim.mode).is_some() => {}
            _ => writes.push(inner.scheme.revoke(place, &claim.id, found)?),
        }
    }
    if writes.is_empty() {
        return Ok(true);
    }
    match inner.commit(writes, Some(until)).await {
        // One of several commits has landed and is undone. Another finds the key free again, so the
        // next turn keeps it out.
        Sent::Done(_) => Ok(!(has_landed && pending > 1)),
        Sent::Refused | Sent::Unknown(_) => Ok(false),
        Sent::Failed(error) => Err(error.into()),
    }
}
