//! Writing cells of a task: all or none, and once.

use std::sync::Arc;

use firekeep_core::{Effect, Retry};
use firekeep_lock::CommitError;

use super::Shared;
use super::cells::{Cells, Draft, Named};
use crate::claim;
use crate::error::{Error, Result};
use crate::key::{Key, MAX_ID, Tag};
use crate::retry::{Attempts, is_refusal};
use crate::state::{State, event_id};
use crate::update::Update;

/// The most cells that one write may change: as many as a job may declare.
pub(super) const MAX_CELLS: usize = crate::spec::MAX_TAGS;

impl Shared {
    /// Writes a new state for each tag.
    pub(super) async fn set_all(&self, mut updates: Vec<(Tag, Update)>) -> Result<Vec<Arc<State>>> {
        updates.sort_by(|one, other| one.0.cmp(&other.0));
        self.check(&updates)?;
        let drafts = updates.into_iter().map(|(tag, update)| {
            let number = self.next_number();
            let event_id = update.event_id.clone().unwrap_or_else(|| self.event_id(number));
            Named { tag, draft: Draft::Whole(update), event_id, number }
        });
        let drafts = drafts.collect();
        let mut cells = self.cells.lock().await;
        self.apply_and_take_along(&mut cells, drafts).await
    }

    /// Writes `drafts`, and what waits besides, unless it is that which can't be written.
    pub(super) async fn apply_and_take_along(
        &self,
        cells: &mut Cells,
        mut drafts: Vec<Named>,
    ) -> Result<Vec<Arc<State>>> {
        let asked = drafts.len();
        drafts.extend(self.waiting(&drafts, MAX_CELLS - asked));
        let mut answer = self.apply(cells, &drafts).await;
        let is_refused = |error: &Error| matches!(error, Error::Store(_)) && !may_pass(error);
        if asked < drafts.len() && answer.as_ref().is_err_and(is_refused) {
            drafts.truncate(asked);
            answer = self.apply(cells, &drafts).await;
        }
        answer.map(|mut states| {
            states.truncate(asked);
            states
        })
    }

    /// Writes `drafts`, all or none, once. Answers the states in the order of the drafts.
    pub(super) async fn apply(
        &self,
        cells: &mut Cells,
        drafts: &[Named],
    ) -> Result<Vec<Arc<State>>> {
        let mut attempts = Attempts::new(&self.observer.0.jobs.db);
        loop {
            if self.lease.is_lost() {
                return Err(self.lost());
            }
            match self.attempt(cells, drafts).await {
                Err(Error::Store(error)) => attempts.failed(error).await?,
                done => return done,
            }
        }
    }

    async fn attempt(&self, cells: &mut Cells, drafts: &[Named]) -> Result<Vec<Arc<State>>> {
        if !cells.is_sure {
            self.reload(cells).await?;
        }
        let stamp = self.stamp().await?;
        let mut plan = cells.plan(&self.observer.0, (self.task, self.attempt), drafts)?;
        if plan.writes.is_empty() {
            self.forget_pending(drafts);
            return Ok(plan.states);
        }
        let mut writes = std::mem::take(&mut plan.writes);
        let is_stamped = stamp.is_some();
        writes.extend(stamp.or_else(|| plan.creates.then(|| self.verify_job())));
        // Until the answer is here, nobody knows what the cells hold.
        (cells.is_sure, cells.may_be_created) = (false, plan.creates);
        let committed = if plan.creates {
            self.lease.commit(writes).await
        } else {
            self.observer.0.jobs.db.commit(writes).await.map_err(CommitError::Store)
        };
        match committed {
            Ok(committed) => {
                if is_stamped {
                    self.stamped(&committed);
                }
                self.forget_pending(drafts);
                (cells.is_sure, cells.may_be_created) = (true, false);
                Ok(cells.take_over(plan, &committed))
            }
            Err(CommitError::Store(error)) => {
                let is_known = error.effect() == Effect::None;
                cells.is_sure = is_known && !is_refusal(&error);
                cells.may_be_created &= !is_known;
                Err(error.into())
            }
            Err(_) => Err(self.lost()),
        }
    }

    /// Learns what the store holds, and whether the task is still ours.
    async fn reload(&self, cells: &mut Cells) -> Result<()> {
        if cells.may_be_created {
            // A creation holds as long as the lease is what it was. Once that has moved, it has
            // happened or never will.
            if !self.lease.extend(self.stall_after).await? {
                return Err(self.lost());
            }
            cells.may_be_created = false;
        }
        let opened = &self.observer.0;
        let found = claim::cells_of(opened, self.task).await?;
        let fences = found.iter().map(|cell| cell.fence);
        if let Some(later) = fences.filter(|fence| *fence > self.attempt).max() {
            let (job, task, attempt) = (opened.id.clone(), self.task, self.attempt);
            return Err(Error::Fenced { job, task, attempt, current: later });
        }
        // The job after the cells: if a deletion had sealed them when they were read, it tells.
        self.look().await?;
        *cells = Cells::of(found);
        Ok(())
    }

    fn check(&self, updates: &[(Tag, Update)]) -> Result<()> {
        if updates.is_empty() || updates.len() > MAX_CELLS {
            let rule = format!("must be 1 to {MAX_CELLS}, are {}", updates.len());
            return Err(Error::invalid("updates", rule));
        }
        if updates.windows(2).any(|pair| pair[0].0 == pair[1].0) {
            return Err(Error::invalid("updates", "must name each tag once"));
        }
        for (tag, update) in updates {
            self.check_tag(tag)?;
            update.check()?;
        }
        Ok(())
    }

    /// Whether `tag` may be written.
    pub(super) fn check_tag(&self, tag: &Tag) -> Result<()> {
        self.observer.check_tag(tag)?;
        if self.observer.history() == 0 {
            return Ok(());
        }
        let last = event_id(&Key::new(tag.clone(), self.task).doc_id(), u64::MAX);
        if last.len() > MAX_ID {
            let over = last.len() - MAX_ID;
            return Err(Error::invalid(
                "tag",
                format!("is too long for a history by {over} bytes"),
            ));
        }
        Ok(())
    }
}

/// Whether trying again later may help against `error`.
pub(super) fn may_pass(error: &Error) -> bool {
    let Error::Store(error) = error else { return false };
    matches!(error.retry(), Retry::Request { .. }) || error.effect() == Effect::Unknown
}
