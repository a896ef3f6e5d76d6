//! Queries whose rows are values of one type.

use std::fmt;
use std::marker::PhantomData;

use futures::stream::BoxStream;
use futures::{StreamExt, TryStreamExt};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::stored::{Stored, in_document};
use super::to_fields;
use super::watch::{TypedEvent, typed_events};
use crate::Result;
use crate::db::Db;
use crate::document::Document;
use crate::filter::FilterResult;
use crate::query::{Direction, Query, QueryBuilder};
use crate::value::Value;
use crate::watch::WatchFrom;

/// Builds and runs a query over documents of type `T`; see [`QueryBuilder`], whose rules hold.
///
/// There is no projection: a part of a document is no `T`. Mistakes are kept and reported when the
/// query runs.
#[must_use = "a query does nothing until it is run"]
pub struct TypedQuery<T> {
    db: Db,
    query: Result<QueryBuilder>,
    kind: PhantomData<fn() -> T>,
}

macro_rules! passed_on {
    ($($(#[$doc:meta])* $name:ident($($arg:ident: $type:ty),*);)*) => {
        $($(#[$doc])* pub fn $name(self, $($arg: $type),*) -> Self {
            self.adjust(|query| query.$name($($arg),*))
        })*
    };
}

impl<T> TypedQuery<T> {
    /// A query over any collection or group of collections, whose documents are of type `T`.
    pub fn new(db: Db, query: QueryBuilder) -> Self {
        Self { db, query: Ok(query), kind: PhantomData }
    }

    passed_on! {
        /// Keeps only documents for which `filter` holds too. See [`field`](crate::field()).
        filter(filter: FilterResult);
        /// Orders by `field` (in text form) after the orders given before.
        order_by(field: &str, direction: Direction);
        /// Orders by `field`, smallest first.
        ascending(field: &str);
        /// Orders by `field`, largest first.
        descending(field: &str);
        /// At most `rows` rows, counted from the start.
        limit(rows: u32);
        /// At most `rows` rows, counted from the end; they come in the query's order all the same.
        limit_to_last(rows: u32);
        /// Skips `rows` rows. Skipped rows are billed; a cursor costs nothing.
        offset(rows: u32);
        /// Starts with the rows at these values of the order.
        start_at(values: impl IntoIterator<Item = impl Into<Value>>);
        /// Starts after the rows at these values of the order.
        start_after(values: impl IntoIterator<Item = impl Into<Value>>);
        /// Ends before the rows at these values of the order.
        end_before(values: impl IntoIterator<Item = impl Into<Value>>);
        /// Ends with the rows at these values of the order.
        end_at(values: impl IntoIterator<Item = impl Into<Value>>);
    }

    /// Starts just after `stored`, by its value for every order key, its name included.
    pub fn start_after_stored(self, stored: &Stored<T>) -> Self
    where
        T: Serialize,
    {
        self.at(stored, QueryBuilder::start_after_document)
    }

    /// Ends just before `stored`, by its value for every order key, its name included.
    pub fn end_before_stored(self, stored: &Stored<T>) -> Self
    where
        T: Serialize,
    {
        self.at(stored, QueryBuilder::end_before_document)
    }

    fn at(self, stored: &Stored<T>, edge: fn(QueryBuilder, &Document) -> QueryBuilder) -> Self
    where
        T: Serialize,
    {
        let fields = to_fields(stored.value()).map_err(|error| in_document(stored.path(), error));
        let query = self.query.and_then(|query| {
            let path = stored.path().clone();
            Ok(edge(query, &Document::new(path, fields?, stored.created(), stored.updated())))
        });
        Self { query, ..self }
    }

    fn adjust(self, adjust: impl FnOnce(QueryBuilder) -> QueryBuilder) -> Self {
        Self { query: self.query.map(adjust), ..self }
    }

    /// Checks the query.
    ///
    /// # Errors
    /// As [`QueryBuilder::build`].
    pub fn build(self) -> Result<Query> {
        self.query?.build()
    }

    /// Counts the rows without reading them.
    ///
    /// # Errors
    /// What is wrong with the query, and what the store answers.
    ///
    /// # Cost
    /// As [`Db::count`].
    pub async fn count(self) -> Result<u64> {
        let db = self.db.clone();
        db.count(self.build()?).await
    }
}

impl<T: DeserializeOwned> TypedQuery<T> {
    /// Runs the query and collects its rows.
    ///
    /// # Errors
    /// What is wrong with the query, what the store answers, and
    /// [`Decode`](crate::ErrorKind::Decode) for the first row that is no `T`.
    ///
    /// # Cost
    /// As [`Db::query`].
    pub async fn get(self) -> Result<Vec<Stored<T>>> {
        let db = self.db.clone();
        let rows = db.stream(self.build()?)?;
        rows.map(|row| Stored::from_document(&row?)).try_collect().await
    }

    /// Runs the query and yields its rows as they come. A row that is no `T` is an error in its
    /// place; the rows after it follow.
    ///
    /// # Errors
    /// What is wrong with the query; the stream yields what the store answers.
    ///
    /// # Cancellation
    /// Dropping the stream ends the query; rows on the way are billed.
    ///
    /// # Cost
    /// As [`Db::query`].
    pub fn stream(self) -> Result<BoxStream<'static, Result<Stored<T>>>>
    where
        T: 'static,
    {
        let db = self.db.clone();
        let rows = db.stream(self.build()?)?;
        Ok(rows.map(|row| Stored::from_document(&row?)).boxed())
    }

    /// Follows the result of the query; see [`TypedEvent`].
    ///
    /// # Errors
    /// What is wrong with the query; the stream yields what the store answers.
    ///
    /// # Cancellation
    /// Dropping the stream ends the subscription; the last position seen resumes it.
    ///
    /// # Cost
    /// As [`Db::watch`].
    pub fn watch(self, from: WatchFrom) -> Result<BoxStream<'static, Result<TypedEvent<T>>>>
    where
        T: Send + 'static,
    {
        let db = self.db.clone();
        Ok(typed_events(db.watch(self.build()?, from)?))
    }
}

impl<T> fmt::Debug for TypedQuery<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("TypedQuery").field(&self.query).finish()
    }
}
