//! What went wrong, whether to try again, and whether a write may have happened.

use std::error::Error as StdError;
use std::fmt;
use std::time::Duration;

use crate::store::Operation;

/// The result of a store operation.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// A failure of a store operation or of building a request for one.
///
/// An error answers three questions that a status code alone does not: what happened
/// ([`kind`](Error::kind)), whether the same request may be sent again ([`retry`](Error::retry)),
/// and whether a write may have taken effect all the same ([`effect`](Error::effect)).
///
/// Messages name the path and the bound, never the value.
pub struct Error(Box<Inner>);

struct Inner {
    kind: ErrorKind,
    message: String,
    retry: Retry,
    effect: Effect,
    operation: Option<Operation>,
    path: Option<String>,
    source: Option<Box<dyn StdError + Send + Sync>>,
}

/// What kind of failure an [`Error`] is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The request is malformed or beyond a limit; sending it again can't help.
    InvalidArgument,
    /// A write required a document that does not exist.
    NotFound,
    /// A write required a document to be absent, and it exists.
    AlreadyExists,
    /// A precondition on a document's version does not hold.
    FailedPrecondition,
    /// A query needs a composite index that does not exist; the message holds the JSON to add.
    MissingIndex,
    /// A transaction lost against a concurrent one, or waited too long for a lock.
    Aborted,
    /// A transaction is finished, unknown or expired.
    TransactionExpired,
    /// A watch position is too old, or belongs to another target.
    PositionExpired,
    /// A quota or a rate is used up.
    ResourceExhausted,
    /// The deadline passed before the answer came.
    DeadlineExceeded,
    /// The service can't be reached or is restarting.
    Unavailable,
    /// No valid credentials were sent.
    Unauthenticated,
    /// The credentials lack a permission.
    PermissionDenied,
    /// The backend does not offer this.
    Unimplemented,
    /// The caller gave up.
    Cancelled,
    /// A stored document does not fit the type it was read as.
    Decode,
    /// Stored data is lost or corrupt.
    DataLoss,
    /// The backend failed inside.
    Internal,
    /// The backend did not say what failed.
    Unknown,
}

/// Whether, and how, a failed operation may be tried again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Retry {
    /// The same request fails again.
    Never,
    /// The same request may succeed; wait at least `after` where the server named a delay.
    Request {
        /// The least delay the server asked for.
        after: Option<Duration>,
    },
    /// The whole transaction must be run again, reads included.
    Transaction,
}

/// Whether the write in a failed operation may have taken effect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// Nothing was written.
    None,
    /// The write may or may not have happened: read before deciding anything.
    Unknown,
}

impl Error {
    /// Makes an error of `kind` with the kind's usual [`Retry`] and [`Effect::None`].
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self(Box::new(Inner {
            kind,
            message: message.into(),
            retry: kind.retry(),
            effect: Effect::None,
            operation: None,
            path: None,
            source: None,
        }))
    }

    /// Makes an [`ErrorKind::InvalidArgument`].
    pub fn invalid(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::InvalidArgument, message)
    }

    /// Makes an [`ErrorKind::Decode`].
    pub fn decode(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Decode, message)
    }

    /// Says whether the write may have taken effect.
    #[must_use]
    pub fn with_effect(mut self, effect: Effect) -> Self {
        self.0.effect = effect;
        self
    }

    /// Overrides whether to try again.
    #[must_use]
    pub fn with_retry(mut self, retry: Retry) -> Self {
        self.0.retry = retry;
        self
    }

    /// Names the operation that failed, unless an inner one is named already.
    #[must_use]
    pub fn in_operation(mut self, operation: Operation) -> Self {
        self.0.operation.get_or_insert(operation);
        self
    }

    /// Names the path concerned, unless a more exact one is named already.
    #[must_use]
    pub fn at_path(mut self, path: impl fmt::Display) -> Self {
        self.0.path.get_or_insert_with(|| path.to_string());
        self
    }

    /// Attaches what caused this error.
    #[must_use]
    pub fn with_source(mut self, source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        self.0.source = Some(source.into());
        self
    }

    /// What kind of failure this is.
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }

    /// Whether, and how, to try again.
    pub fn retry(&self) -> Retry {
        self.0.retry
    }

    /// Whether the write may have taken effect.
    pub fn effect(&self) -> Effect {
        self.0.effect
    }

    /// The operation that failed, where one was under way.
    pub fn operation(&self) -> Option<Operation> {
        self.0.operation
    }

    /// The path of the document, collection or field concerned, where one is.
    pub fn path(&self) -> Option<&str> {
        self.0.path.as_deref()
    }

    /// The message without operation and path.
    pub fn message(&self) -> &str {
        &self.0.message
    }

    /// Whether a precondition of a write did not hold: the document is there, absent, or of
    /// another version than required.
    pub fn is_refused_precondition(&self) -> bool {
        use ErrorKind::{AlreadyExists, FailedPrecondition, NotFound};
        matches!(self.0.kind, AlreadyExists | FailedPrecondition | NotFound)
    }
}

