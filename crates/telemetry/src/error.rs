//! What can go wrong with readings.

use firekeep_core::Effect;

/// Something from outside that breaks a rule: which field, and which rule.
///
/// Never holds the value.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{field}`: {rule}")]
pub struct Invalid {
    /// Where: `device`, `values.temperature.unit`.
    pub field: String,
    /// What must hold there.
    pub rule: String,
}

impl Invalid {
    /// `field` breaks `rule`.
    pub fn new(field: impl Into<String>, rule: impl Into<String>) -> Self {
        Self { field: field.into(), rule: rule.into() }
    }

    /// The same, inside of `outer`.
    #[must_use]
    pub fn inside(self, outer: impl std::fmt::Display) -> Self {
        Self { field: format!("{outer}.{}", self.field), ..self }
    }
}

/// Why an operation on readings was refused or failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReadingError {
    /// The id is taken by a reading with other content. Nothing was changed.
    #[error("`{path}`: a reading with this id and other content is stored")]
    Conflict {
        /// The stored reading's path.
        path: String,
    },
    /// An argument breaks a rule. Nothing was sent.
    #[error(transparent)]
    Invalid(#[from] Invalid),
    /// A cursor or a live position is malformed, or belongs to another query. Nothing was sent.
    #[error(transparent)]
    Cursor(#[from] CursorError),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] firekeep_core::Error),
}

impl ReadingError {
    /// Whether something may have been written all the same.
    pub fn effect(&self) -> Effect {
        match self {
            Self::Store(error) => error.effect(),
            _ => Effect::None,
        }
    }
}

/// Why a cursor or a live position can't be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CursorError {
    /// The text is nothing that this crate made.
    #[error("`cursor`: malformed; pass on what an earlier answer gave, unchanged")]
    Malformed,
    /// The text was made for another tenant, device, window or order.
    #[error("`cursor`: made for another query; keep tenant, device, window and order as they were")]
    OtherQuery,
}

/// A batch that stopped part of the way.
#[derive(Debug, thiserror::Error)]
#[error("the first {done} readings are stored, the rest is not confirmed: {source}")]
pub struct BatchError {
    /// How many readings from the start of the batch are stored for certain. Sending the rest
    /// again, or all of it, is safe: readings are idempotent by id.
    pub done: usize,
    /// Which reading is to blame, counted from 0, where one is.
    pub index: Option<usize>,
    /// What went wrong. With [`Effect::Unknown`] the readings of
    /// one more commit may be stored; otherwise none beyond `done` were stored by this call.
    #[source]
    pub source: ReadingError,
}
