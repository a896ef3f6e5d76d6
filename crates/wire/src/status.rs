//! What an error is called in the protocol: one table for codes, one for words.

mod size;

use std::time::Duration;

use firekeep_core::{DocPath, Error, ErrorKind, Retry};
use prost::Message;
use tonic::{Code, Status};

use crate::name::DatabaseName;
use crate::proto::rpc;

/// The status that production answers where the store answers `error`.
pub(crate) fn status(error: &Error) -> Status {
    let (code, message) = (code(error.kind()), message(error));
    match error.retry() {
        // Only these have details in production: how long to wait.
        Retry::Request { after: Some(_) } => {
            Status::with_details(code, message, details(error).encode_to_vec().into())
        }
        _ => Status::new(code, message),
    }
}

/// The same as a message, for answers that hold several.
pub(crate) fn details(error: &Error) -> rpc::Status {
    let after = match error.retry() {
        Retry::Request { after } => after,
        _ => None,
    };
    rpc::Status {
        code: code(error.kind()) as i32,
        message: message(error),
        details: after.map(retry_info).into_iter().collect(),
    }
}

fn retry_info(after: Duration) -> prost_types::Any {
    let info = rpc::RetryInfo { retry_delay: prost_types::Duration::try_from(after).ok() };
    prost_types::Any {
        type_url: "type.googleapis.com/google.rpc.RetryInfo".to_owned(),
        value: info.encode_to_vec(),
    }
}

/// What is wrong with a message of a client's stream that can't be read.
pub(crate) fn refused(status: &Status) -> Error {
    let too_long = crate::refusal::too_long(status);
    let status = too_long.as_ref().unwrap_or(status);
    let kind = match status.code() {
        Code::Cancelled | Code::Unknown => ErrorKind::Cancelled,
        Code::Unimplemented => ErrorKind::Unimplemented,
        Code::ResourceExhausted => ErrorKind::ResourceExhausted,
        _ => ErrorKind::InvalidArgument,
    };
    Error::new(kind, status.message())
}

/// The code of each kind.
pub(crate) fn code(kind: ErrorKind) -> Code {
    match kind {
        ErrorKind::InvalidArgument
        | ErrorKind::TransactionExpired
        | ErrorKind::PositionExpired
        | ErrorKind::Decode => Code::InvalidArgument,
        ErrorKind::NotFound => Code::NotFound,
        ErrorKind::AlreadyExists => Code::AlreadyExists,
        ErrorKind::FailedPrecondition | ErrorKind::MissingIndex => Code::FailedPrecondition,
        ErrorKind::Aborted => Code::Aborted,
        ErrorKind::ResourceExhausted => Code::ResourceExhausted,
        ErrorKind::DeadlineExceeded => Code::DeadlineExceeded,
        ErrorKind::Unavailable => Code::Unavailable,
        ErrorKind::Unauthenticated => Code::Unauthenticated,
        ErrorKind::PermissionDenied => Code::PermissionDenied,
        ErrorKind::Unimplemented => Code::Unimplemented,
        ErrorKind::Cancelled => Code::Cancelled,
        ErrorKind::DataLoss => Code::DataLoss,
        ErrorKind::Internal => Code::Internal,
        _ => Code::Unknown,
    }
}

/// One row: how production words an error that we word so.
struct Words {
    kind: ErrorKind,
    /// What our message starts with; empty for any.
    ours: &'static str,
    production: &'static str,
}

const fn words(kind: ErrorKind, ours: &'static str, production: &'static str) -> Words {
    Words { kind, ours, production }
}

/// Texts that production and its clients are known to use. Clients run a transaction again when
/// they read that it has expired; people search for the others.
const WORDS: &[Words] = &[
    words(
        ErrorKind::TransactionExpired,
        "",
        "The referenced transaction has expired or is no longer valid.",
    ),
    words(ErrorKind::Aborted, "", "Too much contention on these documents. Please try again."),
    words(
        ErrorKind::InvalidArgument,
        "a read-only transaction can't write",
        "Cannot modify entities in a read-only transaction.",
    ),
    words(
        ErrorKind::InvalidArgument,
        "the read time lies in the future",
        "The requested 'read_time' cannot be in the future.",
    ),
    words(
        ErrorKind::FailedPrecondition,
        "the read time is more than",
        "The requested snapshot version is too old.",
    ),
    words(
        ErrorKind::InvalidArgument,
        "a commit deletes a document and then requires it to exist",
        "Cannot delete then update an entity in the same request.",
    ),
    words(
        ErrorKind::InvalidArgument,
        "a commit writes a document and then requires it to be absent",
        "Cannot insert then insert an entity in the same request.",
    ),
    words(ErrorKind::InvalidArgument, "a request has at most 10485760 bytes", TOO_LONG),
];

/// Production's refusal of a request of more than 10 MiB.
pub(crate) const TOO_LONG: &str = "Request payload size exceeds the limit: 10485760 bytes.";

fn message(error: &Error) -> String {
    let same = |row: &&Words| row.kind == error.kind() && error.message().starts_with(row.ours);
    let words = WORDS.iter().find(same).map(|row| row.production.to_owned());
    let words = words.or_else(|| size::refusal(error));
    size::bounded(words.unwrap_or_else(|| match error.path() {
        Some(path) => format!("{} ({path})", error.message()),
        None => error.message().to_owned(),
    }))
}

/// `error` in the words that need to know the database: production names documents in full, and the
/// console's page on which a missing index is made.
pub(crate) fn worded(error: Error, database: &DatabaseName) -> Error {
    let name = || Some(database.document(&DocPath::new(error.path()?).ok()?));
    let message = match error.kind() {
        ErrorKind::NotFound => name().map(|name| format!("No document to update: {name}")),
        ErrorKind::AlreadyExists => name().map(|name| format!("Document already exists: {name}")),
        // The versions say it all.
        ErrorKind::FailedPrecondition if error.path().is_some() => Some(error.message().to_owned()),
        ErrorKind::InvalidArgument => name().and_then(|name| size::document_refusal(&error, &name)),
        ErrorKind::MissingIndex => Some(crate::index_link::with_link(error.message(), database)),
        _ => None,
    };
    let Some(message) = message else { return error };
    Error::new(error.kind(), message)
        .with_retry(error.retry())
        .with_effect(error.effect())
        .with_source(error)
}
