//! Committing writes.

use firekeep_core::{
    BatchGet, Change, Commit, Committed, Cx, DocPath, Effect, Operation, Result, Timestamp,
    Version, Write, Written,
};

use crate::batch_get::batch_get;
use crate::channel::{Call, Connection, UNARY};
use crate::conv::{timestamp_from_proto, value_from_proto};
use crate::error::{Asked, malformed};
use crate::proto::{CommitResponse, WriteResult};
use crate::wire::{self, Encoded, Sent};

/// Applies all writes of `request`, or none.
pub(crate) async fn commit(connection: &Connection, cx: &Cx, request: Commit) -> Result<Committed> {
    let database = connection.database();
    let call = Call {
        asked: Asked { operation: Operation::Commit, in_txn: request.txn().is_some() },
        path: "/google.firestore.v1.Firestore/Commit",
        params: database.routed_by_database(),
        limit: UNARY,
    };
    let message = Encoded(wire::commit(database, &request)?);
    let answer = connection.unary(cx, &call, Sent::<CommitResponse>::default(), message).await?;
    if request.writes().is_empty() && answer.commit_time.is_none() {
        let commit_time = server_time(connection, cx).await?;
        return Ok(Committed { commit_time, writes: Vec::new() });
    }
    committed(connection, answer, request.writes())
        .map_err(|error| error.with_effect(Effect::Unknown).in_operation(Operation::Commit))
}

/// The emulator names no time for a commit without writes. Callers rely on one, so it is asked for
/// by looking for any document.
async fn server_time(connection: &Connection, cx: &Cx) -> Result<Timestamp> {
    let lookups = batch_get(connection, cx, BatchGet::new(vec![DocPath::new("c/d")?])).await?;
    let lookup = lookups.lookups.first();
    lookup
        .map(|lookup| lookup.read_time)
        .ok_or_else(|| malformed(Operation::Commit, "holds no time"))
}

fn committed(
    connection: &Connection,
    answer: CommitResponse,
    writes: &[Write],
) -> Result<Committed> {
    if answer.write_results.len() != writes.len() {
        return Err(malformed(Operation::Commit, "does not hold one result per write"));
    }
    let commit_time = answer
        .commit_time
        .ok_or_else(|| malformed(Operation::Commit, "lacks the commit's time"))?;
    let writes = answer
        .write_results
        .into_iter()
        .zip(writes)
        .map(|(result, write)| written(connection, result, write))
        .collect::<Result<_>>()?;
    Ok(Committed { commit_time: timestamp_from_proto(commit_time)?, writes })
}

fn written(connection: &Connection, result: WriteResult, write: &Write) -> Result<Written> {
    // For a verify the emulator sends the version that it verified.
    let has_version = !matches!(write.change(), Change::Delete | Change::Verify);
    let version = match result.update_time {
        Some(time) if has_version => Some(Version::at(timestamp_from_proto(time)?)),
        _ => None,
    };
    let transform_results = result
        .transform_results
        .into_iter()
        .map(|value| value_from_proto(connection.database(), value))
        .collect::<Result<_>>()?;
    Ok(Written { version, transform_results })
}
