//! One document at a time.

use std::future::Future;

use firekeep_core::{BatchGet, Error, ErrorKind, Result};

use crate::proto::get_document_request::ConsistencySelector;
use crate::proto::{Document, GetDocumentRequest};
use crate::service::Call;
use crate::{decode, encode};

/// `GetDocument`.
pub(crate) fn get_document(
    call: &Call,
    request: GetDocumentRequest,
) -> impl Future<Output = Result<Document>> + use<> {
    let call = call.clone();
    async move {
        let (database, hosted) = call.database(&request.name)?;
        let at = match request.consistency_selector {
            Some(ConsistencySelector::Transaction(token)) => decode::read_at(Some(token), None)?,
            Some(ConsistencySelector::ReadTime(time)) => decode::read_at(None, Some(time))?,
            None => firekeep_core::ReadAt::Latest,
        };
        let path = database.path(&request.name)?;
        let mask = request.mask.map(decode::mask).transpose()?;
        let read = BatchGet { paths: vec![path], mask, at };
        let found = hosted.store().batch_get(&call.cx, read).await?;
        let found = found.lookups.into_iter().find_map(|lookup| lookup.document);
        match found {
            Some(document) => Ok(encode::document(&database, &document)),
            None => Err(Error::new(
                ErrorKind::NotFound,
                format!("Document \"{}\" not found.", request.name),
            )),
        }
    }
}
