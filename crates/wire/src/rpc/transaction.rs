//! Transactions.

use std::future::Future;

use firekeep_core::{Result, TxnId};

use crate::decode;
use crate::proto::{BeginTransactionRequest, BeginTransactionResponse, RollbackRequest};
use crate::service::Call;

/// `BeginTransaction`.
pub(crate) fn begin(
    call: &Call,
    request: BeginTransactionRequest,
) -> impl Future<Output = Result<BeginTransactionResponse>> + use<> {
    let call = call.clone();
    async move {
        let (_, hosted) = call.database_called(&request.database)?;
        let txn = hosted.store().begin(&call.cx, decode::begin(request.options)?).await?;
        Ok(BeginTransactionResponse { transaction: txn.as_bytes().clone() })
    }
}

/// `Rollback`.
pub(crate) fn rollback(
    call: &Call,
    request: RollbackRequest,
) -> impl Future<Output = Result<()>> + use<> {
    let call = call.clone();
    async move {
        let (_, hosted) = call.database_called(&request.database)?;
        hosted.store().rollback(&call.cx, TxnId::new(request.transaction)).await
    }
}
