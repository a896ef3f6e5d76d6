//! Documents by name.

use std::collections::HashSet;

use firekeep_core::{BatchGet, Lookup, Result};
use futures::{StreamExt, TryFutureExt, stream};

use crate::encode::SentDocument;
use crate::grpc::Answers;
use crate::name::DatabaseName;
use crate::proto::batch_got::Found;
use crate::proto::{BatchGetDocumentsRequest, BatchGetDocumentsResponse};
use crate::service::Call;
use crate::{decode, encode};

/// `BatchGetDocuments`: one answer per document, each once, and before them one with the transaction
/// if that was begun.
pub(crate) fn batch_get(
    call: &Call,
    request: BatchGetDocumentsRequest,
) -> Answers<BatchGetDocumentsResponse> {
    let call = call.clone();
    let answers = async move { read(&call, request).await.map(|all| stream::iter(all).map(Ok)) };
    answers.try_flatten_stream().boxed()
}

async fn read(
    call: &Call,
    request: BatchGetDocumentsRequest,
) -> Result<Vec<BatchGetDocumentsResponse>> {
    let (database, hosted) = call.database_called(&request.database)?;
    let mut seen = HashSet::with_capacity(request.documents.len());
    let mut paths = Vec::with_capacity(request.documents.len());
    for name in &request.documents {
        let path = database.path(name)?;
        if seen.insert(path.clone()) {
            paths.push(path);
        }
    }
    let mask = request.mask.map(decode::mask).transpose()?;
    let at = decode::batch_at(request.consistency)?;
    let found = hosted.store().batch_get(&call.cx, BatchGet { paths, mask, at }).await?;
    let began = found.txn.map(|txn| BatchGetDocumentsResponse {
        transaction: txn.as_bytes().clone(),
        ..BatchGetDocumentsResponse::default()
    });
    let lookups = found.lookups.iter().map(|lookup| response(&database, lookup));
    Ok(began.into_iter().chain(lookups).collect())
}

fn response(database: &DatabaseName, lookup: &Lookup) -> BatchGetDocumentsResponse {
    let result = match &lookup.document {
        Some(document) => Found::Found(SentDocument::new(database, document)),
        None => Found::Missing(database.document(&lookup.path)),
    };
    BatchGetDocumentsResponse {
        transaction: bytes::Bytes::new(),
        read_time: Some(encode::timestamp(lookup.read_time)),
        found: Some(result),
    }
}
