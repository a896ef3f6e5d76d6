//! The seam: what a backend implements and a layer wraps.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use futures::stream::BoxStream;

use crate::capability::Capabilities;
use crate::cx::Cx;
use crate::document::Document;
use crate::field::{FieldPath, check_field_name};
use crate::path::DocPath;
use crate::query::{Aggregation, MAX_AGGREGATIONS, Query};
use crate::timestamp::Timestamp;
use crate::value::Value;
use crate::watch::{WatchEvent, WatchRequest};
use crate::write::{Commit, Committed};
use crate::{Error, Result};

/// A document store with Firestore's semantics.
///
/// Callers hold a [`Db`](crate::Db), which adds comfort; implementers see only these methods.
///
/// # Contract
/// - Every request is valid already: paths, queries and commits come from checked constructors.
///   What remains to check is what only the store knows: existence, versions, sizes, indexes.
/// - Every time in an answer is the store's. Commit times strictly increase.
/// - An error says in [`Error::effect`] whether a write may have happened. A future that is
///   dropped counts as a lost reply: the write may or may not happen.
/// - A transaction is a token inside requests. A stream owns what it needs, so that it can outlive
///   the call; dropping it ends the work behind it.
/// - A backend may be stricter than Firestore, never kinder.
///
/// # Layers
/// A layer forwards every method, [`info`](Store::info) included. It answers for the requests that
/// it adds: the store below meters them. No method has a default body, so that a new operation
/// breaks every implementer until someone decides.
#[async_trait]
pub trait Store: fmt::Debug + Send + Sync + 'static {
    /// Which backend this is, and which database.
    fn info(&self) -> StoreInfo;

    /// What this stack offers beyond the baseline, and its limits.
    fn capabilities(&self) -> Capabilities;

    /// Reads documents by path, all at one read time.
    ///
    /// The answer has one [`Lookup`] per path, in request order, missing documents and repeated
    /// paths included.
    ///
    /// # Cost
    /// One RPC; one billed read per distinct path, found or missing.
    async fn batch_get(&self, cx: &Cx, request: BatchGet) -> Result<Lookups>;

    /// Runs a query: rows in its order, then exactly one [`QueryEvent::Done`].
    ///
    /// # Cost
    /// One RPC; one billed read per row returned or skipped by the offset, at least one.
    fn query(&self, cx: &Cx, request: QueryRequest) -> BoxStream<'static, Result<QueryEvent>>;

    /// Computes aggregates over a query.
    ///
    /// # Cost
    /// One RPC; one billed read per 1,000 index entries matched or part of it, at least one.
    async fn aggregate(&self, cx: &Cx, request: AggregateRequest) -> Result<Aggregates>;

    /// Applies all writes, or none.
    ///
    /// # Cost
    /// One RPC; one billed write or delete per write that is one. A verify is metered as one read.
    async fn commit(&self, cx: &Cx, request: Commit) -> Result<Committed>;

    /// Begins a transaction without reading. [`ReadAt::Begin`] saves this round trip.
    ///
    /// # Cost
    /// One RPC, nothing billed.
    async fn begin(&self, cx: &Cx, options: TxnOptions) -> Result<TxnId>;

    /// Ends a transaction without writing. Succeeds if it is finished already.
    ///
    /// # Cost
    /// One RPC, nothing billed.
    async fn rollback(&self, cx: &Cx, txn: TxnId) -> Result<()>;

    /// Follows documents or a query. See [`WatchEvent`] for what is promised.
    ///
    /// # Cost
    /// One RPC for as long as the stream lives; one billed read per document delivered, and per
    /// document that left the result without being deleted.
    fn watch(&self, cx: &Cx, request: WatchRequest) -> BoxStream<'static, Result<WatchEvent>>;
}

/// Which backend a store is, and which database it holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoreInfo {
    /// The backend's name: `memory`, `firestore`.
    pub backend: &'static str,
    /// The database's name: `projects/{project}/databases/{database}`.
    pub database: Arc<str>,
}

