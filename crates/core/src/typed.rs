//! Typed collections over serde.
use std::marker::PhantomData;

use crate::db::Db;
use crate::path::CollectionPath;

/// A collection of documents of type `T`.
#[derive(Debug)]
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
}
