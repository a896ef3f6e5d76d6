//! Whether a lock is still ours, by what the store holds.

use std::time::Instant;

use firekeep_core::Timestamp;

use super::{Hold, PAUSES, State, earlier};
use crate::error::Result;
use crate::lease::Anchor;
use crate::record::Found;

/// What a read says about a hold.
pub(super) enum Standing {
    Ours(Vec<Found>, Anchor),
    Gone(Vec<Found>),
}

impl Hold {
    /// Reads whether the lock is still ours, and learns its versions: `None` and lost if it is not,
    /// else whether a version has moved.
    pub(super) async fn stands(&self, until: Instant) -> Result<Option<bool>> {
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

    pub(super) async fn standing(&self, until: Instant) -> Result<Standing> {
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
        let (mut moved, mut shorter) = (false, false);
        let mut deadline = None::<Instant>;
        for (grant, found) in state.grants.iter_mut().zip(found) {
            let Some((version, holder)) = found.version().zip(found.holder(&self.claim.id)) else {
                continue;
            };
            moved |= grant.version != version;
            shorter |= holder.end() < grant.ends;
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
        if let Some(read) = deadline {
            // An answer that was long under way says less than is known. What was believed of a lease
            // holds of one that ends no earlier.
            let deadline = if shorter { read } else { read.max(state.deadline) };
            state.deadline = earlier(earlier(deadline, self.last), state.unanswered);
        }
        moved
    }
}