/// The operations of a [`Store`]: a closed set, fit for metric labels.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[allow(missing_docs, reason = "each is the method of the same name")]
pub enum Operation {
    BatchGet,
    Query,
    Aggregate,
    Commit,
    Begin,
    Rollback,
    Watch,
}

impl Operation {
    /// Every operation.
    pub const ALL: [Self; 7] = [
        Self::BatchGet,
        Self::Query,
        Self::Aggregate,
        Self::Commit,
        Self::Begin,
        Self::Rollback,
        Self::Watch,
    ];

    /// The operation's name in lower case: `batch_get`.
    pub fn name(self) -> &'static str {
        match self {
            Self::BatchGet => "batch_get",
            Self::Query => "query",
            Self::Aggregate => "aggregate",
            Self::Commit => "commit",
            Self::Begin => "begin",
            Self::Rollback => "rollback",
            Self::Watch => "watch",
        }
    }
}

impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// As of when a request reads.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum ReadAt {
    /// Everything committed before the request arrived.
    #[default]
    Latest,
    /// The past time given, within [`Capabilities::past_reads`](crate::Capabilities).
    Time(Timestamp),
    /// Within the transaction.
    Txn(TxnId),
    /// Within a transaction that this request begins; the answer carries its id.
    Begin(TxnOptions),
}

/// The token of a transaction, opaque to everyone but the backend that gave it.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct TxnId(Bytes);

impl TxnId {
    /// Wraps a backend's token.
    pub fn new(token: impl Into<Bytes>) -> Self {
        Self(token.into())
    }

    /// The token.
    pub fn as_bytes(&self) -> &Bytes {
        &self.0
    }
}

impl fmt::Debug for TxnId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TxnId(")?;
        self.0.iter().take(6).try_for_each(|byte| write!(f, "{byte:02x}"))?;
        f.write_str("…)")
    }
}

/// What kind of transaction to begin.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum TxnOptions {
    /// Reads, then writes, serializable.
    ReadWrite {
        /// The first attempt's transaction, if this reruns it: the server then ranks it by age.
        retry: Option<TxnId>,
        /// How conflicts are found; the database's default if `None`.
        concurrency: Option<Concurrency>,
    },
    /// A consistent snapshot that neither locks nor aborts.
    ReadOnly {
        /// As of when; now if `None`.
        at: Option<Timestamp>,
    },
}

impl Default for TxnOptions {
    fn default() -> Self {
        Self::ReadWrite { retry: None, concurrency: None }
    }
}

/// How the store finds out that two transactions conflict.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Concurrency {
    /// Reads lock; a conflicting writer waits, then one of the two aborts.
    Pessimistic,
    /// Reads are checked at commit; the later of two conflicting commits aborts.
    Optimistic,
}

/// A request for documents by path.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct BatchGet {
    /// Which documents.
    pub paths: Vec<DocPath>,
    /// Which fields; all if `None`, none if empty.
    pub mask: Option<Vec<FieldPath>>,
    /// As of when.
    pub at: ReadAt,
}

impl BatchGet {
    /// The latest version of each of `paths`, with all fields.
    pub fn new(paths: Vec<DocPath>) -> Self {
        Self { paths, mask: None, at: ReadAt::Latest }
    }
}

/// The answer to a [`BatchGet`].
#[derive(Clone, Debug, PartialEq)]
pub struct Lookups {
    /// One per path, in request order.
    pub lookups: Vec<Lookup>,
    /// The transaction begun, if the request asked for one.
    pub txn: Option<TxnId>,
}

/// What was found at one path.
#[derive(Clone, Debug, PartialEq)]
pub struct Lookup {
    /// Where it was looked for.
    pub path: DocPath,
    /// The document, if there is one.
    pub document: Option<Document>,
    /// As of when this is true.
    pub read_time: Timestamp,
}

/// A request to run a query.
#[derive(Clone, Debug, PartialEq)]
pub struct QueryRequest {
    /// The query.
    pub query: Query,
    /// As of when.
    pub at: ReadAt,
}

impl QueryRequest {
    /// `query` over the latest versions.
    pub fn new(query: Query) -> Self {
        Self { query, at: ReadAt::Latest }
    }
}

