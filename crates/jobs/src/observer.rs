//! A job as one sees it who may read everything and write nothing.

use std::sync::Arc;
use std::time::Instant;

use firekeep_core::{Document, Query, Timestamp, field};
use futures::stream::BoxStream;
use futures::{StreamExt, TryStreamExt};

use crate::error::{Error, Result};
use crate::jobs::Inner;
use crate::key::{JobId, Key, Tag};
use crate::record::{Phase, Place, Record};
use crate::state::{Cell, Run, State};

/// A job, to look on. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Observer(pub(crate) Arc<Opened>);

/// A job as it was opened.
#[derive(Debug)]
pub(crate) struct Opened {
    pub(crate) jobs: Arc<Inner>,
    pub(crate) id: JobId,
    pub(crate) place: Place,
    pub(crate) record: Record,
    pub(crate) now: Timestamp,
}

impl Observer {
    pub(crate) fn new(opened: Opened) -> Self {
        Self(Arc::new(opened))
    }

    /// The job's id.
    pub fn id(&self) -> &JobId {
        &self.0.id
    }

    /// Its incarnation.
    pub fn run(&self) -> Run {
        self.0.record.run
    }

    /// How many tasks it has.
    pub fn tasks(&self) -> u32 {
        self.0.record.tasks
    }

    /// The tags that it declares, in order; none if any may be written.
    pub fn declared_tags(&self) -> &[Tag] {
        &self.0.record.tags
    }

    /// How many versions of each cell it keeps besides the latest state; 0 for none.
    pub fn history(&self) -> u32 {
        self.0.record.history
    }

    /// Where the job is in its life now; `None` once it is gone, or created anew.
    ///
    /// # Errors
    /// [`Error::Corrupt`], and what the store answers.
    ///
    /// # Cost
    /// One RPC, one billed read.
    pub async fn phase(&self) -> Result<Option<Phase>> {
        let now = self.0.jobs.record(&self.0.place.job).await?;
        Ok(now.filter(|(record, _)| record.run == self.run()).map(|(record, _)| record.phase))
    }

    /// The state of a cell; `None` if it was never reported.
    ///
    /// # Errors
    /// [`Error::TaskOutOfRange`]; [`Error::Corrupt`]; what the store answers.
    ///
    /// # Cost
    /// One RPC, one billed read.
    pub async fn state<T>(&self, tag: T, task: u32) -> Result<Option<State>>
    where
        T: TryInto<Tag>,
        T::Error: Into<Error>,
    {
        let tag = tag.try_into().map_err(Into::into)?;
        self.check_task(task)?;
        let path = self.0.place.states.doc(Key::new(tag, task).doc_id())?;
        let document = self.0.jobs.db.get(path).await?;
        let cell = document.map(|document| self.0.cell(&document)).transpose()?.flatten();
        Ok(cell.map(|cell| (*cell.state).clone()))
    }

    /// The states of a tag, in no particular order.
    ///
    /// # Errors
    /// [`Error::Corrupt`], and what the store answers; the stream goes on after a corrupt one.
    ///
    /// # Cost
    /// One RPC, one billed read per state.
    pub fn states_of<T>(&self, tag: T) -> Result<BoxStream<'static, Result<Arc<State>>>>
    where
        T: TryInto<Tag>,
        T::Error: Into<Error>,
    {
        let tag = tag.try_into().map_err(Into::into)?;
        let query = Query::collection(self.0.place.states.as_str());
        self.read(query.filter(field("tag").eq(tag.as_str())).build()?)
    }

    /// All states, in no particular order.
    ///
    /// # Errors
    /// As [`states_of`](Self::states_of).
    ///
    /// # Cost
    /// As [`states_of`](Self::states_of).
    pub fn states(&self) -> Result<BoxStream<'static, Result<Arc<State>>>> {
        self.read(Query::collection(self.0.place.states.as_str()).build()?)
    }

    fn read(&self, query: Query) -> Result<BoxStream<'static, Result<Arc<State>>>> {
        let opened = Arc::clone(&self.0);
        let documents = self.0.jobs.db.stream(query)?.map_err(Error::from);
        Ok(documents
            .try_filter_map(move |document| {
                let cell = opened.cell(&document);
                async move { Ok(cell?.map(|cell| cell.state)) }
            })
            .boxed())
    }

    pub(crate) fn check_task(&self, task: u32) -> Result<()> {
        if task < self.tasks() {
            return Ok(());
        }
        Err(Error::TaskOutOfRange { job: self.id().clone(), task, tasks: self.tasks() })
    }

    pub(crate) fn check_tag(&self, tag: &Tag) -> Result<()> {
        let declared = self.declared_tags();
        if declared.is_empty() || declared.contains(tag) {
            return Ok(());
        }
        Err(Error::UnknownTag { job: self.id().clone(), tag: tag.clone() })
    }
}

impl Opened {
    /// Reads a cell of this run; `None` for what another run left.
    pub(crate) fn cell(&self, document: &Document) -> Result<Option<Cell>> {
        let cell = Cell::read(&self.id, document)?;
        Ok((cell.state.run == self.record.run).then_some(cell))
    }

    pub(crate) fn clock_now(&self) -> Instant {
        self.jobs.db.clock().monotonic()
    }
}
