//! Narrowing documents where the store must hand out more than the client asked for.

use firekeep_core::{Document, FieldPath, Fields, Value};

/// `document` with only the fields at `mask`, nested ones within their maps. Overlapping paths
/// merge; a path that is not there adds nothing; the document's name is no field.
pub(crate) fn narrowed(document: &Document, mask: &[FieldPath]) -> Document {
    let mut fields = Fields::new();
    for path in mask {
        if let Some(value) = document.find(path) {
            place(&mut fields, path, value.clone());
        }
    }
    Document::new(document.path().clone(), fields, document.created(), document.updated())
}

/// Puts `value` at `path`; what stands in the way as anything but a map is replaced by one.
pub(crate) fn place(mut fields: &mut Fields, path: &FieldPath, value: Value) {
    let mut segments: Vec<&str> = path.segments().collect();
    let Some(last) = segments.pop() else { return };
    for segment in segments {
        let map = fields.entry(segment.to_owned()).or_insert(Value::Null);
        if !matches!(map, Value::Map(_)) {
            *map = Value::Map(Fields::new());
        }
        let Value::Map(inner) = map else { return };
        fields = inner;
    }
    fields.insert(last.to_owned(), value);
}

#[cfg(test)]
mod tests {
    use firekeep_core::{DocPath, Timestamp, fields};

    use super::*;

    fn path(text: &str) -> FieldPath {
        FieldPath::parse(text).unwrap()
    }

    #[test]
    fn a_mask_keeps_nested_paths_and_merges_overlapping_ones() {
        let fields = fields! { "a" => fields! { "b" => 1, "c" => 2 }, "d" => 3, "x.y" => 4 };
        let at = Timestamp::UNIX_EPOCH;
        let document = Document::new(DocPath::new("c/d").unwrap(), fields, at, at);
        for (mask, expected) in [
            (vec!["a.b"], fields! { "a" => fields! { "b" => 1 } }),
            (vec!["a.b", "a"], fields! { "a" => fields! { "b" => 1, "c" => 2 } }),
            (vec!["a.b.z", "d.q", "nope", "`x.y`"], fields! { "x.y" => 4 }),
            (vec!["__name__"], fields! {}),
            (vec![], fields! {}),
        ] {
            let mask: Vec<_> = mask.into_iter().map(path).collect();
            assert_eq!(narrowed(&document, &mask).fields(), &expected, "{mask:?}");
        }
    }

    #[test]
    fn what_is_placed_replaces_what_is_in_the_way() {
        let mut fields = fields! { "a" => 1 };
        place(&mut fields, &path("a.b.c"), Value::from(2));
        place(&mut fields, &path("d"), Value::from(3));
        let inner = fields! { "b" => fields! { "c" => 2 } };
        assert_eq!(fields, fields! { "a" => inner, "d" => 3 });
    }
}
