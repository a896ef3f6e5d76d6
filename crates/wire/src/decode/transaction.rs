//! Transactions, and as of when a request reads.

use bytes::Bytes;
use firekeep_core::{Concurrency, Error, ReadAt, Result, TxnId, TxnOptions};

use super::timestamp;
use crate::proto::{Mode, TransactionOptions, batch_get, run_query};

/// What kind of transaction to begin: one that writes unless the message says otherwise.
///
/// # Errors
/// [`InvalidArgument`](firekeep_core::ErrorKind::InvalidArgument) for a mode of concurrency that
/// there is not, or a time out of range.
pub(crate) fn begin(options: Option<TransactionOptions>) -> Result<TxnOptions> {
    match options.and_then(|options| options.mode) {
        None => Ok(TxnOptions::default()),
        Some(Mode::ReadOnly(read_only)) => {
            Ok(TxnOptions::ReadOnly { at: read_only.read_time.map(timestamp).transpose()? })
        }
        Some(Mode::ReadWrite(read_write)) => {
            let retry = read_write.retry_transaction;
            Ok(TxnOptions::ReadWrite {
                retry: (!retry.is_empty()).then(|| TxnId::new(retry)),
                concurrency: match read_write.concurrency_mode {
                    0 => None,
                    1 => Some(Concurrency::Optimistic),
                    2 => Some(Concurrency::Pessimistic),
                    mode => return Err(Error::invalid(format!("no concurrency mode is {mode}"))),
                },
            })
        }
    }
}

/// Within a transaction or as of a time, for requests that can't begin one.
///
/// # Errors
/// As [`begin`].
pub(crate) fn read_at(
    transaction: Option<Bytes>,
    read_time: Option<prost_types::Timestamp>,
) -> Result<ReadAt> {
    Ok(match (transaction, read_time) {
        (Some(token), _) => ReadAt::Txn(TxnId::new(token)),
        (None, Some(time)) => ReadAt::Time(timestamp(time)?),
        (None, None) => ReadAt::Latest,
    })
}

/// As of when a batch reads.
///
/// # Errors
/// As [`begin`].
pub(crate) fn batch_at(consistency: Option<batch_get::Consistency>) -> Result<ReadAt> {
    use batch_get::Consistency::{NewTransaction, ReadTime, Transaction};
    match consistency {
        Some(NewTransaction(options)) => Ok(ReadAt::Begin(begin(Some(options))?)),
        Some(Transaction(token)) => read_at(Some(token), None),
        Some(ReadTime(time)) => read_at(None, Some(time)),
        None => Ok(ReadAt::Latest),
    }
}

/// As of when a query reads.
///
/// # Errors
/// As [`begin`].
pub(crate) fn query_at(consistency: Option<run_query::Consistency>) -> Result<ReadAt> {
    use run_query::Consistency::{NewTransaction, ReadTime, Transaction};
    match consistency {
        Some(NewTransaction(options)) => Ok(ReadAt::Begin(begin(Some(options))?)),
        Some(Transaction(token)) => read_at(Some(token), None),
        Some(ReadTime(time)) => read_at(None, Some(time)),
        None => Ok(ReadAt::Latest),
    }
}
