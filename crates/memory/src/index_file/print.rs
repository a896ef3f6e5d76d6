//! Writing the file, and single entries of it, as the Firebase CLI does.

use std::cmp::Ordering;

use serde::Serialize;

use super::IndexFile;
use super::composite::{CompositeIndex, Density, IndexField, IndexMode, QueryScope};
use super::field_override::{FieldIndex, FieldOverride};

/// The field path of an override that holds for every field.
pub(crate) const EVERY_FIELD: &str = "*";

pub(crate) fn file(file: &IndexFile) -> String {
    let mut composites: Vec<&CompositeIndex> = file.composites().iter().collect();
    composites.sort_by(|a, b| compare_composites(a, b));
    let mut overrides: Vec<&FieldOverride> = file.overrides().iter().collect();
    overrides.sort_by(|a, b| compare_overrides(a, b));
    let printed = PrintedFile {
        indexes: composites.into_iter().map(PrintedIndex::of).collect(),
        field_overrides: overrides.into_iter().map(PrintedOverride::of).collect(),
    };
    pretty(&printed) + "\n"
}

/// One entry of `indexes`.
pub(crate) fn composite(index: &CompositeIndex) -> String {
    pretty(&PrintedIndex::of(index))
}

/// One entry of `fieldOverrides`.
pub(crate) fn field_override(entry: &FieldOverride) -> String {
    pretty(&PrintedOverride::of(entry))
}

fn pretty(value: &impl Serialize) -> String {
    serde_json::to_string_pretty(value).unwrap_or_else(|never| never.to_string())
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct PrintedFile {
    indexes: Vec<PrintedIndex>,
    field_overrides: Vec<PrintedOverride>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct PrintedIndex {
    collection_group: String,
    query_scope: &'static str,
    fields: Vec<PrintedField>,
    #[serde(skip_serializing_if = "Option::is_none")]
    density: Option<&'static str>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct PrintedField {
    field_path: String,
    #[serde(flatten)]
    mode: PrintedMode,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
enum PrintedMode {
    Order(&'static str),
    ArrayConfig(&'static str),
    VectorConfig { dimension: u32, flat: Flat },
}

#[derive(Serialize)]
struct Flat {}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct PrintedOverride {
    collection_group: String,
    field_path: String,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    ttl: bool,
    indexes: Vec<PrintedFieldIndex>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct PrintedFieldIndex {
    #[serde(flatten)]
    mode: PrintedMode,
    query_scope: &'static str,
}

impl PrintedIndex {
    fn of(index: &CompositeIndex) -> Self {
        let field = |field: &IndexField| PrintedField {
            field_path: field.path.to_string(),
            mode: field.mode.into(),
        };
        Self {
            collection_group: index.collection_group.as_str().to_owned(),
            query_scope: index.scope.keyword(),
            fields: index.fields.iter().map(field).collect(),
            density: index.density.map(Density::keyword),
        }
    }
}

impl PrintedOverride {
    fn of(entry: &FieldOverride) -> Self {
        let mut indexes = entry.indexes.clone();
        indexes.sort_by_key(|index| (scope_rank(index.scope), mode_rank(index.mode)));
        let index = |index: FieldIndex| PrintedFieldIndex {
            mode: index.mode.into(),
            query_scope: index.scope.keyword(),
        };
        let every = || EVERY_FIELD.to_owned();
        Self {
            collection_group: entry.collection_group.as_str().to_owned(),
            field_path: entry.path.as_ref().map_or_else(every, ToString::to_string),
            ttl: entry.ttl,
            indexes: indexes.into_iter().map(index).collect(),
        }
    }
}

impl From<IndexMode> for PrintedMode {
    fn from(mode: IndexMode) -> Self {
        match mode {
            IndexMode::Ascending => Self::Order("ASCENDING"),
            IndexMode::Descending => Self::Order("DESCENDING"),
            IndexMode::Contains => Self::ArrayConfig("CONTAINS"),
            IndexMode::Vector { dimension } => Self::VectorConfig { dimension, flat: Flat {} },
        }
    }
}

impl QueryScope {
    fn keyword(self) -> &'static str {
        match self {
            Self::Collection => "COLLECTION",
            Self::CollectionGroup => "COLLECTION_GROUP",
        }
    }
}

impl Density {
    fn keyword(self) -> &'static str {
        match self {
            Self::SparseAll => "SPARSE_ALL",
            Self::SparseAny => "SPARSE_ANY",
            Self::Dense => "DENSE",
        }
    }
}

/// The order of the CLI's `api-sort.ts`: by collection group, group scope first, then field by
/// field.
fn compare_composites(a: &CompositeIndex, b: &CompositeIndex) -> Ordering {
    let fields = |index: &CompositeIndex| -> Vec<(String, u8)> {
        index.fields.iter().map(|f| (f.path.to_string(), mode_rank(f.mode))).collect()
    };
    compare_text(a.collection_group.as_str(), b.collection_group.as_str())
        .then_with(|| scope_rank(a.scope).cmp(&scope_rank(b.scope)))
        .then_with(|| {
            let (a, b) = (fields(a), fields(b));
            let differing = a.iter().zip(&b).find(|(a, b)| a != b);
            let by_field =
                differing.map(|(a, b)| compare_text(&a.0, &b.0).then_with(|| a.1.cmp(&b.1)));
            by_field.unwrap_or_else(|| a.len().cmp(&b.len()))
        })
}

/// TTL fields last in their group, as in the CLI.
fn compare_overrides(a: &FieldOverride, b: &FieldOverride) -> Ordering {
    let path = |entry: &FieldOverride| {
        entry.path.as_ref().map_or_else(|| EVERY_FIELD.to_owned(), ToString::to_string)
    };
    compare_text(a.collection_group.as_str(), b.collection_group.as_str())
        .then_with(|| a.ttl.cmp(&b.ttl))
        .then_with(|| compare_text(&path(a), &path(b)))
}

/// What `localeCompare` does to names of letters, digits and underscores: letters by the alphabet
/// whatever their case, lower case first where nothing else differs.
fn compare_text(a: &str, b: &str) -> Ordering {
    let folded = |text: &str| -> Vec<char> { text.chars().flat_map(char::to_lowercase).collect() };
    folded(a).cmp(&folded(b)).then_with(|| b.cmp(a))
}

fn scope_rank(scope: QueryScope) -> u8 {
    match scope {
        QueryScope::CollectionGroup => 0,
        QueryScope::Collection => 1,
    }
}

fn mode_rank(mode: IndexMode) -> u8 {
    match mode {
        IndexMode::Ascending => 0,
        IndexMode::Descending => 1,
        IndexMode::Contains => 2,
        IndexMode::Vector { .. } => 3,
    }
}
