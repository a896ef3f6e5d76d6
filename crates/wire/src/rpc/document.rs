//! One document at a time.

use std::future::Future;

use firekeep_core::{
    BatchGet, Commit, Committed, DocPath, Document, Error, ErrorKind, FieldPath, ReadAt, Result,
    Write,
};

use crate::databases::Hosted;
use crate::decode;
use crate::encode::SentDocument;
use crate::name::{DatabaseName, collection};
use crate::proto::get_document_request::ConsistencySelector;
use crate::proto::{
    self, CreateDocumentRequest, DeleteDocumentRequest, GetDocumentRequest, UpdateDocumentRequest,
    WriteOperation,
};
use crate::service::Call;
use crate::status::worded;

/// `GetDocument`.
pub(crate) fn get_document(
    call: &Call,
    request: GetDocumentRequest,
) -> impl Future<Output = Result<SentDocument>> + use<> {
    let call = call.clone();
    async move {
        let (database, hosted) = call.database(&request.name)?;
        let at = match request.consistency_selector {
            Some(ConsistencySelector::Transaction(token)) => decode::read_at(Some(token), None)?,
            Some(ConsistencySelector::ReadTime(time)) => decode::read_at(None, Some(time))?,
            None => ReadAt::Latest,
        };
        let path = database.path(&request.name)?;
        let mask = request.mask.map(decode::mask).transpose()?;
        let found = read(&call, &hosted, path, mask, at).await?;
        match found {
            Some(document) => Ok(SentDocument::new(&database, &document)),
            None => Err(Error::new(
                ErrorKind::NotFound,
                format!("Document \"{}\" not found.", request.name),
            )),
        }
    }
}

/// `CreateDocument`: under an id of the server's making if the request has none.
pub(crate) fn create_document(
    call: &Call,
    request: CreateDocumentRequest,
) -> impl Future<Output = Result<SentDocument>> + use<> {
    let call = call.clone();
    async move {
        let (database, hosted) = call.database(&request.parent)?;
        let collection =
            collection(database.parent(&request.parent)?.as_ref(), &request.collection_id)?;
        let path = match &*request.document_id {
            "" => collection.doc_with_random_id(),
            id => collection.doc(id)?,
        };
        let mask = request.mask.map(decode::mask).transpose()?;
        let document = request.document.unwrap_or_default();
        if !document.name.is_empty() && database.path(&document.name)? != path {
            return Err(Error::invalid("the document to create has another name").at_path(path));
        }
        let fields =
            decode::fields(&database, document.fields).map_err(|error| error.at_path(&path))?;
        let write = Write::create(path.clone(), fields)?;
        let committed = commit(&call, &database, &hosted, write).await?;
        let document = written(&call, &hosted, path, mask, &committed).await?;
        Ok(SentDocument::new(&database, &document))
    }
}

/// `UpdateDocument`.
pub(crate) fn update_document(
    call: &Call,
    request: UpdateDocumentRequest,
) -> impl Future<Output = Result<SentDocument>> + use<> {
    let call = call.clone();
    async move {
        let document =
            request.document.ok_or_else(|| Error::invalid("a request has no document"))?;
        let (database, hosted) = call.database(&document.name)?;
        let path = database.path(&document.name)?;
        let mask = request.mask.map(decode::mask).transpose()?;
        let write = proto::Write {
            update_mask: request.update_mask,
            current_document: request.current_document,
            operation: Some(WriteOperation::Update(document)),
            ..proto::Write::default()
        };
        let write = decode::write(&database, write)?;
        let committed = commit(&call, &database, &hosted, write).await?;
        let document = written(&call, &hosted, path, mask, &committed).await?;
        Ok(SentDocument::new(&database, &document))
    }
}

/// `DeleteDocument`.
pub(crate) fn delete_document(
    call: &Call,
    request: DeleteDocumentRequest,
) -> impl Future<Output = Result<()>> + use<> {
    let call = call.clone();
    async move {
        let (database, hosted) = call.database(&request.name)?;
        let write = proto::Write {
            current_document: request.current_document,
            operation: Some(WriteOperation::Delete(request.name)),
            ..proto::Write::default()
        };
        let write = decode::write(&database, write)?;
        commit(&call, &database, &hosted, write).await.map(drop)
    }
}

async fn commit(
    call: &Call,
    database: &DatabaseName,
    hosted: &Hosted,
    write: Write,
) -> Result<Committed> {
    let committed = hosted.store().commit(&call.cx, Commit::from(write)).await;
    committed.map_err(|error| worded(error, database))
}

/// The document as `committed` left it. Another writer may have been there since, so what is read
/// now counts only if it has the commit's version.
async fn written(
    call: &Call,
    hosted: &Hosted,
    path: DocPath,
    mask: Option<Vec<FieldPath>>,
    committed: &Committed,
) -> Result<Document> {
    let version = committed.writes.first().and_then(|written| written.version);
    let now = read(call, hosted, path.clone(), mask.clone(), ReadAt::Latest).await?;
    let then = match now.filter(|document| Some(document.version()) == version) {
        Some(document) => Some(document),
        None => {
            let at = ReadAt::Time(committed.commit_time);
            read(call, hosted, path.clone(), mask, at).await?
        }
    };
    then.ok_or_else(|| {
        Error::new(ErrorKind::Internal, "the document just written is not there").at_path(path)
    })
}

async fn read(
    call: &Call,
    hosted: &Hosted,
    path: DocPath,
    mask: Option<Vec<FieldPath>>,
    at: ReadAt,
) -> Result<Option<Document>> {
    let read = BatchGet { paths: vec![path], mask, at };
    let found = hosted.store().batch_get(&call.cx, read).await?;
    Ok(found.lookups.into_iter().find_map(|lookup| lookup.document))
}
