//! Writes.

use std::future::Future;

use firekeep_core::{Commit, Result, TxnId};

use crate::proto::{CommitRequest, CommitResponse};
use crate::service::Call;
use crate::{decode, encode};

/// `Commit`.
pub(crate) fn commit(
    call: &Call,
    request: CommitRequest,
) -> impl Future<Output = Result<CommitResponse>> + use<> {
    let call = call.clone();
    async move {
        let (database, hosted) = call.database(&request.database)?;
        let writes = request.writes.into_iter().map(|write| decode::write(&database, write));
        let mut commit = Commit::of_any_length(writes.collect::<Result<_>>()?)?;
        if !request.transaction.is_empty() {
            commit = commit.in_txn(TxnId::new(request.transaction));
        }
        let committed = hosted.store().commit(&call.cx, commit).await?;
        Ok(encode::committed(&database, &committed))
    }
}
