//! Transactions: how a read says which it belongs to, beginning and ending without a write.

use bytes::Bytes;
use firekeep_core::{
    Concurrency, Cx, Error, ErrorKind, Operation, ReadAt, Result, TxnId, TxnOptions,
};
use tonic_prost::ProstCodec;

use crate::channel::{Call, Connection, UNARY};
use crate::conv::timestamp_to_proto;
use crate::error::{Asked, malformed};
use crate::proto::{
    BeginTransactionRequest, BeginTransactionResponse, Mode, ReadOnly, ReadWrite, RollbackRequest,
    TransactionOptions,
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
    let codec = ProstCodec::<_, BeginTransactionResponse>::default();
    let answer = connection.unary(cx, &call, codec, message).await?;
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
    match connection.unary(cx, &call, ProstCodec::<_, ()>::default(), message).await {
        Err(error) if error.kind() == ErrorKind::TransactionExpired => Ok(()),
        answer => answer,
    }
}

/// How a read at `at` counts when it fails.
pub(crate) fn asked(operation: Operation, at: &ReadAt) -> Asked {
    Asked { operation, in_txn: matches!(at, ReadAt::Txn(_)) }
}

/// The options as a message.
fn options_to_proto(options: TxnOptions) -> Result<TransactionOptions> {
    let mode = match options {
        TxnOptions::ReadWrite { retry, concurrency } => Mode::ReadWrite(ReadWrite {
            retry_transaction: retry.map(|id| id.as_bytes().clone()).unwrap_or_default(),
            concurrency_mode: match concurrency {
                None => 0,
                Some(Concurrency::Optimistic) => 1,
                Some(Concurrency::Pessimistic) => 2,
            },
        }),
        TxnOptions::ReadOnly { at } => {
            Mode::ReadOnly(ReadOnly { read_time: at.map(timestamp_to_proto) })
        }
        _ => return Err(Error::new(ErrorKind::Unimplemented, "no such kind of transaction")),
    };
    Ok(TransactionOptions { mode: Some(mode) })
}

/// A [`ReadAt`] as the requests spell it: at most one of these.
#[derive(Debug, Default)]
pub(crate) struct Consistency {
    pub(crate) transaction: Option<Bytes>,
    pub(crate) new_transaction: Option<TransactionOptions>,
    pub(crate) read_time: Option<prost_types::Timestamp>,
}

impl Consistency {
    /// How a request says that it reads at `at`.
    pub(crate) fn of(at: ReadAt) -> Result<Self> {
        let mut consistency = Self::default();
        match at {
            ReadAt::Latest => {}
            ReadAt::Time(time) => consistency.read_time = Some(timestamp_to_proto(time)),
            ReadAt::Txn(id) => consistency.transaction = Some(id.as_bytes().clone()),
            ReadAt::Begin(options) => {
                consistency.new_transaction = Some(options_to_proto(options)?);
            }
        }
        Ok(consistency)
    }
}
