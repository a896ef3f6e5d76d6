//! From the server's messages to events: the whole logic of a watch, without any I/O.

use std::collections::BTreeMap;

use bytes::Bytes;
use firekeep_core::{Batch, DocPath, Document, Error, Result, Timestamp, Version, WatchEvent};

use super::position::Mark;
use super::target::TARGET_ID;
use super::unsent::Unsent;
use crate::conv::{document_from_proto, timestamp_from_proto};
use crate::database::Database;
use crate::proto::listen_response::ResponseType;
use crate::proto::target_change::TargetChangeType;
use crate::proto::{self, ListenResponse, rpc};

/// One target, followed across as many streams as it takes.
///
/// The server sends changes in pieces and says when they add up to a consistent snapshot. Pieces
/// gather in `pending`; a snapshot turns them into differences against `view`; the differences wait
/// in `unsent` until the reader asks. What a stream that breaks leaves in `pending` is dropped: the
/// next one starts from the last snapshot and sends it again.
#[derive(Debug)]
pub(crate) struct Machine {
    database: Database,
    target: u64,
    /// The documents of the last snapshot: what makes a resent state a set of differences.
    view: BTreeMap<DocPath, Version>,
    /// Whether `view` holds all of them. Not so after a start from a caller's position: then it
    /// holds what changed since.
    view_is_whole: bool,
    pending: BTreeMap<DocPath, Pending>,
    /// Whether `pending` is to become the whole state, rather than changes to `view`.
    rebuilding: bool,
    /// Whether the stream has told everything from before it began.
    current: bool,
    /// The newest token of this stream. Good for resuming only once a snapshot holds what it covers.
    staged: Bytes,
    /// Where the next stream resumes; from scratch if `None`.
    mark: Option<Mark>,
    /// The last snapshot, waiting for the reader.
    ready: Option<Mark>,
    unsent: Unsent,
    read_time: Option<Timestamp>,
    had_snapshot: bool,
    told_batch: bool,
}

#[derive(Debug)]
enum Pending {
    /// In the target in the version of `view`.
    Same,
    /// In the target in a version to tell.
    Set(Document),
    /// Not, or no longer, in the target.
    Gone {
        /// When the document was seen deleted; `None` if it only left the target.
        deleted: Option<Timestamp>,
        billed: bool,
    },
}

/// What a message led to.
#[derive(Debug, PartialEq)]
pub(crate) enum Step {
    /// Nothing to do yet.
    Gather,
    /// A snapshot is complete: [`Machine::flush`] yields events.
    Snapshot,
    /// The server counts other documents than we do: the state is not to be trusted, and the next
    /// stream starts from scratch.
    Mismatch,
    /// The server removed the target.
    Removed(Option<rpc::Status>),
}

impl Machine {
    /// A watch of the target with this hash, from `mark` on, or from the start.
    pub(crate) fn new(database: Database, target: u64, mark: Option<Mark>) -> Self {
        Self {
            database,
            target,
            view: BTreeMap::new(),
            view_is_whole: mark.is_none(),
            pending: BTreeMap::new(),
            rebuilding: mark.is_none(),
            current: false,
            staged: Bytes::new(),
            read_time: mark.as_ref().map(|mark| mark.read_time),
            mark,
            ready: None,
            unsent: Unsent::default(),
            had_snapshot: false,
            told_batch: false,
        }
    }

    /// A new stream begins: drops what the last one left incomplete, and answers where to resume.
    pub(crate) fn open(&mut self) -> Option<&Mark> {
        self.forget_pending();
        self.rebuilding = false;
        if self.mark.is_none() {
            self.rebuild();
        }
        self.mark.as_ref()
    }

    /// Makes the next stream start from scratch.
    pub(crate) fn forget_mark(&mut self) {
        self.mark = None;
    }

    /// Whether the next stream resumes.
    pub(crate) fn resumes(&self) -> bool {
        self.mark.is_some()
    }

    /// Whether any snapshot came yet; before, the mark is the caller's.
    pub(crate) fn had_snapshot(&self) -> bool {
        self.had_snapshot
    }

    /// Whether this stream has sent a token.
    pub(crate) fn has_token(&self) -> bool {
        !self.staged.is_empty()
    }

    /// Whether a snapshot waits for [`flush`](Machine::flush).
    pub(crate) fn is_ready(&self) -> bool {
        self.ready.is_some()
    }

