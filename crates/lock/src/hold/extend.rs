//! Making a lease begin anew: on request, and as renewal.

use std::time::{Duration, Instant};

use firekeep_core::{Committed, Timestamp, Write};
use tracing::Instrument;

use super::{Hold, State, delay, earlier, whole_millis};
use crate::error::{Error, Result};
use crate::event::{Action, Outcome, span};
use crate::inner::Sent;
use crate::layout::Grant;
use crate::lease::{Anchor, believed};
use crate::options::check_lease;
use crate::record::Place;

impl Hold {
    /// Makes the lease begin anew, with `ttl`. `false` if the lock is lost.
    pub(crate) async fn extend(&self, ttl: Duration, action: Action) -> Result<bool> {
        check_lease(ttl)?;
        let ttl = whole_millis(ttl);
        let before = self.inner.now();
        let extended = self.extend_held(ttl).instrument(span(action, &self.key_hash())).await;
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
                let (version, since) = (grant.version, grant.since);
                self.inner.scheme.extend(place, &self.claim.id, version, ttl, since, now)
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
}
