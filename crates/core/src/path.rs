//! Where documents, collections and fields are, checked once, on the way in.
//!
//! The rules are Firestore's (<https://firebase.google.com/docs/firestore/quotas>): a segment is
//! 1 to 1,500 bytes of UTF-8, holds no `/`, is not `.` or `..`, and is not `__…__` unless it is a
//! numeric id `__id<i64>__`; a name has at most 100 segments and 6 KiB.

use std::cmp::Ordering;
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use crate::{Error, Result};

/// The longest segment of a path, in bytes.
pub const MAX_SEGMENT_BYTES: usize = 1_500;
/// The longest name of a document, in bytes.
pub const MAX_NAME_BYTES: usize = 6 * 1024;
/// The most segments in a path.
pub const MAX_SEGMENTS: usize = 100;

/// The path of a document within its database: `users/alice`, `users/alice/devices/d1`.
///
/// Always an even number of valid segments. Ordered as Firestore orders `__name__`: segment by
/// segment, numeric ids first. Clones share the text.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct DocPath(Arc<str>);

/// The path of a collection within its database: `users`, `users/alice/devices`.
///
/// Always an odd number of valid segments. Clones share the text.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct CollectionPath(Arc<str>);

/// The id of a collection, without the documents above it: `devices`.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct CollectionId(Arc<str>);

impl DocPath {
    /// Checks `path`.
    ///
    /// # Errors
    /// [`InvalidArgument`](crate::ErrorKind::InvalidArgument), naming the segment and the rule.
    pub fn new(path: impl AsRef<str>) -> Result<Self> {
        let path = path.as_ref();
        let segments = check_path(path, "document")?;
        if segments % 2 == 1 {
            return Err(Error::invalid(
                "a document path has an even number of segments; this names a collection",
            )
            .at_path(path));
        }
        Ok(Self(path.into()))
    }

    /// The path as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The last segment.
    pub fn id(&self) -> &str {
        self.split().1
    }

    /// The collection that holds this document.
    pub fn parent(&self) -> CollectionPath {
        CollectionPath(self.split().0.into())
    }

    /// The id of the collection that holds this document.
    pub fn collection_id(&self) -> &str {
        let parent = self.split().0;
        parent.rsplit_once('/').map_or(parent, |(_, id)| id)
    }

    /// The collection `id` below this document.
    ///
    /// # Errors
    /// [`InvalidArgument`](crate::ErrorKind::InvalidArgument) when `id` is no valid segment.
    pub fn collection(&self, id: impl AsRef<str>) -> Result<CollectionPath> {
        CollectionPath::new(format!("{}/{}", self.0, one_segment(id.as_ref())?))
    }

    /// The segments, first to last.
    pub fn segments(&self) -> impl Iterator<Item = &str> {
        self.0.split('/')
    }

    /// Whether this document is below `ancestor`, at any depth, and not `ancestor` itself.
    pub fn is_below(&self, ancestor: &DocPath) -> bool {
        self.0.strip_prefix(&*ancestor.0).is_some_and(|rest| rest.starts_with('/'))
    }

    fn split(&self) -> (&str, &str) {
        // A checked document path holds at least one slash.
        self.0.rsplit_once('/').unwrap_or(("", &self.0))
    }
}

impl CollectionPath {
    /// Checks `path`.
    ///
    /// # Errors
    /// [`InvalidArgument`](crate::ErrorKind::InvalidArgument), naming the segment and the rule.
    pub fn new(path: impl AsRef<str>) -> Result<Self> {
        let path = path.as_ref();
        let segments = check_path(path, "collection")?;
        if segments % 2 == 0 {
            return Err(Error::invalid(
                "a collection path has an odd number of segments; this names a document",
            )
            .at_path(path));
        }
        Ok(Self(path.into()))
    }

    /// The path as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The last segment.
    pub fn id(&self) -> &str {
        self.0.rsplit_once('/').map_or(&*self.0, |(_, id)| id)
    }

    /// The document that holds this collection; `None` at the root of the database.
    pub fn parent(&self) -> Option<DocPath> {
        self.0.rsplit_once('/').map(|(parent, _)| DocPath(parent.into()))
    }

