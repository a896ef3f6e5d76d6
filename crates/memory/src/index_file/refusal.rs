//! What a query lacks, and how production says so.

use firekeep_core::{Error, ErrorKind, Query};

use super::composite::{CompositeIndex, IndexMode, QueryScope};
use super::field_override::{FieldIndex, FieldOverride};
use super::print;

/// An entry of the file that a query lacks.
#[derive(Clone, Debug, PartialEq)]
pub enum MissingIndex {
    /// An index over several fields, or over the document's name.
    Composite(CompositeIndex),
    /// An index over one field that is not automatic: of collection-group scope, or exempted. The
    /// override is whole; it replaces the one that the file may have for the field.
    Field(FieldOverride),
}

impl MissingIndex {
    /// The entry as it stands in the file.
    pub fn to_json(&self) -> String {
        match self {
            Self::Composite(index) => print::composite(index),
            Self::Field(entry) => print::field_override(entry),
        }
    }

    /// The key of the file's object that holds such entries.
    pub fn section(&self) -> &'static str {
        match self {
            Self::Composite(_) => "indexes",
            Self::Field(_) => "fieldOverrides",
        }
    }

    /// The error with which production refuses `query`, and what to do about it.
    pub(crate) fn into_error(self, query: &Query) -> Error {
        let message = format!(
            "{} Add this to `{}` in firestore.indexes.json:\n{}",
            self.complaint(),
            self.section(),
            self.to_json()
        );
        Error::new(ErrorKind::MissingIndex, message).at_path(query.scope().collection_id())
    }

    fn complaint(&self) -> String {
        match self {
            Self::Composite(_) => "The query requires an index.".to_owned(),
            Self::Field(entry) => {
                let path = entry.path.as_ref().map(ToString::to_string).unwrap_or_default();
                let kind = entry.indexes.last().map(kind).unwrap_or_default();
                let group = entry.collection_group.as_str();
                format!(
                    "The query requires a {kind} index for collection {group} and field {path}."
                )
            }
        }
    }
}

fn kind(index: &FieldIndex) -> String {
    let scope = match index.scope {
        QueryScope::Collection => "COLLECTION",
        QueryScope::CollectionGroup => "COLLECTION_GROUP",
    };
    let mode = match index.mode {
        IndexMode::Ascending => "ASC",
        IndexMode::Descending => "DESC",
        IndexMode::Contains => "CONTAINS",
        IndexMode::Vector { .. } => "VECTOR",
    };
    format!("{scope}_{mode}")
}
