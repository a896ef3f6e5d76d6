//! Giving a lock back.

use std::time::{Duration, Instant};

use firekeep_core::{Timestamp, Write};
use tracing::Instrument;

use super::standing::Standing;
use super::{Hold, Phase, Released, State, delay};
use crate::error::Result;
use crate::event::{Action, Outcome, span};
use crate::inner::Sent;
use crate::layout::Grant;
use crate::options::Mode;
use crate::record::{Found, Record};

impl Hold {
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
        let released = async {
            let _changing = self.changing.lock().await;
            self.release_held().await
        };
        let released = released.instrument(span(Action::Release, &self.key_hash())).await;
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

/// How often a release that fails for the moment is sent.
const RELEASES: u32 = 8;
