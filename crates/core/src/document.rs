//! A stored document, and its size as Firestore counts it.

use std::sync::Arc;

use crate::field::FieldPath;
use crate::path::DocPath;
use crate::timestamp::Timestamp;
use crate::value::{Fields, Value};

/// A document as it was at one read time. Clones share the fields.
#[derive(Clone, Debug, PartialEq)]
pub struct Document {
    path: DocPath,
    fields: Arc<Fields>,
    created: Timestamp,
    updated: Timestamp,
}

/// The version of a document: the time of the commit that last changed it.
///
/// Strictly increasing per document, and unchanged by a write that changes nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Version(Timestamp);

impl Document {
    /// Puts a document together; for backends.
    pub fn new(
        path: DocPath,
        fields: impl Into<Arc<Fields>>,
        created: Timestamp,
        updated: Timestamp,
    ) -> Self {
        Self { path, fields: fields.into(), created, updated }
    }

    /// Where the document is.
    pub fn path(&self) -> &DocPath {
        &self.path
    }

    /// The last segment of the path.
    pub fn id(&self) -> &str {
        self.path.id()
    }

    /// The fields, as far as the read's mask or projection let them through.
    pub fn fields(&self) -> &Fields {
        &self.fields
    }

    /// The fields as they are shared between clones of this document.
    pub fn shared_fields(&self) -> &Arc<Fields> {
        &self.fields
    }

    /// The fields, copied only if another clone of this document still holds them.
    pub fn into_fields(self) -> Fields {
        Arc::unwrap_or_clone(self.fields)
    }

    /// The value at `path`, or at the top-level field of that name.
    pub fn get(&self, name: &str) -> Option<&Value> {
        self.fields.get(name)
    }

    /// The value at a field path.
    pub fn find(&self, path: &FieldPath) -> Option<&Value> {
        path.find(&self.fields)
    }

    /// This document with only the fields at `mask`, nested ones within their maps, as a read's mask
    /// or projection has it. Overlapping paths merge; a path that is not there adds nothing; the
    /// document's name is no field.
    pub fn project(&self, mask: &[FieldPath]) -> Self {
        let mut fields = Fields::new();
        for path in mask {
            if let Some(value) = self.find(path) {
                path.place(&mut fields, value.clone());
            }
        }
        Self { fields: Arc::new(fields), ..self.clone() }
    }

    /// When the document was created, by the store's clock.
    pub fn created(&self) -> Timestamp {
        self.created
    }

    /// When the document last changed, by the store's clock.
    pub fn updated(&self) -> Timestamp {
        self.updated
    }

    /// The version to require in a guarded write.
    pub fn version(&self) -> Version {
        Version(self.updated)
    }

    /// The size in bytes that counts against the limit of 1 MiB.
    pub fn size(&self) -> usize {
        size_of(&self.path, &self.fields)
    }
}

impl Version {
    /// The version that the commit at `time` gave.
    pub fn at(time: Timestamp) -> Self {
        Self(time)
    }

    /// The time of the commit that made this version.
    pub fn time(self) -> Timestamp {
        self.0
    }
}

/// The most bytes a document may have: 1 MiB.
pub const MAX_DOCUMENT_BYTES: usize = 1_048_576;

/// The size of a document as Firestore counts it: its name, 32 bytes, and each field's name and
/// value (<https://firebase.google.com/docs/firestore/storage-size>).
pub fn size_of(path: &DocPath, fields: &Fields) -> usize {
    name_size(path) + fields_size(fields) + 32
}

fn name_size(path: &DocPath) -> usize {
    path.as_str().len() + 1 + 16
}

fn fields_size(fields: &Fields) -> usize {
    fields.iter().map(|(name, value)| name.len() + 1 + value_size(value)).sum()
}

/// The size of a value as Firestore counts it.
pub fn value_size(value: &Value) -> usize {
    match value {
        Value::Null | Value::Bool(_) => 1,
        Value::Integer(_) | Value::Double(_) | Value::Timestamp(_) => 8,
        Value::String(text) => text.len() + 1,
        Value::Bytes(bytes) => bytes.len(),
        Value::Reference(reference) => name_size(reference.path()),
        Value::GeoPoint(_) => 16,
        Value::Array(elements) => elements.iter().map(value_size).sum(),
        Value::Vector(numbers) => numbers.len() * 8,
        Value::Map(fields) => fields_size(fields),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fields;

    #[test]
    fn a_mask_keeps_nested_paths_and_merges_overlapping_ones() {
        let fields = fields! { "a" => fields! { "b" => 1, "c" => 2 }, "d" => 3, "x.y" => 4 };
        let at = |micros| Timestamp::from_micros(micros).unwrap();
        let document = Document::new(DocPath::new("c/d").unwrap(), fields, at(1), at(2));
        for (mask, expected) in [
            (vec!["a.b"], fields! { "a" => fields! { "b" => 1 } }),
            (vec!["a.b", "a"], fields! { "a" => fields! { "b" => 1, "c" => 2 } }),
            (vec!["a", "a.b"], fields! { "a" => fields! { "b" => 1, "c" => 2 } }),
            (vec!["a.b.z", "d.q", "nope", "`x.y`"], fields! { "x.y" => 4 }),
            (vec!["__name__"], fields! {}),
            (vec![], fields! {}),
        ] {
            let paths: Vec<_> = mask.iter().map(|path| FieldPath::parse(path).unwrap()).collect();
            let expected = Document::new(document.path().clone(), expected, at(1), at(2));
            assert_eq!(document.project(&paths), expected, "{mask:?}");
        }
    }

    /// The worked example of the storage-size page: 44 bytes of name, 71 of fields, 32 more.
    #[test]
    fn sizes_agree_with_the_published_example() {
        let path = DocPath::new("users/jeff/tasks/my_task_id").unwrap();
        let fields = fields! {
            "type" => "Personal", "done" => false, "priority" => 1,
            "description" => "Learn Cloud Firestore",
        };
        assert_eq!(name_size(&path), 44);
        assert_eq!(fields_size(&fields), 71);
        assert_eq!(size_of(&path, &fields), 147);
    }
}
