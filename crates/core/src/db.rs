//! The handle that callers hold: a store, and the comfort around it.

use std::future::ready;
use std::sync::Arc;

use futures::stream::BoxStream;
use futures::{StreamExt, TryStreamExt};

use crate::clock::{Clock, SystemClock};
use crate::cx::Cx;
use crate::document::Document;
use crate::path::{CollectionPath, DocPath};
use crate::query::{Aggregation, Query};
use crate::store::{
    AggregateRequest, Aggregates, BatchGet, Lookup, QueryEvent, QueryRequest, Store,
};
use crate::typed::Collection;
use crate::value::Fields;
use crate::watch::{WatchEvent, WatchFrom, WatchRequest, WatchTarget};
use crate::write::{Commit, Committed, Require, Write, Written};
use crate::{Error, Result};

/// A database: any [`Store`] with the conveniences that callers want.
///
/// Cheap to clone; clones share the store. A convenience is a method here and never one of
/// [`Store`], so adding one breaks no backend.
#[derive(Clone, Debug)]
pub struct Db {
    store: Arc<dyn Store>,
    clock: Arc<dyn Clock>,
    cx: Cx,
}

impl Db {
    /// A database over `store`, with the machine's clock for back-off.
    pub fn new(store: impl Store) -> Self {
        Self::from_arc(Arc::new(store))
    }

    /// A database over a store that is shared already.
    pub fn from_arc(store: Arc<dyn Store>) -> Self {
        Self { store, clock: Arc::new(SystemClock), cx: Cx::new() }
    }

    /// The same database, waiting on `clock`.
    #[must_use]
    pub fn with_clock(mut self, clock: impl Clock) -> Self {
        self.clock = Arc::new(clock);
        self
    }

    /// The same database, with `cx` around every call.
    #[must_use]
    pub fn with_cx(mut self, cx: Cx) -> Self {
        self.cx = cx;
        self
    }

    /// The same database, its calls made in the name of a feature; see [`Cx::with_label`].
    #[must_use]
    pub fn labelled(mut self, label: &'static str) -> Self {
        self.cx = self.cx.with_label(label);
        self
    }

    /// The store.
    pub fn store(&self) -> &Arc<dyn Store> {
        &self.store
    }

    /// The clock that back-off waits on.
    pub fn clock(&self) -> &Arc<dyn Clock> {
        &self.clock
    }

    /// What surrounds every call.
    pub fn cx(&self) -> &Cx {
        &self.cx
    }

    /// A typed view of the collection at `path`.
    ///
    /// # Errors
    /// [`InvalidArgument`](crate::ErrorKind::InvalidArgument) for a malformed path.
    pub fn collection<T>(&self, path: impl AsRef<str>) -> Result<Collection<T>> {
        Ok(Collection::new(self.clone(), CollectionPath::new(path)?))
    }

    /// Reads one document; `None` if there is none.
    ///
    /// # Errors
    /// A malformed path, and what the store answers.
    ///
    /// # Cost
    /// One RPC, one billed read.
    pub async fn get<P>(&self, path: P) -> Result<Option<Document>>
    where
        P: TryInto<DocPath>,
        P::Error: Into<Error>,
    {
        let path = path.try_into().map_err(Into::into)?;
        Ok(self.lookup([path]).await?.pop().and_then(|lookup| lookup.document))
    }

    /// Reads several documents at one read time: one answer per path, in order, with the read
    /// time, missing ones included.
    ///
    /// # Errors
    /// What the store answers.
    ///
    /// # Cost
    /// One RPC, one billed read per distinct path.
    pub async fn lookup(&self, paths: impl IntoIterator<Item = DocPath>) -> Result<Vec<Lookup>> {
        let request = BatchGet::new(paths.into_iter().collect());
        Ok(self.store.batch_get(&self.cx, request).await?.lookups)
    }

    /// Runs a query and collects its rows.
    ///
    /// # Errors
    /// What is wrong with the query, and what the store answers.
    ///
    /// # Cost
    /// One RPC, one billed read per row returned or skipped, at least one.
    pub async fn query<Q>(&self, query: Q) -> Result<Vec<Document>>
    where
        Q: TryInto<Query>,
        Q::Error: Into<Error>,
    {
        self.stream(query)?.try_collect().await
    }

    /// Runs a query and yields its rows as they come.
    ///
    /// # Errors
    /// What is wrong with the query; the stream yields what the store answers.
    ///
    /// # Cancellation
    /// Dropping the stream ends the query; rows on the way are billed.
    ///
    /// # Cost
    /// As [`Db::query`].
    pub fn stream<Q>(&self, query: Q) -> Result<BoxStream<'static, Result<Document>>>
    where
        Q: TryInto<Query>,
        Q::Error: Into<Error>,
    {
        let request = QueryRequest::new(query.try_into().map_err(Into::into)?);
        let rows = self.store.query(&self.cx, request).try_filter_map(|event| {
            ready(Ok(if let QueryEvent::Row(document) = event { Some(document) } else { None }))
        });
        Ok(rows.boxed())
    }

    /// Counts the rows of a query without reading them.
    ///
    /// # Errors
    /// What is wrong with the query, and what the store answers.
    ///
    /// # Cost
    /// One RPC, one billed read per 1,000 rows or part of it, at least one.
    pub async fn count<Q>(&self, query: Q) -> Result<u64>
    where
        Q: TryInto<Query>,
        Q::Error: Into<Error>,
    {
        let count = ("count".to_owned(), Aggregation::Count { up_to: None });
        let aggregates = self.aggregate(query, vec![count]).await?;
        let count = aggregates.values.get("count").and_then(|value| value.as_integer());
        count
            .and_then(|count| u64::try_from(count).ok())
            .ok_or_else(|| Error::decode("the answer to a count holds no count"))
    }

