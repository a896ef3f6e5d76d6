//! Writes, together and each on its own.

use std::collections::HashSet;
use std::future::Future;

use firekeep_core::{Commit, Error, Result, TxnId, Write};

use crate::proto::{
    BatchWriteRequest, BatchWriteResponse, CommitRequest, CommitResponse, WriteResult, rpc,
};
use crate::service::Call;
use crate::status::{details, worded};
use crate::{decode, encode};

/// `Commit`.
pub(crate) fn commit(
    call: &Call,
    request: CommitRequest,
) -> impl Future<Output = Result<CommitResponse>> + use<> {
    let call = call.clone();
    async move {
        let (database, hosted) = call.database_called(&request.database)?;
        let writes = request.writes.into_iter().map(|write| decode::write(&database, write));
        let mut commit = Commit::of_any_length(writes.collect::<Result<_>>()?)?;
        if !request.transaction.is_empty() {
            commit = commit.in_txn(TxnId::new(request.transaction));
        }
        let committed = hosted.store().commit(&call.cx, commit).await;
        let committed = committed.map_err(|error| worded(error, &database))?;
        Ok(encode::committed(&database, &committed))
    }
}

/// `BatchWrite`: each write is a commit of its own, with a status of its own.
pub(crate) fn batch_write(
    call: &Call,
    request: BatchWriteRequest,
) -> impl Future<Output = Result<BatchWriteResponse>> + use<> {
    let call = call.clone();
    async move {
        let (database, hosted) = call.database_called(&request.database)?;
        let writes = request.writes.into_iter().map(|write| decode::write(&database, write));
        let writes: Vec<Write> = writes.collect::<Result<_>>()?;
        check_distinct(&writes)?;
        let mut response = BatchWriteResponse::default();
        for write in writes {
            let committed = hosted.store().commit(&call.cx, Commit::from(write)).await;
            let (result, status) = match committed {
                Ok(done) => {
                    let result = done.writes.first().map(|done| encode::written(&database, done));
                    (result.unwrap_or_default(), rpc::Status::default())
                }
                Err(error) => (WriteResult::default(), details(&worded(error, &database))),
            };
            response.write_results.push(result);
            response.status.push(status);
        }
        Ok(response)
    }
}

/// Nobody could tell which of two writes came last.
fn check_distinct(writes: &[Write]) -> Result<()> {
    let mut seen = HashSet::with_capacity(writes.len());
    match writes.iter().find(|write| !seen.insert(write.path())) {
        Some(twice) => {
            let why = "the same document cannot be written more than once in a single request";
            Err(Error::invalid(why).at_path(twice.path()))
        }
        None => Ok(()),
    }
}
