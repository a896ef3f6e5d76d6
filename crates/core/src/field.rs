//! Where a value is inside a document.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use crate::path::{MAX_SEGMENT_BYTES, is_reserved};
use crate::value::{Fields, Value};
use crate::{Error, Result};

/// The path of a field inside a document: `name`, `address.city`, `` `a.b`.c ``.
///
/// Segments that are not plain identifiers are quoted with backticks in the text form, as
/// Firestore writes them. Each is 1 to 1,500 bytes and not `__…__`, but for the one path
/// [`FieldPath::document_id`].
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct FieldPath(Arc<[Arc<str>]>);

const DOCUMENT_ID: &str = "__name__";

impl FieldPath {
    /// The path that stands for the document's own name in filters and orders.
    pub fn document_id() -> Self {
        Self(Arc::new([DOCUMENT_ID.into()]))
    }

    /// A path of literal segments: dots and backticks in them have no meaning.
    ///
    /// # Errors
    /// [`InvalidArgument`](crate::ErrorKind::InvalidArgument) for no segment, or one that is
    /// empty, longer than 1,500 bytes, or reserved (`__…__`).
    pub fn from_segments<S: AsRef<str>>(segments: impl IntoIterator<Item = S>) -> Result<Self> {
        let segments: Vec<Arc<str>> = segments.into_iter().map(|s| s.as_ref().into()).collect();
        if segments.is_empty() {
            return Err(Error::invalid("a field path has at least one segment"));
        }
        segments.iter().try_for_each(|segment| check_field_name(segment))?;
        Ok(Self(segments.into()))
    }

    /// Parses the text form: segments divided by dots, quoted with backticks where needed.
    ///
    /// # Errors
    /// [`InvalidArgument`](crate::ErrorKind::InvalidArgument) for an empty segment, an open quote,
    /// or a segment that [`from_segments`](Self::from_segments) refuses.
    pub fn parse(text: &str) -> Result<Self> {
        if text == DOCUMENT_ID {
            return Ok(Self::document_id());
        }
        Self::from_segments(split_quoted(text).map_err(|why| Error::invalid(why).at_path(text))?)
    }

    /// Whether this is [`FieldPath::document_id`].
    pub fn is_document_id(&self) -> bool {
        self.0.len() == 1 && &*self.0[0] == DOCUMENT_ID
    }

    /// The segments, outermost first.
    pub fn segments(&self) -> impl ExactSizeIterator<Item = &str> + DoubleEndedIterator {
        self.0.iter().map(|segment| &**segment)
    }

    /// Whether this path is `other` or leads to it.
    pub fn is_prefix_of(&self, other: &Self) -> bool {
        other.0.starts_with(&self.0)
    }

    /// The value at this path, if `fields` has one.
    pub fn find<'a>(&self, fields: &'a Fields) -> Option<&'a Value> {
        let (last, parents) = self.0.split_last()?;
        let mut map = fields;
        for parent in parents {
            match map.get(&**parent)? {
                Value::Map(inner) => map = inner,
                _ => return None,
            }
        }
        map.get(&**last)
    }

    /// Puts `value` at this path of `fields`, making the maps on the way; a value on the way that is
    /// none is replaced by one.
    pub fn place(&self, mut fields: &mut Fields, value: Value) {
        let Some((last, parents)) = self.0.split_last() else { return };
        for parent in parents {
            let map = fields.entry(parent.to_string()).or_insert(Value::Null);
            if !matches!(map, Value::Map(_)) {
                *map = Value::Map(Fields::new());
            }
            let Value::Map(inner) = map else { return };
            fields = inner;
        }
        fields.insert(last.to_string(), value);
    }
}

/// Checks the name of a field: 1 to 1,500 bytes, not `__…__`.
pub(crate) fn check_field_name(name: &str) -> Result<()> {
    if name.is_empty() {
        return Err(Error::invalid("a field name is empty"));
    }
    if name.len() > MAX_SEGMENT_BYTES {
        return Err(Error::invalid(format!(
            "a field name has {} bytes; at most {MAX_SEGMENT_BYTES} fit",
            name.len()
        )));
    }
    if is_reserved(name) {
        return Err(Error::invalid("a field name of the form `__…__` is reserved"));
    }
    Ok(())
}

