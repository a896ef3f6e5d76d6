//! Reading collections page by page.

use firekeep_core::{
    CollectionPath, DocPath, Document, Query, QueryBuilder, QueryEvent, QueryRequest, Reference,
    Timestamp, Value,
};
use futures::TryStreamExt;

use crate::error::{Error, Result};
use crate::jobs::Inner;
use crate::retry::Attempts;

/// How many documents a page has that is read or deleted: well below the 500 writes that Firestore
/// took in one commit for long.
pub(crate) const PAGE: u32 = 400;

/// Some rows of a query, and when they were true.
#[derive(Debug)]
pub(crate) struct Page {
    pub(crate) documents: Vec<Document>,
    pub(crate) read_time: Timestamp,
}

impl Page {
    /// Where the next page begins; `None` if this one, of at most `limit` rows, is the last.
    pub(crate) fn next(&self, limit: u32) -> Option<&Document> {
        self.documents.last().filter(|_| self.documents.len() >= limit as usize)
    }
}

/// The documents of `collection` by their names, after `after`.
pub(crate) fn by_name(collection: &CollectionPath, after: Option<&DocPath>) -> QueryBuilder {
    let query = Query::collection(collection.as_str()).ascending("__name__");
    match after {
        Some(path) => query.start_after([name(path)]),
        None => query,
    }
}

/// A position in an order by name.
pub(crate) fn name(path: &DocPath) -> Value {
    Value::Reference(Reference::local(path.clone()))
}

impl Inner {
    /// Runs a query, again if that may help.
    pub(crate) async fn page(&self, query: QueryBuilder) -> Result<Page> {
        let query = query.build()?;
        let mut attempts = Attempts::new(&self.db);
        loop {
            match self.try_page(query.clone()).await {
                Ok(page) => return Ok(page),
                Err(Error::Store(error)) => attempts.failed(error).await?,
                Err(error) => return Err(error),
            }
        }
    }

    async fn try_page(&self, query: Query) -> Result<Page> {
        let mut events = self.db.store().query(self.db.cx(), QueryRequest::new(query));
        let mut documents = Vec::new();
        while let Some(event) = events.try_next().await? {
            match event {
                QueryEvent::Row(document) => documents.push(document),
                QueryEvent::Done { read_time, .. } => return Ok(Page { documents, read_time }),
                QueryEvent::Began(_) => {}
            }
        }
        // What has no end may have lost rows.
        Err(firekeep_core::Error::decode("the answer to a query has no end").into())
    }
}
