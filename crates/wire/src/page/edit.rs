//! The doors that write.

use axum::Json;
use axum::extract::State;
use firekeep_core::{
    Catalog, CollectionPath, Commit, Cx, DocPath, Error, Query, QueryEvent, QueryRequest, Result,
    Store, Write,
};
use futures::TryStreamExt;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Rooms, rest};
use crate::http::Problem;
use crate::name::DatabaseName;

/// What to write, as in Firestore's own REST interface.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct CommitBody {
    database: String,
    writes: Vec<rest::RestWrite>,
}

/// Applies all writes, or none.
pub(super) async fn commit(
    State(rooms): State<Rooms>,
    body: Result<Json<CommitBody>, axum::extract::rejection::JsonRejection>,
) -> Result<Json<Value>, Problem> {
    let Json(body) = body.map_err(|rejected| malformed(&rejected.body_text()))?;
    let database = DatabaseName::new(&body.database)?;
    let writes = body.writes.into_iter().map(|write| rest::write(&database, write));
    let commit = Commit::of_any_length(writes.collect::<Result<_>>()?)?;
    let hosted = rooms.databases.database(&database)?;
    let committed = hosted.store().commit(&Cx::new(), commit).await?;
    Ok(Json(json!({ "commitTime": committed.commit_time.to_string() })))
}

/// What to delete.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct DeleteBody {
    database: String,
    /// A document or a collection; the whole database if empty.
    path: String,
}

/// Deletes all that is at and below a path. Documents that are written meanwhile may stay.
pub(super) async fn delete(
    State(rooms): State<Rooms>,
    body: Result<Json<DeleteBody>, axum::extract::rejection::JsonRejection>,
) -> Result<Json<Value>, Problem> {
    let Json(body) = body.map_err(|rejected| malformed(&rejected.body_text()))?;
    let database = DatabaseName::new(&body.database)?;
    if body.path.is_empty() {
        rooms.databases.clear(&database)?;
        return Ok(Json(json!({})));
    }
    let hosted = rooms.databases.database(&database)?;
    let catalog = hosted.catalog_for("deleting a collection")?;
    let deleting = Deleting { store: &**hosted.store(), catalog, cx: Cx::new() };
    let deleted = match body.path.split('/').count() % 2 {
        0 => deleting.document(DocPath::new(&body.path)?).await,
        _ => deleting.collections(vec![CollectionPath::new(&body.path)?]).await,
    };
    Ok(Json(json!({ "deleted": deleted? })))
}

fn malformed(why: &str) -> Error {
    Error::invalid(format!("the body can't be read: {why}"))
}

/// What a deletion needs.
struct Deleting<'a> {
    store: &'a dyn Store,
    catalog: &'a dyn Catalog,
    cx: Cx,
}

impl Deleting<'_> {
    async fn document(&self, path: DocPath) -> Result<usize> {
        let below = self.below(&path).await?;
        let deleted = self.collections(below).await?;
        self.store.commit(&self.cx, Commit::new(vec![Write::delete(path)])?).await?;
        Ok(deleted + 1)
    }

    /// Deletes collections and all below them. Answers how many documents were deleted.
    async fn collections(&self, mut left: Vec<CollectionPath>) -> Result<usize> {
        let mut deleted = 0;
        while let Some(collection) = left.pop() {
            for missing in self.catalog.missing_documents(&self.cx, &collection, None).await? {
                left.extend(self.below(&missing).await?);
            }
            loop {
                let found = self.some_of(&collection).await?;
                if found.is_empty() {
                    break;
                }
                for path in &found {
                    left.extend(self.below(path).await?);
                }
                deleted += found.len();
                let writes = found.into_iter().map(Write::delete).collect();
                self.store.commit(&self.cx, Commit::new(writes)?).await?;
            }
        }
        Ok(deleted)
    }

    async fn below(&self, path: &DocPath) -> Result<Vec<CollectionPath>> {
        let ids = self.catalog.collection_ids(&self.cx, Some(path), None).await?;
        ids.iter().map(|id| path.collection(id.as_str())).collect()
    }

    /// As many documents of a collection as one commit deletes.
    async fn some_of(&self, collection: &CollectionPath) -> Result<Vec<DocPath>> {
        let query = Query::collection(collection.clone()).limit(PAGE).select([]).build()?;
        let events: Vec<_> =
            self.store.query(&self.cx, QueryRequest::new(query)).try_collect().await?;
        Ok(events.into_iter().filter_map(path_of).collect())
    }
}

fn path_of(event: QueryEvent) -> Option<DocPath> {
    match event {
        QueryEvent::Row(document) => Some(document.path().clone()),
        _ => None,
    }
}

/// How many documents are deleted at once.
const PAGE: u32 = 400;
