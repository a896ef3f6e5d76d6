//! Collecting jobs that nobody has worked on for long.

mod options;
mod run;

use std::fmt;

pub(crate) use self::options::Ages;
pub use self::options::GcOptions;
use self::run::Collection;
use crate::error::{Error, Result};
use crate::jobs::Jobs;
use crate::key::JobId;

/// What a collection did, or would do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct GcReport {
    /// How many jobs were looked at: those that are old by their stamps, and those being deleted.
    pub scanned: u64,
    /// How many were tombstoned.
    pub tombstoned: u64,
    /// How many were deleted.
    pub deleted: u64,
    /// How many were about to be deleted, and are active again, as somebody works on them.
    pub revived: u64,
    /// How many could not be judged or changed, and are as they were.
    pub failed: u64,
    /// How many jobs had left something below a document that is no more.
    pub orphans: u64,
    /// How many documents were deleted below all of these; unknown before it is done.
    pub documents: u64,
    /// Whether nothing was written, and these are the numbers of what would be.
    pub dry_run: bool,
}

/// What a collection does with one job.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum GcEvent<'a> {
    /// It looks at the job.
    Scanned(&'a JobId),
    /// The job is tombstoned.
    Tombstoned(&'a JobId),
    /// The job is deleted, and so many documents below it.
    Deleted(&'a JobId, u64),
    /// The job is active again.
    Revived(&'a JobId),
    /// The job is as it was, for this reason.
    Failed(&'a JobId, &'a Error),
    /// What an earlier job has left is deleted: so many documents.
    Orphaned(&'a JobId, u64),
}

impl Jobs {
    /// Tombstones jobs that are old, and deletes those that were tombstoned long enough ago.
    ///
    /// A job is as old as the newest of its states, its last stamp of activity, and its creation, by
    /// the store's clock. It is never collected while a task of it is claimed. A job that somebody
    /// writes to while it is being judged becomes active again; once it is past judgement, no writer
    /// can write to it. Several collections may run at once, and each may be killed anywhere: the next
    /// goes on. A job that fails, or that can't be read, is kept, logged and counted.
    ///
    /// Jobs of the reference are not seen until they are [migrated](Jobs::migrate).
    ///
    /// # Errors
    /// What the store answers when jobs are looked for: nothing is judged by half an answer.
    /// [`Error::ClockBehind`].
    ///
    /// # Cancellation
    /// What is done stays done; what is half done is taken up by the next collection.
    ///
    /// # Cost
    /// Four RPCs and, where nothing is found, a billed read each. Per job that is found, one read; to
    /// judge whether to tombstone it, one for its leases and one per state, 400 in an RPC, and then one
    /// write. To delete it, two reads, a write and a delete per state, a read and a delete per other
    /// document below it, 400 in two RPCs; and some twenty RPCs and a dozen reads, whatever is there.
    pub async fn gc(&self, options: &GcOptions) -> Result<GcReport> {
        self.gc_with(options, |_| {}).await
    }

    /// As [`gc`](Self::gc), and tells of each job.
    ///
    /// # Errors
    /// As [`gc`](Self::gc).
    ///
    /// # Cancellation
    /// As [`gc`](Self::gc).
    ///
    /// # Cost
    /// As [`gc`](Self::gc).
    pub async fn gc_with(
        &self,
        options: &GcOptions,
        on: impl FnMut(GcEvent<'_>) + Send,
    ) -> Result<GcReport> {
        Collection::new(&self.0, options, on).run().await
    }
}

impl fmt::Display for GcReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "scanned={} tombstoned={} deleted={} revived={} failed={} orphans={} documents={} dry_run={}",
            self.scanned,
            self.tombstoned,
            self.deleted,
            self.revived,
            self.failed,
            self.orphans,
            self.documents,
            self.dry_run
        )
    }
}
