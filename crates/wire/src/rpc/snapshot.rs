//! Several reads that have to agree.

use firekeep_core::{BatchGet, DocPath, Error, ErrorKind, ReadAt, Result, Timestamp, TxnId};

use crate::databases::Hosted;
use crate::service::Call;

/// As of when all parts of an answer are read.
#[derive(Debug)]
pub(super) struct Snapshot {
    /// For requests to the store.
    pub(super) at: ReadAt,
    /// For requests to the catalog, and for the answer.
    pub(super) time: Timestamp,
    /// The transaction that was begun.
    pub(super) began: Option<TxnId>,
}

/// Fixes the time of all reads of a request, in its transaction if it is in one. A read of a document
/// that nobody has finds it out.
///
/// # Errors
/// As a read at `at`.
pub(super) async fn snapshot(call: &Call, hosted: &Hosted, at: ReadAt) -> Result<Snapshot> {
    let read = BatchGet { paths: vec![nobody()?], mask: Some(Vec::new()), at: at.clone() };
    let found = hosted.store().batch_get(&call.cx, read).await?;
    let time = found.lookups.first().map(|lookup| lookup.read_time);
    let time =
        time.ok_or_else(|| Error::new(ErrorKind::Internal, "the store told no read time"))?;
    let at = match (at, &found.txn) {
        (_, Some(began)) => ReadAt::Txn(began.clone()),
        (ReadAt::Txn(txn), None) => ReadAt::Txn(txn),
        _ => ReadAt::Time(time),
    };
    Ok(Snapshot { at, time, began: found.txn })
}

/// Numeric ids come from databases in Datastore mode only; none of theirs is the smallest.
fn nobody() -> Result<DocPath> {
    DocPath::new("__id-9223372036854775808__/__id-9223372036854775808__")
}
