//! References and paths: a reference, or its text.
//!
//! The text of a document of another database is its full name, `projects/P/databases/D/documents/…`.
//! It has an odd number of segments and a local path an even one, so neither passes for the other.

use serde::de::{Deserialize, Deserializer, Error as _};
use serde::ser::{Serialize, Serializer};

use super::{Special, SpecialType, special_type};
use crate::path::{CollectionPath, DocPath};
use crate::value::Reference;

const DOCUMENTS: &str = "/documents/";

impl SpecialType for Reference {
    const SPECIAL: Special = Special::Reference;
    type Exact = (String, String);

    fn serialize_exact<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        (self.database().unwrap_or_default(), self.path().as_str()).serialize(serializer)
    }

    fn serialize_readable<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.database() {
            Some(database) => {
                serializer.collect_str(&format_args!("{database}{DOCUMENTS}{}", self.path()))
            }
            None => serializer.serialize_str(self.path().as_str()),
        }
    }

    fn from_exact((database, path): (String, String)) -> crate::Result<Self> {
        let path = DocPath::new(path)?;
        Ok(if database.is_empty() { Self::local(path) } else { Self::foreign(database, path) })
    }

    fn from_text<E: serde::de::Error>(text: &str) -> Result<Self, E> {
        let is_full = text.starts_with("projects/") && text.split('/').count() % 2 == 1;
        let (database, path) = match text.split_once(DOCUMENTS) {
            Some(full) if is_full => full,
            _ => ("", text),
        };
        Self::from_exact((database.to_owned(), path.to_owned()))
            .map_err(|error| E::custom(error.message()))
    }
}
special_type!(Reference);

impl Serialize for DocPath {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        Reference::local(self.clone()).serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for DocPath {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let reference = Reference::deserialize(deserializer)?;
        match reference.database() {
            None => Ok(reference.path().clone()),
            Some(_) => Err(D::Error::custom("the reference is to another database")),
        }
    }
}

/// As text: Firestore has no references to collections.
impl Serialize for CollectionPath {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for CollectionPath {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::new(text).map_err(|error| D::Error::custom(error.message()))
    }
}