/// One event of a running query.
#[derive(Clone, Debug, PartialEq)]
pub enum QueryEvent {
    /// The transaction begun, if the request asked for one; always the first event then.
    Began(TxnId),
    /// The next row.
    Row(Document),
    /// The end of the rows; always the last event.
    Done {
        /// As of when the rows are true.
        read_time: Timestamp,
        /// What the query cost.
        billed_reads: u64,
    },
}

/// A request for aggregates over a query.
#[derive(Clone, Debug, PartialEq)]
pub struct AggregateRequest {
    query: Query,
    aggregations: Vec<(String, Aggregation)>,
    at: ReadAt,
}

impl AggregateRequest {
    /// Checks a request for named aggregations over `query`.
    ///
    /// # Errors
    /// [`InvalidArgument`](crate::ErrorKind::InvalidArgument) unless there are 1 to 5 aggregations
    /// with distinct names that are valid field names, none over the document's name, and each
    /// count's bound is at least 1; also for the sum or average of a field by which the query does
    /// not order, if its filter, order or cursors speak of the document's name; or if the
    /// query has a projection.
    pub fn new(query: Query, aggregations: Vec<(String, Aggregation)>) -> Result<Self> {
        if aggregations.is_empty() || aggregations.len() > MAX_AGGREGATIONS {
            return Err(Error::invalid(format!(
                "a request has 1 to {MAX_AGGREGATIONS} aggregations, not {}",
                aggregations.len()
            )));
        }
        for (index, (alias, aggregation)) in aggregations.iter().enumerate() {
            check_field_name(alias)?;
            if aggregations[..index].iter().any(|(earlier, _)| earlier == alias) {
                return Err(Error::invalid("two aggregations share a name").at_path(alias));
            }
            check_aggregation(aggregation, &query).map_err(|error| error.at_path(alias))?;
        }
        Ok(Self { query, aggregations, at: ReadAt::Latest })
    }

    /// Reads as of `at`.
    #[must_use]
    pub fn at(mut self, at: ReadAt) -> Self {
        self.at = at;
        self
    }

    /// The same request over another query; for layers.
    #[must_use]
    pub fn with_query(mut self, query: Query) -> Self {
        self.query = query;
        self
    }

    /// The query.
    pub fn query(&self) -> &Query {
        &self.query
    }

    /// The aggregations, by name.
    pub fn aggregations(&self) -> &[(String, Aggregation)] {
        &self.aggregations
    }

    /// As of when.
    pub fn read_at(&self) -> &ReadAt {
        &self.at
    }
}

fn check_aggregation(aggregation: &Aggregation, query: &Query) -> Result<()> {
    match aggregation {
        Aggregation::Count { up_to: Some(0) } => {
            Err(Error::invalid("a count is bounded by at least 1"))
        }
        Aggregation::Sum(field) | Aggregation::Average(field) if field.is_document_id() => {
            Err(Error::invalid("the document's name is no number"))
        }
        // "This query requires an index that has fields after __name__ and Firestore does not
        // currently support such an index."
        Aggregation::Sum(field) | Aggregation::Average(field)
            if query.speaks_of_names() && query.order().iter().all(|key| key.field != *field) =>
        {
            Err(Error::invalid(format!(
                "a query about names has no sum or average of a field such as `{field}`, unless it \
                 is ordered by that"
            )))
        }
        Aggregation::Sum(_) | Aggregation::Average(_) if query.projection().is_some() => {
            Err(Error::invalid("a query with a projection has no sum or average"))
        }
        _ => Ok(()),
    }
}

/// The answer to an [`AggregateRequest`].
#[derive(Clone, Debug, PartialEq)]
pub struct Aggregates {
    /// One value per aggregation, by name.
    pub values: BTreeMap<String, Value>,
    /// As of when they are true.
    pub read_time: Timestamp,
    /// What they cost.
    pub billed_reads: u64,
    /// The transaction begun, if the request asked for one.
    pub txn: Option<TxnId>,
}
