//! What happened, line by line: who called what, what the store was sent, and what was done to whom.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use serde::{Deserialize, Serialize};

use crate::ground;

/// One line of a history.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Line {
    /// When, in [`ground::now`]'s nanoseconds.
    pub at: u64,
    /// Which process: 0 for the one that directs, the workers from 1.
    pub by: u32,
    /// What.
    #[serde(flatten)]
    pub event: Event,
}

/// What a line tells. Lock ids are hashed; times of the store are in microseconds since 1970.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum Event {
    /// A process began, with a clock that is off by this much.
    Born {
        /// By how many seconds its wall clock is ahead.
        wall_seconds: i64,
        /// How many microseconds its monotonic clock gains per second.
        rate_ppm: i64,
    },
    /// A call began.
    Invoke {
        /// The call; unique in a history.
        op: u64,
        /// The key concerned.
        key: String,
        /// Which call.
        call: Call,
    },
    /// A call ended. One without this was cut off, or never ended.
    Return {
        /// The call.
        op: u64,
        /// How it ended.
        outcome: Outcome,
    },
    /// A guard says that it surely holds its lock for some time.
    Believes {
        /// The acquisition.
        turn: u64,
        /// Until when, in [`ground::now`]'s nanoseconds.
        until: u64,
    },
    /// A change of a lease left for the store.
    Sent {
        /// The request; unique in a history.
        n: u64,
        /// The id of the lease document.
        lease: String,
        /// What it does.
        change: Change,
        /// What it requires: the version that the lease must have, or that there is none.
        guard: Option<i64>,
    },
    /// The store answered. A request without this may have happened.
    Answered {
        /// The request.
        n: u64,
        /// What the store said.
        answer: Answer,
    },
    /// Somebody who takes no part looked at a lease.
    Seen {
        /// The id of the lease document.
        lease: String,
        /// As of when, by the store.
        read_time: i64,
        /// The lease, if there is one.
        found: Option<Found>,
    },
    /// A worker asked the register, which lives outside the store, to accept a value.
    Asked {
        /// The key that the register goes by.
        key: String,
        /// The acquisition.
        turn: u64,
        /// Its lock id.
        id: String,
        /// Its fence.
        fence: u64,
        /// Whether the register took it.
        accepted: bool,
    },
    /// An entry of the journal in the store, read at the end.
    Entry(Entry),
    /// How often a counter was raised, read at the end.
    Final {
        /// The key whose lock was to protect it.
        key: String,
        /// Its value.
        count: i64,
    },
    /// A lock was acquired at the end, after this many milliseconds, and released: nothing is stuck.
    Freed {
        /// The key.
        key: String,
        /// How long that took; `None` if it did not succeed.
        after_ms: Option<u64>,
    },
    /// What was left at the end.
    Left {
        /// How many leases and tickets.
        leases: u64,
    },
    /// A process was killed.
    Killed {
        /// Which.
        worker: u32,
    },
    /// A process was stopped.
    Stopped {
        /// Which.
        worker: u32,
    },
    /// A stopped process went on.
    Continued {
        /// Which.
        worker: u32,
    },
    /// The store was stopped.
    StoreStopped,
    /// The store went on.
    StoreContinued,
}

/// What was called.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Call {
    /// Acquire, with or without waiting.
    Acquire,
    /// Extend this acquisition.
    Extend(u64),
    /// Release this acquisition.
    Release(u64),
    /// Ask whether the key is held.
    IsLocked,
    /// Raise the register in the store, in a commit that this acquisition guards.
    Raise(u64),
    /// Raise the counter with a read and a plain write.
    RaisePlainly(u64),
}

/// How a call ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// The lock is ours.
    Won {
        /// The lock id.
        id: String,
        /// The fence.
        fence: u64,
        /// When the lease began, by the store's stamp.
        started: i64,
    },
    /// Somebody else has it.
    Held,
    /// It was done.
    Done,
    /// The lock was lost before.
    Lost,
    /// Whether the key is held.
    Locked(bool),
    /// An error of which nothing else is known: it may have been done.
    Failed(String),
}

