//! `firestore.indexes.json`: which indexes a database has, and whether they serve a query.
//!
//! Production refuses a query that no index serves; the official emulator does not. A program
//! that was only ever tried on the emulator therefore fails at its first such query in
//! production. [`IndexFile::check`] decides as production's Standard edition decides, and the
//! refusal holds the JSON to add.
//!
//! The rules come from <https://firebase.google.com/docs/firestore/query-data/index-overview>
//! (called *overview* below), from the definition of the file
//! (<https://firebase.google.com/docs/reference/firestore/indexes>), and from the index
//! configuration that the official web client's integration tests need to pass against
//! production (`firestore_index_config.tf` of firebase-js-sdk). Where they leave a case open,
//! the stricter reading holds: an index too many costs little, a refusal in production much.

mod composite;
mod dnf;
mod field_override;
mod parse;
mod print;
mod recorder;
mod refusal;
mod required;
mod serve;

pub use composite::{CompositeIndex, Density, IndexField, IndexMode, QueryScope};
pub use field_override::{FieldIndex, FieldOverride};
pub use recorder::IndexRecorder;
pub use refusal::MissingIndex;

use firekeep_core::{Aggregation, Direction, FieldPath, Query, Result};

use required::Requirement;

/// The indexes of a database: what `firestore.indexes.json` declares beside the automatic ones.
///
/// ```
/// use firekeep_core::{Query, field};
/// use firekeep_memory::index_file::IndexFile;
/// let query = Query::collection("cities")
///     .filter(field("country").eq("USA"))
///     .descending("population")
///     .build()?;
/// let mut indexes = IndexFile::empty();
/// assert!(indexes.check(&query).is_err());
/// indexes.add(indexes.missing(&query).expect("the refused query lacks an index"));
/// assert!(indexes.check(&query).is_ok());
/// # Ok::<(), firekeep_core::Error>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
pub struct IndexFile {
    composites: Vec<CompositeIndex>,
    overrides: Vec<FieldOverride>,
}

impl IndexFile {
    /// A database with nothing but automatic indexes.
    pub fn empty() -> Self {
        Self::default()
    }

    /// Reads the Firebase CLI's format; `//` and `/* */` comments are allowed, as the CLI allows
    /// them.
    ///
    /// # Errors
    /// [`InvalidArgument`](firekeep_core::ErrorKind::InvalidArgument), saying what is wrong and
    /// where: text that is no JSON or ends early, a key or keyword that the format does not have, a
    /// malformed collection id or field path, an index of too few fields or without a mode, two
    /// equal indexes, two overrides of one field, two TTL fields in one collection group.
    pub fn parse(json: &str) -> Result<Self> {
        parse::parse(json)
    }

    /// The file in the CLI's format and order: sorted, two spaces of indentation, a line feed at
    /// the end. Equal sets of indexes give equal text.
    pub fn to_json(&self) -> String {
        print::file(self)
    }

    /// The declared indexes over several fields.
    pub fn composites(&self) -> &[CompositeIndex] {
        &self.composites
    }

    /// The fields whose automatic indexes are replaced.
    pub fn overrides(&self) -> &[FieldOverride] {
        &self.overrides
    }

    /// Adds an index; answers whether it was new.
    pub fn insert(&mut self, index: CompositeIndex) -> bool {
        let new = !self.composites.iter().any(|known| known.is_same(&index));
        if new {
            self.composites.push(index);
        }
        new
    }

    /// Adds an override, united with the one there is for its field: an index or a TTL that
    /// either has, both have.
    pub fn insert_override(&mut self, addition: FieldOverride) {
        let same = |known: &&mut FieldOverride| {
            known.collection_group == addition.collection_group && known.path == addition.path
        };
        match self.overrides.iter_mut().find(same) {
            Some(known) => known.unite(addition),
            None => self.overrides.push(addition),
        }
    }

    /// Adds what a refused query lacks; see [`IndexFile::missing`].
    pub fn add(&mut self, missing: MissingIndex) {
        match missing {
            MissingIndex::Composite(index) => {
                self.insert(index);
            }
            MissingIndex::Field(addition) => self.insert_override(addition),
        }
    }

    /// Adds everything that `other` has.
    pub fn merge(&mut self, other: &Self) {
        for index in &other.composites {
            self.insert(index.clone());
        }
        for addition in &other.overrides {
            self.insert_override(addition.clone());
        }
    }

