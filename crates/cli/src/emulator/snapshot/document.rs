//! A document in the JSON of Firestore's REST interface.

use std::collections::BTreeMap;

use firekeep::wire::DatabaseName;
use firekeep::{Change, Document, Error, Result, Write};
use serde::{Deserialize, Serialize};

use super::value::{self, Json};

/// A line of a snapshot.
#[derive(Debug, Deserialize, Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Line {
    name: String,
    #[serde(default)]
    fields: BTreeMap<String, Json>,
    create_time: String,
    update_time: String,
}

impl Line {
    pub(super) fn of(database: &DatabaseName, document: &Document) -> Self {
        Self {
            name: database.document(document.path()),
            fields: value::encode_fields(database, document.fields()),
            create_time: document.created().to_string(),
            update_time: document.updated().to_string(),
        }
    }

    /// The document, with all that a write of it would have been checked for.
    ///
    /// # Errors
    /// `InvalidArgument` for what Firestore would not have stored.
    pub(super) fn document(self, database: &DatabaseName) -> Result<Document> {
        let path = database.path(&self.name)?;
        let fields = value::decode_fields(database, self.fields)?;
        let (path, change, ..) = Write::replace(path, fields)?.into_parts();
        let Change::Replace(fields) = change else {
            return Err(Error::invalid("a document has no fields"));
        };
        let time = |what: &str, text: &str| {
            text.parse()
                .map_err(|_| Error::invalid(format!("{what} is no time as RFC 3339 has it")))
        };
        let created = time("createTime", &self.create_time)?;
        let updated = time("updateTime", &self.update_time)?;
        Ok(Document::new(path, fields, created, updated))
    }
}
