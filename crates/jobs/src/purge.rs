//! Deleting what lies below a job.

use std::time::Duration;

use firekeep_core::{CollectionPath, Query, Require, Write};

use crate::error::{Error, Result};
use crate::jobs::Inner;
use crate::page::{PAGE, by_name};
use crate::record::{Place, Record};
use crate::retry::Attempts;

/// Deletes what an earlier job left below a place where there is no job now.
///
/// It is known by its states, which go last.
pub(crate) async fn clear_leftovers(jobs: &Inner, place: &Place) -> Result<()> {
    let query = Query::collection(place.states.as_str()).select([]).limit(1);
    if jobs.db.query(query).await?.is_empty() || jobs.db.get(place.job.clone()).await?.is_some() {
        return Ok(());
    }
    clear_orphans(jobs, place, Duration::ZERO).await.map(drop)
}

/// Deletes what lies below a place as long as there is no job. Answers how many documents there were.
pub(crate) async fn clear_orphans(jobs: &Inner, place: &Place, pace: Duration) -> Result<u64> {
    let absent = Write::verify(place.job.clone(), Require::Absent);
    match clear_all(jobs, place, &absent, pace).await {
        // A job was created there meanwhile. What is below it is its own, or goes when it goes.
        Err((deleted, Error::Store(error))) if error.is_refused_precondition() => Ok(deleted),
        Err((_, error)) => Err(error),
        Ok(deleted) => Ok(deleted),
    }
}

/// Deletes what lies below a job that is being purged. Answers how many documents there were.
///
/// Each page verifies the job: whoever is late, and deletes what another has deleted already, must
/// not touch the documents of a job that was created there since.
pub(crate) async fn clear_below(
    jobs: &Inner,
    place: &Place,
    record: &Record,
    pace: Duration,
) -> Result<u64> {
    let same = Write::verify(place.job.clone(), Require::Version(record.version));
    clear_all(jobs, place, &same, pace).await.map_err(|(_, error)| error)
}

async fn clear_all(
    jobs: &Inner,
    place: &Place,
    guard: &Write,
    pace: Duration,
) -> Result<u64, (u64, Error)> {
    let mut deleted = 0;
    for collection in place.below() {
        clear(jobs, collection, guard, pace, &mut deleted)
            .await
            .map_err(|error| (deleted, error))?;
    }
    Ok(deleted)
}

/// Deletes the documents of `collection`, a page per commit, as long as `guard` holds.
///
/// A delete has no more than a name of 6 KiB, so that a page is far below the 10 MiB of a request.
async fn clear(
    jobs: &Inner,
    collection: &CollectionPath,
    guard: &Write,
    pace: Duration,
    deleted: &mut u64,
) -> Result<()> {
    let mut after = None;
    loop {
        let page = jobs.page(by_name(collection, after.as_ref()).select([]).limit(PAGE)).await?;
        let Some(last) = page.documents.last() else { return Ok(()) };
        let deletes = page.documents.iter().map(|document| Write::delete(document.path().clone()));
        let writes = deletes.chain([guard.clone()]).collect::<Vec<_>>();
        let mut attempts = Attempts::new(&jobs.db);
        while let Err(error) = jobs.db.commit(writes.clone()).await {
            if error.is_refused_precondition() {
                return Err(error.into());
            }
            attempts.failed(error).await?;
        }
        *deleted += page.documents.len() as u64;
        if page.next(PAGE).is_none() {
            return Ok(());
        }
        after = Some(last.path().clone());
        if !pace.is_zero() {
            jobs.db.clock().sleep(pace).await;
        }
    }
}