    /// The field by which documents of the collections named `collection_group` expire.
    pub fn ttl_field(&self, collection_group: &str) -> Option<&FieldPath> {
        self.overrides
            .iter()
            .find(|entry| entry.ttl && entry.collection_group.as_str() == collection_group)
            .and_then(|entry| entry.path.as_ref())
    }

    /// Whether the field at `path` alone has an index of `mode` and `scope`.
    ///
    /// An override of a map holds for the fields inside it, and one of `*` for every field, unless
    /// a closer one exists (*overview*, automatic index exemptions).
    pub fn is_indexed(
        &self,
        collection_group: &str,
        path: &FieldPath,
        mode: IndexMode,
        scope: QueryScope,
    ) -> bool {
        match self.override_of(collection_group, path) {
            Some(entry) => entry.indexes.contains(&FieldIndex { mode, scope }),
            None => FieldIndex::automatic().contains(&FieldIndex { mode, scope }),
        }
    }

    /// Checks that production would serve `query`.
    ///
    /// # Errors
    /// [`MissingIndex`](firekeep_core::ErrorKind::MissingIndex), with production's message and the
    /// JSON to add.
    pub fn check(&self, query: &Query) -> Result<()> {
        self.check_all(query, &[])
    }

    /// Checks that production would serve `aggregations` over `query`: the fields that are summed
    /// or averaged must be in the index too (*overview*, index properties).
    ///
    /// # Errors
    /// As [`IndexFile::check`].
    pub fn check_aggregate<'a>(
        &self,
        query: &Query,
        aggregations: impl IntoIterator<Item = &'a Aggregation>,
    ) -> Result<()> {
        self.check_all(query, &aggregated(aggregations))
    }

    fn check_all(&self, query: &Query, aggregated: &[FieldPath]) -> Result<()> {
        match self.all_missing(query, aggregated).into_iter().next() {
            Some(missing) => Err(missing.into_error(query)),
            None => Ok(()),
        }
    }

    /// The first index that production would miss for `query`.
    pub fn missing(&self, query: &Query) -> Option<MissingIndex> {
        self.all_missing(query, &[]).into_iter().next()
    }

    /// Every index that production would miss for `query`, one per disjunct that none serves, with
    /// the fields that `aggregations` read.
    pub fn missing_for<'a>(
        &self,
        query: &Query,
        aggregations: impl IntoIterator<Item = &'a Aggregation>,
    ) -> Vec<MissingIndex> {
        self.all_missing(query, &aggregated(aggregations))
    }

    fn all_missing(&self, query: &Query, aggregated: &[FieldPath]) -> Vec<MissingIndex> {
        let mut missing = Vec::new();
        for requirement in Requirement::all_of(query, aggregated) {
            if !serve::serves(self, &requirement) {
                let lacking = requirement.suggestion(self);
                if !missing.contains(&lacking) {
                    missing.push(lacking);
                }
            }
        }
        missing
    }

    /// The override that decides about `path`: its own, else the closest enclosing map's, else
    /// that of `*`.
    fn override_of(&self, collection_group: &str, path: &FieldPath) -> Option<&FieldOverride> {
        let depth = |entry: &&FieldOverride| entry.path.as_ref().map_or(0, |p| p.segments().len());
        self.overrides
            .iter()
            .filter(|entry| {
                entry.collection_group.as_str() == collection_group
                    && entry.path.as_ref().is_none_or(|own| own.is_prefix_of(path))
            })
            .max_by_key(depth)
    }
}

fn aggregated<'a>(aggregations: impl IntoIterator<Item = &'a Aggregation>) -> Vec<FieldPath> {
    let mut fields: Vec<FieldPath> = aggregations
        .into_iter()
        .filter_map(|aggregation| match aggregation {
            Aggregation::Sum(field) | Aggregation::Average(field) => Some(field.clone()),
            Aggregation::Count { .. } => None,
        })
        .collect();
    fields.sort();
    fields.dedup();
    fields
}

impl From<Direction> for IndexMode {
    fn from(direction: Direction) -> Self {
        match direction {
            Direction::Ascending => Self::Ascending,
            Direction::Descending => Self::Descending,
        }
    }
}

#[cfg(test)]
mod tests;
