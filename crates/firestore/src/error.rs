//! What a gRPC status means: one table.

use std::error::Error as StdError;
use std::time::Duration;

use firekeep_core::{Effect, Error, ErrorKind, Operation, Retry};
use prost::Message as _;
use tonic::{Code, ConnectError, Status, TimeoutExpired};

use crate::proto::rpc;

/// One row: a status whose code and message match means this.
struct Row {
    code: Code,
    /// What the message holds, in lower case; empty for any.
    hint: &'static str,
    kind: ErrorKind,
    retry: Advice,
    /// Whether a commit answered so may have happened.
    after_commit: Effect,
}

/// Whether to try again.
#[derive(Clone, Copy)]
enum Advice {
    Never,
    /// Outside a transaction the same request; inside, the whole transaction.
    Again,
    /// The whole transaction, even for a request that is not in one: its id is of no use any more.
    Rerun,
}

const fn row(
    code: Code,
    hint: &'static str,
    kind: ErrorKind,
    retry: Advice,
    after_commit: Effect,
) -> Row {
    Row { code, hint, kind, retry, after_commit }
}

use Advice::{Again, Never, Rerun};
use Effect::Unknown as Maybe;

/// The first row that matches decides, so hints come before the bare code.
///
/// Messages are those of production's documentation and clients and of the official emulator; each
/// hint is the shortest part that tells.
const TABLE: &[Row] = &[
    row(Code::Cancelled, "", ErrorKind::Cancelled, Again, Maybe),
    row(Code::Unknown, "", ErrorKind::Unknown, Again, Maybe),
    row(
        Code::InvalidArgument,
        "transaction is invalid or closed",
        ErrorKind::TransactionExpired,
        Rerun,
        Effect::None,
    ),
    row(
        Code::InvalidArgument,
        "transaction has expired",
        ErrorKind::TransactionExpired,
        Rerun,
        Effect::None,
    ),
    row(
        Code::InvalidArgument,
        "invalid transaction",
        ErrorKind::TransactionExpired,
        Rerun,
        Effect::None,
    ),
    row(Code::InvalidArgument, "", ErrorKind::InvalidArgument, Never, Effect::None),
    row(Code::DeadlineExceeded, "", ErrorKind::DeadlineExceeded, Again, Maybe),
    // A database that does not exist must not look like a document that does not.
    row(
        Code::NotFound,
        "does not exist for project",
        ErrorKind::InvalidArgument,
        Never,
        Effect::None,
    ),
    row(Code::NotFound, "", ErrorKind::NotFound, Never, Effect::None),
    row(Code::AlreadyExists, "", ErrorKind::AlreadyExists, Never, Effect::None),
    row(Code::PermissionDenied, "", ErrorKind::PermissionDenied, Never, Effect::None),
    // The emulator's way to refuse a request beyond its 4 MiB; waiting does not make it smaller.
    row(
        Code::ResourceExhausted,
        "message exceeds maximum size",
        ErrorKind::InvalidArgument,
        Never,
        Effect::None,
    ),
    row(Code::ResourceExhausted, "", ErrorKind::ResourceExhausted, Again, Effect::None),
    // Of one field: "requires a COLLECTION_GROUP_ASC index for collection … and field …".
    row(
        Code::FailedPrecondition,
        "index for collection",
        ErrorKind::MissingIndex,
        Never,
        Effect::None,
    ),
    row(
        Code::FailedPrecondition,
        "requires an index",
        ErrorKind::MissingIndex,
        Never,
        Effect::None,
    ),
    row(Code::FailedPrecondition, "", ErrorKind::FailedPrecondition, Never, Effect::None),
    row(Code::Aborted, "", ErrorKind::Aborted, Again, Effect::None),
    // tonic's way to refuse an answer that is longer than we decode; the server does not send it.
    row(Code::OutOfRange, "", ErrorKind::InvalidArgument, Never, Maybe),
    row(Code::Unimplemented, "", ErrorKind::Unimplemented, Never, Effect::None),
    row(Code::Internal, "", ErrorKind::Internal, Again, Maybe),
    row(Code::Unavailable, "", ErrorKind::Unavailable, Again, Maybe),
    row(Code::DataLoss, "", ErrorKind::DataLoss, Never, Maybe),
    row(Code::Unauthenticated, "", ErrorKind::Unauthenticated, Never, Effect::None),
];

