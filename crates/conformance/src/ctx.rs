//! What a case works with: a database, and a place of its own in it.

#![allow(clippy::unwrap_used, reason = "a case reports by panicking, as a test does")]

use std::sync::Arc;

use firekeep_core::{
    CollectionPath, Cx, Db, DocPath, Document, Error, ErrorKind, Fields, Query, QueryBuilder,
    Result, Store, Timestamp, Value, Write, Written,
};

/// A database, and a root document below which the case has everything to itself.
#[derive(Clone, Debug)]
pub struct Ctx {
    db: Db,
    root: DocPath,
    tag: String,
    items: String,
}

impl Ctx {
    /// A place for one run of one case: `conformance/{random}`.
    pub fn new(db: Db) -> Self {
        let tag: String = std::iter::repeat_with(fastrand::alphanumeric).take(20).collect();
        let root = DocPath::new(format!("conformance/{tag}")).unwrap();
        Self { db, root, tag, items: "items".to_owned() }
    }

    /// The database.
    pub fn db(&self) -> &Db {
        &self.db
    }

    /// The store, for requests that [`Db`] does not offer.
    pub fn store(&self) -> &Arc<dyn Store> {
        self.db.store()
    }

    /// The environment of raw calls.
    pub fn cx(&self) -> &Cx {
        self.db.cx()
    }

    /// The document below which the case works. It does not exist unless the case creates it.
    pub fn root(&self) -> &DocPath {
        &self.root
    }

    /// A collection id that nobody else in the database uses.
    pub fn unique_id(&self, stem: &str) -> String {
        format!("{stem}-{}", self.tag)
    }

    /// The same place, with a collection id for [`Ctx::items`] that nobody else uses. Some stores
    /// lock a query's collection in every place at once.
    #[must_use]
    pub fn apart(mut self) -> Self {
        self.items = self.unique_id("items");
        self
    }

    /// The collection that most cases use: `{root}/items`. The suite's index file speaks of it.
    pub fn items(&self) -> CollectionPath {
        self.root.collection(&self.items).unwrap()
    }

    /// The document `id` in [`Ctx::items`].
    pub fn doc(&self, id: &str) -> DocPath {
        self.items().doc(id).unwrap()
    }

    /// A query over [`Ctx::items`].
    pub fn query(&self) -> QueryBuilder {
        Query::collection(self.items())
    }

    /// Sets the document `id`.
    pub async fn put(&self, id: &str, fields: Fields) -> Written {
        self.db.set(self.doc(id), fields).await.unwrap()
    }

    /// Sets several documents in one commit.
    pub async fn seed<const N: usize>(&self, documents: [(&str, Fields); N]) -> Timestamp {
        let writes = documents.map(|(id, fields)| Write::replace(self.doc(id), fields).unwrap());
        self.db.commit(writes.into()).await.unwrap().commit_time
    }

    /// Sets one document per value: `v` holds it, and the id is its place in the list.
    pub async fn seed_values(&self, values: &[Value]) {
        let writes = values.iter().enumerate().map(|(index, value)| {
            let fields = firekeep_core::fields! { "v" => value };
            Write::replace(self.doc(&format!("{index:03}")), fields).unwrap()
        });
        self.db.commit(writes.collect()).await.unwrap();
    }

    /// The document `id`, if it exists.
    pub async fn find(&self, id: &str) -> Option<Document> {
        self.db.get(self.doc(id)).await.unwrap()
    }

    /// The document `id`, which exists.
    pub async fn fetch(&self, id: &str) -> Document {
        self.find(id).await.unwrap_or_else(|| panic!("document `{id}` is missing"))
    }

    /// The fields of the document `id`, which exists.
    pub async fn fields_of(&self, id: &str) -> Fields {
        self.fetch(id).await.into_fields()
    }

    /// The ids of a query's rows, in order.
    pub async fn ids(&self, query: QueryBuilder) -> Vec<String> {
        let rows = self.db.query(query).await.unwrap();
        rows.iter().map(|row| row.id().to_owned()).collect()
    }

    /// Applies `write` to the document it names.
    pub async fn write(&self, write: Write) -> Written {
        self.db.write(write).await.unwrap()
    }

    /// Stores `before` under `v` unless it is `None`, applies `op` to it, and answers the result
    /// that the store reported and the value that is stored then.
    pub async fn transform(
        &self,
        before: Option<Value>,
        op: firekeep_core::TransformOp,
    ) -> (Value, Value) {
        if let Some(before) = before {
            self.put("t", firekeep_core::fields! { "v" => before }).await;
        }
        let write = Write::transform(self.doc("t")).with("v", op).unwrap();
        let mut written = self.write(write).await;
        assert_eq!(written.transform_results.len(), 1, "one result per transform");
        (written.transform_results.remove(0), self.fetch("t").await.get("v").unwrap().clone())
    }
}

/// The error of `result`, which must be one of `kind`.
#[track_caller]
pub fn refused<T: std::fmt::Debug>(result: Result<T>, kind: ErrorKind) -> Error {
    match result {
        Ok(value) => panic!("expected an error of kind {kind}, got {value:?}"),
        Err(error) => {
            assert_eq!(error.kind(), kind, "expected an error of kind {kind}, got: {error}");
            error
        }
    }
}
