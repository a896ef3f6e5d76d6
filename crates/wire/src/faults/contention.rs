//! Which transactions have touched which documents.

use std::collections::{HashMap, HashSet};
use std::time::{Duration, Instant};

use bytes::Bytes;

/// The transactions of a project that are not over.
#[derive(Debug, Default)]
pub(super) struct Contention(HashMap<Bytes, Open>);

#[derive(Debug)]
struct Open {
    touched: HashSet<String>,
    at: Instant,
}

impl Contention {
    /// Notes that `txn` has touched `documents`.
    pub(super) fn touch<'a>(
        &mut self,
        txn: &Bytes,
        documents: impl IntoIterator<Item = &'a str>,
        now: Instant,
    ) {
        self.0.retain(|_, open| now.saturating_duration_since(open.at) < IDLE);
        let fresh = || Open { touched: HashSet::new(), at: now };
        let open = self.0.entry(txn.clone()).or_insert_with(fresh);
        open.at = now;
        open.touched.extend(documents.into_iter().map(str::to_owned));
    }

    /// Ends `txn`, which would write `documents`; whether others are in its way.
    pub(super) fn end(&mut self, txn: &Bytes, documents: &[&str], now: Instant) -> bool {
        self.touch(txn, documents.iter().copied(), now);
        let Some(ended) = self.0.remove(txn) else { return false };
        self.0.values().any(|open| !open.touched.is_disjoint(&ended.touched))
    }
}

/// Production ends a transaction that was idle for so long.
const IDLE: Duration = Duration::from_secs(60);
