//! Deciding what kind of store to make.

use std::sync::Arc;
use std::time::Duration;

use firekeep_core::{Clock, Concurrency, SystemClock};

use crate::MemoryStore;
use crate::index_file::{IndexFile, IndexRecorder};
use crate::shared::{Options, Shared};

/// Builds a [`MemoryStore`]; see [`MemoryStore::builder`].
#[derive(Debug)]
#[must_use = "a builder does nothing until it is built"]
pub struct MemoryStoreBuilder {
    clock: Arc<dyn Clock>,
    options: Options,
}

impl MemoryStoreBuilder {
    pub(crate) fn new() -> Self {
        let options = Options {
            database: "projects/demo/databases/(default)".into(),
            indexes: IndexFile::empty(),
            is_lenient: false,
            recorder: None,
            concurrency: Concurrency::Pessimistic,
            history: Duration::from_secs(3600),
            lock_wait: Duration::from_secs(2),
            heartbeat: None,
            sweep_every: None,
        };
        Self { clock: Arc::new(SystemClock), options }
    }

    /// Takes time from `clock`: commits are stamped with it, transactions expire by it.
    /// [`SystemClock`] by default.
    pub fn clock(mut self, clock: impl Clock) -> Self {
        self.clock = Arc::new(clock);
        self
    }

    /// The composite indexes, exemptions and TTL policies of the database. None by default, so that
    /// a query that needs a composite index is refused.
    pub fn indexes(mut self, indexes: IndexFile) -> Self {
        self.options.indexes = indexes;
        self
    }

    /// Serves queries that production would refuse for want of an index, as the official emulator
    /// does.
    pub fn lenient(mut self) -> Self {
        self.options.is_lenient = true;
        self
    }

    /// Notes in `recorder` which indexes the queries that run need.
    pub fn record_indexes(mut self, recorder: IndexRecorder) -> Self {
        self.options.recorder = Some(recorder);
        self
    }

    /// How transactions that do not say so find conflicts. Pessimistic by default, as in
    /// production's Standard edition.
    pub fn concurrency(mut self, concurrency: Concurrency) -> Self {
        self.options.concurrency = concurrency;
        self
    }

    /// How far back reads and watch positions reach. An hour by default, as in production. With
    /// zero, the store remembers nothing but the present.
    pub fn history(mut self, window: Duration) -> Self {
        self.options.history = window;
        self
    }

    /// How long a request waits for locks before it fails as aborted. 2 seconds by default, as on
    /// the official emulator.
    pub fn lock_wait(mut self, patience: Duration) -> Self {
        self.options.lock_wait = patience;
        self
    }

    /// Makes an open watch send a checkpoint whenever it has been silent for `every`. Without this
    /// nothing in the store ever sleeps, except for locks.
    pub fn heartbeat(mut self, every: Duration) -> Self {
        self.options.heartbeat = Some(every);
        self
    }

    /// Deletes expired documents now and then: on the first access after each `every` of the clock.
    /// Never by default; see [`Control::expire_documents`](crate::Control::expire_documents).
    pub fn sweep_every(mut self, every: Duration) -> Self {
        self.options.sweep_every = Some(every);
        self
    }

    /// The database's name, `projects/{project}/databases/{database}`.
    /// `projects/demo/databases/(default)` by default.
    pub fn database(mut self, name: impl Into<Arc<str>>) -> Self {
        self.options.database = name.into();
        self
    }

    /// Makes the store.
    pub fn build(self) -> MemoryStore {
        MemoryStore::over(Arc::new(Shared::new(self.clock, self.options)))
    }
}
