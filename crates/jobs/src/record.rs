//! The document of a job, and where it and its parts are.

use firekeep_core::{
    CollectionPath, Committed, DocPath, Document, Fields, Require, Timestamp, TransformOp, Value,
    Version, Write, fields,
};

use crate::error::{Error, Result};
use crate::fields::{natural, optional, required};
use crate::key::{JobId, Tag};
use crate::migrate::reference::NUM_TASKS;
use crate::spec::JobSpec;
use crate::state::{Run, SCHEMA};

/// Where a job is in its life. Jobs that are gone have no document.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Phase {
    /// At work, or done lately.
    Active,
    /// Old, and kept for a while yet; a write revives it.
    Tombstoned,
    /// About to be deleted: nothing is gone yet, but nothing can be written.
    Deleting,
    /// Being deleted, past return.
    Purging,
}

impl Phase {
    /// The name that is stored and shown.
    pub fn name(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Tombstoned => "tombstoned",
            Self::Deleting => "deleting",
            Self::Purging => "purging",
        }
    }

    fn of(name: &str) -> Option<Self> {
        [Self::Active, Self::Tombstoned, Self::Deleting, Self::Purging]
            .into_iter()
            .find(|phase| phase.name() == name)
    }

    /// Whether the job is on its way out and takes no writes.
    pub fn is_going(self) -> bool {
        matches!(self, Self::Deleting | Self::Purging)
    }
}

/// What a job's document holds.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Record {
    pub(crate) run: Run,
    pub(crate) tasks: u32,
    pub(crate) tags: Vec<Tag>,
    pub(crate) history: u32,
    pub(crate) phase: Phase,
    /// When a writer last said that the job is active, give or take the horizon.
    pub(crate) last_active: Timestamp,
    pub(crate) tombstoned_at: Option<Timestamp>,
    /// Which deletion is under way.
    pub(crate) deletion: Option<String>,
    pub(crate) schema: u32,
    /// Who created it, to know one's own creation again.
    pub(crate) creation: String,
    pub(crate) version: Version,
}

/// Where a job's documents are.
#[derive(Clone, Debug)]
pub(crate) struct Place {
    pub(crate) job: DocPath,
    /// The latest state per cell.
    pub(crate) states: CollectionPath,
    /// Each version of each cell, where the job keeps them.
    pub(crate) events: CollectionPath,
    /// The leases of claimed tasks.
    pub(crate) leases: CollectionPath,
    /// How often each task was claimed.
    pub(crate) attempts: CollectionPath,
}

impl Place {
    pub(crate) fn new(collection: &CollectionPath, job: &JobId) -> Result<Self> {
        let job = collection.doc(job.as_str())?;
        Ok(Self {
            states: job.collection("states")?,
            events: job.collection("events")?,
            leases: job.collection("leases")?,
            attempts: job.collection("attempts")?,
            job,
        })
    }

    /// All that lies below the job. The states come last: whoever finds none, finds nothing.
    pub(crate) fn below(&self) -> [&CollectionPath; 4] {
        [&self.events, &self.leases, &self.attempts, &self.states]
    }
}

impl Record {
    pub(crate) fn read(document: &Document) -> Result<Self> {
        let time = |name| optional(document, name, Value::as_timestamp);
        let text = |name| optional(document, name, Value::as_str);
        let id = JobId::new(document.id())?;
        Error::if_older(&id, document, ["phase", "lastActive"], NUM_TASKS)?;
        Ok(Self {
            run: Run::new(document.created()),
            tasks: required(document, "numTasks", |tasks| {
                natural(tasks).filter(|tasks| *tasks > 0)
            })?,
            tags: optional(document, "tags", tags)?.unwrap_or_default(),
            history: optional(document, "history", natural)?.unwrap_or(0),
            phase: required(document, "phase", |phase| Phase::of(phase.as_str()?))?,
            last_active: required(document, "lastActive", Value::as_timestamp)?,
            tombstoned_at: time("tombstonedAt")?,
            deletion: text("deletion")?.map(str::to_owned),
            schema: required(document, "schemaVersion", natural)?,
            creation: text("creation")?.unwrap_or_default().to_owned(),
            version: document.version(),
        })
    }

    /// Refuses what a newer version of this code has written: it may be read only.
    pub(crate) fn check_writable(&self, id: &JobId) -> Result<()> {
        if self.schema <= SCHEMA {
            return Ok(());
        }
        Err(Error::NewerSchema { job: id.clone(), stored: self.schema, known: SCHEMA })
    }

    /// The write that creates a job.
    pub(crate) fn create(job: DocPath, spec: &JobSpec, creation: &str) -> Result<Write> {
        let mut fields = fields! {
            "numTasks" => i64::from(spec.tasks),
            "creation" => creation,
            "deleted" => false,
            "phase" => Phase::Active.name(),
            "schemaVersion" => i64::from(SCHEMA),
        };
        if !spec.tags.is_empty() {
            let tags: Vec<Value> = spec.tags.iter().map(|tag| tag.as_str().into()).collect();
            fields.insert("tags".into(), tags.into());
        }
        if spec.history > 0 {
            fields.insert("history".into(), i64::from(spec.history).into());
        }
        Ok(Write::create(job, fields)?.with("lastActive", TransformOp::CommitTime)?)
    }

    /// What [`create`](Self::create) wrote.
    pub(crate) fn created(spec: &JobSpec, creation: String, committed: &Committed) -> Self {
        let now = committed.commit_time;
        let written = committed.writes.first();
        let stamp = written.and_then(|written| written.transform_results.first()?.as_timestamp());
        let version = written.and_then(|written| written.version);
        Self {
            run: Run::new(now),
            tasks: spec.tasks,
            tags: spec.tags.clone(),
            history: spec.history,
            phase: Phase::Active,
            last_active: stamp.unwrap_or(now),
            tombstoned_at: None,
            deletion: None,
            schema: SCHEMA,
            creation,
            version: version.unwrap_or_else(|| Version::at(now)),
        }
    }

    /// The write that moves the job from what was read here to `phase`.
    pub(crate) fn enter(
        &self,
        job: DocPath,
        phase: Phase,
        deletion: Option<&str>,
    ) -> Result<Write> {
        let mut fields: Fields =
            fields! { "phase" => phase.name(), "deleted" => phase != Phase::Active };
        let mut mask = vec!["phase", "deleted"];
        if phase == Phase::Active {
            mask.extend(["tombstonedAt", "deletion"]);
        }
        if let Some(deletion) = deletion {
            fields.insert("deletion".into(), deletion.into());
            mask.push("deletion");
        }
        let mask = mask.into_iter().map(|name| firekeep_core::FieldPath::from_segments([name]));
        let write = Write::merge_masked(job, fields, mask.collect::<Result<_, _>>()?)?;
        let write = write.require(Require::Version(self.version));
        Ok(match phase {
            Phase::Active => write.with("lastActive", TransformOp::CommitTime)?,
            Phase::Tombstoned => write.with("tombstonedAt", TransformOp::CommitTime)?,
            Phase::Deleting | Phase::Purging => write,
        })
    }
}

fn tags(value: &Value) -> Option<Vec<Tag>> {
    value.as_array()?.iter().map(|tag| Tag::new(tag.as_str()?).ok()).collect()
}
