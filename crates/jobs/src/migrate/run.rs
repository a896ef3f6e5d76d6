//! One migration.

use firekeep_core::{
    Document, FieldPath, Fields, Require, Timestamp, Value, Version, Write, fields,
};

use super::pass::{Survey, Tally};
use super::steps::{version_of_job, version_of_state};
use super::{JobContext, MigrateEvent, MigrateOptions, MigrateReport, StepReport};
use crate::error::{Error, Result};
use crate::jobs::Inner;
use crate::key::JobId;
use crate::page::by_name;
use crate::record::{Phase, Place};
use crate::retry::Attempts;

/// How many jobs are looked for in one request.
const JOBS: u32 = 100;

pub(super) struct Run<'a, F> {
    pub(super) jobs: &'a Inner,
    pub(super) options: &'a MigrateOptions,
    pub(super) on: F,
    report: MigrateReport,
}

/// A job on its way.
#[derive(Debug)]
pub(super) struct Subject<'a> {
    pub(super) id: &'a JobId,
    pub(super) place: &'a Place,
    pub(super) document: Document,
    pub(super) version: Version,
    pub(super) checkpoint: Option<Checkpoint>,
    pub(super) survey: Option<Survey>,
}

/// How far a job is, as is noted in its document.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Checkpoint {
    /// Where to.
    to: u32,
    /// When the job's document last changed before.
    updated: Timestamp,
    /// Whether the job is there already, and only latecomers are looked for.
    is_closing: bool,
    /// What was passed last: the collection, and the document.
    pub(super) after: Option<(String, String)>,
}

/// What became of a job.
enum Outcome {
    Migrated,
    Skipped,
    Nothing,
}

impl<'a, F: FnMut(MigrateEvent<'_>) + Send> Run<'a, F> {
    pub(super) fn new(jobs: &'a Inner, options: &'a MigrateOptions, on: F) -> Self {
        let step = |from| StepReport { from, ..StepReport::default() };
        let steps = (0..options.target).map(step).collect();
        let report = MigrateReport { steps, dry_run: options.dry_run, ..MigrateReport::default() };
        Self { jobs, options, on, report }
    }

    pub(super) async fn all(mut self) -> Result<MigrateReport> {
        if let Some(id) = &self.options.job {
            let path = self.jobs.collection.doc(id.as_str())?;
            let found = self.jobs.db.get(path).await?;
            let document = found.ok_or_else(|| Error::NotFound(id.clone()))?;
            self.one(id, document).await?;
            return Ok(self.report);
        }
        let mut after = None;
        loop {
            let query = by_name(&self.jobs.collection, after.as_ref()).limit(JOBS);
            let page = self.jobs.page(query).await?;
            after = page.next(JOBS).map(|last| last.path().clone());
            for document in page.documents {
                if self.options.limit.is_some_and(|limit| self.report.migrated >= limit) {
                    return Ok(self.report);
                }
                let id = JobId::new(document.id())?;
                if let Err(error) = self.one(&id, document).await {
                    self.report.failed += 1;
                    tracing::warn!(job = %id, %error, "a job is not migrated");
                    (self.on)(MigrateEvent::Failed(&id, &error));
                }
            }
            if after.is_none() {
                return Ok(self.report);
            }
        }
    }

    async fn one(&mut self, id: &JobId, document: Document) -> Result<()> {
        self.report.scanned += 1;
        match self.migrate(id, document).await? {
            Outcome::Nothing => {}
            Outcome::Skipped => self.report.skipped += 1,
            Outcome::Migrated => {
                self.report.migrated += 1;
                (self.on)(MigrateEvent::Done(id));
            }
        }
        Ok(())
    }

    /// Does what is left to do, from the start whenever the job has changed under it.
    async fn migrate(&mut self, id: &JobId, document: Document) -> Result<Outcome> {
        let place = Place::new(&self.jobs.collection, id)?;
        let mut attempts = Attempts::new(&self.jobs.db);
        let mut known = Some(document);
        let mut has_begun = false;
        loop {
            let document = match known.take() {
                Some(document) => document,
                None => match self.jobs.db.get(place.job.clone()).await? {
                    Some(document) => document,
                    None => return Ok(Outcome::Skipped),
                },
            };
            let Some(mut subject) = self.subject(id, &place, document)? else {
                return Ok(if has_begun { Outcome::Migrated } else { Outcome::Nothing });
            };
            if subject.is_going() {
                return Ok(Outcome::Skipped);
            }
            if !std::mem::replace(&mut has_begun, true) {
                let from = version_of_job(&subject.document);
                (self.on)(MigrateEvent::Begun { job: id, from });
            }
            let moved = self.states_moved();
            match self.go(&mut subject).await {
                Ok(()) => return Ok(Outcome::Migrated),
                Err(Error::Store(error)) => {
                    if self.states_moved() > moved {
                        attempts = Attempts::new(&self.jobs.db);
                    }
                    attempts.failed(error).await?;
                }
                Err(error) => return Err(error),
            }
        }
    }

    /// What there is to do about a job; `None` if it is there.
    fn subject<'b>(
        &self,
        id: &'b JobId,
        place: &'b Place,
        document: Document,
    ) -> Result<Option<Subject<'b>>> {
        let (target, newest) = (self.options.target, self.options.chain.newest());
        let stored = version_of_job(&document);
        let checkpoint = Checkpoint::read(&document);
        let reached = checkpoint.as_ref().map_or(stored, |checkpoint| checkpoint.to.max(stored));
        if reached > newest {
            return Err(Error::NewerSchema { job: id.clone(), stored: reached, known: newest });
        }
        if reached > target {
            return Err(Error::Downgrade { job: id.clone(), stored: reached, target });
        }
        if stored == target && checkpoint.is_none() {
            return Ok(None);
        }
        // One that leads elsewhere says when it began, and nothing of this way.
        let checkpoint = checkpoint.map(|checkpoint| match checkpoint.to == target {
            true => checkpoint,
            false => Checkpoint { to: target, is_closing: false, after: None, ..checkpoint },
        });
        let version = document.version();
        Ok(Some(Subject { id, place, document, version, checkpoint, survey: None }))
    }

    async fn go(&mut self, subject: &mut Subject<'_>) -> Result<()> {
        let checkpoint = subject.checkpoint.take();
        let updated = subject.document.updated();
        let mut checkpoint = checkpoint.unwrap_or(Checkpoint {
            to: self.options.target,
            updated,
            is_closing: false,
            after: None,
        });
        if !checkpoint.is_closing {
            self.pass(subject, Some(&mut checkpoint)).await?;
            self.arrive(subject, &mut checkpoint).await?;
        }
        if self.options.dry_run {
            return Ok(());
        }
        // Until the job was there, old writers may have written behind our back. No more.
        subject.survey = None;
        self.pass(subject, None).await?;
        let mask = vec![FieldPath::from_segments([MIGRATION])?];
        let done = Write::merge_masked(subject.place.job.clone(), Fields::new(), mask)?;
        self.jobs.db.commit(vec![done.require(Require::Version(subject.version))]).await?;
        Ok(())
    }

    /// Brings the job's document to the target.
    async fn arrive(
        &mut self,
        subject: &mut Subject<'_>,
        checkpoint: &mut Checkpoint,
    ) -> Result<()> {
        let from = version_of_job(&subject.document);
        if from == 0 && subject.survey.is_none() && !self.options.dry_run {
            self.survey(subject).await?;
        }
        let context = JobContext {
            id: subject.id,
            created: subject.document.created(),
            updated: checkpoint.updated,
            newest: subject.survey.as_ref().and_then(|survey| survey.newest),
        };
        let chain = &self.options.chain;
        let mut fields = chain.job(&context, &subject.document, self.options.target)?;
        if !self.options.dry_run {
            (checkpoint.is_closing, checkpoint.after) = (true, None);
            fields.insert(MIGRATION.into(), checkpoint.to_fields().into());
            let write = Write::replace(subject.place.job.clone(), fields)?;
            let write = write.require(Require::Version(subject.version));
            subject.version = written(&self.jobs.db.commit(vec![write]).await?);
        }
        for step in self.report.steps.iter_mut().filter(|step| step.from >= from) {
            step.jobs += 1;
        }
        Ok(())
    }

    pub(super) fn count(&mut self, id: &JobId, tally: &Tally) {
        for step in &mut self.report.steps {
            step.states += tally.iter().filter(|from| **from <= step.from).count() as u64;
        }
        (self.on)(MigrateEvent::Moved { job: id, states: tally.len() as u64 });
    }

    fn states_moved(&self) -> u64 {
        self.report.steps.iter().map(|step| step.states + step.jobs).sum()
    }
}

