//! Where a file is wrong, and what was expected there.

use std::fmt;

use serde::Serialize;

/// A mistake in a file. Names the place and the rule, never the text that stands there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Mistake {
    /// The line, counted from 1.
    pub(crate) line: u64,
    /// The column, by its name in the header.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) column: Option<String>,
    /// What must hold there.
    pub(crate) expected: String,
}

impl Mistake {
    pub(crate) fn at(line: u64, column: Option<&str>, expected: impl Into<String>) -> Self {
        Self { line, column: column.map(str::to_owned), expected: expected.into() }
    }
}

impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}", self.line)?;
        if let Some(column) = &self.column {
            write!(f, ", column `{column}`")?;
        }
        write!(f, ": {}", self.expected)
    }
}