impl ErrorKind {
    /// Every kind, in the order of their declaration.
    pub const ALL: [Self; 19] = [
        Self::InvalidArgument,
        Self::NotFound,
        Self::AlreadyExists,
        Self::FailedPrecondition,
        Self::MissingIndex,
        Self::Aborted,
        Self::TransactionExpired,
        Self::PositionExpired,
        Self::ResourceExhausted,
        Self::DeadlineExceeded,
        Self::Unavailable,
        Self::Unauthenticated,
        Self::PermissionDenied,
        Self::Unimplemented,
        Self::Cancelled,
        Self::Decode,
        Self::DataLoss,
        Self::Internal,
        Self::Unknown,
    ];

    /// The [`Retry`] that errors of this kind carry unless told otherwise.
    pub fn retry(self) -> Retry {
        match self {
            Self::Aborted | Self::TransactionExpired => Retry::Transaction,
            Self::ResourceExhausted
            | Self::DeadlineExceeded
            | Self::Unavailable
            | Self::Internal
            | Self::Unknown => Retry::Request { after: None },
            _ => Retry::Never,
        }
    }

    /// The kind's name in lower case with hyphens, for logs and metric labels.
    pub fn name(self) -> &'static str {
        match self {
            Self::InvalidArgument => "invalid-argument",
            Self::NotFound => "not-found",
            Self::AlreadyExists => "already-exists",
            Self::FailedPrecondition => "failed-precondition",
            Self::MissingIndex => "missing-index",
            Self::Aborted => "aborted",
            Self::TransactionExpired => "transaction-expired",
            Self::PositionExpired => "position-expired",
            Self::ResourceExhausted => "resource-exhausted",
            Self::DeadlineExceeded => "deadline-exceeded",
            Self::Unavailable => "unavailable",
            Self::Unauthenticated => "unauthenticated",
            Self::PermissionDenied => "permission-denied",
            Self::Unimplemented => "unimplemented",
            Self::Cancelled => "cancelled",
            Self::Decode => "decode",
            Self::DataLoss => "data-loss",
            Self::Internal => "internal",
            Self::Unknown => "unknown",
        }
    }
}

impl fmt::Display for ErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(operation) = self.0.operation {
            write!(f, "{operation}: ")?;
        }
        if let Some(path) = &self.0.path {
            write!(f, "`{path}`: ")?;
        }
        write!(f, "{} ({})", self.0.message, self.0.kind)?;
        if self.0.effect == Effect::Unknown {
            f.write_str("; the write may have taken effect: read before trying again")?;
        }
        Ok(())
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Error")
            .field("kind", &self.0.kind)
            .field("message", &self.0.message)
            .field("retry", &self.0.retry)
            .field("effect", &self.0.effect)
            .field("operation", &self.0.operation)
            .field("path", &self.0.path)
            .field("source", &self.0.source)
            .finish()
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.0.source.as_deref().map(|source| source as _)
    }
}

impl From<std::convert::Infallible> for Error {
    fn from(never: std::convert::Infallible) -> Self {
        match never {}
    }
}