    /// The document `id` in this collection.
    ///
    /// # Errors
    /// [`InvalidArgument`](crate::ErrorKind::InvalidArgument) when `id` is no valid segment.
    pub fn doc(&self, id: impl AsRef<str>) -> Result<DocPath> {
        DocPath::new(format!("{}/{}", self.0, one_segment(id.as_ref())?))
    }

    /// A document in this collection with a random id of 20 letters and digits.
    ///
    /// Random ids spread over the whole index; rising ones pile writes onto one server
    /// (<https://firebase.google.com/docs/firestore/best-practices>).
    pub fn doc_with_random_id(&self) -> DocPath {
        let id: String = std::iter::repeat_with(fastrand::alphanumeric).take(20).collect();
        DocPath(format!("{}/{id}", self.0).into())
    }

    /// Whether `path` is a document directly in this collection.
    pub fn holds(&self, path: &DocPath) -> bool {
        path.split().0 == &*self.0
    }
}

impl CollectionId {
    /// Checks `id`.
    ///
    /// # Errors
    /// [`InvalidArgument`](crate::ErrorKind::InvalidArgument) when `id` is no valid segment.
    pub fn new(id: impl AsRef<str>) -> Result<Self> {
        let id = id.as_ref();
        check_path(one_segment(id)?, "collection id")?;
        Ok(Self(id.into()))
    }

    /// The id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

fn one_segment(id: &str) -> Result<&str> {
    if id.contains('/') {
        return Err(Error::invalid("an id holds no `/`; encode or hash it").at_path(id));
    }
    Ok(id)
}

/// Checks every segment and the whole; answers the number of segments.
fn check_path(path: &str, what: &str) -> Result<usize> {
    if path.len() > MAX_NAME_BYTES {
        return Err(Error::invalid(format!(
            "a {what} path has at most {MAX_NAME_BYTES} bytes; this has {}",
            path.len()
        )));
    }
    let mut count = 0;
    for segment in path.split('/') {
        count += 1;
        check_segment(segment)
            .map_err(|why| Error::invalid(format!("segment {count} {why}")).at_path(path))?;
    }
    if count > MAX_SEGMENTS {
        return Err(Error::invalid(format!(
            "a {what} path has at most {MAX_SEGMENTS} segments; this has {count}"
        )));
    }
    Ok(count)
}

fn check_segment(segment: &str) -> Result<(), String> {
    if segment.is_empty() {
        return Err("is empty".into());
    }
    if segment.len() > MAX_SEGMENT_BYTES {
        return Err(format!("has {} bytes; at most {MAX_SEGMENT_BYTES} fit", segment.len()));
    }
    if segment == "." || segment == ".." {
        return Err(format!("is `{segment}`, which is reserved"));
    }
    if is_reserved(segment) && numeric_id(segment).is_none() {
        return Err("is of the form `__…__`, which is reserved".into());
    }
    Ok(())
}

/// Whether a name matches `__.*__`, which Firestore keeps for itself.
pub(crate) fn is_reserved(name: &str) -> bool {
    name.len() >= 4 && name.starts_with("__") && name.ends_with("__")
}

/// The number in `__id<i64>__`, the form in which numeric ids of Datastore mode appear.
///
/// Zero and spellings that are not canonical (`__id007__`) are refused, as Firestore refuses them.
fn numeric_id(segment: &str) -> Option<i64> {
    let digits = segment.strip_prefix("__id")?.strip_suffix("__")?;
    let number: i64 = digits.parse().ok()?;
    (number != 0 && number.to_string() == digits).then_some(number)
}

/// Orders two segments as Firestore orders them in `__name__`: numeric ids first, by number, then
/// text by its UTF-8 bytes.
fn compare_segments(left: &str, right: &str) -> Ordering {
    // Only a segment that starts with `__id` can be numeric; comparing bytes is the common case.
    if !left.starts_with("__id") && !right.starts_with("__id") {
        return left.cmp(right);
    }
    match (numeric_id(left), numeric_id(right)) {
        (Some(left), Some(right)) => left.cmp(&right),
        (Some(_), None) => Ordering::Less,
        (None, Some(_)) => Ordering::Greater,
        (None, None) => left.cmp(right),
    }
}

fn compare_paths(left: &str, right: &str) -> Ordering {
    let mut left = left.split('/');
    let mut right = right.split('/');
    loop {
        match (left.next(), right.next()) {
            (None, None) => return Ordering::Equal,
            (None, Some(_)) => return Ordering::Less,
            (Some(_), None) => return Ordering::Greater,
            (Some(l), Some(r)) => match compare_segments(l, r) {
                Ordering::Equal => {}
                unequal => return unequal,
            },
        }
    }
}

macro_rules! path_traits {
    ($type:ident) => {
        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
        impl fmt::Debug for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}({})", stringify!($type), self.0)
            }
        }
        impl FromStr for $type {
            type Err = Error;
            fn from_str(text: &str) -> Result<Self> {
                Self::new(text)
            }
        }
        impl TryFrom<&str> for $type {
            type Error = Error;
            fn try_from(text: &str) -> Result<Self> {
                Self::new(text)
            }
        }
        impl TryFrom<String> for $type {
            type Error = Error;
            fn try_from(text: String) -> Result<Self> {
                Self::new(text)
            }
        }
        impl From<&$type> for $type {
            fn from(path: &$type) -> Self {
                path.clone()
            }
        }
        impl AsRef<str> for $type {
            fn as_ref(&self) -> &str {
                &self.0
            }
        }
    };
}
path_traits!(DocPath);
path_traits!(CollectionPath);
path_traits!(CollectionId);

