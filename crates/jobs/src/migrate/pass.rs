//! One pass over the states of a job.

use std::collections::HashMap;

use firekeep_core::{CollectionPath, Document, Require, Timestamp, Write};

use super::reference;
use super::run::{Checkpoint, Run, Subject, written};
use super::{MigrateEvent, StateContext};
use crate::error::{Error, Result};
use crate::page::by_name;

/// How many states are read in one request. Each may have 1 MiB.
const STATES: u32 = 100;
/// How many bytes of states go into one commit: below the 10 MiB of a request, with room for names.
const BYTES: usize = 7 * 1024 * 1024;

/// What a step may add to a state, beyond what it had.
const ROOM: usize = 8 * 1024;

/// From which schema each of the states came that were moved.
pub(super) type Tally = Vec<u32>;

/// What all states of a job say together.
#[derive(Debug, Default)]
pub(super) struct Survey {
    /// The time of the newest.
    pub(super) newest: Option<Timestamp>,
    /// The lowest tag of each task; `None` if one counts as its first already.
    firsts: HashMap<u32, Option<String>>,
}

/// What goes into one commit.
#[derive(Default)]
struct Batch {
    writes: Vec<Write>,
    bytes: usize,
    tally: Tally,
    last: Option<String>,
}

impl<F: FnMut(MigrateEvent<'_>) + Send> Run<'_, F> {
    /// Brings every state to the target, from the checkpoint on, which moves along.
    pub(super) async fn pass(
        &mut self,
        subject: &mut Subject<'_>,
        mut checkpoint: Option<&mut Checkpoint>,
    ) -> Result<()> {
        let from = checkpoint.as_ref().and_then(|checkpoint| checkpoint.after.clone());
        let mut from = from.filter(|_| !self.options.dry_run);
        for collection in [&subject.place.states, &subject.place.events] {
            let mut after = match &from {
                // Where this one was passed already.
                Some((passed, _)) if *passed != collection.id() => continue,
                Some((_, after)) => Some(collection.doc(after)?),
                None => None,
            };
            from = None;
            loop {
                let query = by_name(collection, after.as_ref()).limit(STATES);
                let page = self.jobs.page(query).await?;
                let rows = &page.documents;
                self.page(subject, collection, rows, checkpoint.as_deref_mut()).await?;
                match page.next(STATES) {
                    Some(last) => after = Some(last.path().clone()),
                    None => break,
                }
            }
        }
        Ok(())
    }

    async fn page(
        &mut self,
        subject: &mut Subject<'_>,
        collection: &CollectionPath,
        rows: &[Document],
        mut checkpoint: Option<&mut Checkpoint>,
    ) -> Result<()> {
        let mut batch = Batch::default();
        for document in rows {
            let Some(from) = Subject::behind(document, self.options.target) else { continue };
            if from == 0 && subject.survey.is_none() && !self.options.dry_run {
                self.survey(subject).await?;
            }
            let (writes, bytes) = self.turn(subject, collection, document)?;
            if !batch.writes.is_empty() && batch.bytes + bytes > BYTES {
                self.send(subject, collection, &mut batch, checkpoint.as_deref_mut()).await?;
            }
            batch.writes.extend(writes);
            batch.bytes += bytes;
            batch.tally.push(from);
            batch.last = Some(document.id().to_owned());
        }
        self.send(subject, collection, &mut batch, checkpoint).await
    }

    /// What brings one state to the target, and how large it is.
    fn turn(
        &self,
        subject: &Subject<'_>,
        collection: &CollectionPath,
        document: &Document,
    ) -> Result<(Vec<Write>, usize)> {
        let is_first = subject.survey.as_ref().is_some_and(|survey| survey.is_first(document));
        let context = StateContext {
            job: subject.id,
            created: subject.document.created(),
            updated: document.updated(),
            is_first,
        };
        let (id, fields) = self.options.chain.state(&context, document, self.options.target)?;
        let path = collection.doc(id)?;
        let bytes = document.size() + ROOM;
        let same = Require::Version(document.version());
        if path == *document.path() {
            return Ok((vec![Write::replace(path, fields)?.require(same)], bytes));
        }
        let old = Write::delete(document.path().clone()).require(same);
        Ok((vec![old, Write::create(path, fields)?], bytes))
    }

    /// Commits a batch, with the checkpoint behind it.
    async fn send(
        &mut self,
        subject: &mut Subject<'_>,
        collection: &CollectionPath,
        batch: &mut Batch,
        checkpoint: Option<&mut Checkpoint>,
    ) -> Result<()> {
        let Batch { mut writes, tally, last, .. } = std::mem::take(batch);
        let Some(last) = last else { return Ok(()) };
        if !self.options.dry_run {
            if let Some(checkpoint) = checkpoint {
                checkpoint.after = Some((collection.id().to_owned(), last));
                writes.push(checkpoint.write(subject)?);
                subject.version = written(&self.jobs.db.commit(writes).await?);
            } else {
                self.jobs.db.commit(writes).await?;
            }
        }
        self.count(subject.id, &tally);
        Ok(())
    }

    /// Reads what all states of the reference say together.
    pub(super) async fn survey(&self, subject: &mut Subject<'_>) -> Result<()> {
        let (mut survey, mut after) = (Survey::default(), None);
        loop {
            let query = by_name(&subject.place.states, after.as_ref()).limit(STATES);
            let page = self.jobs.page(query).await?;
            for document in &page.documents {
                survey.add(document)?;
            }
            match page.next(STATES) {
                Some(last) => after = Some(last.path().clone()),
                None => break,
            }
        }
        subject.survey = Some(survey);
        Ok(())
    }
}

impl Survey {
    fn add(&mut self, document: &Document) -> Result<()> {
        self.newest = self.newest.max(Some(reference::time_of_state(document)));
        let (tag, task) = key_of(document)?;
        let is_first = document.get("first").and_then(firekeep_core::Value::as_bool) == Some(true);
        let first = self.firsts.entry(task).or_insert_with(|| Some(tag.clone()));
        match first {
            _ if is_first => *first = None,
            Some(lowest) if tag < *lowest => *lowest = tag,
            _ => {}
        }
        Ok(())
    }

    fn is_first(&self, document: &Document) -> bool {
        let Ok((tag, task)) = key_of(document) else { return false };
        self.firsts.get(&task).is_some_and(|lowest| lowest.as_ref() == Some(&tag))
    }
}

fn key_of(document: &Document) -> Result<(String, u32)> {
    let key = reference::key_of(document.fields());
    let (tag, task) = key.map_err(|reason| Error::corrupt(document.path(), reason))?;
    Ok((tag.to_owned(), task))
}