    /// Takes in one message.
    ///
    /// # Errors
    /// [`Decode`](firekeep_core::ErrorKind::Decode) for a document or a time that can't be read.
    pub(crate) fn take(&mut self, response: ListenResponse) -> Result<Step> {
        match response.response_type {
            Some(ResponseType::TargetChange(change)) => return self.target_change(change),
            Some(ResponseType::DocumentChange(change)) => self.document_change(change)?,
            Some(ResponseType::DocumentDelete(delete)) => {
                let at = time(delete.read_time)?;
                if concerns(&delete.removed_target_ids) {
                    self.gone(&delete.document, at, true)?;
                }
            }
            Some(ResponseType::DocumentRemove(remove)) => {
                let at = time(remove.read_time)?;
                if concerns(&remove.removed_target_ids) {
                    self.gone(&remove.document, at, false)?;
                }
            }
            Some(ResponseType::Filter(filter)) if filter.target_id == TARGET_ID => {
                return Ok(self.filter(filter.count));
            }
            Some(ResponseType::Filter(_)) | None => {}
        }
        Ok(Step::Gather)
    }

    /// The events that take the receiver to the last snapshot.
    pub(crate) fn flush(&mut self) -> impl Iterator<Item = WatchEvent> + use<> {
        let events = self.ready.take().map(|mark| self.events(&mark)).unwrap_or_default();
        events.into_iter().flatten()
    }

    fn events(&mut self, mark: &Mark) -> [Option<WatchEvent>; 2] {
        let (position, read_time) = (mark.position(self.target), mark.read_time);
        let flushed = self.unsent.take();
        let reset = flushed.reset.then_some(WatchEvent::Reset);
        if flushed.changes.is_empty() && self.told_batch && !flushed.reset {
            return [None, Some(WatchEvent::Checkpoint { position, read_time })];
        }
        self.told_batch = true;
        let (changes, billed_reads) = (flushed.changes, flushed.billed_reads);
        let batch = Batch { changes, read_time, position, caught_up: true, billed_reads };
        [reset, Some(WatchEvent::Batch(batch))]
    }

    fn target_change(&mut self, change: proto::TargetChange) -> Result<Step> {
        if !concerns(&change.target_ids) {
            return Ok(Step::Gather);
        }
        match change.target_change_type() {
            TargetChangeType::Remove => return Ok(Step::Removed(change.cause)),
            TargetChangeType::Reset => {
                self.forget_pending();
                self.forget_mark();
                self.rebuild();
            }
            TargetChangeType::Current => self.current = true,
            TargetChangeType::NoChange | TargetChangeType::Add => {}
        }
        if !change.resume_token.is_empty() {
            self.staged = change.resume_token;
        }
        // Only a time for the whole stream is one of a consistent snapshot.
        match time(change.read_time)? {
            Some(read_time) if change.target_ids.is_empty() && self.current => {
                Ok(self.snapshot(read_time))
            }
            _ => Ok(Step::Gather),
        }
    }

    fn document_change(&mut self, change: proto::DocumentChange) -> Result<()> {
        let Some(document) = change.document else {
            return Err(Error::decode("the server sent a change without its document"));
        };
        if change.target_ids.contains(&TARGET_ID) {
            self.set(document)
        } else if change.removed_target_ids.contains(&TARGET_ID) {
            let at = time(document.update_time)?;
            self.gone(&document.name, at, false)
        } else {
            Ok(())
        }
    }

    fn set(&mut self, document: proto::Document) -> Result<()> {
        let path = self.database.path_of(&document.name)?;
        let version = time(document.update_time).map_err(|error| error.at_path(&path))?;
        let version = Version::at(version.unwrap_or(Timestamp::MIN));
        match self.pending.get(&path) {
            Some(Pending::Set(newer)) if newer.version() >= version => return Ok(()),
            Some(Pending::Gone { deleted: Some(at), .. }) if *at >= version.time() => return Ok(()),
            _ => {}
        }
        // Only a document that is news is decoded: the emulator resends all of them each time.
        let pending = match self.view.get(&path) {
            Some(known) if *known >= version => Pending::Same,
            _ => Pending::Set(document_from_proto(&self.database, document)?),
        };
        self.pending.insert(path, pending);
        Ok(())
    }

