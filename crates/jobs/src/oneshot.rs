//! Aggregates that are read with a few queries, all as of one time, instead of from every state.

mod missing;
mod snapshot;

use std::sync::Arc;

use firekeep_core::{Query, QueryBuilder, field};

use self::snapshot::Snapshot;
use crate::aggregate::{Aggregate, Culprit, Histogram, Scope};
use crate::error::{Error, Result};
use crate::observer::{Observer, Opened};
use crate::record::Phase;
use crate::retry::Attempts;
use crate::state::State;
use crate::status::Status;

/// How low a [`Scope`] is, without whose fault that is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Lowest {
    /// The lowest status of all; what was never reported is not started.
    pub status: Status,
    /// As [`Aggregate::reported`].
    pub reported: u64,
    /// As [`Aggregate::total`].
    pub total: u64,
}

impl Observer {
    /// What the cells of `scope` come to, as of one time. Without a histogram; see
    /// [`histogram`](Self::histogram).
    ///
    /// # Errors
    /// [`Error::TaskOutOfRange`], [`Error::UnknownTag`] for a scope that the job lacks;
    /// [`Error::Deleted`]; [`Error::Corrupt`]; what the store answers.
    ///
    /// # Cost
    /// That of [`lowest_status`](Self::lowest_status). If a cell that was never reported may be the
    /// lowest, it is searched for: among `T` tasks with at most ⌈log₂ T⌉ + 1 counts, which bill one read
    /// each and, in all, one more per 1,000 cells or so; where tags are declared, with another RPC, and
    /// a read per cell of its task.
    pub async fn aggregate(&self, scope: Scope) -> Result<Aggregate> {
        let units = self.units(&scope)?;
        self.retried(|| units.aggregate()).await
    }

    /// The lowest status of `scope`, as of one time, at a price that depends on the number of cells
    /// alone.
    ///
    /// # Errors
    /// As [`aggregate`](Self::aggregate).
    ///
    /// # Cost
    /// Two RPCs, and one billed read and one more per 1,000 of the cells reported or part of it; of the
    /// tasks that reported in the scope of a job that declares no tags. One RPC and one read for a cell.
    /// Where nothing is reported, and where the deletion of the job was begun, one RPC and one read for
    /// the job.
    pub async fn lowest_status(&self, scope: Scope) -> Result<Lowest> {
        let units = self.units(&scope)?;
        self.retried(|| units.lowest()).await
    }

    /// How many cells of `scope` have each status, as of one time; those that were never reported count
    /// as not started.
    ///
    /// # Errors
    /// As [`aggregate`](Self::aggregate).
    ///
    /// # Cost
    /// Per distinct status two RPCs, one billed read, and one more per 1,000 cells that have it or part
    /// of it; and one RPC with one read for the end. In the scope of a job that declares no tags, one
    /// RPC more, with one read per 1,000 tasks that reported or part of it. Where there are nearly as
    /// many statuses as cells, [`states`](Self::states) costs less.
    pub async fn histogram(&self, scope: Scope) -> Result<Histogram> {
        let units = self.units(&scope)?;
        self.retried(|| units.histogram()).await
    }

    fn units<'a>(&'a self, scope: &'a Scope) -> Result<Units<'a>> {
        self.check_scope(scope)?;
        Ok(Units { opened: &self.0, scope })
    }

    /// Reads again, all of it and as of another time, what failed and may pass.
    async fn retried<T, F: Future<Output = Result<T>>>(&self, read: impl Fn() -> F) -> Result<T> {
        let mut attempts = Attempts::new(&self.0.jobs.db);
        loop {
            match read().await {
                Err(Error::Store(error)) => attempts.failed(error).await?,
                done => return done,
            }
        }
    }

    pub(crate) fn check_scope(&self, scope: &Scope) -> Result<()> {
        match scope {
            Scope::Job => Ok(()),
            Scope::Tag(tag) => self.check_tag(tag),
            Scope::Task(task) => self.check_task(*task),
            Scope::Cell(key) => self.check_tag(&key.tag).and(self.check_task(key.task)),
        }
    }
}

/// What a scope counts.
struct Units<'a> {
    opened: &'a Opened,
    scope: &'a Scope,
}

/// What the flat price buys.
struct Found {
    /// The lowest state reported.
    state: Option<Arc<State>>,
    reported: u64,
    total: u64,
}

impl Found {
    fn lowest(&self) -> Lowest {
        let missing = (self.reported < self.total).then_some(Status::NOT_STARTED);
        let state = self.state.as_ref().map(|state| state.status);
        let status = state.into_iter().chain(missing).min().unwrap_or_default();
        Lowest { status, reported: self.reported, total: self.total }
    }
}

