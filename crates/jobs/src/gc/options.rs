//! From which age on jobs are collected.

use std::time::Duration;

use firekeep_core::Timestamp;

use crate::age::Age;
use crate::error::{Error, Result};
use crate::record::Record;
use crate::seal::Verdict;
use crate::state::Cell;

/// How to collect jobs.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct GcOptions {
    pub(super) ages: Ages,
    pub(super) dry_run: bool,
    pub(super) sweep: bool,
    pub(super) pace: Duration,
}

/// From which age on a job is tombstoned, and from which it is deleted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Ages {
    tombstone: Age,
    delete: Age,
}

impl GcOptions {
    /// Tombstones jobs of this age, and deletes those of that age that have been tombstoned for at
    /// least the difference.
    ///
    /// # Errors
    /// [`Error::Invalid`] unless the age of deletion is the greater one.
    pub fn new(tombstone: Age, delete: Age) -> Result<Self> {
        if delete <= tombstone {
            let rule = format!("must be more than the tombstone age, {tombstone}, is {delete}");
            return Err(Error::invalid("delete age", rule));
        }
        let ages = Ages { tombstone, delete };
        Ok(Self { ages, dry_run: false, sweep: false, pace: Duration::ZERO })
    }

    /// Writes nothing, and reports what would be done.
    #[must_use]
    pub fn dry_run(mut self, dry_run: bool) -> Self {
        self.dry_run = dry_run;
        self
    }

    /// Looks for what is left below jobs that have no document, too; see
    /// [`Jobs::sweep`](crate::Jobs::sweep). It reads of every job, not of old ones only.
    #[must_use]
    pub fn sweep(mut self, sweep: bool) -> Self {
        self.sweep = sweep;
        self
    }

    /// How long to pause after each page of 400 deletes; not at all unless told otherwise. Many
    /// deletes at once make queries of the same collections slow.
    #[must_use]
    pub fn pace(mut self, pause: Duration) -> Self {
        self.pace = pause;
        self
    }
}

impl Ages {
    pub(crate) fn tombstone(self) -> Duration {
        self.tombstone.as_duration()
    }

    pub(crate) fn delete(self) -> Duration {
        self.delete.as_duration()
    }

    /// For how long a job is kept once it is tombstoned.
    pub(crate) fn grace(self) -> Duration {
        self.delete() - self.tombstone()
    }

    /// Whether a job that is active is old by its stamps.
    pub(crate) fn is_old(self, record: &Record, now: Timestamp) -> bool {
        record.last_active.max(record.run.created()) <= now.saturating_sub(self.tombstone())
    }

    /// Whether a job may be deleted by its stamps, which lag behind its states by half of `horizon`.
    ///
    /// # Errors
    /// [`Error::Invalid`] for a tombstoned job that does not say since when.
    pub(crate) fn is_deletable(
        self,
        record: &Record,
        now: Timestamp,
        horizon: Duration,
    ) -> Result<bool> {
        if record.phase != crate::Phase::Tombstoned {
            return Ok(false);
        }
        let since = record.tombstoned_at.ok_or_else(|| {
            Error::invalid("tombstonedAt", "is missing from a job that is tombstoned")
        })?;
        let newest = record.last_active.saturating_add(horizon / 2).max(record.run.created());
        let is_over = since <= now.saturating_sub(self.grace());
        Ok(is_over && newest <= now.saturating_sub(self.delete()))
    }

    /// What accepts the cells whose states are from `until` or before.
    pub(crate) fn judge(until: Timestamp) -> impl FnMut(Result<Cell>) -> Result<Verdict> {
        move |cell| {
            let cell = cell?;
            Ok(if cell.state.committed_at <= until { Verdict::Seal(cell) } else { Verdict::Refuse })
        }
    }
}
