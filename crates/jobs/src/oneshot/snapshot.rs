//! Reads that see the store as of one time: that of the first.

use firekeep_core::{
    AggregateRequest, Aggregation, BatchGet, Db, DocPath, Document, Error, ErrorKind, QueryBuilder,
    QueryEvent, QueryRequest, ReadAt, Timestamp,
};
use futures::TryStreamExt;

use crate::error::Result;

#[derive(Debug)]
pub(super) struct Snapshot {
    db: Db,
    time: Option<Timestamp>,
}

impl Snapshot {
    pub(super) fn new(db: Db) -> Self {
        Self { db, time: None }
    }

    pub(super) async fn get(&mut self, path: DocPath) -> Result<Option<Document>> {
        let request = BatchGet { paths: vec![path], mask: None, at: self.at() };
        let found = self.db.store().batch_get(self.db.cx(), request).await?.lookups.pop();
        let found = found.ok_or_else(|| incomplete("a lookup holds no answer"))?;
        self.time.get_or_insert(found.read_time);
        Ok(found.document)
    }

    pub(super) async fn first(&mut self, query: QueryBuilder) -> Result<Option<Document>> {
        Ok(self.rows(query.limit(1)).await?.pop())
    }

    pub(super) async fn rows(&mut self, query: QueryBuilder) -> Result<Vec<Document>> {
        let request = QueryRequest { query: query.build()?, at: self.at() };
        let mut events = self.db.store().query(self.db.cx(), request);
        let mut rows = vec![];
        while let Some(event) = events.try_next().await? {
            match event {
                QueryEvent::Began(_) => {}
                QueryEvent::Row(document) => rows.push(document),
                QueryEvent::Done { read_time, .. } => {
                    self.time.get_or_insert(read_time);
                    return Ok(rows);
                }
            }
        }
        Err(incomplete("a query has no end").into())
    }

    pub(super) async fn count(&mut self, query: QueryBuilder) -> Result<u64> {
        let count = ("count".to_owned(), Aggregation::Count { up_to: None });
        let request = AggregateRequest::new(query.build()?, vec![count])?.at(self.at());
        let answer = self.db.store().aggregate(self.db.cx(), request).await?;
        self.time.get_or_insert(answer.read_time);
        let count = answer.values.get("count").and_then(|count| count.as_integer());
        let count = count.and_then(|count| u64::try_from(count).ok());
        Ok(count.ok_or_else(|| incomplete("a count holds no count"))?)
    }

    fn at(&self) -> ReadAt {
        self.time.map_or(ReadAt::Latest, ReadAt::Time)
    }
}

fn incomplete(what: &str) -> Error {
    Error::new(ErrorKind::Internal, what)
}