    fn gone(&mut self, name: &str, at: Option<Timestamp>, deleted: bool) -> Result<()> {
        let path = self.database.path_of(name)?;
        let known = match self.pending.get(&path) {
            Some(Pending::Set(document)) => Some(document.version()),
            _ => self.view.get(&path).copied(),
        };
        // Older news than what is known already, late.
        if known.is_some_and(|known| at.is_some_and(|at| at < known.time())) {
            return Ok(());
        }
        let deleted_at = if deleted { at } else { None };
        self.pending.insert(path, Pending::Gone { deleted: deleted_at, billed: !deleted });
        Ok(())
    }

    fn filter(&mut self, count: i32) -> Step {
        let agrees = self.size().is_some_and(|size| i64::from(count) == size as i64);
        if agrees {
            return Step::Gather;
        }
        self.forget_pending();
        self.forget_mark();
        Step::Mismatch
    }

    /// How many documents the target holds as of the last message; `None` if that can't be known,
    /// because changes since a caller's position may be to documents it held or to new ones.
    fn size(&self) -> Option<usize> {
        let is_in = |pending: &Pending| !matches!(pending, Pending::Gone { .. });
        if self.rebuilding {
            return Some(self.pending.values().filter(|pending| is_in(pending)).count());
        }
        if !self.view_is_whole {
            return self.counted().filter(|_| self.pending.is_empty());
        }
        let change = |(path, pending): (&DocPath, &Pending)| {
            isize::from(is_in(pending)) - isize::from(self.view.contains_key(path))
        };
        self.view.len().checked_add_signed(self.pending.iter().map(change).sum())
    }

    /// The count of the last mark.
    fn counted(&self) -> Option<usize> {
        self.mark.as_ref()?.count.map(|count| count as usize)
    }

    fn snapshot(&mut self, read_time: Timestamp) -> Step {
        if self.read_time.is_some_and(|told| read_time < told) {
            // A server that lags behind the one before; it will catch up.
            return Step::Gather;
        }
        let count = self.settle();
        let mark = Mark {
            token: self.staged.clone(),
            read_time,
            count: count.and_then(|count| u32::try_from(count).ok()),
        };
        self.read_time = Some(read_time);
        self.mark = Some(mark.clone());
        self.ready = Some(mark);
        self.had_snapshot = true;
        Step::Snapshot
    }

    /// Turns what is pending into the new view and its differences from the old one. Answers how
    /// many documents it holds, if that is known.
    fn settle(&mut self) -> Option<usize> {
        let count = self.size();
        let pending = std::mem::take(&mut self.pending);
        if self.rebuilding {
            self.drop_all_but(&pending);
        }
        for (path, change) in pending {
            match change {
                Pending::Same => {}
                Pending::Set(document) => {
                    let before = self.view.insert(path, document.version());
                    self.unsent.set(before, document);
                }
                Pending::Gone { billed, .. } => {
                    let before = self.view.remove(&path);
                    self.unsent.remove(before, path, billed, self.view_is_whole);
                }
            }
        }
        self.rebuilding = false;
        count
    }

    /// Tells of the documents that a resent state no longer holds. Whether they were deleted or
    /// left, the server doesn't say, and bills nothing for not sending them.
    fn drop_all_but(&mut self, resent: &BTreeMap<DocPath, Pending>) {
        let unsent = &mut self.unsent;
        self.view.retain(|path, before| {
            let stays = resent.contains_key(path);
            if !stays {
                unsent.remove(Some(*before), path.clone(), false, true);
            }
            stays
        });
    }

    /// Everything follows anew.
    fn rebuild(&mut self) {
        self.rebuilding = true;
        if !self.view_is_whole {
            // Without the whole old state there are no differences: the receiver starts anew too.
            self.view.clear();
            self.view_is_whole = true;
            self.unsent.void();
            self.ready = None;
        }
    }

    fn forget_pending(&mut self) {
        self.pending.clear();
        self.current = false;
        self.staged = Bytes::new();
    }
}

/// Whether a message for these targets is for ours; an empty list means all.
fn concerns(targets: &[i32]) -> bool {
    targets.is_empty() || targets.contains(&TARGET_ID)
}

fn time(time: Option<prost_types::Timestamp>) -> Result<Option<Timestamp>> {
    time.map(timestamp_from_proto).transpose()
}

#[cfg(test)]
mod tests;
