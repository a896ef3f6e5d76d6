//! The entrance: the jobs of a database.

use std::sync::Arc;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use firekeep_core::{CollectionPath, Db, DocPath, Effect, ErrorKind, Retry, Timestamp};

use crate::error::{Error, Result};
use crate::history::Versions;
use crate::hub::Hubs;
use crate::hub::cells::Cells;
use crate::job::Job;
use crate::key::JobId;
use crate::observer::{Observer, Opened};
use crate::purge;
use crate::record::{Place, Record};
use crate::retry::Attempts;
use crate::spec::JobSpec;
use crate::state::SCHEMA;

/// Where jobs are unless told otherwise.
pub const COLLECTION: &str = "jobs";

/// What a write to a tombstoned job does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum OnTombstoned {
    /// Makes the job active again.
    #[default]
    Revive,
    /// Fails with [`Error::Tombstoned`].
    Refuse,
}

/// The jobs of a database. Cheap to clone; clones share everything.
#[derive(Clone, Debug)]
pub struct Jobs(pub(crate) Arc<Inner>);

/// What all handles share.
#[derive(Debug)]
pub(crate) struct Inner {
    pub(crate) db: Db,
    pub(crate) collection: CollectionPath,
    pub(crate) on_tombstoned: OnTombstoned,
    /// How old the stamp of a job's activity may get while the job is written to.
    pub(crate) horizon: Duration,
    /// The listens to the cells of jobs.
    pub(crate) cells: Hubs<Cells>,
    /// The listens to what jobs keep of the past.
    pub(crate) versions: Hubs<Versions>,
}

/// Jobs that differ from the defaults.
#[derive(Debug)]
pub struct JobsBuilder {
    db: Db,
    collection: String,
    on_tombstoned: OnTombstoned,
    horizon: Duration,
}

impl JobsBuilder {
    /// The collection of jobs, [`COLLECTION`] unless told otherwise.
    #[must_use]
    pub fn collection(mut self, path: impl Into<String>) -> Self {
        self.collection = path.into();
        self
    }

    /// What a write to a tombstoned job does.
    #[must_use]
    pub fn on_tombstoned(mut self, what: OnTombstoned) -> Self {
        self.on_tombstoned = what;
        self
    }

    /// How old the stamp of a job's activity may get while the job is written to; 10 minutes unless
    /// told otherwise. Each writer reads the job once per half of this, and one of them renews it.
    #[must_use]
    pub fn horizon(mut self, horizon: Duration) -> Self {
        self.horizon = horizon;
        self
    }

    /// The jobs.
    ///
    /// # Errors
    /// [`Error::Store`] for a malformed collection; [`Error::Invalid`] for a horizon below 1 s.
    pub fn build(self) -> Result<Jobs> {
        if self.horizon < Duration::from_secs(1) {
            let rule = format!("must be at least 1 s, is {:?}", self.horizon);
            return Err(Error::invalid("horizon", rule));
        }
        Ok(Jobs(Arc::new(Inner {
            db: self.db,
            collection: CollectionPath::new(self.collection)?,
            on_tombstoned: self.on_tombstoned,
            horizon: self.horizon,
            cells: Hubs::default(),
            versions: Hubs::default(),
        })))
    }
}

impl Jobs {
    /// The jobs in the collection [`COLLECTION`] of `db`.
    pub fn new(db: Db) -> Self {
        Self::builder(db).build().expect("the defaults are valid")
    }

    /// Jobs that differ from the defaults.
    pub fn builder(db: Db) -> JobsBuilder {
        JobsBuilder {
            db,
            collection: COLLECTION.to_owned(),
            on_tombstoned: OnTombstoned::default(),
            horizon: Duration::from_secs(600),
        }
    }

    /// Creates a job.
    ///
    /// # Errors
    /// [`Error::Exists`], also for a job that is being deleted; [`Error::Invalid`]; what the store answers.
    ///
    /// # Cancellation
    /// The job exists or it does not; open it to find out.
    ///
    /// # Cost
    /// Two RPCs, one billed read (that nothing is left of an earlier job), one write. What is left is
    /// deleted first.
    pub async fn create<I>(&self, id: I, spec: impl Into<JobSpec>) -> Result<Job>
    where
        I: TryInto<JobId>,
        I::Error: Into<Error>,
    {
        let (id, spec) = (id.try_into().map_err(Into::into)?, spec.into());
        spec.check()?;
        let place = Place::new(&self.0.collection, &id)?;
        let creation = event_id()?;
        let mut attempts = Attempts::new(&self.0.db);
        loop {
            match self.try_create(&id, &place, &spec, &creation).await {
                Err(Error::Store(error)) => attempts.failed(error).await?,
                done => return done,
            }
        }
    }