impl Subject<'_> {
    fn is_going(&self) -> bool {
        let phase = self.document.get("phase").and_then(Value::as_str);
        [Phase::Deleting, Phase::Purging].iter().any(|going| phase == Some(going.name()))
    }

    /// The schema of a state, if it is behind `target`.
    pub(super) fn behind(document: &Document, target: u32) -> Option<u32> {
        Some(version_of_state(document)).filter(|from| *from < target)
    }
}

impl Checkpoint {
    fn read(document: &Document) -> Option<Self> {
        let noted = document.get(MIGRATION)?.as_map()?;
        let text = |name| noted.get(name).and_then(Value::as_str).map(str::to_owned);
        Some(Self {
            to: u32::try_from(noted.get("to")?.as_integer()?).ok()?,
            updated: noted.get("updated")?.as_timestamp()?,
            is_closing: noted.get("closing").and_then(Value::as_bool).unwrap_or(false),
            after: text("collection").zip(text("after")),
        })
    }

    fn to_fields(&self) -> Fields {
        let mut noted = fields! { "to" => i64::from(self.to), "updated" => self.updated };
        if self.is_closing {
            noted.insert("closing".into(), true.into());
        }
        if let Some((collection, after)) = &self.after {
            noted.insert("collection".into(), collection.as_str().into());
            noted.insert("after".into(), after.as_str().into());
        }
        noted
    }

    /// The write that notes it.
    pub(super) fn write(&self, subject: &Subject<'_>) -> Result<Write> {
        let mask = vec![FieldPath::from_segments([MIGRATION])?];
        let noted = fields! { MIGRATION => self.to_fields() };
        let write = Write::merge_masked(subject.place.job.clone(), noted, mask)?;
        Ok(write.require(Require::Version(subject.version)))
    }
}

/// The version of the document that was written last.
pub(super) fn written(committed: &firekeep_core::Committed) -> Version {
    let last = committed.writes.last().and_then(|written| written.version);
    last.unwrap_or_else(|| Version::at(committed.commit_time))
}

/// The field that holds the checkpoint.
const MIGRATION: &str = "migration";
