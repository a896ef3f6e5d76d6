//! Reading the file.

use firekeep_core::{CollectionId, Error, FieldPath, Result};
use serde::Deserialize;

use super::composite::{CompositeIndex, Density, IndexField, IndexMode, QueryScope};
use super::field_override::{FieldIndex, FieldOverride};
use super::{IndexFile, print};

pub(crate) fn parse(json: &str) -> Result<IndexFile> {
    // Serde would take an array for an object whose values stand in order.
    if without_comments(json).trim_start().starts_with('[') {
        return Err(Error::invalid("the index file holds an array; it is one object"));
    }
    let file: RawFile = serde_json::from_str(&without_comments(json)).map_err(|error| {
        let what = if error.is_eof() { "the index file ends early" } else { "the index file" };
        Error::invalid(format!("{what}: {error}"))
    })?;
    let mut parsed = IndexFile::empty();
    for (position, raw) in file.indexes.into_iter().enumerate() {
        raw.checked()
            .and_then(|index| add_index(&mut parsed, index))
            .map_err(|error| within(format!("indexes[{position}]"), &error))?;
    }
    for (position, raw) in file.field_overrides.into_iter().enumerate() {
        raw.checked()
            .and_then(|entry| add_override(&mut parsed, entry))
            .map_err(|error| within(format!("fieldOverrides[{position}]"), &error))?;
    }
    Ok(parsed)
}

/// The same error, its path seen from the file.
fn within(entry: String, error: &Error) -> Error {
    let path = error.path().map_or(entry.clone(), |inner| format!("{entry}:{inner}"));
    Error::invalid(error.message()).at_path(path)
}

fn add_index(file: &mut IndexFile, index: CompositeIndex) -> Result<()> {
    if file.insert(index) { Ok(()) } else { Err(Error::invalid("the same index stands above")) }
}

