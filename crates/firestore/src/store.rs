//! The store: core's seam over the protocol.

use std::sync::Arc;
use std::time::Duration;

use firekeep_core::{
    AggregateRequest, Aggregates, BatchGet, Capabilities, Capability, Clock, Commit, Committed, Cx,
    Lookups, QueryEvent, QueryRequest, Result, Store, StoreInfo, TxnId, TxnOptions, WatchEvent,
    WatchRequest, async_trait,
};
use futures::stream::BoxStream;

use crate::builder::FirestoreBuilder;
use crate::channel::Connection;
use crate::{aggregate, batch_get, commit, query, txn};

/// A Cloud Firestore database, in production or on the emulator.
///
/// Clones share connections and access token. Nothing is retried here: put a retry layer around
/// it. Each attempt ends after 60 seconds (streamed reads: 300 seconds, and 60 of silence), or at
/// the deadline of its [`Cx`].
///
/// # Cancellation
/// Dropping a future or a stream resets its HTTP/2 stream. A commit under way may or may not
/// happen then.
#[derive(Clone, Debug)]
pub struct FirestoreStore {
    connection: Connection,
    clock: Arc<dyn Clock>,
    emulated: bool,
}

impl FirestoreStore {
    /// Starts to describe the default database of `project`.
    pub fn builder(project: impl Into<String>) -> FirestoreBuilder {
        FirestoreBuilder::new(project.into())
    }

    /// The database `database` of `project`: on the emulator that `FIRESTORE_EMULATOR_HOST` names,
    /// or else in production with Application Default Credentials.
    ///
    /// Connects and asks for credentials at the first call.
    ///
    /// # Errors
    /// As [`FirestoreBuilder::build`].
    pub fn connect(project: impl Into<String>, database: impl Into<String>) -> Result<Self> {
        Self::builder(project).database(database).emulator_from_env().build()
    }

    pub(crate) fn new(connection: Connection, clock: Arc<dyn Clock>, emulated: bool) -> Self {
        Self { connection, clock, emulated }
    }
}

#[async_trait]
impl Store for FirestoreStore {
    fn info(&self) -> StoreInfo {
        let database = Arc::clone(self.connection.database().name());
        StoreInfo { backend: "firestore", database }
    }

    fn capabilities(&self) -> Capabilities {
        use Capability::{
            EnforcesIndexes, EnforcesRequestSize, ExpiresDocuments, OptimisticTransactions,
            ResumesWatch, WatchHeartbeat,
        };
        // The emulator takes a resume token and ignores it, and so on: see `docs/contract.md`.
        let extras: &[_] = if self.emulated {
            &[EnforcesRequestSize]
        } else {
            &[
                EnforcesIndexes,
                EnforcesRequestSize,
                ExpiresDocuments,
                OptimisticTransactions,
                ResumesWatch,
                WatchHeartbeat,
            ]
        };
        Capabilities::new(extras.iter().copied(), PAST_READS)
    }

    async fn batch_get(&self, cx: &Cx, request: BatchGet) -> Result<Lookups> {
        batch_get::batch_get(&self.connection, cx, request).await
    }

    fn query(&self, cx: &Cx, request: QueryRequest) -> BoxStream<'static, Result<QueryEvent>> {
        query::query(&self.connection, cx, request)
    }

    async fn aggregate(&self, cx: &Cx, request: AggregateRequest) -> Result<Aggregates> {
        aggregate::aggregate(&self.connection, cx, request).await
    }

    async fn commit(&self, cx: &Cx, request: Commit) -> Result<Committed> {
        commit::commit(&self.connection, cx, request).await
    }

    async fn begin(&self, cx: &Cx, options: TxnOptions) -> Result<TxnId> {
        txn::begin(&self.connection, cx, options).await
    }

    async fn rollback(&self, cx: &Cx, txn: TxnId) -> Result<()> {
        txn::rollback(&self.connection, cx, txn).await
    }

    fn watch(&self, cx: &Cx, request: WatchRequest) -> BoxStream<'static, Result<WatchEvent>> {
        crate::watch::watch(self.connection.clone(), Arc::clone(&self.clock), cx, request)
    }
}

/// How far back Firestore reads without point-in-time recovery.
const PAST_READS: Duration = Duration::from_secs(60 * 60);
