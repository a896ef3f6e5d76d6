//! The documents of one collection as values of one type.

use std::fmt;
use std::marker::PhantomData;
use std::time::Duration;

use futures::stream::BoxStream;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::mask::own_mask;
use super::query::TypedQuery;
use super::stored::{Stored, in_document};
use super::to_fields;
use super::watch::{TypedEvent, typed_events};
use crate::backoff::Backoff;
use crate::db::Db;
use crate::document::Version;
use crate::path::{CollectionPath, DocPath};
use crate::query::Query;
use crate::value::Fields;
use crate::watch::WatchFrom;
use crate::write::{Require, Write, Written};
use crate::{Error, ErrorKind, Result, Retry};

/// A collection of documents of type `T`. Cheap to clone.
///
/// | to write | touches | if the document changed meanwhile |
/// | --- | --- | --- |
/// | [`create`](Self::create), [`add`](Self::add) | the whole document | refused if it exists |
/// | [`set`](Self::set) | the whole document | overwritten |
/// | [`replace`](Self::replace) | the whole document | refused |
/// | [`merge`](Self::merge) | the fields of `T` | overwritten in these fields |
/// | [`update`](Self::update) | the fields of `T` | read again and done again |
///
/// What touches only the fields of `T` leaves those that a newer program added.
pub struct Collection<T> {
    db: Db,
    path: CollectionPath,
    kind: PhantomData<fn() -> T>,
}

impl<T> Collection<T> {
    /// A typed view of the collection at `path`.
    pub fn new(db: Db, path: CollectionPath) -> Self {
        Self { db, path, kind: PhantomData }
    }

    /// Where the collection is.
    pub fn path(&self) -> &CollectionPath {
        &self.path
    }

    /// The database.
    pub fn db(&self) -> &Db {
        &self.db
    }

    /// Where the document `id` is.
    ///
    /// # Errors
    /// [`InvalidArgument`](ErrorKind::InvalidArgument) when `id` is no valid segment.
    pub fn doc(&self, id: impl AsRef<str>) -> Result<DocPath> {
        self.path.doc(id)
    }

    /// Deletes a document; succeeds if there is none.
    ///
    /// # Errors
    /// A malformed id, and what the store answers.
    ///
    /// # Cancellation
    /// If the future is dropped, the document is deleted or not.
    ///
    /// # Cost
    /// One RPC, one billed delete.
    pub async fn delete(&self, id: impl AsRef<str>) -> Result<()> {
        self.db.write(Write::delete(self.doc(id)?)).await.map(drop)
    }

    /// Deletes a document if it is still at `version`.
    ///
    /// # Errors
    /// [`FailedPrecondition`](ErrorKind::FailedPrecondition) if it changed or is gone; else as
    /// [`delete`](Self::delete).
    ///
    /// # Cancellation
    /// As [`delete`](Self::delete).
    ///
    /// # Cost
    /// One RPC, one billed delete.
    pub async fn delete_version(&self, id: impl AsRef<str>, version: Version) -> Result<()> {
        let delete = Write::delete(self.doc(id)?).require(Require::Version(version));
        self.db.write(delete).await.map(drop)
    }
}

/// Reading.
impl<T: DeserializeOwned> Collection<T> {
    /// Reads a document; `None` if there is none.
    ///
    /// # Errors
    /// A malformed id, what the store answers, and [`Decode`](ErrorKind::Decode) if the document is
    /// no `T`.
    ///
    /// # Cost
    /// One RPC, one billed read.
    pub async fn get(&self, id: impl AsRef<str>) -> Result<Option<Stored<T>>> {
        Ok(self.get_all([id]).await?.pop().flatten())
    }

    /// Reads several documents at one time: one answer per id, in order, `None` where there is no
    /// document.
    ///
    /// # Errors
    /// As [`get`](Self::get); one document that is no `T` fails the whole.
    ///
    /// # Cost
    /// One RPC, one billed read per distinct id.
    pub async fn get_all<I: AsRef<str>>(
        &self,
        ids: impl IntoIterator<Item = I>,
    ) -> Result<Vec<Option<Stored<T>>>> {
        let paths = ids.into_iter().map(|id| self.doc(id)).collect::<Result<Vec<_>>>()?;
        if paths.is_empty() {
            return Ok(Vec::new());
        }
        let lookups = self.db.lookup(paths).await?.into_iter();
        lookups
            .map(|lookup| {
                let stored = lookup.document.as_ref().map(Stored::from_document).transpose()?;
                Ok(stored.map(|stored: Stored<T>| stored.read_at(lookup.read_time)))
            })
            .collect()
    }

    /// Starts a query over this collection.
    pub fn query(&self) -> TypedQuery<T> {
        TypedQuery::new(self.db.clone(), Query::collection(&self.path))
    }

