//! Progress that waits until it is worth a write.

use std::collections::BTreeMap;
use std::sync::{Arc, MutexGuard, PoisonError, Weak};
use std::time::{Duration, Instant};

use tokio::runtime::Handle;

use super::apply::{MAX_CELLS, may_pass};
use super::cells::{Draft, Named};
use super::{Reported, Shared};
use crate::error::Result;
use crate::key::Tag;
use crate::state::Progress;

/// Progress that is not written yet.
#[derive(Debug, Default)]
pub(super) struct Pending {
    by_tag: BTreeMap<Tag, Waiting>,
    /// When the task was last written to.
    written: Option<Instant>,
    /// Whether a task is there that writes it when it is due.
    is_awaited: bool,
    /// How much this writer was told.
    numbers: u64,
}

/// Progress of a tag that is not written yet.
#[derive(Debug)]
struct Waiting {
    progress: Progress,
    message: String,
    number: u64,
}

pub(super) async fn report(
    shared: &Arc<Shared>,
    tag: Tag,
    (done, total): (u64, u64),
    message: &str,
) -> Result<Reported> {
    shared.check_tag(&tag)?;
    let progress = Progress { done, total };
    progress.check()?;
    let number = shared.next_number();
    let waiting = Waiting { progress, message: message.to_owned(), number };
    shared.pending().by_tag.insert(tag.clone(), waiting);
    // Whatever becomes of this call, what it leaves is written when it is due.
    let _left = Left(shared);
    if !shared.until_due().is_zero() {
        return Ok(Reported::Deferred);
    }
    shared.report_now(&tag, number).await
}

/// Sees to it that what waits is written, once this is dropped.
struct Left<'a>(&'a Arc<Shared>);

impl Drop for Left<'_> {
    fn drop(&mut self) {
        let mut pending = self.0.pending();
        if pending.by_tag.is_empty() || pending.is_awaited {
            return;
        }
        if let Ok(runtime) = Handle::try_current() {
            pending.is_awaited = true;
            drop(pending);
            runtime.spawn(flush_when_due(Arc::downgrade(self.0)));
        }
    }
}

/// Writes what waits once it is due, as long as something does, unless the writer is gone by then.
async fn flush_when_due(shared: Weak<Shared>) {
    loop {
        let sleep = {
            let Some(shared) = shared.upgrade() else { return };
            let wait = shared.until_due();
            let mut pending = shared.pending();
            if pending.by_tag.is_empty() {
                pending.is_awaited = false;
                return;
            }
            drop(pending);
            (!wait.is_zero()).then(|| shared.observer.0.jobs.db.clock().sleep(wait))
        };
        if let Some(sleep) = sleep {
            sleep.await;
            continue;
        }
        let Some(shared) = shared.upgrade() else { return };
        let Err(error) = shared.flush().await else { continue };
        let task = shared.task;
        tracing::warn!(task, %error, "progress is not written yet");
        let mut pending = shared.pending();
        if !may_pass(&error) {
            // Whoever writes, flushes or closes next is told.
            pending.is_awaited = false;
            return;
        }
        pending.written = Some(shared.now());
    }
}

impl Shared {
    pub(super) fn has_pending(&self) -> bool {
        !self.pending().by_tag.is_empty()
    }

    /// Writes what waits.
    pub(super) async fn flush(&self) -> Result<()> {
        let last = self.pending().numbers;
        let is_left = || self.pending().by_tag.values().any(|waiting| waiting.number <= last);
        while is_left() {
            let mut cells = self.cells.lock().await;
            let drafts = self.waiting(&[], MAX_CELLS);
            if !drafts.is_empty() {
                self.apply(&mut cells, &drafts).await?;
            }
        }
        Ok(())
    }

    /// Writes the progress of `tag` with this number, and what else waits.
    async fn report_now(&self, tag: &Tag, number: u64) -> Result<Reported> {
        let mut cells = self.cells.lock().await;
        let waiting = self.pending().by_tag.get(tag).map(|waiting| self.named(tag, waiting));
        let Some(draft) = waiting.filter(|draft| draft.number == number) else {
            // Meanwhile it was written by another call, or overtaken.
            let written = cells.written(tag, &self.event_id(number));
            return Ok(written.map_or(Reported::Deferred, Reported::Written));
        };
        if !self.until_due().is_zero() {
            return Ok(Reported::Deferred);
        }
        let mut states = self.apply_and_take_along(&mut cells, vec![draft]).await?;
        Ok(Reported::Written(states.swap_remove(0)))
    }

    /// What waits, at most `most`, but for the tags of `besides`.
    pub(super) fn waiting(&self, besides: &[Named], most: usize) -> Vec<Named> {
        let pending = self.pending();
        let others =
            pending.by_tag.iter().filter(|(tag, _)| besides.iter().all(|b| b.tag != **tag));
        others.take(most).map(|(tag, waiting)| self.named(tag, waiting)).collect()
    }

    fn named(&self, tag: &Tag, waiting: &Waiting) -> Named {
        let &Waiting { progress, ref message, number } = waiting;
        let draft = Draft::Progress { progress, message: message.clone() };
        Named { tag: tag.clone(), draft, event_id: self.event_id(number), number }
    }

    /// Forgets what `written` says, or says better.
    pub(super) fn forget_pending(&self, written: &[Named]) {
        let now = self.now();
        let mut pending = self.pending();
        pending.written = Some(now);
        for named in written {
            // What was reported while this was under way is newer.
            if pending.by_tag.get(&named.tag).is_some_and(|waits| waits.number <= named.number) {
                pending.by_tag.remove(&named.tag);
            }
        }
    }

    /// How long progress is to wait from now on.
    fn until_due(&self) -> Duration {
        let now = self.now();
        let written = self.pending().written;
        let passed = written.map_or(Duration::MAX, |at| now.saturating_duration_since(at));
        self.interval.saturating_sub(passed)
    }

    /// The place of what this writer is told now among all that it was told.
    pub(super) fn next_number(&self) -> u64 {
        let mut pending = self.pending();
        pending.numbers += 1;
        pending.numbers
    }

    /// The id of the event that this writer gives that number.
    pub(super) fn event_id(&self, number: u64) -> String {
        format!("{}.{number}", self.name)
    }

    fn pending(&self) -> MutexGuard<'_, Pending> {
        self.pending.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
