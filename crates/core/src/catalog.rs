//! What a store can tell of its collections beyond the documents in them.

use std::fmt;

use async_trait::async_trait;

use crate::Result;
use crate::cx::Cx;
use crate::path::{CollectionId, CollectionPath, DocPath};
use crate::timestamp::Timestamp;

/// A store's collections, and the documents that are missing above them.
///
/// A collection is there as long as any document is in it or, at any depth, below it. The document
/// above need not exist; where it does not, it is *missing*. No feature needs to know this; a
/// server does, and whoever exports or shows a database.
///
/// # Contract
/// - Each answer holds all that was committed by the time asked for and nothing later, sorted and
///   without repetition. `at` is within
///   [`Capabilities::past_reads`](crate::Capabilities::past_reads), or `None` for the present.
/// - `under` bounds an answer to what is below that document; `None` means the whole database. It
///   need not exist, and what is not there has nothing below it: that is no error.
///
/// # Errors
/// As [`Store::batch_get`](crate::Store::batch_get) answers for a time that can't be read at, or a
/// deadline that has passed.
#[async_trait]
pub trait Catalog: fmt::Debug + Send + Sync + 'static {
    /// The ids of the collections directly below `under`.
    async fn collection_ids(
        &self,
        cx: &Cx,
        under: Option<&DocPath>,
        at: Option<Timestamp>,
    ) -> Result<Vec<CollectionId>>;

    /// The ids of the collections at any depth below `under` that hold documents themselves: the
    /// groups that a query over every collection there consists of.
    async fn group_ids(
        &self,
        cx: &Cx,
        under: Option<&DocPath>,
        at: Option<Timestamp>,
    ) -> Result<Vec<CollectionId>>;

    /// The documents of `collection` that do not exist and have a document below them.
    async fn missing_documents(
        &self,
        cx: &Cx,
        collection: &CollectionPath,
        at: Option<Timestamp>,
    ) -> Result<Vec<DocPath>>;
}