    /// Follows the whole collection; see [`TypedEvent`].
    ///
    /// # Errors
    /// The stream yields what the store answers. A document that is no `T` is a change of its own
    /// kind, not an error.
    ///
    /// # Cancellation
    /// Dropping the stream ends the subscription; the last position seen resumes it.
    ///
    /// # Cost
    /// One RPC for as long as the stream lives, one billed read per document delivered.
    pub fn watch(&self, from: WatchFrom) -> Result<BoxStream<'static, Result<TypedEvent<T>>>>
    where
        T: Send + 'static,
    {
        self.query().watch(from)
    }

    /// Follows documents by id, whether or not they exist yet; see [`TypedEvent`].
    ///
    /// # Errors
    /// A malformed id; else as [`watch`](Self::watch).
    ///
    /// # Cancellation
    /// As [`watch`](Self::watch).
    ///
    /// # Cost
    /// As [`watch`](Self::watch).
    pub fn watch_documents<I: AsRef<str>>(
        &self,
        ids: impl IntoIterator<Item = I>,
        from: WatchFrom,
    ) -> Result<BoxStream<'static, Result<TypedEvent<T>>>>
    where
        T: Send + 'static,
    {
        let paths = ids.into_iter().map(|id| self.doc(id)).collect::<Result<_>>()?;
        Ok(typed_events(self.db.watch_documents(paths, from)))
    }
}

/// Writing whole documents.
impl<T: Serialize> Collection<T> {
    /// Creates a document.
    ///
    /// # Errors
    /// [`AlreadyExists`](ErrorKind::AlreadyExists) if it exists; what
    /// [`to_fields`](super::to_fields) and [`Write::replace`] refuse; what the store answers.
    ///
    /// # Cancellation
    /// If the future is dropped, the document is created or not.
    ///
    /// # Cost
    /// One RPC, one billed write.
    pub async fn create(&self, id: impl AsRef<str>, value: &T) -> Result<Version> {
        self.write(self.whole(self.doc(id)?, value)?.require(Require::Absent)).await
    }

    /// Creates a document with a random id; answers its path and version.
    ///
    /// After [`Effect::Unknown`](crate::Effect::Unknown) the caller can't know the id: where that
    /// matters, choose the id and [`create`](Self::create).
    ///
    /// # Errors
    /// As [`create`](Self::create).
    ///
    /// # Cancellation
    /// As [`create`](Self::create).
    ///
    /// # Cost
    /// One RPC, one billed write.
    pub async fn add(&self, value: &T) -> Result<(DocPath, Version)> {
        let path = self.path.doc_with_random_id();
        let create = self.whole(path.clone(), value)?.require(Require::Absent);
        Ok((path, self.write(create).await?))
    }

    /// Sets a whole document, whether or not it exists; fields that `T` does not have are gone.
    ///
    /// # Errors
    /// As [`create`](Self::create), but for the document's existence.
    ///
    /// # Cancellation
    /// If the future is dropped, the document is set or not.
    ///
    /// # Cost
    /// One RPC, one billed write.
    pub async fn set(&self, id: impl AsRef<str>, value: &T) -> Result<Version> {
        self.write(self.whole(self.doc(id)?, value)?).await
    }

    /// Replaces a whole document that is still at `version`; fields that `T` does not have are gone.
    ///
    /// # Errors
    /// [`FailedPrecondition`](ErrorKind::FailedPrecondition) if the document changed or is gone;
    /// else as [`set`](Self::set).
    ///
    /// # Cancellation
    /// As [`set`](Self::set).
    ///
    /// # Cost
    /// One RPC, one billed write.
    pub async fn replace(
        &self,
        id: impl AsRef<str>,
        version: Version,
        value: &T,
    ) -> Result<Version> {
        self.write(self.whole(self.doc(id)?, value)?.require(Require::Version(version))).await
    }

    /// The write that [`set`](Self::set) would send, for a commit of several or a transaction.
    ///
    /// # Errors
    /// A malformed id, and what [`to_fields`](super::to_fields) and [`Write::replace`] refuse.
    pub fn set_write(&self, id: impl AsRef<str>, value: &T) -> Result<Write> {
        self.whole(self.doc(id)?, value)
    }

    fn whole(&self, path: DocPath, value: &T) -> Result<Write> {
        let fields = self.fields(&path, value)?;
        Write::replace(path, fields)
    }
}

