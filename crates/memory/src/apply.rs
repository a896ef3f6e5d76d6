//! Applying a commit: staged first, installed only if every write holds.

use std::collections::HashMap;
use std::sync::Arc;

use firekeep_core::{
    Change, Committed, DocPath, Document, Error, ErrorKind, Fields, Require, Result, Timestamp,
    Transform, Value, Version, Write, Written,
};
use smallvec::SmallVec;

use crate::limits;
use crate::slots::SlotId;
use crate::state::State;
use crate::transform;

/// Applies `writes` in order, or none.
///
/// # Errors
/// The first precondition that does not hold, or the first limit that a document breaks.
pub(crate) fn apply(state: &mut State, writes: Vec<Write>, wall: Timestamp) -> Result<Committed> {
    limits::check_request(&writes)?;
    check_sequences(&writes)?;
    let time = state.commit_time(wall);
    let mut staged = Staging::new(state, writes.len());
    let mut results: Few<(Option<usize>, Vec<Value>)> = Few::with_capacity(writes.len());
    for write in writes {
        results.push(staged.write(write, time)?);
    }
    let documents = staged.finish(time)?;
    let written = results
        .into_iter()
        .map(|(at, transform_results)| Written {
            version: at.and_then(|at| documents[at].version()),
            transform_results,
        })
        .collect();
    for document in documents {
        if let Outcome::Changed { path, slot, after } = document {
            state.install(&path, slot, after, time);
        }
    }
    Ok(Committed { commit_time: time, writes: written })
}

/// A list that is nearly always of one.
type Few<T> = SmallVec<[T; 1]>;

/// What becomes of one document.
enum Outcome {
    /// It stays as it is, in the version it has.
    Unchanged(Option<Version>),
    /// It is replaced, made or deleted.
    Changed { path: DocPath, slot: Option<SlotId>, after: Option<Document> },
}

impl Outcome {
    fn version(&self) -> Option<Version> {
        match self {
            Self::Unchanged(version) => *version,
            Self::Changed { after, .. } => after.as_ref().map(Document::version),
        }
    }
}

/// The documents of a commit as its writes leave them.
struct Staging<'a> {
    state: &'a State,
    documents: Few<Staged<'a>>,
    /// Where a path is in `documents`; unused while searching is cheaper.
    places: Option<HashMap<DocPath, usize>>,
}

struct Staged<'a> {
    path: DocPath,
    slot: Option<SlotId>,
    before: Option<&'a Document>,
    /// The fields now; `None` while nothing is written and after a delete.
    fields: Option<Fields>,
    /// Whether any write but a verify has been here.
    is_written: bool,
    /// Whether a write of this commit deleted the document.
    was_deleted: bool,
}

/// Up to this many writes, their documents are searched one by one.
const FEW_WRITES: usize = 8;

impl<'a> Staging<'a> {
    fn new(state: &'a State, writes: usize) -> Self {
        let places = (writes > FEW_WRITES).then(HashMap::new);
        Self { state, documents: Few::with_capacity(writes), places }
    }

    /// Applies one write; answers where its document is, unless it deletes or only verifies
    /// one, and the results of its transforms.
    fn write(&mut self, write: Write, time: Timestamp) -> Result<(Option<usize>, Vec<Value>)> {
        let (path, change, transforms, require) = write.into_parts();
        let at = self.place(path);
        let staged = &mut self.documents[at];
        staged.check(require).map_err(|error| error.at_path(&staged.path))?;
        match change {
            Change::Verify => return Ok((None, Vec::new())),
            Change::Delete => {
                staged.delete();
                return Ok((None, Vec::new()));
            }
            Change::Replace(fields) => staged.fields = Some(fields),
            Change::Merge { mut fields, mask } => {
                let stored = staged.fields_mut();
                for path in &mask {
                    match transform::take(&mut fields, path) {
                        Some(value) => path.place(stored, value),
                        None => drop(transform::take(stored, path)),
                    }
                }
            }
            _ => return Err(Error::new(ErrorKind::Unimplemented, "no such change is known")),
        }
        staged.is_written = true;
        Ok((Some(at), staged.transform(&transforms, time)))
    }

    fn place(&mut self, path: DocPath) -> usize {
        let known = match &self.places {
            Some(places) => places.get(&path).copied(),
            None => self.documents.iter().position(|staged| staged.path == path),
        };
        known.unwrap_or_else(|| {
            let at = self.documents.len();
            if let Some(places) = &mut self.places {
                places.insert(path.clone(), at);
            }
            let slot = self.state.documents.find(&path);
            let found = slot.and_then(|slot| self.state.documents.slot_by_id(slot));
            let before = found.and_then(|slot| slot.live.as_ref());
            self.documents.push(Staged {
                path,
                slot,
                before,
                fields: None,
                is_written: false,
                was_deleted: false,
            });
            at
        })
    }