fn add_override(file: &mut IndexFile, entry: FieldOverride) -> Result<()> {
    let group = entry.collection_group.as_str();
    let same = |known: &&FieldOverride| known.collection_group.as_str() == group;
    if file.overrides.iter().filter(same).any(|known| known.path == entry.path) {
        return Err(Error::invalid("an override of the same field stands above"));
    }
    if let Some(field) = file.ttl_field(group).filter(|_| entry.ttl) {
        return Err(Error::invalid(format!(
            "documents of `{group}` expire by `{field}` already; a collection group has one TTL field"
        )));
    }
    file.insert_override(entry);
    Ok(())
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct RawFile {
    #[serde(default)]
    indexes: Vec<RawIndex>,
    #[serde(default)]
    field_overrides: Vec<RawOverride>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct RawIndex {
    collection_group: String,
    query_scope: RawScope,
    fields: Vec<RawField>,
    density: Option<RawDensity>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct RawField {
    field_path: String,
    order: Option<RawOrder>,
    array_config: Option<RawArrayConfig>,
    vector_config: Option<RawVector>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct RawOverride {
    collection_group: String,
    field_path: String,
    #[serde(default)]
    ttl: bool,
    indexes: Vec<RawFieldIndex>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct RawFieldIndex {
    order: Option<RawOrder>,
    array_config: Option<RawArrayConfig>,
    #[serde(default)]
    query_scope: RawScope,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawVector {
    dimension: u32,
    #[serde(rename = "flat")]
    _flat: RawFlat,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawFlat {}

#[derive(Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
enum RawOrder {
    Ascending,
    Descending,
}

#[derive(Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
enum RawArrayConfig {
    Contains,
}

#[derive(Clone, Copy, Default, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
enum RawScope {
    #[default]
    Collection,
    CollectionGroup,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
enum RawDensity {
    SparseAll,
    SparseAny,
    Dense,
}

impl RawIndex {
    fn checked(self) -> Result<CompositeIndex> {
        let collection_group = CollectionId::new(&self.collection_group)?;
        let fields = self.fields.into_iter().map(RawField::checked).collect::<Result<Vec<_>>>()?;
        check_fields(&fields)?;
        let density = self.density.map(Density::from);
        Ok(CompositeIndex { collection_group, scope: self.query_scope.into(), fields, density })
    }
}

/// An index over one field is automatic or an override, but for the two that can be neither: the
/// document's name, descending, and a vector.
fn check_fields(fields: &[IndexField]) -> Result<()> {
    let names = fields.iter().filter(|field| field.path.is_document_id()).count();
    let (last, before) = fields.split_last().ok_or_else(|| Error::invalid("it has no field"))?;
    if names > 1 || before.iter().any(|field| field.path.is_document_id()) {
        return Err(Error::invalid("`__name__` can only be the last field"));
    }
    let may_be_alone = last.path.is_document_id() || matches!(last.mode, IndexMode::Vector { .. });
    if before.is_empty() && !may_be_alone {
        return Err(Error::invalid(
            "it has one field; an index over one field belongs into `fieldOverrides`",
        )
        .at_path(&last.path));
    }
    if fields.iter().filter(|field| field.mode == IndexMode::Contains).count() > 1 {
        return Err(Error::invalid("it has two array fields; one is the most"));
    }
    if last.path.is_document_id() && last.mode == IndexMode::Contains {
        return Err(Error::invalid("the document's name is no array"));
    }
    Ok(())
}

impl RawField {
    fn checked(self) -> Result<IndexField> {
        let path = FieldPath::parse(&self.field_path)?;
        let mode = match (self.order, self.array_config, self.vector_config) {
            (Some(order), None, None) => order.into(),
            (None, Some(RawArrayConfig::Contains), None) => IndexMode::Contains,
            (None, None, Some(vector)) => IndexMode::Vector { dimension: vector.dimension },
            _ => {
                let modes = "`order`, `arrayConfig` and `vectorConfig`";
                return Err(Error::invalid(format!("a field has exactly one of {modes}"))
                    .at_path(self.field_path));
            }
        };
        Ok(IndexField { path, mode })
    }
}

impl RawOverride {
    fn checked(self) -> Result<FieldOverride> {
        let collection_group = CollectionId::new(&self.collection_group)?;
        let path = match self.field_path.as_str() {
            print::EVERY_FIELD => None,
            path => Some(FieldPath::parse(path)?),
        };
        if self.ttl && path.is_none() {
            return Err(Error::invalid("documents expire by one field, not by `*`"));
        }
        let mut indexes = Vec::new();
        for raw in self.indexes {
            let index = raw.checked().map_err(|error| error.at_path(&self.field_path))?;
            if indexes.contains(&index) {
                return Err(Error::invalid("the same index stands twice").at_path(&self.field_path));
            }
            indexes.push(index);
        }
        Ok(FieldOverride { collection_group, path, ttl: self.ttl, indexes })
    }
}

impl RawFieldIndex {
    fn checked(self) -> Result<FieldIndex> {
        let mode = match (self.order, self.array_config) {
            (Some(order), None) => order.into(),
            (None, Some(RawArrayConfig::Contains)) => IndexMode::Contains,
            _ => return Err(Error::invalid("an index has either `order` or `arrayConfig`")),
        };
        Ok(FieldIndex { mode, scope: self.query_scope.into() })
    }
}

impl From<RawOrder> for IndexMode {
    fn from(raw: RawOrder) -> Self {
        match raw {
            RawOrder::Ascending => Self::Ascending,
            RawOrder::Descending => Self::Descending,
        }
    }
}

impl From<RawScope> for QueryScope {
    fn from(raw: RawScope) -> Self {
        match raw {
            RawScope::Collection => Self::Collection,
            RawScope::CollectionGroup => Self::CollectionGroup,
        }
    }
}

impl From<RawDensity> for Density {
    fn from(raw: RawDensity) -> Self {
        match raw {
            RawDensity::SparseAll => Self::SparseAll,
            RawDensity::SparseAny => Self::SparseAny,
            RawDensity::Dense => Self::Dense,
        }
    }
}

/// Blanks comments out, so that lines and columns in errors stay true. The file that
/// `firebase init` writes consists of little else.
fn without_comments(json: &str) -> String {
    let mut out = String::with_capacity(json.len());
    let mut rest = json;
    while let Some(at) = rest.find(['"', '/']) {
        let (before, from) = rest.split_at(at);
        out.push_str(before);
        let (len, is_comment) = token(from);
        let (token, after) = from.split_at(len);
        if is_comment {
            out.extend(token.chars().map(|c| if c == '\n' { '\n' } else { ' ' }));
        } else {
            out.push_str(token);
        }
        rest = after;
    }
    out.push_str(rest);
    out
}

/// The length of the string, comment or lone slash that `text` begins with, and whether it is a
/// comment.
fn token(text: &str) -> (usize, bool) {
    if text.starts_with("//") {
        return (text.find('\n').unwrap_or(text.len()), true);
    }
    if text.starts_with("/*") {
        return (text.find("*/").map_or(text.len(), |end| end + 2), true);
    }
    if !text.starts_with('"') {
        return (1, false);
    }
    let mut escaped = false;
    let end = text.char_indices().skip(1).find(|&(_, c)| {
        let closes = c == '"' && !escaped;
        escaped = c == '\\' && !escaped;
        closes
    });
    (end.map_or(text.len(), |(at, _)| at + 1), false)
}