/// What a write to a lease does.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Change {
    /// A new holder.
    Take {
        /// Its lock id.
        id: String,
        /// The lease in milliseconds.
        ttl_ms: i64,
    },
    /// The holder's lease begins anew.
    Stamp {
        /// Its lock id.
        id: String,
        /// The lease in milliseconds.
        ttl_ms: i64,
    },
    /// The lease goes away.
    Leave,
    /// A lease of nobody, which refuses a commit under way.
    Clear,
}

/// What the store said to a change.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Answer {
    /// It happened.
    Applied {
        /// When.
        time: i64,
        /// The stamp of the lease's start.
        started: Option<i64>,
        /// The fence.
        fence: Option<u64>,
    },
    /// It did not happen.
    Refused,
    /// It may have happened.
    Unknown,
}

impl Answer {
    /// When it happened, if the store said so.
    pub fn time(self) -> Option<i64> {
        if let Self::Applied { time, .. } = self { Some(time) } else { None }
    }
}

/// A lease as it was seen.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Found {
    /// When it was last changed.
    pub version: i64,
    /// Its holders: lock id, start of the lease, milliseconds of it.
    pub holders: Vec<(String, i64, i64)>,
}

/// One step of a register in the store.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// The register.
    pub key: String,
    /// The call that raised it.
    pub op: u64,
    /// When this was committed.
    pub time: i64,
    /// The value before, as the writer read it.
    pub from: i64,
    /// The writer's fence.
    pub fence: u64,
}

/// Writes a history. Each line is in the hands of the operating system when the call returns, so a
/// process that is killed leaves all of them, the last one torn at worst.
#[derive(Debug)]
pub struct Recorder {
    by: u32,
    file: Mutex<File>,
}

impl Recorder {
    /// Appends to the file at `path` in the name of process `by`.
    ///
    /// # Errors
    /// What the operating system answers.
    pub fn open(path: &Path, by: u32) -> io::Result<Self> {
        let file = OpenOptions::new().create(true).append(true).open(path)?;
        Ok(Self { by, file: Mutex::new(file) })
    }

    /// Writes a line with the time of this moment.
    ///
    /// # Panics
    /// If the disk is full: a history with holes proves nothing.
    pub fn tell(&self, event: Event) {
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        let line = Line { at: ground::now(), by: self.by, event };
        let mut text = serde_json::to_vec(&line).expect("a history is made of plain data");
        text.push(b'\n');
        file.write_all(&text).expect("the history can be written");
    }
}

/// Reads all histories in `folder`, in the order of time. Torn last lines are left out.
///
/// # Errors
/// What the operating system answers; a line in the middle that is no history.
pub fn read(folder: &Path) -> io::Result<Vec<Line>> {
    let mut lines = vec![];
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "jsonl") {
            lines.extend(parse(&std::fs::read_to_string(&path)?)?);
        }
    }
    lines.sort_by_key(|line| line.at);
    Ok(lines)
}

fn parse(text: &str) -> io::Result<Vec<Line>> {
    let whole = text.rfind('\n').map_or("", |end| &text[..end]);
    whole.lines().map(|line| serde_json::from_str(line).map_err(io::Error::from)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_survives_the_file_and_a_torn_one_is_left_out() {
        let events = [
            Event::Born { wall_seconds: -3600, rate_ppm: 10_000 },
            Event::Invoke { op: 1, key: "k".into(), call: Call::Acquire },
            Event::Return { op: 1, outcome: Outcome::Won { id: "a".into(), fence: 7, started: 5 } },
            Event::Invoke { op: 2, key: "k".into(), call: Call::Release(1) },
            Event::Entry(Entry { key: "k".into(), op: 3, time: 9, from: 0, fence: 7 }),
            Event::Sent { n: 1, lease: "l".into(), change: Change::Leave, guard: Some(4) },
            Event::StoreStopped,
        ];
        let lines: Vec<_> = events
            .into_iter()
            .enumerate()
            .map(|(at, event)| Line { at: at as u64, by: 1, event })
            .collect();
        let mut text: String =
            lines.iter().map(|line| serde_json::to_string(line).unwrap() + "\n").collect();
        text.push_str(r#"{"at":8,"by":1,"eve"#);
        assert_eq!(parse(&text).unwrap(), lines);
    }

    #[test]
    fn a_line_in_the_middle_that_is_broken_is_no_history() {
        assert!(parse("{\"at\":\n{\"at\":1,\"by\":0,\"event\":\"store_stopped\"}\n").is_err());
    }
}
