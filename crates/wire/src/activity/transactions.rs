//! The transactions that are open, as far as calls tell.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use firekeep_core::{Timestamp, TxnId};
use parking_lot::Mutex;

#[derive(Debug, Default)]
pub(super) struct Transactions(Mutex<HashMap<TxnId, Open>>);

#[derive(Debug)]
struct Open {
    what: Transaction,
    began: Instant,
    used: Instant,
}

/// A transaction that is open.
#[derive(Clone, Debug)]
pub(crate) struct Transaction {
    pub(crate) database: Arc<str>,
    pub(crate) at: Timestamp,
    pub(crate) is_read_only: bool,
    /// How many requests read in it.
    pub(crate) reads: u64,
}

impl Transactions {
    pub(super) fn began(&self, txn: TxnId, what: Transaction, now: Instant) {
        let mut open = self.0.lock();
        if open.len() >= MAX_OPEN {
            open.retain(|_, txn| !txn.is_over(now));
        }
        if open.len() < MAX_OPEN {
            open.insert(txn, Open { what, began: now, used: now });
        }
    }

    pub(super) fn used(&self, txn: &TxnId, now: Instant) {
        if let Some(open) = self.0.lock().get_mut(txn) {
            open.used = now;
            open.what.reads += 1;
        }
    }

    pub(super) fn ended(&self, txn: &TxnId) {
        self.0.lock().remove(txn);
    }

    /// Those that are open, the oldest first.
    pub(super) fn open(&self, now: Instant) -> Vec<Transaction> {
        let mut open = self.0.lock();
        open.retain(|_, txn| !txn.is_over(now));
        let mut all: Vec<_> = open.values().map(|txn| txn.what.clone()).collect();
        all.sort_by_key(|txn| txn.at);
        all
    }
}

impl Open {
    /// Firestore ends a transaction 270 seconds after it began, or 60 after it was last used.
    fn is_over(&self, now: Instant) -> bool {
        now.saturating_duration_since(self.began) > Duration::from_secs(270)
            || now.saturating_duration_since(self.used) > Duration::from_secs(60)
    }
}

/// How many are told apart; more than any client of one machine has.
const MAX_OPEN: usize = 10_000;
