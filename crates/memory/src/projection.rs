//! Narrowing a document to some of its fields.

use firekeep_core::{Document, FieldPath, Fields, Value};

/// `document` with only the fields at `mask`, nested ones within their maps. Overlapping paths
/// merge; a path that is not there adds nothing; the document's name is no field.
pub(crate) fn project(document: &Document, mask: &[FieldPath]) -> Document {
    let mut fields = Fields::new();
    for path in mask {
        if let Some(value) = document.find(path) {
            place(&mut fields, path, value);
        }
    }
    Document::new(document.path().clone(), fields, document.created(), document.updated())
}

fn place(mut fields: &mut Fields, path: &FieldPath, value: &Value) {
    let count = path.segments().len();
    for segment in path.segments().take(count - 1) {
        let map = fields.entry(segment.to_owned()).or_insert_with(|| Value::Map(Fields::new()));
        match map {
            Value::Map(inner) => fields = inner,
            _ => return,
        }
    }
    if let Some(last) = path.segments().last() {
        fields.insert(last.to_owned(), value.clone());
    }
}

#[cfg(test)]
mod tests {
    use firekeep_core::{DocPath, Timestamp, fields};

    use super::*;

    #[test]
    fn keeps_nested_paths_and_merges_overlapping_ones() {
        let fields = fields! { "a" => fields! { "b" => 1, "c" => 2 }, "d" => 3, "x.y" => 4 };
        let at = Timestamp::UNIX_EPOCH;
        let document = Document::new(DocPath::new("c/d").unwrap(), fields, at, at);
        for (mask, expected) in [
            (vec!["a.b"], fields! { "a" => fields! { "b" => 1 } }),
            (vec!["a.b", "a"], fields! { "a" => fields! { "b" => 1, "c" => 2 } }),
            (vec!["a", "a.b"], fields! { "a" => fields! { "b" => 1, "c" => 2 } }),
            (vec!["a.b.z", "d.q", "nope", "`x.y`"], fields! { "x.y" => 4 }),
            (vec!["__name__"], fields! {}),
            (vec![], fields! {}),
        ] {
            let mask: Vec<_> = mask.into_iter().map(|p| FieldPath::parse(p).unwrap()).collect();
            assert_eq!(project(&document, &mask).fields(), &expected, "{mask:?}");
        }
    }
}
