//! All jobs, page by page.

use std::sync::Arc;

use firekeep_core::{Document, Timestamp, field};
use futures::stream::{self, BoxStream};
use futures::{StreamExt, TryStreamExt};

use crate::error::{Error, Result};
use crate::jobs::Jobs;
use crate::key::{JobId, Tag};
use crate::page::by_name;
use crate::record::{Phase, Record};
use crate::state::Run;

/// How many jobs are read in one request unless told otherwise.
const PAGE: u32 = 100;
/// The most that may be.
const MAX_PAGE: u32 = 1000;

/// A job, as its document has it.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct JobInfo {
    /// The job.
    pub id: JobId,
    /// Its incarnation, which says when it was created.
    pub run: Run,
    /// Where it is in its life.
    pub phase: Phase,
    /// How many tasks it has.
    pub tasks: u32,
    /// The tags that it declares, in order; none if any may be written.
    pub tags: Vec<Tag>,
    /// How many versions of each cell it keeps.
    pub history: u32,
    /// When somebody last worked on it, by the store's clock, give or take half a horizon.
    pub last_active: Timestamp,
    /// Since when it is tombstoned.
    pub tombstoned_at: Option<Timestamp>,
    /// The layout of its documents.
    pub schema: u32,
}

/// Which jobs to list.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ListOptions {
    phase: Option<Phase>,
    after: Option<JobId>,
    limit: Option<u64>,
    page: u32,
}

impl Default for ListOptions {
    /// All jobs, 100 per request.
    fn default() -> Self {
        Self { phase: None, after: None, limit: None, page: PAGE }
    }
}

impl ListOptions {
    /// Jobs in this phase only.
    #[must_use]
    pub fn phase(mut self, phase: Phase) -> Self {
        self.phase = Some(phase);
        self
    }

    /// Jobs with ids after this one.
    #[must_use]
    pub fn after(mut self, id: JobId) -> Self {
        self.after = Some(id);
        self
    }

    /// At most so many.
    #[must_use]
    pub fn limit(mut self, jobs: u64) -> Self {
        self.limit = Some(jobs);
        self
    }

    /// How many are read in one request: 1 to 1,000.
    #[must_use]
    pub fn page(mut self, jobs: u32) -> Self {
        self.page = jobs;
        self
    }
}

impl Jobs {
    /// The jobs, in the order of their ids. Each page is read when its first job is asked for, so that
    /// a job that is created or deleted meanwhile may be in the answer or not.
    ///
    /// # Errors
    /// [`Error::Invalid`] for a page out of its bounds. The stream yields [`Error::Corrupt`] for the
    /// document of a job that can't be read, [`Error::OlderSchema`] for a job that is to be
    /// [migrated](Jobs::migrate) first, and goes on; it ends with what else the store answers.
    ///
    /// # Cost
    /// One RPC per page, one billed read per job, at least one.
    pub fn list(&self, options: &ListOptions) -> Result<BoxStream<'static, Result<JobInfo>>> {
        if !(1..=MAX_PAGE).contains(&options.page) {
            let rule = format!("must be 1 to {MAX_PAGE}, is {}", options.page);
            return Err(Error::invalid("page", rule));
        }
        let after = options.after.as_ref().map(|id| self.0.collection.doc(id.as_str()));
        let (jobs, phase, size) = (Arc::clone(&self.0), options.phase, options.page);
        let pages = stream::try_unfold(Some(after.transpose()?), move |after| {
            let jobs = Arc::clone(&jobs);
            async move {
                let Some(after) = after else { return Ok::<_, Error>(None) };
                let query = by_name(&jobs.collection, after.as_ref());
                let query = match phase {
                    Some(phase) => query.filter(field("phase").eq(phase.name())),
                    None => query,
                };
                let page = jobs.page(query.limit(size)).await?;
                let next = page.next(size).map(|last| Some(last.path().clone()));
                Ok(Some((stream::iter(page.documents).map(Ok::<_, Error>), next)))
            }
        });
        let infos = pages.try_flatten().map(|document| JobInfo::read(&document?));
        let limit =
            options.limit.map_or(usize::MAX, |limit| limit.try_into().unwrap_or(usize::MAX));
        Ok(infos.take(limit).boxed())
    }

    /// A job as its document has it, whatever its phase; `None` if there is none.
    ///
    /// # Errors
    /// [`Error::Corrupt`], [`Error::OlderSchema`], and what the store answers.
    ///
    /// # Cost
    /// One RPC, one billed read.
    pub async fn info<I>(&self, id: I) -> Result<Option<JobInfo>>
    where
        I: TryInto<JobId>,
        I::Error: Into<Error>,
    {
        let id = id.try_into().map_err(Into::into)?;
        let job = self.0.db.get(self.0.collection.doc(id.as_str())?).await?;
        job.map(|document| JobInfo::read(&document)).transpose()
    }
}

impl JobInfo {
    fn read(document: &Document) -> Result<Self> {
        let record = Record::read(document)?;
        Ok(Self {
            id: JobId::new(document.id())?,
            run: record.run,
            phase: record.phase,
            tasks: record.tasks,
            tags: record.tags,
            history: record.history,
            last_active: record.last_active,
            tombstoned_at: record.tombstoned_at,
            schema: record.schema,
        })
    }
}