/// Writing the fields of `T`.
impl<T: Serialize + DeserializeOwned> Collection<T> {
    /// Writes the fields of `T` and leaves all others; creates the document if need be.
    ///
    /// The fields of `T` are those that serde knows of it, aliases included, and of the structs in
    /// it likewise: `Option`, `Box` and newtypes are looked through. One that the serialized value
    /// lacks (`skip_serializing_if`) is deleted. A map, an array or an enum is one field and
    /// replaced whole. A type that is itself a map, an internally tagged enum, or has a flattened
    /// field can't tell its fields: the top-level ones that it serializes are written.
    ///
    /// A struct in `T` all of whose fields are left out is not created where it is missing, so it
    /// must be readable from nothing (`#[serde(default)]`).
    ///
    /// # Errors
    /// As [`set`](Self::set).
    ///
    /// # Cancellation
    /// If the future is dropped, the fields are written or not.
    ///
    /// # Cost
    /// One RPC, one billed write.
    pub async fn merge(&self, id: impl AsRef<str>, value: &T) -> Result<Version> {
        self.write(self.merge_write(id, value)?).await
    }

    /// The write that [`merge`](Self::merge) would send, for a commit of several or a transaction.
    ///
    /// # Errors
    /// As [`set_write`](Self::set_write).
    pub fn merge_write(&self, id: impl AsRef<str>, value: &T) -> Result<Write> {
        self.own(self.doc(id)?, value)
    }

    /// Reads a document, changes it, and writes the fields of `T` if it did not change meanwhile;
    /// otherwise does it all again, after a jittered back-off on the [`Db`]'s clock, up to
    /// [`UPDATE_ATTEMPTS`] times.
    ///
    /// `change` may run several times and must do nothing but change the value. Nothing is held
    /// between read and write, so a process that dies in between blocks nobody. Where the change
    /// needs no reading, a transform in a [`Write`] is cheaper and never runs twice.
    ///
    /// # Errors
    /// [`NotFound`](ErrorKind::NotFound) if there is no document;
    /// [`FailedPrecondition`](ErrorKind::FailedPrecondition) if it still changed under the last
    /// attempt; else as [`get`](Self::get) and [`merge`](Self::merge). An error with
    /// [`Effect::Unknown`](crate::Effect::Unknown) is returned at once: only the caller can tell
    /// from a new read whether its change is in.
    ///
    /// # Cancellation
    /// If the future is dropped, the change is written or not.
    ///
    /// # Cost
    /// Two RPCs, one billed read and one billed write, per attempt; a refused write is not billed.
    pub async fn update(
        &self,
        id: impl AsRef<str>,
        mut change: impl FnMut(&mut T),
    ) -> Result<Stored<T>> {
        let path = self.doc(id)?;
        let mut failures = 0;
        loop {
            let mut stored = self.get(path.id()).await?.ok_or_else(|| {
                Error::new(ErrorKind::NotFound, "there is no document to update").at_path(&path)
            })?;
            change(stored.value_mut());
            let write = self.own(path.clone(), &stored)?;
            let guarded = write.require(Require::Version(stored.version()));
            let error = match self.write(guarded).await {
                Ok(version) => return Ok(stored.rewritten(version)),
                Err(error) => error,
            };
            failures += 1;
            if failures == UPDATE_ATTEMPTS || !is_lost_race(&error) {
                return Err(error);
            }
            self.db.clock().sleep(UPDATE_BACKOFF.delay(failures, None)).await;
        }
    }

    fn own(&self, path: DocPath, value: &T) -> Result<Write> {
        let fields = self.fields(&path, value)?;
        let mask = own_mask::<T>(&fields).map_err(|error| in_document(&path, error))?;
        Write::merge_masked(path, fields, mask)
    }
}

/// The most times that [`Collection::update`] tries.
pub const UPDATE_ATTEMPTS: u32 = 10;

/// A guarded write is short; who lost one race should not wait long for the next.
const UPDATE_BACKOFF: Backoff =
    Backoff { base: Duration::from_millis(20), cap: Duration::from_secs(2) };

/// Whether the write was refused because another came first, and surely did nothing.
fn is_lost_race(error: &Error) -> bool {
    error.effect() == crate::Effect::None
        && (error.kind() == ErrorKind::FailedPrecondition || error.retry() == Retry::Transaction)
}

impl<T> Collection<T> {
    fn fields(&self, path: &DocPath, value: &T) -> Result<Fields>
    where
        T: Serialize,
    {
        to_fields(value).map_err(|error| in_document(path, error))
    }

    async fn write(&self, write: Write) -> Result<Version> {
        let path = write.path().clone();
        let Written { version, .. } = self.db.write(write).await?;
        version.ok_or_else(|| Error::decode("the answer to a write holds no version").at_path(path))
    }
}

impl<T> Clone for Collection<T> {
    fn clone(&self) -> Self {
        Self::new(self.db.clone(), self.path.clone())
    }
}

impl<T> fmt::Debug for Collection<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Collection").field(&self.path).finish()
    }
}
