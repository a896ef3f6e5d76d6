//! The documents of a collection, in pages.

use std::future::Future;

use firekeep_core::{
    CollectionPath, DocPath, Document, Error, FieldPath, Query, QueryEvent, QueryRequest, ReadAt,
    Reference, Result, Timestamp, Value,
};
use futures::TryStreamExt;
use prost::Message;

use super::page::{self, PageToken};
use super::snapshot::snapshot;
use crate::databases::Hosted;
use crate::name::{DatabaseName, collection};
use crate::proto::list_documents_request::ConsistencySelector;
use crate::proto::{self, ListDocumentsRequest, ListDocumentsResponse};
use crate::service::Call;
use crate::status::worded;
use crate::{decode, encode};

/// How many documents a page holds unless the request says so, as on the official emulator.
const DOCUMENTS_PER_PAGE: usize = 30;
/// A page of more than one document has at most this many bytes, 4 MiB with the token after it, as on
/// the official emulator: clients in several languages refuse longer answers unless told otherwise.
const BYTES_PER_PAGE: usize = 4 * 1024 * 1024 - 8 * 1024;
/// What surrounds a document in an answer, in bytes.
const PER_DOCUMENT: usize = 6;

/// `ListDocuments`.
pub(crate) fn list_documents(
    call: &Call,
    request: ListDocumentsRequest,
) -> impl Future<Output = Result<ListDocumentsResponse>> + use<> {
    let call = call.clone();
    async move {
        let (database, hosted) = call.database(&request.parent)?;
        let listing = Listing::new(database, request)?;
        let found = listing.entries(&call, &hosted).await;
        let (entries, in_part) = found.map_err(|error| worded(error, &listing.database))?;
        let documents = listing.fitting(&entries);
        let more = in_part || documents.len() < entries.len();
        let last = documents.len().checked_sub(1).map(|last| &entries[last]);
        let next = last.filter(|_| more).map(|last| listing.token_after(last).text());
        Ok(ListDocumentsResponse { documents, next_page_token: next.unwrap_or_default() })
    }
}

/// One request, taken apart.
struct Listing {
    database: DatabaseName,
    parent: Option<DocPath>,
    /// `None` for every collection below the parent.
    collection_id: Option<String>,
    order: Vec<(String, firekeep_core::Direction)>,
    mask: Option<Vec<FieldPath>>,
    show_missing: bool,
    at: ReadAt,
    size: usize,
    /// A token of this request, to be filled in.
    blank: PageToken,
    /// The end of the page before, and its place in the order.
    after: Option<(DocPath, Vec<Value>)>,
}

/// What a page lists.
enum Entry {
    Found(Document),
    Missing(DocPath),
}

impl Entry {
    fn path(&self) -> &DocPath {
        match self {
            Self::Found(document) => document.path(),
            Self::Missing(path) => path,
        }
    }
}

impl Listing {
    fn new(database: DatabaseName, request: ListDocumentsRequest) -> Result<Self> {
        // Pages may be of different sizes.
        let asked =
            ListDocumentsRequest { page_size: 0, page_token: String::new(), ..request.clone() };
        let token = PageToken::read(&request.page_token, &asked)?;
        let order = decode::order(&request.order_by)?;
        if request.show_missing && !order.is_empty() {
            return Err(Error::invalid("cannot specify an order when show_missing is true"));
        }
        if request.collection_id.is_empty() && !order.is_empty() {
            return Err(Error::invalid(
                "kind is required for all orders except __name__ ascending",
            ));
        }
        let after = token.map(|token| read_position(&database, token)).transpose()?;
        Ok(Self {
            parent: database.parent(&request.parent)?,
            order: order.into_iter().map(|(field, way)| (field.to_owned(), way)).collect(),
            collection_id: Some(request.collection_id).filter(|id| !id.is_empty()),
            mask: request.mask.map(decode::mask).transpose()?,
            show_missing: request.show_missing,
            at: match request.consistency_selector {
                Some(ConsistencySelector::Transaction(token)) => {
                    decode::read_at(Some(token), None)?
                }
                Some(ConsistencySelector::ReadTime(time)) => decode::read_at(None, Some(time))?,
                None => ReadAt::Latest,
            },
            size: page::size(request.page_size, DOCUMENTS_PER_PAGE)?,
            database,
            blank: PageToken::of(&asked),
            after,
        })
    }

