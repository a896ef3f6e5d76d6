//! The state of a task in a tag, and its document.

use std::sync::Arc;

use firekeep_core::{DocPath, Document, Fields, Require, Timestamp, Value, Write, fields};

use crate::error::{Error, Result};
use crate::fields::{natural, optional, required};
use crate::key::{JobId, Key, Tag};
use crate::migrate::reference::TASK;
use crate::status::Status;

/// The layout of documents that this code writes.
pub(crate) const SCHEMA: u32 = 1;

/// Which incarnation of a job: when it was created, by the store's clock. A job that was deleted and
/// created anew has a later one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Run(Timestamp);

impl Run {
    pub(crate) fn new(created: Timestamp) -> Self {
        Self(created)
    }

    /// When the job was created, by the store's clock.
    pub fn created(self) -> Timestamp {
        self.0
    }
}

/// How much of its work a task has done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    /// How many units are done.
    pub done: u64,
    /// Of how many; 0 if nobody knows.
    pub total: u64,
}

impl Progress {
    pub(crate) fn check(self) -> Result<()> {
        if i64::try_from(self.done.max(self.total)).is_ok() {
            return Ok(());
        }
        Err(Error::invalid("progress", format!("must be at most {}", i64::MAX)))
    }
}

/// The state of a task in a tag.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct State {
    /// The job.
    pub job: JobId,
    /// Its incarnation.
    pub run: Run,
    /// The task and the tag.
    pub key: Key,
    /// How far the task is.
    pub status: Status,
    /// What the task says; may be empty.
    pub message: String,
    /// How much is done, if the task tells.
    pub progress: Option<Progress>,
    /// What the task keeps with its state; may be empty.
    pub payload: Fields,
    /// 1, 2, 3… within a run and key, without holes.
    pub version: u64,
    /// The id of the write.
    pub event_id: String,
    /// The attempt of the task that wrote this, from 1.
    pub attempt: u64,
    /// When the writer says this was so, by its own clock; for people only.
    pub observed_at: Option<Timestamp>,
    /// When it was committed, by the store's clock.
    pub committed_at: Timestamp,
}

/// A state as it is stored: with what is not for users.
#[derive(Clone, Debug)]
pub(crate) struct Cell {
    pub(crate) state: Arc<State>,
    /// Whether it was the first that its task reported.
    pub(crate) is_first: bool,
    /// Writers of earlier attempts are fenced off.
    pub(crate) fence: u64,
    /// The deletion that has sealed it.
    pub(crate) sealed: Option<String>,
    pub(crate) document: firekeep_core::Version,
    /// The layout of its document: one that is newer may be read, and not written.
    pub(crate) schema: u32,
}

impl State {
    /// The fields of its document, `committed_at` aside, which is the document's own time.
    pub(crate) fn to_fields(&self, is_first: bool) -> Fields {
        let mut fields = fields! {
            "jobID" => self.job.as_str(),
            "run" => self.run.created(),
            "tag" => self.key.tag.as_str(),
            "taskID" => i64::from(self.key.task),
            "status" => i64::from(self.status.as_i32()),
            "version" => count(self.version),
            "eventID" => self.event_id.as_str(),
            "attempt" => count(self.attempt),
            "schemaVersion" => i64::from(SCHEMA),
        };
        if !self.message.is_empty() {
            fields.insert("message".into(), self.message.as_str().into());
        }
        if let Some(progress) = self.progress {
            let progress =
                fields! { "done" => count(progress.done), "total" => count(progress.total) };
            fields.insert("progress".into(), progress.into());
        }
        if !self.payload.is_empty() {
            fields.insert("payload".into(), self.payload.clone().into());
        }
        if let Some(observed) = self.observed_at {
            fields.insert("observedAt".into(), observed.into());
        }
        if is_first {
            fields.insert("first".into(), true.into());
        }
        fields
    }
}

impl Cell {
    /// The write that marks the cell with `mark` and leaves its state as it is: whoever knows the
    /// version before can't write the cell any more.
    pub(crate) fn mark(&self, path: DocPath, name: &str, mark: impl Into<Value>) -> Result<Write> {
        let mut fields = fields! { "committed" => self.state.committed_at };
        fields.insert(name.into(), mark.into());
        Ok(Write::merge(path, fields)?.require(Require::Version(self.document)))
    }

    /// Reads a document of `jobs/{job}/states` or `jobs/{job}/events`.
    pub(crate) fn read(job: &JobId, document: &Document) -> Result<Self> {
        Error::if_older(job, document, ["run", "attempt"], TASK)?;
        let schema = required(document, "schemaVersion", natural)?;
        if schema > SCHEMA + 1 {
            return Err(Error::NewerSchema { job: job.clone(), stored: schema, known: SCHEMA });
        }
        let tag = required(document, "tag", |tag| Tag::new(tag.as_str()?).ok())?;
        let key = Key::new(tag, required(document, "taskID", natural)?);
        let version = required(document, "version", natural)?;
        let (id, cell) = (document.id(), key.doc_id());
        if id != cell && id != event_id(&cell, version) {
            let reason = format!("its fields are those of `{key}`");
            return Err(Error::corrupt(document.path(), reason));
        }
        let text =
            |name| Ok::<_, Error>(optional(document, name, Value::as_str)?.unwrap_or_default());
        let state = State {
            job: job.clone(),
            run: Run::new(required(document, "run", Value::as_timestamp)?),
            key,
            status: Status::new(required(document, "status", natural)?),
            message: text("message")?.to_owned(),
            progress: optional(document, "progress", progress)?,
            payload: optional(document, "payload", Value::as_map)?.cloned().unwrap_or_default(),
            version,
            event_id: text("eventID")?.to_owned(),
            attempt: required(document, "attempt", natural)?,
            observed_at: optional(document, "observedAt", Value::as_timestamp)?,
            // Who marks a cell without changing its state notes here when that was committed.
            committed_at: optional(document, "committed", Value::as_timestamp)?
                .unwrap_or_else(|| document.updated()),
        };
        let fence = optional(document, "fence", natural)?.unwrap_or(0);
        Ok(Self {
            fence: state.attempt.max(fence),
            state: Arc::new(state),
            is_first: optional(document, "first", Value::as_bool)?.unwrap_or(false),
            sealed: optional(document, "sealed", Value::as_str)?.map(str::to_owned),
            document: document.version(),
            schema,
        })
    }
}

fn progress(value: &Value) -> Option<Progress> {
    let field = |name| natural(value.as_map()?.get(name)?);
    Some(Progress { done: field("done")?, total: field("total")? })
}

/// The id of the document that keeps one version of a cell.
pub(crate) fn event_id(cell: &str, version: u64) -> String {
    format!("{cell}@{version}")
}

/// `n` as Firestore keeps it.
pub(crate) fn count(n: u64) -> i64 {
    i64::try_from(n).unwrap_or(i64::MAX)
}
