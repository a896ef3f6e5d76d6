//! What a stream told.

use firekeep_core::Timestamp;
use firekeep_jobs::{Cursor, Event, Key, Scope};

/// One thing that a stream told.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Told {
    State { key: Key, version: u64, event_id: String, time: Timestamp, replay: bool, skipped: u64 },
    ReplayDone(Timestamp),
    Bookmark(Timestamp),
}

/// All that a stream told, and what it was asked for.
#[derive(Clone, Debug)]
pub(crate) struct Recording {
    pub(crate) scope: Scope,
    /// From where on.
    pub(crate) since: Option<Timestamp>,
    /// Whether it tells every version, and not only the latest.
    pub(crate) every: bool,
    /// Whether the listen's times can be held against those of commits. The emulator gives what it read
    /// a time from after the read: commits just before that time may come later.
    pub(crate) by_time: bool,
    pub(crate) told: Vec<Told>,
}

impl Told {
    /// What an event tells, and where one can go on after it.
    pub(crate) fn of(event: Event) -> (Self, Option<Cursor>) {
        match event {
            Event::State { state, replay, skipped } => {
                let (key, event_id) = (state.key.clone(), state.event_id.clone());
                let (version, time) = (state.version, state.committed_at);
                (Self::State { key, version, event_id, time, replay, skipped }, None)
            }
            Event::ReplayDone { cursor } => (Self::ReplayDone(cursor.time()), Some(cursor)),
            Event::Bookmark { cursor } => (Self::Bookmark(cursor.time()), Some(cursor)),
            other => panic!("nothing was deleted or damaged: {other:?}"),
        }
    }

    /// As of when a mark is.
    pub(crate) fn mark(&self) -> Option<Timestamp> {
        match self {
            Self::ReplayDone(time) | Self::Bookmark(time) => Some(*time),
            Self::State { .. } => None,
        }
    }
}
