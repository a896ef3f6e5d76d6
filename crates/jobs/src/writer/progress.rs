//! Progress that waits until it is worth a write.

use std::collections::HashMap;
use std::mem;
use std::sync::{Arc, MutexGuard, PoisonError};
use std::time::Instant;

use super::cells::{Draft, Named};
use super::{Reported, Shared};
use crate::error::Result;
use crate::key::Tag;
use crate::state::Progress;

/// Progress that is not written yet.
#[derive(Debug, Default)]
pub(super) struct Pending {
    by_tag: HashMap<Tag, (Progress, String)>,
    /// When the task was last written to.
    written: Option<Instant>,
    /// Whether a task is there that writes it when it is due.
    is_awaited: bool,
}

pub(super) async fn report(
    shared: &Arc<Shared>,
    tag: Tag,
    (done, total): (u64, u64),
    message: &str,
) -> Result<Reported> {
    shared.observer.check_tag(&tag)?;
    let progress = Progress { done, total };
    let due = shared.pending().written.map(|written| written + shared.interval);
    if due.is_none_or(|due| due <= shared.now()) {
        let draft = Draft::Progress { progress, message: message.to_owned() };
        let mut states = shared.apply_with_pending(tag.clone(), draft).await?;
        let at = states.iter().position(|state| state.key.tag == tag).unwrap_or(0);
        return Ok(Reported::Written(states.swap_remove(at)));
    }
    let mut pending = shared.pending();
    pending.by_tag.insert(tag, (progress, message.to_owned()));
    if !mem::replace(&mut pending.is_awaited, true) {
        drop(pending);
        #[allow(clippy::disallowed_methods, reason = "it ends with the writer")]
        tokio::spawn(flush_when_due(Arc::downgrade(shared)));
    }
    Ok(Reported::Deferred)
}

/// Writes what waits once it is due, unless the writer is gone by then.
async fn flush_when_due(shared: std::sync::Weak<Shared>) {
    loop {
        let wait = {
            let Some(shared) = shared.upgrade() else { return };
            let mut pending = shared.pending();
            let due = pending.written.map(|written| written + shared.interval);
            let wait = due
                .map_or_else(Default::default, |due| due.saturating_duration_since(shared.now()));
            if pending.by_tag.is_empty() {
                pending.is_awaited = false;
                return;
            }
            drop(pending);
            (!wait.is_zero()).then(|| shared.observer.0.jobs.db.clock().sleep(wait))
        };
        match wait {
            Some(sleep) => sleep.await,
            None => {
                let Some(shared) = shared.upgrade() else { return };
                if let Err(error) = shared.flush().await {
                    tracing::warn!(task = shared.task, %error, "progress is not written; the next report tries again");
                    shared.pending().is_awaited = false;
                    return;
                }
            }
        }
    }
}

impl Shared {
    pub(super) fn has_pending(&self) -> bool {
        !self.pending().by_tag.is_empty()
    }

    /// Writes what waits.
    pub(super) async fn flush(&self) -> Result<()> {
        let waiting = self.waiting();
        if waiting.is_empty() {
            return Ok(());
        }
        self.apply(waiting).await.map(drop)
    }

    /// Writes `draft` of `tag`, and what waits for other tags.
    async fn apply_with_pending(&self, tag: Tag, draft: Draft) -> Result<Vec<Arc<crate::State>>> {
        let mut drafts = self.waiting();
        drafts.retain(|(waiting, _)| *waiting != tag);
        drafts.push((tag, draft));
        self.apply(drafts).await
    }

    fn waiting(&self) -> Vec<(Tag, Draft)> {
        let pending = self.pending();
        let draft = |(tag, (progress, message)): (&Tag, &(Progress, String))| {
            (tag.clone(), Draft::Progress { progress: *progress, message: message.clone() })
        };
        pending.by_tag.iter().map(draft).collect()
    }

    /// Forgets what `written` says, or says better.
    pub(super) fn forget_pending(&self, written: &[Named]) {
        let now = self.now();
        let mut pending = self.pending();
        pending.written = Some(now);
        for named in written {
            let is_newer = |waits: &(Progress, String)| match &named.draft {
                Draft::Whole(_) => false,
                // More progress was reported while this was under way.
                Draft::Progress { progress, message } => {
                    (waits.0, &waits.1) != (*progress, message)
                }
            };
            if pending.by_tag.get(&named.tag).is_some_and(|waits| !is_newer(waits)) {
                pending.by_tag.remove(&named.tag);
            }
        }
    }

    fn pending(&self) -> MutexGuard<'_, Pending> {
        self.pending.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
