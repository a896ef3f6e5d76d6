//! Queries over every collection. Clients send them to delete what is below a document.

use firekeep_core::{Direction, Document, Error, Filter, Query, QueryRequest, Result};

use super::query::{Found, run};
use super::snapshot::snapshot;
use crate::databases::Hosted;
use crate::decode;
use crate::name::DatabaseName;
use crate::proto::StructuredQuery;
use crate::proto::structured_query::CollectionSelector;
use crate::service::Call;

/// A query that names no collection. It can speak of names only, as production demands.
#[derive(Debug)]
pub(super) struct Kindless {
    structured: StructuredQuery,
    all_descendants: bool,
    limit: Option<u32>,
}

impl Kindless {
    /// Checks `structured`, whose limit counts from the first row that is not skipped yet.
    ///
    /// # Errors
    /// `InvalidArgument` for a filter or an order by anything but names, rising.
    pub(super) fn new(
        database: &DatabaseName,
        parent: &str,
        structured: StructuredQuery,
    ) -> Result<(Self, Query)> {
        let all_descendants = structured.from.first().is_some_and(|from| from.all_descendants);
        let kindless = Self { limit: None, all_descendants, structured };
        // Any collection will do to check the rest.
        let example = kindless.of_collection(database, parent, "any")?;
        let conditions = example.filter().map(Filter::conditions).unwrap_or_default();
        if let Some((field, ..)) = conditions.iter().find(|(field, ..)| !field.is_document_id()) {
            return Err(Error::invalid(format!("kind is required for filter: {field}")));
        }
        let rises = |key: &firekeep_core::Order| {
            key.field.is_document_id() && key.direction == Direction::Ascending
        };
        if !example.order().iter().all(rises) {
            return Err(Error::invalid(
                "kind is required for all orders except __name__ ascending",
            ));
        }
        Ok((Self { limit: example.limit(), ..kindless }, example))
    }

    fn of_collection(&self, database: &DatabaseName, parent: &str, id: &str) -> Result<Query> {
        let from = CollectionSelector {
            collection_id: id.to_owned(),
            all_descendants: self.all_descendants,
        };
        let structured = StructuredQuery { from: vec![from], ..self.structured.clone() };
        decode::query(database, parent, structured)
    }

    /// Runs the query: once per collection id, merged by name.
    pub(super) async fn run(
        &self,
        call: &Call,
        hosted: &Hosted,
        database: &DatabaseName,
        parent: &str,
        at: firekeep_core::ReadAt,
    ) -> Result<Found> {
        let catalog = hosted.catalog_for("A query over every collection")?;
        let snapshot = snapshot(call, hosted, at).await?;
        let (under, time) = (database.parent(parent)?, Some(snapshot.time));
        let ids = match self.all_descendants {
            true => catalog.group_ids(&call.cx, under.as_ref(), time).await?,
            false => catalog.collection_ids(&call.cx, under.as_ref(), time).await?,
        };
        let mut rows: Vec<Document> = Vec::new();
        for id in ids {
            let query = self.of_collection(database, parent, id.as_str())?;
            let request = QueryRequest { query, at: snapshot.at.clone() };
            rows.extend(run(call, hosted, request).await?.rows);
        }
        rows.sort_by(|left, right| left.path().cmp(right.path()));
        rows.truncate(self.limit.map_or(usize::MAX, |limit| limit as usize));
        let billed_reads = rows.len().max(1) as u64;
        Ok(Found { began: snapshot.began, rows, read_time: snapshot.time, billed_reads })
    }
}
