//! Reading the fields of a document: what is wrong is named, never taken for something else.

use firekeep_core::{Document, Value};

use crate::error::{Error, Result};

/// The field `name`; `None` if there is none.
///
/// # Errors
/// [`Error::Corrupt`] if `read` finds something else in it than it should.
pub(crate) fn optional<'a, T>(
    document: &'a Document,
    name: &str,
    read: impl FnOnce(&'a Value) -> Option<T>,
) -> Result<Option<T>> {
    let wrong = || Error::corrupt(document.path(), format!("`{name}` is of another type or range"));
    document.get(name).map(|value| read(value).ok_or_else(wrong)).transpose()
}

/// The field `name`.
///
/// # Errors
/// [`Error::Corrupt`] if there is none, or `read` finds something else in it.
pub(crate) fn required<'a, T>(
    document: &'a Document,
    name: &str,
    read: impl FnOnce(&'a Value) -> Option<T>,
) -> Result<T> {
    let missing = || Error::corrupt(document.path(), format!("`{name}` is missing"));
    optional(document, name, read)?.ok_or_else(missing)
}

/// A whole number in the range of `T`.
pub(crate) fn natural<T: TryFrom<i64>>(value: &Value) -> Option<T> {
    value.as_integer()?.try_into().ok()
}
