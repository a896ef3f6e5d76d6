//! Transactions under way: their tokens, what they read, and when they expire.

use std::collections::{BTreeMap, HashSet};
use std::time::{Duration, Instant};

use bytes::Bytes;
use firekeep_core::{Concurrency, DocPath, Error, ErrorKind, Query, Result, Timestamp, TxnId};

use crate::query;
use crate::state::State;

/// The number of a transaction, in the order in which they began.
pub(crate) type Seq = u64;

/// The transactions under way.
#[derive(Debug)]
pub(crate) struct Txns {
    /// Tells this store's tokens from those of any other.
    nonce: u64,
    next: Seq,
    active: BTreeMap<Seq, Txn>,
}

/// One transaction under way.
#[derive(Debug)]
pub(crate) struct Txn {
    /// The number of its first attempt: of two that wait for each other, the younger aborts.
    pub(crate) age: Seq,
    pub(crate) mode: Mode,
    started: Instant,
    used: Instant,
    /// Whether it was aborted for the sake of an older one, and does not know yet.
    pub(crate) is_aborted: bool,
}

/// How a transaction reads.
#[derive(Debug)]
pub(crate) enum Mode {
    /// Latest versions, locked.
    Pessimistic,
    /// A snapshot, checked at commit.
    Optimistic { snapshot: Timestamp, reads: ReadSet },
    /// A snapshot.
    ReadOnly { at: Timestamp },
}

/// What an optimistic transaction read.
#[derive(Debug, Default)]
pub(crate) struct ReadSet {
    documents: HashSet<DocPath>,
    queries: Vec<Query>,
}

/// What one request reads.
#[derive(Clone, Debug)]
pub(crate) enum Footprint {
    Documents(Vec<DocPath>),
    Query(Box<Query>),
}

/// A transaction ends when it has been idle for longer.
pub(crate) const MAX_IDLE: Duration = Duration::from_secs(60);
/// A transaction ends when it is older.
pub(crate) const MAX_AGE: Duration = Duration::from_secs(270);

impl Txns {
    pub(crate) fn new() -> Self {
        Self { nonce: fastrand::u64(..), next: 1, active: BTreeMap::new() }
    }

    /// Begins a transaction; `retry` is the first attempt of the same.
    pub(crate) fn begin(&mut self, mode: Mode, retry: Option<Token>, now: Instant) -> TxnId {
        let seq = self.next;
        self.next += 1;
        let age = retry.map_or(seq, |first| first.age);
        let txn = Txn { age, mode, started: now, used: now, is_aborted: false };
        self.active.insert(seq, txn);
        self.token(Token { seq, age })
    }

    fn token(&self, token: Token) -> TxnId {
        let words = [self.nonce, token.seq, token.age].map(u64::to_be_bytes);
        TxnId::new(Bytes::copy_from_slice(&words.concat()))
    }

    /// Reads a token.
    ///
    /// # Errors
    /// `TransactionExpired` unless this store gave it.
    pub(crate) fn parse(&self, id: &TxnId) -> Result<Token> {
        let word = |at: usize| {
            let bytes = id.as_bytes().get(at * 8..at * 8 + 8)?;
            Some(u64::from_be_bytes(bytes.try_into().ok()?))
        };
        match (id.as_bytes().len(), word(0), word(1), word(2)) {
            (24, Some(nonce), Some(seq), Some(age))
                if nonce == self.nonce && (1..self.next).contains(&seq) && age <= seq =>
            {
                Ok(Token { seq, age })
            }
            _ => Err(Error::new(
                ErrorKind::TransactionExpired,
                "this is no transaction of this store",
            )),
        }
    }

    /// The transaction, which is in use at `now`.
    ///
    /// # Errors
    /// `TransactionExpired` for a foreign token or once it ended, `Aborted` if it lost against
    /// another.
    pub(crate) fn in_use(&mut self, id: &TxnId, now: Instant) -> Result<(Seq, &mut Txn)> {
        let seq = self.parse(id)?.seq;
        let ended = || {
            Error::new(ErrorKind::TransactionExpired, "the transaction is finished or has expired")
        };
        let txn = self.active.get_mut(&seq).ok_or_else(ended)?;
        if txn.is_expired(now) {
            return Err(ended());
        }
        if txn.is_aborted {
            return Err(lost());
        }
        txn.used = now;
        Ok((seq, txn))
    }

    pub(crate) fn get(&self, seq: Seq) -> Option<&Txn> {
        self.active.get(&seq)
    }

    pub(crate) fn get_mut(&mut self, seq: Seq) -> Option<&mut Txn> {
        self.active.get_mut(&seq)
    }

    /// The transactions that have expired by `now`.
    pub(crate) fn expired(&self, now: Instant) -> Vec<Seq> {
        let expired = self.active.iter().filter(|(_, txn)| txn.is_expired(now));
        expired.map(|(seq, _)| *seq).collect()
    }

    pub(crate) fn remove(&mut self, seq: Seq) {
        self.active.remove(&seq);
    }

    pub(crate) fn all(&self) -> Vec<Seq> {
        self.active.keys().copied().collect()
    }

    /// How many transactions are under way.
    pub(crate) fn count(&self) -> usize {
        self.active.values().filter(|txn| !txn.is_aborted).count()
    }

    /// The earliest time at which one of them reads.
    pub(crate) fn oldest_snapshot(&self) -> Option<Timestamp> {
        self.active.values().filter_map(|txn| txn.mode.snapshot()).min()
    }
}

/// What a token says.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Token {
    pub(crate) seq: Seq,
    pub(crate) age: Seq,
}

impl Txn {
    fn is_expired(&self, now: Instant) -> bool {
        now.saturating_duration_since(self.used) > MAX_IDLE
            || now.saturating_duration_since(self.started) > MAX_AGE
    }
}

impl Mode {
    pub(crate) fn of(concurrency: Concurrency, snapshot: Timestamp) -> Self {
        match concurrency {
            Concurrency::Pessimistic => Self::Pessimistic,
            Concurrency::Optimistic => Self::Optimistic { snapshot, reads: ReadSet::default() },
        }
    }

    fn snapshot(&self) -> Option<Timestamp> {
        match self {
            Self::Pessimistic => None,
            Self::Optimistic { snapshot: at, .. } | Self::ReadOnly { at } => Some(*at),
        }
    }
}

impl ReadSet {
    pub(crate) fn add(&mut self, footprint: Footprint) {
        match footprint {
            Footprint::Documents(paths) => self.documents.extend(paths),
            Footprint::Query(query) => self.queries.push(*query),
        }
    }

    /// Whether anything read at `snapshot` is different now, phantoms included.
    pub(crate) fn is_stale(&self, state: &State, snapshot: Timestamp) -> bool {
        self.documents.iter().any(|path| state.changed_since(path, snapshot))
            || self.queries.iter().any(|query| query::has_changed(state, query, snapshot))
    }
}

/// The error of a transaction that lost against another.
pub(crate) fn lost() -> Error {
    Error::new(ErrorKind::Aborted, "the transaction lost against a concurrent one")
}

impl State {
    /// Ends the transaction and lets those go on who wait for its locks.
    pub(crate) fn end_txn(&mut self, seq: Seq) {
        self.txns.remove(seq);
        self.locks.release(seq, &mut self.wake);
    }

    /// Ends every transaction that has expired by `now`.
    pub(crate) fn expire_txns(&mut self, now: Instant) {
        for seq in self.txns.expired(now) {
            self.end_txn(seq);
        }
    }
}
