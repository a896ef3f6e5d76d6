//! A value together with the document it was read from.

use std::ops::Deref;

use serde::de::DeserializeOwned;

use super::from_fields;
use crate::document::{Document, Version};
use crate::path::DocPath;
use crate::timestamp::Timestamp;
use crate::{Error, Result};

/// A `T` as it was stored at one time. Derefs to the `T`.
#[derive(Clone, Debug, PartialEq)]
pub struct Stored<T> {
    path: DocPath,
    value: T,
    created: Timestamp,
    updated: Timestamp,
    read_time: Option<Timestamp>,
}

impl<T> Stored<T> {
    /// Reads the `T` in `document`.
    ///
    /// # Errors
    /// [`Decode`](crate::ErrorKind::Decode), naming the document and the field that does not fit.
    pub fn from_document(document: &Document) -> Result<Self>
    where
        T: DeserializeOwned,
    {
        let value =
            from_fields(document.fields()).map_err(|error| in_document(document.path(), error))?;
        Ok(Self {
            path: document.path().clone(),
            value,
            created: document.created(),
            updated: document.updated(),
            read_time: None,
        })
    }

    pub(crate) fn read_at(mut self, time: Timestamp) -> Self {
        self.read_time = Some(time);
        self
    }

    /// The same document after a write at `version`.
    pub(crate) fn rewritten(self, version: Version) -> Self {
        Self { updated: version.time(), read_time: None, ..self }
    }

    /// Where the document is.
    pub fn path(&self) -> &DocPath {
        &self.path
    }

    /// The last segment of the path.
    pub fn id(&self) -> &str {
        self.path.id()
    }

    /// What is stored.
    pub fn value(&self) -> &T {
        &self.value
    }

    pub(crate) fn value_mut(&mut self) -> &mut T {
        &mut self.value
    }

    /// What is stored, without where and when.
    pub fn into_value(self) -> T {
        self.value
    }

    /// When the document was created, by the store's clock.
    pub fn created(&self) -> Timestamp {
        self.created
    }

    /// When the document last changed, by the store's clock.
    pub fn updated(&self) -> Timestamp {
        self.updated
    }

    /// The version to require in a guarded write.
    pub fn version(&self) -> Version {
        Version::at(self.updated)
    }

    /// As of when the value is known to be current: for what came from a lookup or a watch.
    pub fn read_time(&self) -> Option<Timestamp> {
        self.read_time
    }
}

impl<T> Deref for Stored<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.value
    }
}

/// The same error, its path seen from the database: `users/alice:address.city`.
pub(crate) fn in_document(path: &DocPath, error: Error) -> Error {
    let place = match error.path() {
        Some(field) => format!("{path}:{field}"),
        None => path.to_string(),
    };
    Error::new(error.kind(), error.message()).at_path(place)
}