/// Which request was answered with a status.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Asked {
    /// The operation.
    pub(crate) operation: Operation,
    /// Whether it ran in a transaction that was begun before, so that repeating it alone is wrong.
    pub(crate) in_txn: bool,
}

impl From<Operation> for Asked {
    fn from(operation: Operation) -> Self {
        Self { operation, in_txn: false }
    }
}

/// What `status` means as the answer to a request.
pub(crate) fn from_status(status: Status, asked: impl Into<Asked>) -> Error {
    let asked = asked.into();
    let origin = Origin::of(&status);
    let code = origin.code(status.code());
    let row = find(code, status.message());
    let effect = match asked.operation {
        Operation::Commit if origin != Origin::NotConnected => {
            row.map_or(Maybe, |r| r.after_commit)
        }
        _ => Effect::None,
    };
    let error = Error::new(row.map_or(ErrorKind::Unknown, |row| row.kind), message(&status))
        .with_retry(retry(row.map_or(Again, |row| row.retry), asked, &status))
        .with_effect(effect)
        .in_operation(asked.operation);
    error.with_source(status)
}

fn find(code: Code, message: &str) -> Option<&'static Row> {
    let message = message.to_ascii_lowercase();
    TABLE.iter().find(|row| row.code == code && message.contains(row.hint))
}

fn retry(advice: Advice, asked: Asked, status: &Status) -> Retry {
    match advice {
        Never => Retry::Never,
        Rerun => Retry::Transaction,
        Again if asked.in_txn => Retry::Transaction,
        Again => Retry::Request { after: retry_delay(status) },
    }
}

fn message(status: &Status) -> String {
    match status.message() {
        "" => status.code().description().to_owned(),
        message => message.to_owned(),
    }
}

/// Where a status comes from. tonic makes statuses itself and spells several of them in ways of
/// its own: a broken stream is `UNKNOWN`, an expired timeout `CANCELLED`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Origin {
    /// The server's answer.
    Server,
    /// No connection came about, so nothing was sent.
    NotConnected,
    /// The local timeout.
    TimedOut,
    /// The connection broke.
    Broken,
}

impl Origin {
    fn of(status: &Status) -> Self {
        let Some(first) = status.source() else { return Self::Server };
        let mut cause: Option<&(dyn StdError + 'static)> = Some(first);
        while let Some(error) = cause {
            if error.is::<ConnectError>() {
                return Self::NotConnected;
            }
            if error.is::<TimeoutExpired>() {
                return Self::TimedOut;
            }
            cause = error.source();
        }
        Self::Broken
    }

    fn code(self, sent: Code) -> Code {
        match self {
            Self::Server => sent,
            Self::NotConnected | Self::Broken => Code::Unavailable,
            Self::TimedOut => Code::DeadlineExceeded,
        }
    }
}

/// The delay that the server asks for in the status' details.
fn retry_delay(status: &Status) -> Option<Duration> {
    if status.details().is_empty() {
        return None;
    }
    let details = rpc::Status::decode(status.details()).ok()?.details;
    let info = details.iter().find(|any| any.type_url.ends_with("/google.rpc.RetryInfo"))?;
    let delay = rpc::RetryInfo::decode(&*info.value).ok()?.retry_delay?;
    Duration::try_from(delay).ok()
}

/// The caller's deadline passed before anything was sent.
pub(crate) fn too_late(operation: Operation) -> Error {
    Error::new(ErrorKind::DeadlineExceeded, "the deadline passed before the request was sent")
        .with_retry(Retry::Never)
        .in_operation(operation)
}

/// No answer, or no further part of it, came in time.
pub(crate) fn timed_out(asked: Asked, waited: Duration) -> Error {
    let effect = if asked.operation == Operation::Commit { Maybe } else { Effect::None };
    let message = format!("no answer within {} ms", waited.as_millis());
    let retry = if asked.in_txn { Retry::Transaction } else { Retry::Request { after: None } };
    Error::new(ErrorKind::DeadlineExceeded, message)
        .with_retry(retry)
        .with_effect(effect)
        .in_operation(asked.operation)
}

/// The answer breaks the protocol.
pub(crate) fn malformed(operation: Operation, what: &str) -> Error {
    let effect = if operation == Operation::Commit { Maybe } else { Effect::None };
    Error::new(ErrorKind::Internal, format!("the server's answer {what}"))
        .with_effect(effect)
        .in_operation(operation)
}

#[cfg(test)]
mod tests;
