//! What an error is called in the protocol: one table.

use firekeep_core::{Error, ErrorKind, Retry};
use tonic::{Code, Status};

/// The status that production answers where the store answers `error`.
pub(crate) fn status(error: &Error) -> Status {
    let message = message(error);
    Status::new(code(error.kind()), message)
}

/// What is wrong with a message of a client's stream that can't be read.
pub(crate) fn refused(status: &Status) -> Error {
    let kind = match status.code() {
        // Too long.
        Code::OutOfRange | Code::ResourceExhausted => ErrorKind::ResourceExhausted,
        Code::Cancelled | Code::Unknown => ErrorKind::Cancelled,
        Code::Unimplemented => ErrorKind::Unimplemented,
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

/// Where clients tell errors apart by their text, the text is production's.
fn message(error: &Error) -> String {
    let place = error.path().map(|path| format!(" ({path})")).unwrap_or_default();
    match error.kind() {
        // Clients run the whole transaction again if they read this.
        ErrorKind::TransactionExpired => {
            format!(
                "The referenced transaction has expired or is no longer valid: {}{place}",
                error.message()
            )
        }
        ErrorKind::MissingIndex => {
            format!("The query requires an index. {}{place}", error.message())
        }
        ErrorKind::NotFound => format!("No document to update: {}{place}", error.message()),
        ErrorKind::AlreadyExists => format!("Document already exists: {}{place}", error.message()),
        ErrorKind::Aborted if error.retry() == Retry::Transaction => {
            format!(
                "Too much contention on these documents. Please try again: {}{place}",
                error.message()
            )
        }
        _ => format!("{}{place}", error.message()),
    }
}
