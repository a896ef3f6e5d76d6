//! What is left below jobs that have no document.

use std::time::Duration;

use firekeep_core::{CollectionPath, DocPath, Query};

use crate::error::Result;
use crate::jobs::{Inner, Jobs};
use crate::key::JobId;
use crate::page::name;
use crate::purge;
use crate::record::Place;

/// The collections below a job.
const GROUPS: [&str; 4] = ["states", "events", "leases", "attempts"];
/// Before and after every name that a job gives to what is below it.
const FIRST: &str = "\u{1}";
const LAST: &str = "\u{10FFFD}";

/// What a sweep found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct SweepReport {
    /// How many jobs that are no more had left something.
    pub orphans: u64,
    /// How many documents of them were deleted; none if nothing was to be written.
    pub documents: u64,
}

impl Jobs {
    /// Deletes what is left below jobs that have no document: what was written by code that knows no
    /// better, or by claims of jobs that were just being deleted. Nothing else finds it.
    ///
    /// # Errors
    /// What the store answers.
    ///
    /// # Cancellation
    /// What is done stays done.
    ///
    /// # Cost
    /// Up to eight RPCs and as many billed reads per job, there or gone: two for each kind of document
    /// that is below it. Per orphan, one read and one delete per document.
    pub async fn sweep(&self, dry_run: bool) -> Result<SweepReport> {
        let mut report = SweepReport::default();
        sweep(&self.0, dry_run, Duration::ZERO, |_, documents| {
            report.orphans += 1;
            report.documents += documents;
        })
        .await?;
        Ok(report)
    }
}

/// Goes through all that is below jobs, from job to job, and tells of each orphan.
pub(crate) async fn sweep(
    jobs: &Inner,
    dry_run: bool,
    pace: Duration,
    mut on: impl FnMut(&JobId, u64) + Send,
) -> Result<()> {
    // A dry run meets an orphan once in each group.
    let mut seen = std::collections::HashSet::new();
    for group in GROUPS {
        let mut from = position(&jobs.collection, FIRST, group, FIRST)?;
        while let Some(row) = next_below(jobs, group, &from).await? {
            let Some(id) = row.job else {
                from = row.path;
                continue;
            };
            from = position(&jobs.collection, &id, LAST, LAST)?;
            let id = JobId::new(id)?;
            let place = Place::new(&jobs.collection, &id)?;
            if jobs.db.get(place.job.clone()).await?.is_some() {
                continue;
            }
            if dry_run {
                if seen.insert(id.clone()) {
                    on(&id, 0);
                }
                continue;
            }
            let documents = purge::clear_orphans(jobs, &place, pace).await?;
            tracing::info!(job = %id, documents, "swept what a job had left");
            on(&id, documents);
        }
    }
    Ok(())
}

/// A document of a group.
struct Row {
    path: DocPath,
    /// The job that it is below, if it is directly in one of the job's collections.
    job: Option<String>,
}

/// The first document of `group` after `from` that is below a job, or one that is in the way.
async fn next_below(jobs: &Inner, group: &str, from: &DocPath) -> Result<Option<Row>> {
    let query = match jobs.collection.parent() {
        Some(parent) => Query::group_under(group, parent),
        None => Query::group(group),
    };
    let query = query.ascending("__name__").start_after([name(from)]);
    let page = jobs.page(query.select([]).limit(1)).await?;
    let Some(path) = page.documents.first().map(|row| row.path().clone()) else { return Ok(None) };
    let prefix = format!("{}/", jobs.collection.as_str());
    // The rows of a group are in the order of their paths: this is past all jobs.
    let Some(below) = path.as_str().strip_prefix(&prefix) else { return Ok(None) };
    let job = match below.split('/').collect::<Vec<_>>()[..] {
        [job, collection, _] if collection == group => Some(job.to_owned()),
        _ => None,
    };
    Ok(Some(Row { path, job }))
}

fn position(jobs: &CollectionPath, job: &str, collection: &str, id: &str) -> Result<DocPath> {
    Ok(jobs.doc(job)?.collection(collection)?.doc(id)?)
}
