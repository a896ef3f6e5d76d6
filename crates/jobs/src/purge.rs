//! Deleting what lies below a job.

use firekeep_core::{CollectionPath, Query, Write};

use crate::error::Result;
use crate::jobs::Inner;
use crate::record::Place;

/// How many documents one commit deletes: well below the 500 writes that Firestore took for long.
pub(crate) const PAGE: u32 = 400;

/// Deletes what an earlier job left below a place where there is no job now.
pub(crate) async fn clear_leftovers(jobs: &Inner, place: &Place) -> Result<()> {
    let query = Query::collection(place.states.as_str()).select([]).limit(1);
    if jobs.db.query(query).await?.is_empty() {
        return Ok(());
    }
    if jobs.record(&place.job).await?.is_none() {
        for collection in place.below() {
            clear(jobs, collection).await?;
        }
    }
    Ok(())
}

/// Deletes all documents of `collection`. Answers how many there were.
pub(crate) async fn clear(jobs: &Inner, collection: &CollectionPath) -> Result<u64> {
    let mut deleted = 0;
    loop {
        let query = Query::collection(collection.as_str()).select([]).limit(PAGE);
        let page = jobs.db.query(query).await?;
        if page.is_empty() {
            return Ok(deleted);
        }
        deleted += page.len() as u64;
        let writes = page.iter().map(|document| Write::delete(document.path().clone()));
        jobs.db.commit(writes.collect()).await?;
    }
}
