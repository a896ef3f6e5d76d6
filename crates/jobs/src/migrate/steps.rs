//! The chain of steps from one schema to the next.

use std::fmt;
use std::sync::Arc;

use firekeep_core::{Document, Fields, Timestamp, Value};

use super::reference;
use crate::error::{Error, Result};
use crate::key::JobId;

/// What a step may know of a job besides its fields.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct JobContext<'a> {
    /// The job.
    pub id: &'a JobId,
    /// When its document was created.
    pub created: Timestamp,
    /// When its document last changed before the migration began.
    pub updated: Timestamp,
    /// The time of its newest state; known in the first step only.
    pub newest: Option<Timestamp>,
}

/// What a step may know of a state besides its fields.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct StateContext<'a> {
    /// The job.
    pub job: &'a JobId,
    /// When the job's document was created.
    pub created: Timestamp,
    /// When this document last changed.
    pub updated: Timestamp,
    /// Whether it is to count as the first of its task; known in the first step only.
    pub is_first: bool,
}

/// What turns fields into those of the next schema, or says what is wrong with them.
type JobTurn = dyn Fn(&JobContext<'_>, Fields) -> Result<Fields, String> + Send + Sync;
type StateTurn = dyn Fn(&StateContext<'_>, Fields) -> Result<Fields, String> + Send + Sync;

/// One step.
#[derive(Clone)]
struct Step {
    job: Arc<JobTurn>,
    state: Arc<StateTurn>,
}

/// A chain of steps, each from one schema to the next, beginning with that of the reference, 0. There
/// is no way back.
#[derive(Clone)]
pub struct Migrations(Vec<Step>);

impl Migrations {
    /// The steps to the schema that this code writes.
    pub fn builtin() -> Self {
        Self(vec![]).then(reference::job, reference::state)
    }

    /// One step more: what turns the fields of a job, and those of a state, into those of the next
    /// schema, or says what is wrong with them. Both are pure. The field `schemaVersion` is taken care
    /// of, and so is `committed`, the time of a state.
    #[must_use]
    pub fn then(
        mut self,
        job: impl Fn(&JobContext<'_>, Fields) -> Result<Fields, String> + Send + Sync + 'static,
        state: impl Fn(&StateContext<'_>, Fields) -> Result<Fields, String> + Send + Sync + 'static,
    ) -> Self {
        self.0.push(Step { job: Arc::new(job), state: Arc::new(state) });
        self
    }

    /// The schema that the last step leads to.
    pub fn newest(&self) -> u32 {
        self.0.len() as u32
    }

    /// The fields of a job at `target`.
    pub(super) fn job(
        &self,
        context: &JobContext<'_>,
        document: &Document,
        target: u32,
    ) -> Result<Fields> {
        let mut fields = document.fields().clone();
        for step in self.between(version_of_job(document), target) {
            fields = (step.job)(context, fields)
                .map_err(|reason| Error::corrupt(document.path(), reason))?;
        }
        fields.insert(SCHEMA_VERSION.into(), i64::from(target).into());
        Ok(fields)
    }

    /// The id and the fields of a state at `target`.
    pub(super) fn state(
        &self,
        context: &StateContext<'_>,
        document: &Document,
        target: u32,
    ) -> Result<(String, Fields)> {
        let from = version_of_state(document);
        let corrupt = |reason: String| Error::corrupt(document.path(), reason);
        let mut fields = document.fields().clone();
        let mut id = document.id().to_owned();
        for (step, version) in self.between(from, target).iter().zip(from..) {
            fields = (step.state)(context, fields).map_err(corrupt)?;
            if version == 0 {
                id = reference::id(&fields).map_err(corrupt)?;
            }
        }
        fields.insert(SCHEMA_VERSION.into(), i64::from(target).into());
        // The document's own time is that of the migration from now on.
        fields.entry("committed".into()).or_insert_with(|| document.updated().into());
        Ok((id, fields))
    }

    fn between(&self, from: u32, target: u32) -> &[Step] {
        self.0.get(from as usize..target as usize).unwrap_or_default()
    }
}

/// The schema of a job. The reference has a field of this name, too, that says nothing of its fields.
pub(super) fn version_of_job(document: &Document) -> u32 {
    version(document, "phase")
}

/// The schema of a state.
pub(super) fn version_of_state(document: &Document) -> u32 {
    version(document, "run")
}

fn version(document: &Document, ours: &str) -> u32 {
    let stored = document.get(SCHEMA_VERSION).and_then(Value::as_integer).unwrap_or(0);
    if document.get(ours).is_none() { 0 } else { stored.try_into().unwrap_or(u32::MAX) }
}

const SCHEMA_VERSION: &str = "schemaVersion";

impl fmt::Debug for Migrations {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Migrations(0 to {})", self.newest())
    }
}
