//! A lock that is held: what is believed of it, and what may be done with it.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use firekeep_core::{Backoff, Committed, Effect, Retry, Timestamp, Version, Write};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use crate::attempt::{Won, disown};
use crate::error::{Error, Lost, Result};
use crate::event::{Action, Outcome};
use crate::inner::{Inner, Sent};
use crate::key::Hash;
use crate::layout::{Claim, Grant};
use crate::lease::{Anchor, believed};
use crate::options::{AcquireOptions, Mode, check_lease};
use crate::record::{Found, Place, Record};

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

/// What a read says about a hold.
enum Standing {
    Ours(Vec<Found>, Anchor),
    Gone(Vec<Found>),
}

const PAUSES: Backoff =
    Backoff { base: Duration::from_millis(20), cap: Duration::from_millis(500) };
/// How often a release that fails for the moment is sent.
const RELEASES: u32 = 8;

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

    /// Makes the lease begin anew, with `ttl`. `false` if the lock is lost.
    pub(crate) async fn extend(&self, ttl: Duration, action: Action) -> Result<bool> {
        check_lease(ttl)?;
        let ttl = whole_millis(ttl);
        let before = self.inner.now();
        let extended = self.extend_held(ttl).await;
        let outcome = match &extended {
            Ok(true) => Outcome::Done,
            Ok(false) => Outcome::Lost,
            Err(error) => Outcome::of_error(error),
        };
        let took = self.inner.now().saturating_duration_since(before);
        self.inner.tell(action, outcome, &self.key_hash(), took);
        extended
    }

    async fn extend_held(&self, ttl: Duration) -> Result<bool> {
        let _changing = self.changing.lock().await;
        let mut failures = 0;
        loop {
            let Ok(state) = self.held() else { return Ok(false) };
            let sent = Anchor { before: self.inner.now(), ..state.anchor };
            let elapsed = sent.before.saturating_duration_since(state.anchor.before);
            let now = state.anchor.server.saturating_add(elapsed);
            let writes = self.each(&state.grants, |place, grant| {
                self.inner.scheme.extend(place, &self.claim.id, grant.version, ttl, now)
            })?;
            let deadline = self.until(&state, sent.before, ttl);
            self.may_end(deadline);
            match self.inner.commit(writes, Some(state.deadline)).await {
                Sent::Done(committed) => {
                    let anchor = Anchor { server: committed.commit_time, ..sent };
                    return self.extended(&state, ttl, deadline, (now, anchor), &committed);
                }
                Sent::Refused => {
                    self.did_not_end(&state);
                    if self.stands(state.deadline).await?.is_none() {
                        return Ok(false);
                    }
                }
                Sent::Unknown(error) => {
                    failures += 1;
                    self.pause(failures, error, state.deadline).await?;
                    if self.stands(state.deadline).await?.is_none() {
                        return Ok(false);
                    }
                    // Others that share the lease move its version too, but not our stamp.
                    let current = self.state();
                    if current.grants.iter().zip(&state.grants).all(|(new, old)| new.at != old.at) {
                        self.set_ttl(ttl);
                        return Ok(true);
                    }
                }
                Sent::Failed(error) => {
                    self.did_not_end(&state);
                    failures += 1;
                    self.pause(failures, error, state.deadline).await?;
                }
            }
        }
    }

    /// Until when to believe in an extension that is sent at `before`.
    fn until(&self, state: &State, before: Instant, ttl: Duration) -> Instant {
        // A layout that writes times itself knows them as well as it knew the store's clock.
        let drift =
            before.saturating_duration_since(state.anchor.before) / crate::lease::RATE_ALLOWANCE;
        let drift = if self.inner.scheme.reads_first() { drift } else { Duration::ZERO };
        earlier((before + believed(ttl)).checked_sub(drift).unwrap_or(before), self.last)
    }

    /// Ends the belief at `deadline` at the latest. An extension may shorten a lease, and from when it
    /// is sent on, nobody knows whether it has.
    fn may_end(&self, deadline: Instant) {
        let mut state = self.lock();
        if deadline < state.deadline {
            state.deadline = deadline;
            self.shortened.notify_one();
        }
        state.unanswered = Some(earlier(deadline, state.unanswered));
    }

    /// The extension that may have shortened the lease did not happen.
    fn did_not_end(&self, before: &State) {
        let mut state = self.lock();
        (state.deadline, state.unanswered) = (before.deadline, before.unanswered);
    }

    fn set_ttl(&self, ttl: Duration) {
        let old = std::mem::replace(&mut self.lock().ttl, ttl);
        if old != ttl {
            self.shortened.notify_one();
        }
    }

    /// Takes over what an extension gave, unless its answer came after the belief had ended.
    fn extended(
        &self,
        old: &State,
        ttl: Duration,
        deadline: Instant,
        (now, anchor): (Timestamp, Anchor),
        committed: &Committed,
    ) -> Result<bool> {
        let mut grants = old.grants.clone();
        for (grant, written) in grants.iter_mut().zip(&committed.writes) {
            let version = written.version;
            grant.version =
                version.ok_or_else(|| Error::internal("an extension has no version"))?;
            grant.at = self.inner.scheme.extended(written, now)?;
            grant.ends = grant.at.saturating_add(ttl);
        }
        if self.held().is_err() {
            return Ok(false);
        }
        self.set_ttl(ttl);
        let mut state = self.lock();
        (state.deadline, state.unanswered) = (deadline, None);
        state.grants = grants;
        state.anchor = anchor;
        Ok(true)
    }

    /// Reads whether the lock is still ours, and learns its versions: `None` and lost if it is not,
    /// else whether a version has moved.
    async fn stands(&self, until: Instant) -> Result<Option<bool>> {
        match self.standing(until).await? {
            Standing::Gone(_) => {
                self.lose();
                Ok(None)
            }
            Standing::Ours(found, anchor) => {
                Ok(self.held().ok().map(|_| self.learn(&found, anchor)))
            }
        }
    }

    /// Whether the lease that is known by `used` is still ours; if so, it is worth another try once
    /// a version has moved. Reads only if no renewal has told already.
    pub(crate) async fn moved_since(&self, used: &State) -> Result<Option<bool>> {
        let _changing = self.changing.lock().await;
        let Ok(state) = self.held() else { return Ok(None) };
        if state.versions().ne(used.versions()) {
            return Ok(Some(true));
        }
        self.stands(state.deadline).await
    }

    async fn standing(&self, until: Instant) -> Result<Standing> {
        let mut failures = 0;
        loop {
            let before = self.inner.now();
            match self.inner.read(&self.places, false, Some(until)).await {
                Ok(found) => {
                    let ours = found.iter().all(|found| found.holder(&self.claim.id).is_some());
                    let server = found.first().map_or(Timestamp::MIN, |found| found.read_time);
                    let anchor = Anchor { server, before };
                    return Ok(if ours {
                        Standing::Ours(found, anchor)
                    } else {
                        Standing::Gone(found)
                    });
                }
                Err(error) if error.is_transient() => {
                    failures += 1;
                    let pause = PAUSES.delay(failures, None);
                    if self.inner.now() + pause >= until {
                        return Err(error);
                    }
                    self.inner.clock().sleep(pause).await;
                }
                Err(error) => return Err(error),
            }
        }
    }

    /// Takes over versions and starts from a read. Answers whether a version moved.
    fn learn(&self, found: &[Found], anchor: Anchor) -> bool {
        let mut state = self.lock();
        let mut moved = false;
        let mut deadline = None::<Instant>;
        for (grant, found) in state.grants.iter_mut().zip(found) {
            let Some((version, holder)) = found.version().zip(found.holder(&self.claim.id)) else {
                continue;
            };
            moved |= grant.version != version;
            (grant.version, grant.at, grant.ends) = (version, holder.at, holder.end());
            let until = anchor.believe_until(holder.end());
            deadline = Some(deadline.map_or(until, |earlier| earlier.min(until)));
        }
        let id = self.claim.id.as_str();
        state.is_alone = found.iter().flat_map(Found::live).all(|(other, _)| other == id);
        state.anchor = anchor;
        if moved {
            // Whatever was under way is refused from now on.
            state.unanswered = None;
        }
        if let Some(deadline) = deadline {
            state.deadline = earlier(earlier(deadline, self.last), state.unanswered);
        }
        moved
    }

    /// Ends the belief, since a release takes effect before its answer is here. Stops the keeper.
    pub(crate) fn give_up(&self) {
        let mut state = self.lock();
        if state.phase == Phase::Held {
            state.phase = Phase::GivenUp;
        }
        drop(state);
        self.stop.cancel();
        self.ended.cancel();
    }

    /// Releases. The keeper is stopped first, and a renewal under way finishes or is forgotten:
    /// its precondition keeps it from reviving anything.
    pub(crate) async fn release(&self) -> Result<Released> {
        self.give_up();
        let before = self.inner.now();
        let released = {
            let _changing = self.changing.lock().await;
            self.release_held().await
        };
        self.tell_release(before, &released);
        released.map_err(|error| error.of_key(self.key_hash()))
    }

    fn tell_release(&self, before: Instant, released: &Result<Released>) {
        let now = self.inner.now();
        let outcome = match released {
            Ok(Released::Done) => Outcome::Done,
            Ok(_) => Outcome::Lost,
            Err(error) => Outcome::of_error(error),
        };
        let took = now.saturating_duration_since(before);
        self.inner.tell(Action::Release, outcome, &self.key_hash(), took);
        let held = before.saturating_duration_since(self.acquired);
        self.inner.tell(Action::Hold, outcome, &self.key_hash(), held);
    }

    async fn release_held(&self) -> Result<Released> {
        let mut state = self.state();
        match state.phase {
            Phase::Held | Phase::GivenUp => {}
            Phase::Lost => return Ok(Released::Expired),
            Phase::Released => return Ok(Released::Gone),
        }
        let until = self.inner.now() + state.ttl.max(Duration::from_secs(5));
        let (mut failures, mut unknown, mut known) = (0, false, None::<Vec<Found>>);
        if self.claim.mode == Mode::Shared && !state.is_alone {
            match self.standing(until).await? {
                Standing::Ours(found, _) => known = Some(found),
                Standing::Gone(found) => return self.gone(&state, &found, unknown, until).await,
            }
        }
        loop {
            let writes = self.releases(&state.grants, known.as_deref())?;
            match self.inner.commit(writes, Some(until)).await {
                Sent::Done(committed) => return Ok(self.released(&state, committed.commit_time)),
                Sent::Refused => {}
                Sent::Unknown(error) => {
                    (unknown, failures) = (true, failures + 1);
                    self.pause_release(failures, error).await?;
                }
                Sent::Failed(error) => {
                    failures += 1;
                    self.pause_release(failures, error).await?;
                    continue;
                }
            }
            match self.standing(until).await? {
                Standing::Gone(found) => return self.gone(&state, &found, unknown, until).await,
                Standing::Ours(found, _) => {
                    // A renewal that was forgotten may have moved the version, and the end.
                    for (grant, found) in state.grants.iter_mut().zip(&found) {
                        let Some(holder) = found.holder(&self.claim.id) else { continue };
                        grant.version = found.version().unwrap_or(grant.version);
                        (grant.at, grant.ends) = (holder.at, holder.end());
                    }
                    known = Some(found);
                }
            }
        }
    }

    /// The writes that release every key.
    fn releases(&self, grants: &[Grant], known: Option<&[Found]>) -> Result<Vec<Write>> {
        let alone = Record::only(&self.claim);
        let buries = self.lock().has_rival && !self.inner.scheme.reads_first();
        self.places
            .iter()
            .zip(grants)
            .enumerate()
            .map(|(at, (place, grant))| {
                let record = known.and_then(|known| known.get(at)?.record()).unwrap_or(&alone);
                let id = &self.claim.id;
                if buries && record.holders.keys().all(|other| other == id.as_str()) {
                    return self.inner.scheme.revoke(place, id, &Found::empty(grant.version));
                }
                self.inner.scheme.without(place, id, grant.version, record)
            })
            .collect()
    }

    fn released(&self, state: &State, at: Timestamp) -> Released {
        self.finish();
        if at >= state.ends() { Released::Expired } else { Released::Done }
    }

    /// One of the keys is not ours. Others may be: they are cleared away.
    async fn gone(
        &self,
        state: &State,
        found: &[Found],
        unknown: bool,
        until: Instant,
    ) -> Result<Released> {
        let mut writes = Vec::new();
        for (place, found) in self.places.iter().zip(found) {
            if let Some((version, record)) = &found.lease
                && record.holders.contains_key(self.claim.id.as_str())
            {
                writes.push(self.inner.scheme.without(place, &self.claim.id, *version, record)?);
            }
        }
        let is_partial = !writes.is_empty();
        if is_partial {
            // Refused or lost, the rest lies until its lease ends.
            let _: Sent = self.inner.commit(writes, Some(until)).await;
        }
        self.finish();
        // Nobody else may take a live lease, so it was our release whose reply was lost. Once the
        // lease has ended, nobody can tell.
        let is_live = found.iter().all(|found| found.read_time < state.ends());
        Ok(match unknown && !is_partial {
            true if is_live => Released::Done,
            true => Released::Expired,
            false => Released::Gone,
        })
    }

    fn finish(&self) {
        self.lock().phase = Phase::Released;
        self.ended.cancel();
    }

    fn each(
        &self,
        grants: &[Grant],
        write: impl Fn(&Place, &Grant) -> Result<Write>,
    ) -> Result<Vec<Write>> {
        self.places.iter().zip(grants).map(|(place, grant)| write(place, grant)).collect()
    }

    async fn pause(
        &self,
        failures: u32,
        error: firekeep_core::Error,
        until: Instant,
    ) -> Result<()> {
        match delay(failures, &error) {
            Some(pause) if self.inner.now() + pause < until => {
                self.inner.clock().sleep(pause).await;
                Ok(())
            }
            _ => Err(error.into()),
        }
    }

    async fn pause_release(&self, failures: u32, error: firekeep_core::Error) -> Result<()> {
        match delay(failures, &error) {
            Some(pause) if failures < RELEASES => {
                self.inner.clock().sleep(pause).await;
                Ok(())
            }
            _ => Err(error.into()),
        }
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