fn split_quoted(text: &str) -> Result<Vec<String>, &'static str> {
    let mut segments = Vec::new();
    let mut rest = text.chars().peekable();
    loop {
        let mut segment = String::new();
        if rest.next_if_eq(&'`').is_some() {
            loop {
                match rest.next().ok_or("a backtick is not closed")? {
                    '`' => break,
                    '\\' => segment.push(rest.next().ok_or("a backslash ends the path")?),
                    other => segment.push(other),
                }
            }
        } else {
            while let Some(other) = rest.next_if(|&c| c != '.') {
                if other == '`' {
                    return Err("a backtick stands inside an unquoted segment");
                }
                segment.push(other);
            }
        }
        if segment.is_empty() {
            return Err("a field path has an empty segment");
        }
        segments.push(segment);
        match rest.next() {
            None => return Ok(segments),
            Some('.') => {}
            Some(_) => return Err("a quoted segment is followed by something other than a dot"),
        }
    }
}

fn is_plain(segment: &str) -> bool {
    let mut chars = segment.chars();
    chars.next().is_some_and(|c| c.is_ascii_alphabetic() || c == '_')
        && chars.all(|c| c.is_ascii_alphanumeric() || c == '_')
}

impl fmt::Display for FieldPath {
    /// The text form that [`FieldPath::parse`] and Firestore read.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, segment) in self.0.iter().enumerate() {
            if index > 0 {
                f.write_str(".")?;
            }
            if is_plain(segment) {
                f.write_str(segment)?;
            } else {
                write!(f, "`{}`", segment.replace('\\', "\\\\").replace('`', "\\`"))?;
            }
        }
        Ok(())
    }
}

impl fmt::Debug for FieldPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "FieldPath({self})")
    }
}

impl FromStr for FieldPath {
    type Err = Error;
    fn from_str(text: &str) -> Result<Self> {
        Self::parse(text)
    }
}

impl TryFrom<&str> for FieldPath {
    type Error = Error;
    fn try_from(text: &str) -> Result<Self> {
        Self::parse(text)
    }
}

impl From<&FieldPath> for FieldPath {
    fn from(path: &FieldPath) -> Self {
        path.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_placed_replaces_what_is_in_the_way() {
        let path = |text| FieldPath::parse(text).unwrap();
        let mut fields = crate::fields! { "a" => 1, "e" => crate::fields! { "f" => 4 } };
        for (at, value) in [("a.b.c", 2), ("d", 3), ("e.g", 5)] {
            path(at).place(&mut fields, value.into());
            assert_eq!(path(at).find(&fields), Some(&value.into()));
        }
        let a = crate::fields! { "b" => crate::fields! { "c" => 2 } };
        let e = crate::fields! { "f" => 4, "g" => 5 };
        assert_eq!(fields, crate::fields! { "a" => a, "d" => 3, "e" => e });
    }

    #[test]
    fn text_form_round_trips() {
        for text in ["a", "a.b", "`a.b`.c", "`back\\`tick`", "`back\\\\slash`", "`1st`", "__name__"]
        {
            assert_eq!(FieldPath::parse(text).unwrap().to_string(), text);
        }
        let odd = FieldPath::from_segments(["a.b", "`", "é"]).unwrap();
        assert_eq!(FieldPath::parse(&odd.to_string()).unwrap(), odd);
    }

    #[test]
    fn refuses_malformed_paths() {
        for text in ["", ".", "a.", ".a", "a..b", "`a", "`a`b", "a`b", "`a\\", "__x__", "a.__x__"] {
            assert!(FieldPath::parse(text).is_err(), "{text}");
        }
        assert!(FieldPath::from_segments(["__name__"]).is_err());
        assert!(FieldPath::from_segments(Vec::<String>::new()).is_err());
        assert!(FieldPath::parse(&"x".repeat(1501)).is_err());
    }

    #[test]
    fn finds_nested_values_only_through_maps() {
        let fields = crate::fields! { "a" => crate::fields! { "b" => 1 }, "s" => "x" };
        assert_eq!(FieldPath::parse("a.b").unwrap().find(&fields), Some(&Value::from(1)));
        assert_eq!(FieldPath::parse("s.b").unwrap().find(&fields), None);
        assert_eq!(FieldPath::parse("a.c").unwrap().find(&fields), None);
    }
}
