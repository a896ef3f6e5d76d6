//! The last calls, for viewers that each read at their own pace.

use std::collections::VecDeque;
use std::sync::Arc;

use firekeep_core::Timestamp;
use parking_lot::Mutex;
use serde::Serialize;

/// A call that ended, or a target that was added to a stream.
#[derive(Debug, Serialize)]
pub(crate) struct Entry {
    /// When it began, on the server's clock.
    #[serde(serialize_with = "as_text")]
    pub(crate) at: Timestamp,
    pub(crate) method: &'static str,
    /// `projects/…/databases/…`; empty if no request named one.
    pub(crate) database: String,
    /// Ids and shapes, never what a field holds.
    pub(crate) detail: String,
    /// `OK`, or what the status is called; `open` for a target that was added.
    pub(crate) status: &'static str,
    pub(crate) micros: u64,
    pub(crate) reads: u64,
    pub(crate) writes: u64,
    pub(crate) deletes: u64,
    /// How many messages were answered.
    pub(crate) messages: u64,
    /// The faults that were made to strike it.
    pub(crate) faults: Vec<&'static str>,
}

/// What a viewer has not seen.
#[derive(Debug, Default)]
pub(crate) struct News {
    pub(crate) entries: Vec<Arc<Entry>>,
    /// How many more there were that are gone.
    pub(crate) lost: u64,
    /// What the last entry is called.
    pub(crate) last: u64,
}

#[derive(Debug, Default)]
pub(super) struct Log(Mutex<Kept>);

#[derive(Debug, Default)]
struct Kept {
    entries: VecDeque<Arc<Entry>>,
    /// What the last entry is called: entries are numbered from 1 on.
    last: u64,
}

impl Log {
    pub(super) fn push(&self, entry: Entry) {
        let entry = Arc::new(entry);
        let mut kept = self.0.lock();
        if kept.entries.len() == KEPT {
            kept.entries.pop_front();
        }
        kept.entries.push_back(entry);
        kept.last += 1;
    }

    pub(super) fn since(&self, seen: u64) -> News {
        let kept = self.0.lock();
        let unseen = kept.last.saturating_sub(seen);
        let held = unseen.min(kept.entries.len() as u64);
        let skipped = kept.entries.len() - usize::try_from(held).unwrap_or(usize::MAX);
        let entries = kept.entries.iter().skip(skipped).cloned().collect();
        News { entries, lost: unseen - held, last: kept.last }
    }

    /// What the last entry is called.
    pub(super) fn last(&self) -> u64 {
        self.0.lock().last
    }

    /// Forgets the entries; their numbers go on.
    pub(super) fn clear(&self) {
        self.0.lock().entries = VecDeque::new();
    }
}

/// How many calls are kept for a viewer that is slow.
const KEPT: usize = 400;

fn as_text<S: serde::Serializer>(time: &Timestamp, to: S) -> Result<S::Ok, S::Error> {
    to.collect_str(time)
}
