//! One call while it lasts.

use std::fmt::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use firekeep_core::Timestamp;
use firekeep_layers::Bill;
use parking_lot::Mutex;
use tonic::Code;

use super::log::Entry;
use super::{Activity, totals};
use crate::name::DatabaseName;

/// What is known of a call.
#[derive(Debug)]
pub(crate) struct Record {
    /// The number of the stream, from 1 on; 0 for a call that is none.
    id: u64,
    method: usize,
    /// When it began; `None` if nobody looked, so that nothing in particular is known.
    at: Option<Timestamp>,
    started: Instant,
    reads: AtomicU64,
    writes: AtomicU64,
    deletes: AtomicU64,
    messages: AtomicU64,
    told: Mutex<Told>,
}

/// What a call said of itself.
#[derive(Debug, Default)]
struct Told {
    database: Option<DatabaseName>,
    detail: String,
    /// How many operations there were beyond those in `detail`.
    more: u64,
    /// The targets of a stream, each with its number.
    targets: Vec<(u64, String)>,
    last_target: u64,
    faults: Vec<&'static str>,
}

impl Record {
    pub(super) fn new(id: u64, method: usize, at: Option<Timestamp>, started: Instant) -> Self {
        Self {
            id,
            method,
            at,
            started,
            reads: AtomicU64::new(0),
            writes: AtomicU64::new(0),
            deletes: AtomicU64::new(0),
            messages: AtomicU64::new(0),
            told: Mutex::default(),
        }
    }

    /// Whether the call is to be described.
    pub(super) fn is_seen(&self) -> bool {
        self.at.is_some()
    }

    pub(super) fn method(&self) -> usize {
        self.method
    }

    pub(crate) fn method_name(&self) -> &'static str {
        totals::name(self.method)
    }

    pub(crate) fn id(&self) -> u64 {
        self.id
    }

    pub(crate) fn began(&self) -> Option<Timestamp> {
        self.at
    }

    pub(crate) fn messages(&self) -> u64 {
        self.messages.load(Ordering::Relaxed)
    }

    /// The call is about `database`.
    pub(crate) fn about(&self, database: &DatabaseName) {
        if self.is_seen() {
            self.told.lock().database.get_or_insert_with(|| database.clone());
        }
    }

    /// A fault was made to strike the call, or a message of it. Each kind counts once.
    pub(crate) fn struck(&self, fault: &'static str) {
        if !self.is_seen() {
            return;
        }
        let mut told = self.told.lock();
        if !told.faults.contains(&fault) {
            told.faults.push(fault);
        }
    }

    /// An operation of the call on its store. The first few are described.
    pub(super) fn did(&self, what: impl FnOnce() -> String) {
        if !self.is_seen() {
            return;
        }
        let mut told = self.told.lock();
        if told.detail.len() > MAX_DETAIL {
            told.more += 1;
            return;
        }
        let separator = if told.detail.is_empty() { "" } else { "; " };
        // Writing to a string can't fail.
        let _ = write!(told.detail, "{separator}{}", what());
    }

    /// A stream has one more target. Answers its number.
    pub(super) fn add_target(&self, what: String) -> u64 {
        let mut told = self.told.lock();
        told.last_target += 1;
        let number = told.last_target;
        told.targets.push((number, what));
        number
    }

    pub(super) fn remove_target(&self, number: u64) {
        self.told.lock().targets.retain(|(of, _)| *of != number);
    }

    /// What a stream follows, target by target.
    pub(crate) fn targets(&self) -> Vec<String> {
        self.told.lock().targets.iter().map(|(_, what)| what.clone()).collect()
    }

    pub(super) fn bill(&self, bill: Bill) {
        self.reads.fetch_add(bill.reads, Ordering::Relaxed);
        self.writes.fetch_add(bill.writes, Ordering::Relaxed);
        self.deletes.fetch_add(bill.deletes, Ordering::Relaxed);
    }

    pub(crate) fn billed(&self) -> Bill {
        let [reads, writes, deletes] =
            [&self.reads, &self.writes, &self.deletes].map(|of| of.load(Ordering::Relaxed));
        Bill { rpcs: 1, reads, writes, deletes }
    }

    pub(super) fn answered(&self, messages: u64) {
        self.messages.fetch_add(messages, Ordering::Relaxed);
    }

    pub(crate) fn database(&self) -> String {
        let told = self.told.lock();
        told.database.as_ref().map(|name| name.as_str().to_owned()).unwrap_or_default()
    }

    /// The log's entry for the call as it stands; `None` if nobody looked when it began.
    pub(super) fn entry(&self, status: &'static str, now: Instant) -> Option<Entry> {
        let at = self.at?;
        let bill = self.billed();
        let database = self.database();
        let told = self.told.lock();
        let mut detail = told.detail.clone();
        if told.more > 0 {
            let _ = write!(detail, "; and {} more", told.more);
        }
        let micros = now.saturating_duration_since(self.started).as_micros();
        Some(Entry {
            at,
            method: self.method_name(),
            database,
            detail,
            status,
            micros: u64::try_from(micros).unwrap_or(u64::MAX),
            reads: bill.reads,
            writes: bill.writes,
            deletes: bill.deletes,
            messages: self.messages(),
            faults: told.faults.clone(),
        })
    }
}

/// How many bytes of a call's description are enough to add no more operations to it.
const MAX_DETAIL: usize = 160;

/// A call until it ends: with a status, or without one, because the client went.
#[derive(Debug)]
pub(crate) struct Ongoing {
    activity: Arc<Activity>,
    record: Arc<Record>,
    code: Code,
}

impl Ongoing {
    pub(super) fn new(activity: Arc<Activity>, record: Arc<Record>) -> Self {
        Self { activity, record, code: Code::Cancelled }
    }

    pub(crate) fn record(&self) -> &Arc<Record> {
        &self.record
    }

    /// The status that is sent.
    pub(super) fn coded(&mut self, code: Code) {
        self.code = code;
    }
}

impl Drop for Ongoing {
    fn drop(&mut self) {
        let Self { activity, record, code } = self;
        activity.totals.call(record.method, *code != Code::Ok);
        if record.id > 0 {
            activity.streams.lock().remove(&record.id);
        }
        if activity.is_watched() {
            let entry = record.entry(named(*code), activity.clock.monotonic());
            entry.into_iter().for_each(|entry| activity.log(entry));
            activity.stir();
        }
    }
}

/// What a code is called in the protocol.
fn named(code: Code) -> &'static str {
    match code {
        Code::Ok => "OK",
        Code::Cancelled => "CANCELLED",
        Code::Unknown => "UNKNOWN",
        Code::InvalidArgument => "INVALID_ARGUMENT",
        Code::DeadlineExceeded => "DEADLINE_EXCEEDED",
        Code::NotFound => "NOT_FOUND",
        Code::AlreadyExists => "ALREADY_EXISTS",
        Code::PermissionDenied => "PERMISSION_DENIED",
        Code::ResourceExhausted => "RESOURCE_EXHAUSTED",
        Code::FailedPrecondition => "FAILED_PRECONDITION",
        Code::Aborted => "ABORTED",
        Code::OutOfRange => "OUT_OF_RANGE",
        Code::Unimplemented => "UNIMPLEMENTED",
        Code::Internal => "INTERNAL",
        Code::Unavailable => "UNAVAILABLE",
        Code::DataLoss => "DATA_LOSS",
        Code::Unauthenticated => "UNAUTHENTICATED",
    }
}
