//! What the clones of a store share, and how requests get at it.

use std::sync::Arc;
use std::time::Duration;

use firekeep_core::{
    AggregateRequest, Clock, Concurrency, Cx, Effect, Error, ErrorKind, Query, Result, Timestamp,
    TxnId, TxnOptions,
};
use parking_lot::Mutex;

use crate::index_file::{IndexFile, IndexRecorder};
use crate::query;
use crate::state::State;
use crate::txn::Mode;

/// One store.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) options: Options,
    /// Tells this store's tokens and positions from those of any other.
    pub(crate) nonce: u64,
    state: Mutex<State>,
}

/// What the builder decided.
#[derive(Debug)]
pub(crate) struct Options {
    pub(crate) database: Arc<str>,
    pub(crate) indexes: IndexFile,
    pub(crate) is_lenient: bool,
    pub(crate) recorder: Option<IndexRecorder>,
    pub(crate) concurrency: Concurrency,
    pub(crate) history: Duration,
    pub(crate) lock_wait: Duration,
    pub(crate) heartbeat: Option<Duration>,
    pub(crate) sweep_every: Option<Duration>,
}

impl Shared {
    pub(crate) fn new(clock: Arc<dyn Clock>, options: Options) -> Self {
        let mut state = State::new(options.history);
        let first = options.sweep_every.map(|every| clock.wall().saturating_add(every));
        state.next_sweep = first;
        Self { clock, options, nonce: fastrand::u64(..), state: Mutex::new(state) }
    }

    /// Runs `body` on the state, alone, then wakes whom that concerns.
    pub(crate) fn with<T>(&self, body: impl FnOnce(&mut State) -> T) -> T {
        let mut state = self.state.lock();
        let value = body(&mut state);
        let wake = std::mem::take(&mut state.wake);
        drop(state);
        // Only now, because a waker may poll at once.
        wake.into_iter().for_each(|waker| waker.wake());
        value
    }

    /// Refuses a request whose deadline has passed.
    pub(crate) fn check_deadline(&self, cx: &Cx) -> Result<()> {
        match cx.deadline() {
            Some(deadline) if self.clock.monotonic() >= deadline => Err(late()),
            _ => Ok(()),
        }
    }

    /// Refuses a query that production would refuse.
    pub(crate) fn check_query(&self, query: &Query) -> Result<()> {
        query::check_operands(query)?;
        if let Some(recorder) = &self.options.recorder {
            recorder.record(query, []);
        }
        if self.options.is_lenient { Ok(()) } else { self.options.indexes.check(query) }
    }

    /// Refuses aggregations that production would refuse.
    pub(crate) fn check_aggregate(&self, request: &AggregateRequest) -> Result<()> {
        let query = request.query();
        query::check_operands(query)?;
        let aggregations = || request.aggregations().iter().map(|(_, aggregation)| aggregation);
        if let Some(recorder) = &self.options.recorder {
            recorder.record(query, aggregations());
        }
        if self.options.is_lenient {
            return Ok(());
        }
        self.options.indexes.check_aggregate(query, aggregations())
    }

    /// Begins a transaction.
    pub(crate) fn begin(&self, state: &mut State, options: &TxnOptions) -> Result<TxnId> {
        let (wall, now) = (self.clock.wall(), self.clock.monotonic());
        state.expire_txns(now);
        let (mode, retry) = match options {
            TxnOptions::ReadWrite { retry, concurrency } => {
                let first = retry.as_ref().map(|id| state.txns.parse(id)).transpose()?;
                let concurrency = concurrency.unwrap_or(self.options.concurrency);
                (Mode::of(concurrency, state.read_time(wall)), first)
            }
            TxnOptions::ReadOnly { at } => (self.read_only(state, *at, wall)?, None),
            _ => return Err(Error::new(ErrorKind::Unimplemented, "no such transaction is known")),
        };
        Ok(state.txns.begin(mode, retry, now))
    }

    fn read_only(&self, state: &mut State, at: Option<Timestamp>, wall: Timestamp) -> Result<Mode> {
        let at = match at {
            Some(time) => state.past(time, wall)?.time,
            None => state.read_time(wall),
        };
        Ok(Mode::ReadOnly { at })
    }
}

/// The error of a request whose deadline passed before it did anything.
pub(crate) fn late() -> Error {
    Error::new(ErrorKind::DeadlineExceeded, "the deadline passed").with_effect(Effect::None)
}
