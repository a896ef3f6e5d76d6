//! What replaces the automatic indexes of a field.

use firekeep_core::{CollectionId, FieldPath};

use super::composite::{IndexMode, QueryScope};

/// The single-field indexes of a field, in place of the automatic ones, and whether documents
/// expire by it.
#[derive(Clone, Debug, PartialEq)]
pub struct FieldOverride {
    /// The id of the collections concerned.
    pub collection_group: CollectionId,
    /// Which field; `None` for `*`, every field without an override of its own.
    pub path: Option<FieldPath>,
    /// Whether documents expire at the time in this field.
    pub ttl: bool,
    /// The indexes; none exempts the field.
    pub indexes: Vec<FieldIndex>,
}

/// An index over one field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FieldIndex {
    /// How the field is indexed.
    pub mode: IndexMode,
    /// Which queries the index serves.
    pub scope: QueryScope,
}

impl FieldIndex {
    /// The indexes that a field has without an override.
    pub fn automatic() -> [Self; 3] {
        [IndexMode::Ascending, IndexMode::Descending, IndexMode::Contains]
            .map(|mode| Self { mode, scope: QueryScope::Collection })
    }
}

impl FieldOverride {
    pub(crate) fn unite(&mut self, other: Self) {
        self.ttl |= other.ttl;
        for index in other.indexes {
            if !self.indexes.contains(&index) {
                self.indexes.push(index);
            }
        }
    }
}