    /// What comes next, at least one entry more than fits if there are that many; and whether any
    /// collection is left that was not looked at.
    async fn entries(&self, call: &Call, hosted: &Hosted) -> Result<(Vec<Entry>, bool)> {
        if let (Some(id), false) = (&self.collection_id, self.show_missing) {
            let collection = collection(self.parent.as_ref(), id)?;
            let found = self.found(call, hosted, &collection, &self.at).await?;
            return Ok((found.into_iter().map(Entry::Found).collect(), false));
        }
        let snapshot = snapshot(call, hosted, self.at.clone()).await?;
        let mut entries = Vec::new();
        for collection in self.collections(call, hosted, snapshot.time).await? {
            if entries.len() > self.size {
                return Ok((entries, true));
            }
            let found = self.found(call, hosted, &collection, &snapshot.at).await?;
            entries.extend(found.into_iter().map(Entry::Found));
            if self.show_missing {
                let missing = self.missing(call, hosted, &collection, snapshot.time).await?;
                entries.extend(missing.into_iter().map(Entry::Missing));
                entries.sort_by(|left, right| left.path().cmp(right.path()));
            }
        }
        Ok((entries, false))
    }

    /// The collections that are left, in order.
    async fn collections(
        &self,
        call: &Call,
        hosted: &Hosted,
        at: Timestamp,
    ) -> Result<Vec<CollectionPath>> {
        let parent = self.parent.as_ref();
        if let Some(id) = &self.collection_id {
            return Ok(vec![collection(parent, id)?]);
        }
        let catalog = hosted.catalog_for("ListDocuments of every collection")?;
        let ids = catalog.collection_ids(&call.cx, parent, Some(at)).await?;
        let all = ids.iter().map(|id| collection(parent, id.as_str()));
        let mut all = all.collect::<Result<Vec<_>>>()?;
        all.sort();
        let after = self.after.as_ref().map(|(path, _)| path.parent());
        all.retain(|collection| after.as_ref().is_none_or(|after| collection >= after));
        Ok(all)
    }

    async fn found(
        &self,
        call: &Call,
        hosted: &Hosted,
        collection: &CollectionPath,
        at: &ReadAt,
    ) -> Result<Vec<Document>> {
        let mut query = Query::collection(collection.clone());
        for (field, direction) in &self.order {
            query = query.order_by(field, *direction);
        }
        if let Some((path, position)) = &self.after
            && collection.holds(path)
        {
            query = query.start_after(position.iter().cloned());
        }
        let limit = u32::try_from(self.size + 1).unwrap_or(u32::MAX);
        let query = query.limit(limit).build()?;
        let request = QueryRequest { query, at: at.clone() };
        let events = hosted.store().query(&call.cx, request);
        let row = |event| async move {
            Ok(if let QueryEvent::Row(document) = event { Some(document) } else { None })
        };
        events.try_filter_map(row).try_collect().await
    }

    async fn missing(
        &self,
        call: &Call,
        hosted: &Hosted,
        collection: &CollectionPath,
        at: Timestamp,
    ) -> Result<Vec<DocPath>> {
        let catalog = hosted.catalog_for("ListDocuments with `show_missing`")?;
        let mut missing = catalog.missing_documents(&call.cx, collection, Some(at)).await?;
        missing.retain(|path| self.after.as_ref().is_none_or(|(after, _)| path > after));
        missing.sort();
        missing.truncate(self.size + 1);
        Ok(missing)
    }

    /// As many of `entries` as fit on a page, and one in any case.
    fn fitting(&self, entries: &[Entry]) -> Vec<proto::Document> {
        let mut bytes = 0;
        let mut page = Vec::new();
        for entry in entries.iter().take(self.size) {
            let document = self.encode(entry);
            bytes += document.encoded_len() + PER_DOCUMENT;
            if bytes > BYTES_PER_PAGE && !page.is_empty() {
                break;
            }
            page.push(document);
        }
        page
    }

    fn token_after(&self, last: &Entry) -> PageToken {
        let mut position = Vec::new();
        if let Entry::Found(document) = last {
            for (field, _) in &self.order {
                let value = FieldPath::parse(field).ok().and_then(|path| self.key(document, &path));
                position.extend(value);
            }
        }
        PageToken { after: self.database.document(last.path()), position, ..self.blank.clone() }
    }

    /// The document's place under one key of the order, but for its name, which ends every place.
    fn key(&self, document: &Document, field: &FieldPath) -> Option<proto::Value> {
        document.find(field).map(|value| encode::value(&self.database, value))
    }

    fn encode(&self, entry: &Entry) -> proto::Document {
        match (entry, &self.mask) {
            (Entry::Found(document), Some(mask)) => {
                encode::document(&self.database, &document.project(mask))
            }
            (Entry::Found(document), None) => encode::document(&self.database, document),
            (Entry::Missing(path), _) => {
                proto::Document { name: self.database.document(path), ..Default::default() }
            }
        }
    }
}

/// The end of the page before: the document, and its value for each key of the order.
fn read_position(database: &DatabaseName, token: PageToken) -> Result<(DocPath, Vec<Value>)> {
    let path = database.path(&token.after)?;
    let values = token.position.into_iter().map(|value| decode::value(database, value));
    let name = Value::Reference(Reference::local(path.clone()));
    let position = values.chain([Ok(name)]).collect::<Result<Vec<_>>>()?;
    Ok((path, position))
}
