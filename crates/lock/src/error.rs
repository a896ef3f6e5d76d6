//! What can go wrong with a lock. That somebody else holds it is an answer and no error.

use std::fmt;
use std::time::Duration;

use firekeep_core::Effect;

use crate::key::Hash;

/// The result of a lock operation.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why a lock operation failed.
///
/// Messages name what, where and the bound; never a key or a lock id.
#[derive(Debug)]
pub struct Error {
    kind: ErrorKind,
    message: String,
    key: Option<Hash>,
    source: Option<Box<firekeep_core::Error>>,
}

/// What kind of failure an [`Error`] is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// An argument breaks a rule. Nothing was sent.
    InvalidArgument,
    /// The lock was not free in the time, or the retries, that the caller gave.
    AcquisitionTimeout,
    /// The caller cancelled.
    Aborted,
    /// The store can't be reached, is restarting, or lost against other traffic.
    ServiceUnavailable,
    /// The store did not answer in time.
    NetworkTimeout,
    /// The credentials are missing, invalid, or lack a permission.
    AuthFailed,
    /// A quota of the store is used up.
    RateLimited,
    /// Anything else: stored data that is no lock, a counter at its end, a failure of the store.
    Internal,
}

impl Error {
    pub(crate) fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into(), key: None, source: None }
    }

    /// `what` breaks `rule`.
    pub(crate) fn invalid(what: &str, rule: impl fmt::Display) -> Self {
        Self::new(ErrorKind::InvalidArgument, format!("`{what}` {rule}"))
    }

    pub(crate) fn internal(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Internal, message)
    }

    pub(crate) fn timeout(waited: Duration, attempts: u32) -> Self {
        Self::new(
            ErrorKind::AcquisitionTimeout,
            format!(
                "still held after {attempts} attempts in {} ms; wait longer, or look at who holds it",
                waited.as_millis()
            ),
        )
    }

    pub(crate) fn aborted() -> Self {
        Self::new(ErrorKind::Aborted, "cancelled by the caller; nothing is held")
    }

    #[must_use]
    pub(crate) fn of_key(mut self, key: Hash) -> Self {
        self.key.get_or_insert(key);
        self
    }

    /// What kind of failure this is.
    pub fn kind(&self) -> ErrorKind {
        self.kind
    }

    /// The hash of the key concerned, where one is.
    pub fn key(&self) -> Option<&Hash> {
        self.key.as_ref()
    }

    /// What the store answered, where it did.
    pub fn store(&self) -> Option<&firekeep_core::Error> {
        self.source.as_deref()
    }

    /// Whether trying again may help, as opposed to changing something first.
    pub fn is_transient(&self) -> bool {
        use ErrorKind::{NetworkTimeout, RateLimited, ServiceUnavailable};
        matches!(self.kind, ServiceUnavailable | NetworkTimeout | RateLimited)
    }
}

impl ErrorKind {
    /// The kind's name in lower case with hyphens, for logs and metric labels.
    pub fn name(self) -> &'static str {
        match self {
            Self::InvalidArgument => "invalid-argument",
            Self::AcquisitionTimeout => "acquisition-timeout",
            Self::Aborted => "aborted",
            Self::ServiceUnavailable => "service-unavailable",
            Self::NetworkTimeout => "network-timeout",
            Self::AuthFailed => "auth-failed",
            Self::RateLimited => "rate-limited",
            Self::Internal => "internal",
        }
    }

    /// The kind that a failure of the store is to the user of a lock.
    fn of(kind: firekeep_core::ErrorKind) -> Self {
        use firekeep_core::ErrorKind as Store;
        match kind {
            Store::InvalidArgument => Self::InvalidArgument,
            Store::Unavailable | Store::Internal | Store::Aborted => Self::ServiceUnavailable,
            Store::DeadlineExceeded | Store::TransactionExpired => Self::NetworkTimeout,
            Store::Unauthenticated | Store::PermissionDenied => Self::AuthFailed,
            Store::ResourceExhausted => Self::RateLimited,
            Store::Cancelled => Self::Aborted,
            _ => Self::Internal,
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
        if let Some(key) = &self.key {
            write!(f, "lock {key}: ")?;
        }
        write!(f, "{} ({})", self.message, self.kind)
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.source.as_deref().map(|source| source as _)
    }
}

impl From<firekeep_core::Error> for Error {
    fn from(source: firekeep_core::Error) -> Self {
        let (kind, message) = (ErrorKind::of(source.kind()), source.to_string());
        Self { kind, message, key: None, source: Some(Box::new(source)) }
    }
}

impl From<std::convert::Infallible> for Error {
    fn from(never: std::convert::Infallible) -> Self {
        match never {}
    }
}

/// The lock is no longer held: its lease ran out, or somebody broke it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("lock {key}: the lease is lost; stop, and acquire again")]
pub struct Lost {
    /// The hash of the (first) key.
    pub key: Hash,
}

/// Why a guarded commit failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CommitError {
    /// The lock is no longer held. None of the writes happened.
    #[error(transparent)]
    Lost(#[from] Lost),
    /// The store refused the writes or failed; its [`Effect`] says whether they may have happened.
    /// If they did, the lock was held.
    #[error(transparent)]
    Store(#[from] firekeep_core::Error),
}

impl CommitError {
    /// Whether the writes may have happened.
    pub fn effect(&self) -> Effect {
        match self {
            Self::Lost(_) => Effect::None,
            Self::Store(error) => error.effect(),
        }
    }

    /// Whether the lock is no longer held.
    pub fn is_lost(&self) -> bool {
        matches!(self, Self::Lost(_))
    }
}

#[cfg(test)]
mod tests {
    use std::error::Error as _;

    use super::*;

    /// Every kind of the store's, and what it is to the user of a lock.
    #[test]
    fn store_errors_map_by_kind_and_never_by_text() {
        use firekeep_core::ErrorKind as Store;
        for kind in Store::ALL {
            let expected = match kind {
                Store::InvalidArgument => ErrorKind::InvalidArgument,
                Store::Unavailable | Store::Internal | Store::Aborted => {
                    ErrorKind::ServiceUnavailable
                }
                Store::DeadlineExceeded | Store::TransactionExpired => ErrorKind::NetworkTimeout,
                Store::Unauthenticated | Store::PermissionDenied => ErrorKind::AuthFailed,
                Store::ResourceExhausted => ErrorKind::RateLimited,
                Store::Cancelled => ErrorKind::Aborted,
                _ => ErrorKind::Internal,
            };
            let error = Error::from(firekeep_core::Error::new(kind, "permission deadline abort"));
            assert_eq!(error.kind(), expected, "{kind}");
            assert!(error.source().is_some() && error.store().unwrap().kind() == kind);
        }
    }

    #[test]
    fn messages_say_what_and_which_bound() {
        let error = Error::timeout(Duration::from_secs(5), 9).of_key(Hash::of("key", "k"));
        let text = error.to_string();
        assert!(text.starts_with("lock ") && text.contains("9 attempts in 5000 ms"), "{text}");
        assert!(text.ends_with("(acquisition-timeout)"), "{text}");
    }
}
