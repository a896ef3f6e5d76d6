//! What a server does, for whoever looks at it: calls, what they are billed, streams, transactions.
//!
//! Counters are always kept. A call in particular is described only while somebody looks, and in a
//! log of bounded length from which each viewer reads as fast as he can: no call waits for a viewer.

mod body;
mod log;
mod observed;
mod record;
mod summary;
mod totals;
mod transactions;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use firekeep_core::{Clock, Store};
use http::Response;
use parking_lot::Mutex;
use tokio::sync::watch;
use tonic::body::Body;

use crate::faults::Method;
use log::Log;
use observed::Observed;
use totals::Totals;
use transactions::Transactions;

pub(crate) use log::{Entry, News};
pub(crate) use record::{Ongoing, Record};
pub(crate) use totals::Total;
pub(crate) use transactions::Transaction;

/// What a server does.
#[derive(Debug)]
pub(crate) struct Activity {
    clock: Arc<dyn Clock>,
    totals: Totals,
    log: Log,
    streams: Mutex<BTreeMap<u64, Arc<Record>>>,
    last_stream: AtomicU64,
    transactions: Transactions,
    /// How often something was written.
    commits: AtomicU64,
    viewers: AtomicUsize,
    /// Rises whenever there is something to tell a viewer.
    changed: watch::Sender<()>,
    closing: watch::Sender<bool>,
}

/// Somebody who looks, until this is dropped.
#[derive(Debug)]
pub(crate) struct Viewer {
    pub(crate) activity: Arc<Activity>,
    changed: watch::Receiver<()>,
    closing: watch::Receiver<bool>,
}

impl Activity {
    pub(crate) fn new(clock: Arc<dyn Clock>) -> Self {
        Self {
            clock,
            totals: Totals::default(),
            log: Log::default(),
            streams: Mutex::default(),
            last_stream: AtomicU64::new(0),
            transactions: Transactions::default(),
            commits: AtomicU64::new(0),
            viewers: AtomicUsize::new(0),
            changed: watch::Sender::new(()),
            closing: watch::Sender::new(false),
        }
    }

    /// A call of `method` begins. Streams, which last, are listed while they are open.
    pub(crate) fn begin(self: &Arc<Self>, method: Option<Method>) -> Ongoing {
        let is_stream = matches!(method, Some(Method::Listen | Method::Write));
        let method = totals::row(method);
        let seen = is_stream || self.is_watched();
        let at = seen.then(|| self.clock.wall());
        let id = if is_stream { self.last_stream.fetch_add(1, Ordering::Relaxed) + 1 } else { 0 };
        let record = Arc::new(Record::new(id, method, at, self.clock.monotonic()));
        if is_stream {
            self.streams.lock().insert(id, Arc::clone(&record));
            self.stir();
        }
        Ongoing::new(Arc::clone(self), record)
    }

    /// `response` as it is sent, the end of which ends the call.
    pub(crate) fn respond(ongoing: Ongoing, response: Response<Body>) -> Response<Body> {
        body::observed(ongoing, response)
    }

    /// `store` as a call of `record` uses it.
    pub(crate) fn observe(
        self: &Arc<Self>,
        store: &Arc<dyn Store>,
        record: &Arc<Record>,
    ) -> Arc<dyn Store> {
        Arc::new(Observed::new(Arc::clone(store), Arc::clone(self), Arc::clone(record)))
    }

    /// Something may have been written.
    pub(crate) fn wrote(&self) {
        self.commits.fetch_add(1, Ordering::Relaxed);
        self.stir();
    }

    /// How often something was written so far, in whichever database.
    pub(crate) fn commits(&self) -> u64 {
        self.commits.load(Ordering::Relaxed)
    }

    /// What was counted, by method; methods that were never called are left out.
    pub(crate) fn totals(&self) -> Vec<(&'static str, Total)> {
        self.totals.all()
    }

    /// The streams that are open, the oldest first.
    pub(crate) fn streams(&self) -> Vec<Arc<Record>> {
        self.streams.lock().values().cloned().collect()
    }

    /// The transactions that were begun, and neither ended nor ran out.
    pub(crate) fn transactions(&self) -> Vec<Transaction> {
        self.transactions.open(self.clock.monotonic())
    }

    pub(crate) fn viewers(&self) -> usize {
        self.viewers.load(Ordering::Relaxed)
    }

    /// What was logged after the entry called `seen`.
    pub(crate) fn news(&self, seen: u64) -> News {
        self.log.since(seen)
    }

    /// What the last entry of the log is called.
    pub(crate) fn last(&self) -> u64 {
        self.log.last()
    }

    /// Somebody begins to look.
    pub(crate) fn join(self: &Arc<Self>) -> Viewer {
        let changed = self.changed.subscribe();
        let closing = self.closing.subscribe();
        self.viewers.fetch_add(1, Ordering::Relaxed);
        Viewer { activity: Arc::clone(self), changed, closing }
    }

    /// Nobody may look any longer.
    pub(crate) fn close(&self) {
        self.closing.send_replace(true);
    }

    fn is_watched(&self) -> bool {
        self.viewers.load(Ordering::Relaxed) > 0
    }

    fn stir(&self) {
        if self.is_watched() {
            self.changed.send_replace(());
        }
    }

    fn log(&self, entry: Entry) {
        self.log.push(entry);
        self.stir();
    }
}

impl Viewer {
    /// Completes once there may be something new to tell, or the server stops: answers whether it
    /// goes on.
    pub(crate) async fn changed(&mut self) -> bool {
        // The senders live as long as the viewer.
        tokio::select! {
            _ = self.changed.changed() => true,
            _ = self.closing.wait_for(|is_closing| *is_closing) => false,
        }
    }
}

impl Drop for Viewer {
    fn drop(&mut self) {
        if self.activity.viewers.fetch_sub(1, Ordering::Relaxed) == 1 {
            self.activity.log.clear();
        }
    }
}

#[cfg(test)]
mod tests;