    /// Computes named aggregates over the rows of a query.
    ///
    /// # Errors
    /// What is wrong with the query or the aggregations, and what the store answers.
    ///
    /// # Cost
    /// As [`Db::count`].
    pub async fn aggregate<Q>(
        &self,
        query: Q,
        aggregations: Vec<(String, Aggregation)>,
    ) -> Result<Aggregates>
    where
        Q: TryInto<Query>,
        Q::Error: Into<Error>,
    {
        let query = query.try_into().map_err(Into::into)?;
        let request = AggregateRequest::new(query, aggregations)?;
        self.store.aggregate(&self.cx, request).await
    }

    /// Applies several writes, all or none.
    ///
    /// # Errors
    /// As [`Commit::new`], and what the store answers; see [`Require`] for preconditions.
    ///
    /// # Cancellation
    /// If the future is dropped, all of the writes happen or none.
    ///
    /// # Cost
    /// One RPC, one billed write or delete per write that is one.
    pub async fn commit(&self, writes: Vec<Write>) -> Result<Committed> {
        self.store.commit(&self.cx, Commit::new(writes)?).await
    }

    /// Applies one write.
    ///
    /// # Errors
    /// What the store answers; see [`Require`] for preconditions.
    ///
    /// # Cancellation
    /// If the future is dropped, the write happens or not.
    ///
    /// # Cost
    /// One RPC, one billed write or delete.
    pub async fn write(&self, write: Write) -> Result<Written> {
        let committed = self.store.commit(&self.cx, write.into()).await?;
        committed
            .writes
            .into_iter()
            .next()
            .ok_or_else(|| Error::decode("the answer to a commit holds no result for its write"))
    }

    /// Creates a document.
    ///
    /// # Errors
    /// [`AlreadyExists`](crate::ErrorKind::AlreadyExists) if it exists; else as [`Write::replace`]
    /// and [`Db::write`].
    ///
    /// # Cost
    /// One RPC, one billed write.
    pub async fn create<P>(&self, path: P, fields: Fields) -> Result<Written>
    where
        P: TryInto<DocPath>,
        P::Error: Into<Error>,
    {
        self.write(Write::create(path.try_into().map_err(Into::into)?, fields)?).await
    }

    /// Sets a document's fields, whether or not it exists.
    ///
    /// # Errors
    /// As [`Write::replace`] and [`Db::write`].
    ///
    /// # Cost
    /// One RPC, one billed write.
    pub async fn set<P>(&self, path: P, fields: Fields) -> Result<Written>
    where
        P: TryInto<DocPath>,
        P::Error: Into<Error>,
    {
        self.write(Write::replace(path.try_into().map_err(Into::into)?, fields)?).await
    }

    /// Changes the given fields and leaves the others; creates the document if need be.
    ///
    /// # Errors
    /// As [`Write::merge`] and [`Db::write`].
    ///
    /// # Cost
    /// One RPC, one billed write.
    pub async fn merge<P>(&self, path: P, fields: Fields) -> Result<Written>
    where
        P: TryInto<DocPath>,
        P::Error: Into<Error>,
    {
        self.write(Write::merge(path.try_into().map_err(Into::into)?, fields)?).await
    }

    /// Changes the given fields of a document that exists.
    ///
    /// # Errors
    /// [`NotFound`](crate::ErrorKind::NotFound) if it does not; else as [`Db::merge`].
    ///
    /// # Cost
    /// One RPC, one billed write.
    pub async fn update<P>(&self, path: P, fields: Fields) -> Result<Written>
    where
        P: TryInto<DocPath>,
        P::Error: Into<Error>,
    {
        let write = Write::merge(path.try_into().map_err(Into::into)?, fields)?;
        self.write(write.require(Require::Present)).await
    }

    /// Deletes a document; succeeds if there is none.
    ///
    /// # Errors
    /// A malformed path, and what the store answers.
    ///
    /// # Cost
    /// One RPC, one billed delete.
    pub async fn delete<P>(&self, path: P) -> Result<()>
    where
        P: TryInto<DocPath>,
        P::Error: Into<Error>,
    {
        self.write(Write::delete(path.try_into().map_err(Into::into)?)).await.map(drop)
    }

    /// Follows the result of a query; see [`WatchEvent`].
    ///
    /// # Errors
    /// What is wrong with the query; the stream yields what the store answers.
    ///
    /// # Cancellation
    /// Dropping the stream ends the subscription.
    ///
    /// # Cost
    /// One RPC for as long as the stream lives, one billed read per document delivered.
    pub fn watch<Q>(
        &self,
        query: Q,
        from: WatchFrom,
    ) -> Result<BoxStream<'static, Result<WatchEvent>>>
    where
        Q: TryInto<Query>,
        Q::Error: Into<Error>,
    {
        let query = query.try_into().map_err(Into::into)?;
        let target = WatchTarget::Query(Box::new(query));
        Ok(self.store.watch(&self.cx, WatchRequest { target, from }))
    }

    /// Follows documents by path, whether or not they exist yet; see [`WatchEvent`].
    ///
    /// # Cancellation
    /// Dropping the stream ends the subscription.
    ///
    /// # Cost
    /// As [`Db::watch`].
    pub fn watch_documents(
        &self,
        paths: Vec<DocPath>,
        from: WatchFrom,
    ) -> BoxStream<'static, Result<WatchEvent>> {
        let target = WatchTarget::Documents(paths);
        self.store.watch(&self.cx, WatchRequest { target, from })
    }
}
