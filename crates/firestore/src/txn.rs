//! Transactions: how a read says which it belongs to, beginning and ending without a write.

use firekeep_core::{
    Concurrency, Cx, Error, ErrorKind, Operation, ReadAt, Result, TxnId, TxnOptions,
};

use crate::channel::{Call, Connection, UNARY};
use crate::conv::timestamp_to_proto;
use crate::error::{Asked, malformed};
use crate::proto::transaction_options::read_only::ConsistencySelector;
use crate::proto::transaction_options::{Mode, ReadOnly, ReadWrite};
use crate::proto::{
    BeginTransactionRequest, BeginTransactionResponse, RollbackRequest, TransactionOptions,
};

/// Begins a transaction without reading.
pub(crate) async fn begin(connection: &Connection, cx: &Cx, options: TxnOptions) -> Result<TxnId> {
    let message = BeginTransactionRequest {
        database: connection.database().name().to_string(),
        options: Some(options_to_proto(options)?),
    };
    let call = Call {
        asked: Operation::Begin.into(),
        path: "/google.firestore.v1.Firestore/BeginTransaction",
        params: connection.database().routed_by_database(),
        limit: UNARY,
    };
    let answer: BeginTransactionResponse = connection.unary(cx, &call, message).await?;
    if answer.transaction.is_empty() {
        return Err(malformed(Operation::Begin, "names no transaction"));
    }
    Ok(TxnId::new(answer.transaction))
}

/// Ends a transaction without writing. One that is finished already needs no end.
pub(crate) async fn rollback(connection: &Connection, cx: &Cx, txn: TxnId) -> Result<()> {
    let message = RollbackRequest {
        database: connection.database().name().to_string(),
        transaction: txn.as_bytes().clone(),
    };
    let call = Call {
        asked: Operation::Rollback.into(),
        path: "/google.firestore.v1.Firestore/Rollback",
        params: connection.database().routed_by_database(),
        limit: UNARY,
    };
    match connection.unary::<_, ()>(cx, &call, message).await {
        Err(error) if error.kind() == ErrorKind::TransactionExpired => Ok(()),
        answer => answer,
    }
}

/// How a read at `at` counts when it fails.
pub(crate) fn asked(operation: Operation, at: &ReadAt) -> Asked {
    Asked { operation, in_txn: matches!(at, ReadAt::Txn(_)) }
}

/// The options as a message.
pub(crate) fn options_to_proto(options: TxnOptions) -> Result<TransactionOptions> {
    let mode = match options {
        // The generated message has no field for the way conflicts are found, and the database's
        // own way is sent by saying nothing.
        TxnOptions::ReadWrite { retry, concurrency: None | Some(Concurrency::Pessimistic) } => {
            let retry_transaction = retry.map(|id| id.as_bytes().clone()).unwrap_or_default();
            Mode::ReadWrite(ReadWrite { retry_transaction })
        }
        TxnOptions::ReadOnly { at } => Mode::ReadOnly(ReadOnly {
            consistency_selector: at
                .map(|at| ConsistencySelector::ReadTime(timestamp_to_proto(at))),
        }),
        _ => return Err(Error::new(ErrorKind::Unimplemented, "no such kind of transaction")),
    };
    Ok(TransactionOptions { mode: Some(mode) })
}

/// Turns a [`ReadAt`] into the `consistency_selector` of one request.
macro_rules! consistency {
    ($module:ident, $at:expr) => {
        match $at {
            firekeep_core::ReadAt::Latest => None,
            firekeep_core::ReadAt::Time(time) => {
                let time = $crate::conv::timestamp_to_proto(time);
                Some($crate::proto::$module::ConsistencySelector::ReadTime(time))
            }
            firekeep_core::ReadAt::Txn(id) => {
                let id = id.as_bytes().clone();
                Some($crate::proto::$module::ConsistencySelector::Transaction(id))
            }
            firekeep_core::ReadAt::Begin(options) => {
                let options = $crate::txn::options_to_proto(options)?;
                Some($crate::proto::$module::ConsistencySelector::NewTransaction(options))
            }
        }
    };
}
pub(crate) use consistency;
