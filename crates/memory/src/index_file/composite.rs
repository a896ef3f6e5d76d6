//! An index over several fields.

use firekeep_core::{CollectionId, Direction, FieldPath, Scope};

/// An index that is declared, over an ordered list of fields.
///
/// Its entries end with the document's name, which runs as the last field does unless
/// `__name__` is among the fields.
#[derive(Clone, Debug, PartialEq)]
pub struct CompositeIndex {
    /// The id of the collections whose documents it holds.
    pub collection_group: CollectionId,
    /// Which queries it can serve.
    pub scope: QueryScope,
    /// What it is sorted by.
    pub fields: Vec<IndexField>,
    /// Which documents it holds; kept for the file, without effect here.
    pub density: Option<Density>,
}

/// A field of a [`CompositeIndex`].
#[derive(Clone, Debug, PartialEq)]
pub struct IndexField {
    /// Which field; [`FieldPath::document_id`] for the document's name.
    pub path: FieldPath,
    /// How it is indexed.
    pub mode: IndexMode,
}

/// How a field is indexed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IndexMode {
    /// Smallest first.
    Ascending,
    /// Largest first.
    Descending,
    /// By each element of an array.
    Contains,
    /// By nearness, for vectors of this many dimensions.
    Vector {
        /// The number of dimensions.
        dimension: u32,
    },
}

/// Which queries an index serves.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum QueryScope {
    /// Those over one collection.
    Collection,
    /// Those over every collection of the id.
    CollectionGroup,
}

/// Which documents an index holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Density {
    /// Those that have every field; the only one that the Standard edition knows.
    SparseAll,
    /// Those that have any field.
    SparseAny,
    /// All.
    Dense,
}

impl CompositeIndex {
    /// Whether `other` indexes the same fields in the same way.
    pub fn is_same(&self, other: &Self) -> bool {
        self.collection_group == other.collection_group
            && self.scope == other.scope
            && self.own_fields() == other.own_fields()
            && self.name_direction() == other.name_direction()
    }

    /// The fields without a trailing `__name__`.
    pub fn own_fields(&self) -> &[IndexField] {
        match self.fields.split_last() {
            Some((last, rest)) if last.path.is_document_id() => rest,
            _ => &self.fields,
        }
    }

    /// Which way the document's name runs: as declared, else as the last field.
    pub fn name_direction(&self) -> Direction {
        match self.fields.last().map(|field| field.mode) {
            Some(IndexMode::Descending) => Direction::Descending,
            _ => Direction::Ascending,
        }
    }
}

impl QueryScope {
    /// The scope that an index needs to serve a query over `scope`.
    pub fn of(scope: &Scope) -> Self {
        match scope {
            Scope::Collection(_) => Self::Collection,
            Scope::Group { .. } => Self::CollectionGroup,
        }
    }
}