    async fn try_create(
        &self,
        id: &JobId,
        place: &Place,
        spec: &JobSpec,
        creation: &str,
    ) -> Result<Job> {
        purge::clear_leftovers(&self.0, place).await?;
        let write = Record::create(place.job.clone(), spec, creation)?;
        let error = match self.0.db.commit(vec![write]).await {
            Ok(committed) => {
                let record = Record::created(spec, creation.to_owned(), &committed);
                let now = committed.commit_time;
                return Ok(Job::new(self.0.opened(id.clone(), place.clone(), record, now)?));
            }
            Err(error) => error,
        };
        match self.0.record(&place.job).await? {
            // An earlier try was carried out after all.
            Some((record, now)) if record.creation == creation => {
                Ok(Job::new(self.0.opened(id.clone(), place.clone(), record, now)?))
            }
            Some(_) => Err(Error::Exists(id.clone())),
            None => Err(error.into()),
        }
    }

    /// Opens a job.
    ///
    /// # Errors
    /// [`Error::NotFound`]; [`Error::Deleted`] for a job that is being deleted; [`Error::OlderSchema`] for
    /// one that is to be [migrated](Self::migrate) first; [`Error::NewerSchema`]; [`Error::Corrupt`]; what
    /// the store answers.
    ///
    /// # Cost
    /// One RPC, one billed read.
    pub async fn open<I>(&self, id: I) -> Result<Job>
    where
        I: TryInto<JobId>,
        I::Error: Into<Error>,
    {
        Ok(Job::new(self.observe(id).await?))
    }

    /// Opens a job to look on.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    ///
    /// # Cost
    /// One RPC, one billed read.
    pub async fn observe<I>(&self, id: I) -> Result<Observer>
    where
        I: TryInto<JobId>,
        I::Error: Into<Error>,
    {
        let id = id.try_into().map_err(Into::into)?;
        let place = Place::new(&self.0.collection, &id)?;
        let mut attempts = Attempts::new(&self.0.db);
        loop {
            match self.0.record(&place.job).await {
                Ok(Some((record, now))) => return self.0.opened(id, place, record, now),
                Ok(None) => return Err(Error::NotFound(id)),
                Err(Error::Store(error)) => attempts.failed(error).await?,
                Err(error) => return Err(error),
            }
        }
    }

    /// Opens a job, or creates it if there is none.
    ///
    /// # Errors
    /// [`Error::TaskCount`] if it exists with another number of tasks; else as [`create`](Self::create).
    ///
    /// # Cost
    /// One RPC and one billed read if it exists; else as [`create`](Self::create), and these.
    pub async fn create_or_open<I>(&self, id: I, spec: impl Into<JobSpec>) -> Result<Job>
    where
        I: TryInto<JobId>,
        I::Error: Into<Error>,
    {
        let (id, spec) = (id.try_into().map_err(Into::into)?, spec.into());
        spec.check()?;
        let job = match self.open(&id).await {
            Err(Error::NotFound(_)) => match self.create(&id, spec.clone()).await {
                Err(Error::Exists(_)) => self.open(&id).await?,
                created => return created,
            },
            opened => opened?,
        };
        if job.tasks() == spec.tasks {
            return Ok(job);
        }
        Err(Error::TaskCount { job: id, stored: job.tasks(), asked: spec.tasks })
    }

    /// The database.
    pub fn db(&self) -> &Db {
        &self.0.db
    }
}

impl Inner {
    /// The job's document, and the store's time.
    pub(crate) async fn record(&self, job: &DocPath) -> Result<Option<(Record, Timestamp)>> {
        let lookup = self.db.lookup([job.clone()]).await?.pop();
        let Some(lookup) = lookup else { return Ok(None) };
        let record = lookup.document.as_ref().map(Record::read).transpose()?;
        Ok(record.map(|record| (record, lookup.read_time)))
    }

    fn opened(
        self: &Arc<Self>,
        id: JobId,
        place: Place,
        record: Record,
        now: Timestamp,
    ) -> Result<Observer> {
        if record.phase.is_going() {
            return Err(Error::Deleted(id));
        }
        if record.schema > SCHEMA + 1 {
            return Err(Error::NewerSchema { job: id, stored: record.schema, known: SCHEMA });
        }
        Ok(Observer::new(Opened { jobs: Arc::clone(self), id, place, record, now }))
    }
}

/// An id that no other has: 128 random bits.
pub(crate) fn event_id() -> Result<String> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).map_err(|error| {
        let error = firekeep_core::Error::new(ErrorKind::Internal, error.to_string());
        Error::Store(error.with_retry(Retry::Never).with_effect(Effect::None))
    })?;
    Ok(URL_SAFE_NO_PAD.encode(bytes))
}