macro_rules! path_order {
    ($type:ident) => {
        impl Ord for $type {
            fn cmp(&self, other: &Self) -> Ordering {
                compare_paths(&self.0, &other.0)
            }
        }
        impl PartialOrd for $type {
            fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
                Some(self.cmp(other))
            }
        }
    };
}
path_order!(DocPath);
path_order!(CollectionPath);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parity_decides_what_a_path_names() {
        assert!(DocPath::new("users/alice").is_ok());
        assert!(DocPath::new("users").is_err());
        assert!(CollectionPath::new("users/alice/devices").is_ok());
        assert!(CollectionPath::new("users/alice").is_err());
    }

    #[test]
    fn refuses_what_firestore_refuses_and_says_where() {
        let long = "x".repeat(1501);
        for (path, rule) in [
            ("users//x/y", "segment 2 is empty"),
            ("", "segment 1 is empty"),
            ("users/..", "segment 2 is `..`"),
            ("users/__x__", "segment 2 is of the form"),
            ("users/__id0__", "segment 2 is of the form"),
            ("users/__id07__", "segment 2 is of the form"),
            (&format!("users/{long}"), "at most 1500"),
            (&format!("a/{}", "b/".repeat(99) + "c"), "at most 100 segments"),
            (&format!("{}/x", "y".repeat(1000) + &"/zz".repeat(2000)), "at most 6144 bytes"),
        ] {
            let error = DocPath::new(path).unwrap_err().to_string();
            assert!(error.contains(rule), "{path:.40}: {error}");
        }
        assert!(DocPath::new("users/__id-7__").is_ok());
        assert!(DocPath::new("users/____").is_err());
        assert!(DocPath::new("users/___").is_ok());
    }

    #[test]
    fn ids_cannot_smuggle_segments() {
        let users = CollectionPath::new("users").unwrap();
        assert!(users.doc("a/b/c").is_err());
        assert!(users.doc("a").unwrap().collection("b/c/d").is_err());
    }

    #[test]
    fn names_order_by_segment_numeric_ids_first() {
        let sorted =
            ["c/__id-9__", "c/__id2__", "c/__id10__", "c/!", "c/a", "c/a/b/c", "c/a!", "c/é"];
        for pair in sorted.windows(2) {
            let (left, right) = (DocPath::new(pair[0]).unwrap(), DocPath::new(pair[1]).unwrap());
            assert!(left < right, "{left} < {right}");
        }
    }

    #[test]
    fn takes_paths_apart() {
        let path = DocPath::new("t/1/d/2").unwrap();
        assert_eq!(path.id(), "2");
        assert_eq!(path.collection_id(), "d");
        assert_eq!(path.parent().as_str(), "t/1/d");
        assert_eq!(path.parent().parent().unwrap().as_str(), "t/1");
        assert!(path.is_below(&DocPath::new("t/1").unwrap()));
        assert!(!path.is_below(&path));
        assert!(!DocPath::new("t/11/d/2").unwrap().is_below(&DocPath::new("t/1").unwrap()));
        assert_eq!(CollectionPath::new("t").unwrap().doc_with_random_id().id().len(), 20);
    }
}