impl Units<'_> {
    async fn aggregate(&self) -> Result<Aggregate> {
        let mut snapshot = self.snapshot();
        let found = self.find(&mut snapshot).await?;
        let culprit = self.culprit(&mut snapshot, &found).await?;
        let Lowest { status, reported, total } = found.lowest();
        let any_error = status.is_error();
        Ok(Aggregate { status, culprit, reported, total, any_error, histogram: None })
    }

    async fn lowest(&self) -> Result<Lowest> {
        Ok(self.find(&mut self.snapshot()).await?.lowest())
    }

    fn snapshot(&self) -> Snapshot {
        Snapshot::new(self.opened.jobs.db.clone())
    }

    async fn find(&self, snapshot: &mut Snapshot) -> Result<Found> {
        let state = self.first_above(snapshot, None).await?;
        let reported = match (self.scope, &state) {
            // The store needn't be asked to count these.
            (_, None) => 0,
            (Scope::Cell(_), Some(_)) => 1,
            _ => snapshot.count(self.reported()).await?,
        };
        Ok(Found { state, reported, total: self.total(reported) })
    }

    async fn culprit(&self, snapshot: &mut Snapshot, found: &Found) -> Result<Culprit> {
        let Some(state) = &found.state else { return Ok(self.first_of_all()) };
        if found.reported == found.total || state.status.is_error() {
            return Ok(Culprit::State(Arc::clone(state)));
        }
        // Of cells that are as low, the first counts.
        let before = (state.status == Status::NOT_STARTED).then_some(&state.key);
        let missing = self.missing(snapshot, before).await?;
        Ok(missing.unwrap_or_else(|| Culprit::State(Arc::clone(state))))
    }

    async fn histogram(&self) -> Result<Histogram> {
        let snapshot = &mut self.snapshot();
        let mut histogram = Histogram::default();
        let mut last = None;
        while let Some(state) = self.first_above(snapshot, last).await? {
            let status = state.status;
            let same = field("status").eq(i64::from(status.as_i32()));
            let count = match self.scope {
                Scope::Cell(_) => 1,
                _ => snapshot.count(self.cells().filter(same)).await?,
            };
            histogram.add(status, count);
            last = Some(status);
        }
        let reported = match self.scope {
            Scope::Job if last.is_some() && !self.is_declared() => {
                snapshot.count(self.reported()).await?
            }
            _ => histogram.total(),
        };
        histogram.add(Status::NOT_STARTED, self.total(reported).saturating_sub(reported));
        Ok(histogram)
    }

    /// The first of the cells reported in the order of status, task and tag; of those above `last`, if
    /// that is given.
    async fn first_above(
        &self,
        snapshot: &mut Snapshot,
        last: Option<Status>,
    ) -> Result<Option<Arc<State>>> {
        let document = match self.scope {
            Scope::Cell(_) if last.is_some() => return Ok(None),
            Scope::Cell(key) => snapshot.get(self.opened.place.states.doc(key.doc_id())?).await?,
            _ => snapshot.first(self.in_order(last)).await?,
        };
        let Some(document) = document else {
            // Nothing at all is what a job looks like of which nothing is left.
            if last.is_none() {
                self.check_alive().await?;
            }
            return Ok(None);
        };
        let gone = || Error::Deleted(self.opened.id.clone());
        let cell = self.opened.cell(&document)?.ok_or_else(gone)?;
        if cell.sealed.is_some() {
            // Others may be deleted by now.
            self.check_alive().await?;
        }
        Ok(Some(cell.state))
    }

    async fn check_alive(&self) -> Result<()> {
        let found = self.opened.jobs.record(&self.opened.place.job).await?;
        let is_whole = found.is_some_and(|(record, _)| {
            record.run == self.opened.record.run && record.phase != Phase::Purging
        });
        if is_whole { Ok(()) } else { Err(Error::Deleted(self.opened.id.clone())) }
    }

    /// The cells of the scope that are reported.
    fn cells(&self) -> QueryBuilder {
        let query = Query::collection(self.opened.place.states.as_str());
        match self.scope {
            Scope::Job => query,
            Scope::Tag(tag) => query.filter(field("tag").eq(tag.as_str())),
            Scope::Task(task) => query.filter(field("taskID").eq(i64::from(*task))),
            Scope::Cell(key) => query
                .filter(field("tag").eq(key.tag.as_str()))
                .filter(field("taskID").eq(i64::from(key.task))),
        }
    }

    fn in_order(&self, last: Option<Status>) -> QueryBuilder {
        let query = match last {
            None => self.cells(),
            Some(last) => self.cells().filter(field("status").gt(i64::from(last.as_i32()))),
        };
        let query = query.ascending("status");
        match self.scope {
            Scope::Job => query.ascending("taskID").ascending("tag"),
            Scope::Tag(_) => query.ascending("taskID"),
            Scope::Task(_) => query.ascending("tag"),
            Scope::Cell(_) => query,
        }
    }

    /// One document per unit that has reported: a cell, or the first cell of a task.
    fn reported(&self) -> QueryBuilder {
        match self.scope {
            Scope::Job if !self.is_declared() => self.cells().filter(field("first").eq(true)),
            _ => self.cells(),
        }
    }

    fn total(&self, reported: u64) -> u64 {
        let tasks = u64::from(self.opened.record.tasks);
        let tags = self.opened.record.tags.len() as u64;
        match self.scope {
            Scope::Job => tasks * tags.max(1),
            Scope::Tag(_) => tasks,
            Scope::Task(_) if self.is_declared() => tags,
            Scope::Task(_) => reported.max(1),
            Scope::Cell(_) => 1,
        }
    }

    fn is_declared(&self) -> bool {
        !self.opened.record.tags.is_empty()
    }
}
