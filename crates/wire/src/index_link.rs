//! The console's page on which an index is made, which production's refusal of a query names.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use prost::Message;
use serde::Deserialize;

use crate::name::DatabaseName;

/// The store's refusal, which holds the entry for the index file, with the link in it.
pub(crate) fn with_link(refusal: &str, database: &DatabaseName) -> String {
    let Some((rest, link)) =
        entry(refusal).and_then(|entry| Some((refusal, entry.link(database)?)))
    else {
        return refusal.to_owned();
    };
    let rest = rest.strip_prefix(COMPLAINT).unwrap_or(rest).trim_start();
    format!("{COMPLAINT} You can create it here: {link}\n{rest}")
}

const COMPLAINT: &str = "The query requires an index.";

/// The JSON at the end of a refusal.
fn entry(refusal: &str) -> Option<Entry> {
    serde_json::from_str(&refusal[refusal.find('{')?..]).ok()
}

/// A composite index as the index file spells it. Entries of other kinds have no link: production
/// gives one for a field's own index too, but of a form that is nowhere documented.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Entry {
    collection_group: String,
    query_scope: String,
    fields: Vec<EntryField>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct EntryField {
    field_path: String,
    order: Option<String>,
    array_config: Option<String>,
}

impl Entry {
    fn link(&self, database: &DatabaseName) -> Option<String> {
        let group = &self.collection_group;
        let index = Index {
            name: format!("{}/collectionGroups/{group}/indexes/_", database.as_str()),
            query_scope: if self.query_scope == "COLLECTION_GROUP" { 2 } else { 1 },
            fields: self.fields.iter().map(EntryField::encode).collect::<Option<_>>()?,
        };
        let (project, index) = (database.project(), STANDARD.encode(index.encode_to_vec()));
        Some(format!(
            "https://console.firebase.google.com/v1/r/project/{project}/firestore/indexes\
             ?create_composite={}",
            index.trim_end_matches('=')
        ))
    }
}

impl EntryField {
    fn encode(&self) -> Option<IndexField> {
        let (order, array_config) = match (self.order.as_deref(), self.array_config.as_deref()) {
            (Some("ASCENDING"), None) => (Some(1), None),
            (Some("DESCENDING"), None) => (Some(2), None),
            (None, Some("CONTAINS")) => (None, Some(1)),
            _ => return None,
        };
        Some(IndexField { field_path: self.field_path.clone(), order, array_config })
    }
}

/// `google.firestore.admin.v1.Index`, as far as the link holds it.
#[derive(Clone, PartialEq, Message)]
struct Index {
    #[prost(string, tag = "1")]
    name: String,
    /// 1 for one collection, 2 for a collection group.
    #[prost(int32, tag = "2")]
    query_scope: i32,
    #[prost(message, repeated, tag = "3")]
    fields: Vec<IndexField>,
}

#[derive(Clone, PartialEq, Message)]
struct IndexField {
    #[prost(string, tag = "1")]
    field_path: String,
    /// 1 for ascending, 2 for descending.
    #[prost(int32, optional, tag = "2")]
    order: Option<i32>,
    /// 1 for contains.
    #[prost(int32, optional, tag = "3")]
    array_config: Option<i32>,
}

#[cfg(test)]
mod tests {
    use super::*;

    const REFUSAL: &str = r#"The query requires an index. Add this to `indexes` in firestore.indexes.json:
{ "collectionGroup": "projects", "queryScope": "COLLECTION", "fields": [
  { "fieldPath": "access.admin", "arrayConfig": "CONTAINS" },
  { "fieldPath": "updatedOn", "order": "DESCENDING" },
  { "fieldPath": "__name__", "order": "DESCENDING" } ] }"#;

    /// The bytes are those of a link that production gave out (seen in a public report), but for the
    /// array field, whose tag is the admin protocol's.
    #[test]
    fn the_link_holds_the_index() {
        let database = DatabaseName::new("projects/p-1/databases/(default)").unwrap();
        let text = with_link(REFUSAL, &database);
        let link = text.split("create_composite=").nth(1).unwrap().lines().next().unwrap();
        let padded = format!("{link}{}", "=".repeat((4 - link.len() % 4) % 4));
        let index = Index::decode(&*STANDARD.decode(padded).unwrap()).unwrap();
        assert_eq!(
            index.name,
            "projects/p-1/databases/(default)/collectionGroups/projects/indexes/_"
        );
        assert_eq!(index.query_scope, 1);
        assert_eq!(index.fields[1].order, Some(2));
        assert_eq!(index.fields[0].array_config, Some(1));
        let start = "The query requires an index. You can create it here: \
                     https://console.firebase.google.com/v1/r/project/p-1/firestore/indexes?";
        assert!(text.starts_with(start), "{text}");
        assert!(text.ends_with(REFUSAL.split_once(". ").unwrap().1), "{text}");
    }

    #[test]
    fn a_refusal_of_another_kind_stays_as_it_is() {
        let database = DatabaseName::new("projects/p/databases/(default)").unwrap();
        for refusal in ["The query requires an index.", "requires a thing: {}", "{\"a\": }"] {
            assert_eq!(with_link(refusal, &database), refusal);
        }
    }
}
