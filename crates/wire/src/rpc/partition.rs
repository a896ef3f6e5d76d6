//! Where to divide a query among several readers.

use std::future::Future;

use firekeep_core::{Direction, Error, Query, QueryRequest, ReadAt, Reference, Result, Value};

use super::page::{self, PageToken};
use super::query::run;
use super::snapshot::snapshot;
use crate::proto::partition_query_request::{ConsistencySelector, QueryType};
use crate::proto::{Cursor, PartitionQueryRequest, PartitionQueryResponse, StructuredQuery};
use crate::service::Call;
use crate::status::worded;
use crate::{decode, encode};

/// `PartitionQuery`: documents that divide the result into parts of about the same size.
pub(crate) fn partition_query(
    call: &Call,
    request: PartitionQueryRequest,
) -> impl Future<Output = Result<PartitionQueryResponse>> + use<> {
    let call = call.clone();
    async move {
        let (database, hosted) = call.database(&request.parent)?;
        let most = checked_count(&request)?;
        let size = page::size(request.page_size, usize::MAX)?;
        let asked = format!(
            "{:?}",
            PartitionQueryRequest { page_size: 0, page_token: String::new(), ..request.clone() }
        );
        let token = PageToken::read(&request.page_token, &asked)?;
        let Some(QueryType::StructuredQuery(structured)) = request.query_type else {
            return Err(Error::invalid("a request has no query"));
        };
        check_query(&structured)?;
        if database.parent(&request.parent)?.is_some() {
            return Err(Error::invalid("a query is partitioned in the whole database only"));
        }
        let query = decode::query(&database, &request.parent, structured)?;
        check_order(&query)?;
        // Every page divides the same result.
        let pinned = token.as_ref().and_then(|token| token.read_time);
        let asked_at = request.consistency_selector.map(|ConsistencySelector::ReadTime(at)| at);
        let at = decode::read_at(None, pinned.or(asked_at))?;
        let at = match at {
            ReadAt::Latest => snapshot(&call, &hosted, at).await?.at,
            at => at,
        };
        let found = run(&call, &hosted, QueryRequest { query, at }).await;
        let found = found.map_err(|error| worded(error, &database))?;
        let given = token.as_ref().map_or(0, |token| token.given as usize);
        let points = points(found.rows.len(), most);
        let page = points.iter().skip(given).take(size);
        let cursor = |at: &usize| {
            let name = Value::Reference(Reference::local(found.rows[*at].path().clone()));
            Cursor { values: vec![encode::value(&database, &name)], before: true }
        };
        let partitions: Vec<Cursor> = page.map(cursor).collect();
        let given = given + partitions.len();
        let next = (given < points.len()).then(|| {
            let read_time = Some(encode::timestamp(found.read_time));
            PageToken { given: given as u64, read_time, ..PageToken::of(&asked) }.text()
        });
        Ok(PartitionQueryResponse { partitions, next_page_token: next.unwrap_or_default() })
    }
}

fn checked_count(request: &PartitionQueryRequest) -> Result<usize> {
    match usize::try_from(request.partition_count) {
        Ok(count) if count > 0 => Ok(count),
        _ => Err(Error::invalid("partition_count must be positive")),
    }
}

/// As production demands: a collection group, by name, whole.
fn check_query(query: &StructuredQuery) -> Result<()> {
    let unsupported = match query {
        StructuredQuery { r#where: Some(_), .. } => Some("a filter"),
        StructuredQuery { limit: Some(_), .. } => Some("a limit"),
        StructuredQuery { offset, .. } if *offset != 0 => Some("an offset"),
        StructuredQuery { start_at: Some(_), .. } | StructuredQuery { end_at: Some(_), .. } => {
            Some("a cursor")
        }
        StructuredQuery { find_nearest: Some(_), .. } => Some("a search for vectors"),
        StructuredQuery { from, .. } if !from.iter().all(|from| from.all_descendants) => {
            Some("a collection without all its descendants")
        }
        _ => None,
    };
    match unsupported {
        Some(what) => Err(Error::invalid(format!("a query with {what} can't be partitioned"))),
        None => Ok(()),
    }
}

fn check_order(query: &Query) -> Result<()> {
    match query.order() {
        [key] if key.field.is_document_id() && key.direction == Direction::Ascending => Ok(()),
        _ => Err(Error::invalid("a query is partitioned by name, rising, and by nothing else")),
    }
}

/// Which of `rows` rows divide them into parts that differ by one row at most: up to `most`.
fn points(rows: usize, most: usize) -> Vec<usize> {
    let parts = most.min(rows.saturating_sub(1)) + 1;
    // Two halves of a product that may be beyond usize.
    let at = |part: usize| (rows as u128 * part as u128 / parts as u128) as usize;
    (1..parts).map(at).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_of_about_the_same_size() {
        assert_eq!(points(0, 3), [0; 0]);
        assert_eq!(points(1, 3), [0; 0]);
        assert_eq!(points(3, 10), [1, 2]);
        assert_eq!(points(10, 3), [2, 5, 7]);
        assert_eq!(points(10, 1), [5]);
        assert_eq!(points(2, usize::MAX - 1), [1]);
    }
}