    fn finish(self, time: Timestamp) -> Result<Few<Outcome>> {
        self.documents.into_iter().map(|staged| staged.finish(time)).collect()
    }
}

impl Staged<'_> {
    fn exists(&self) -> bool {
        if self.is_written { self.fields.is_some() } else { self.before.is_some() }
    }

    /// Checks a precondition: existence as the writes before left it, a version as it was before
    /// the commit.
    fn check(&self, require: Option<Require>) -> Result<()> {
        match require {
            Some(Require::Absent) if self.exists() => {
                Err(Error::new(ErrorKind::AlreadyExists, "the document exists"))
            }
            Some(Require::Present) if !self.exists() => {
                Err(Error::new(ErrorKind::NotFound, "the document does not exist"))
            }
            Some(Require::Version(version))
                if self.before.map(Document::version) != Some(version) =>
            {
                Err(unlike(self.before.map(Document::version), version))
            }
            _ => Ok(()),
        }
    }

    fn delete(&mut self) {
        self.is_written = true;
        self.fields = None;
        self.was_deleted = true;
    }

    fn fields_mut(&mut self) -> &mut Fields {
        if !self.is_written {
            self.is_written = true;
            self.fields = self.before.map(|document| document.fields().clone());
        }
        self.fields.get_or_insert_default()
    }

    fn transform(&mut self, transforms: &[Transform], time: Timestamp) -> Vec<Value> {
        let Some(fields) = &mut self.fields else { return Vec::new() };
        transforms.iter().map(|t| transform::apply(fields, &t.field, &t.op, time)).collect()
    }

    fn finish(self, time: Timestamp) -> Result<Outcome> {
        if !self.is_written {
            return Ok(Outcome::Unchanged(self.before.map(Document::version)));
        }
        let Some(fields) = self.fields else {
            return Ok(match self.before {
                Some(_) => Outcome::Changed { path: self.path, slot: self.slot, after: None },
                None => Outcome::Unchanged(None),
            });
        };
        let survivor = self.before.filter(|_| !self.was_deleted);
        if let Some(before) = survivor.filter(|before| *before.fields() == fields) {
            return Ok(Outcome::Unchanged(Some(before.version())));
        }
        limits::check_document(&self.path, &fields).map_err(|error| error.at_path(&self.path))?;
        let created = survivor.map_or(time, Document::created);
        let after = Document::new(self.path.clone(), Arc::new(fields), created, time);
        Ok(Outcome::Changed { path: self.path, slot: self.slot, after: Some(after) })
    }
}

/// Production's words for a document in another version than required; one that is missing has the
/// version 0.
fn unlike(stored: Option<Version>, required: Version) -> Error {
    let stored = stored.map_or(0, |version| version.time().as_micros());
    let required = required.time().as_micros();
    Error::new(
        ErrorKind::FailedPrecondition,
        format!(
            "the stored version ({stored}) does not match the required base version ({required})"
        ),
    )
}

/// Refuses what Firestore refuses before it looks at any document: two writes to one document of
/// which the second can't hold after the first, or requires another version than the first.
fn check_sequences(writes: &[Write]) -> Result<()> {
    if writes.len() < 2 {
        return Ok(());
    }
    let mut earlier: HashMap<&DocPath, &Write> = HashMap::with_capacity(writes.len());
    for write in writes {
        if let Some(first) = earlier.insert(write.path(), write) {
            check_pair(first, write).map_err(|error| error.at_path(write.path()))?;
        }
    }
    Ok(())
}

fn check_pair(first: &Write, second: &Write) -> Result<()> {
    let is_delete = |write: &Write| *write.change() == Change::Delete;
    let deleted = is_delete(first);
    match second.required() {
        // A refused second delete counts as an update that finds nothing.
        Some(Require::Present | Require::Version(_)) if deleted => {
            Err(Error::invalid("a commit deletes a document and then requires it to exist"))
        }
        Some(Require::Absent) if !deleted => {
            Err(Error::invalid("a commit writes a document and then requires it to be absent"))
        }
        Some(Require::Version(_)) if second.required() != first.required() => {
            Err(Error::invalid("two writes to one document require different versions"))
        }
        _ => Ok(()),
    }
}
