//! Names: of jobs, tags, and the cells where a task meets a tag.

use std::fmt;
use std::sync::Arc;

use firekeep_core::DocPath;

use crate::error::{Error, Result};

/// The longest id of a Firestore document, in bytes
/// (<https://firebase.google.com/docs/firestore/quotas>).
pub(crate) const MAX_ID: usize = 1500;
/// What `:` and a task take of it at most.
const MAX_SUFFIX: usize = 11;

/// The id of a job: 1 to 1,500 bytes, no `/`, not `.` or `..`, not `__x__`.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct JobId(Arc<str>);

impl JobId {
    /// Checks an id.
    ///
    /// # Errors
    /// [`Error::Invalid`] for what can't be the id of a document.
    pub fn new(id: impl AsRef<str>) -> Result<Self> {
        let id = id.as_ref();
        if id.is_empty() || id.len() > MAX_ID {
            let rule = format!("must have 1 to {MAX_ID} bytes, has {}", id.len());
            return Err(Error::invalid("job", rule));
        }
        // Ids that only an import can give, `__id7__`, are none of ours and still ids.
        if id.contains('/') || DocPath::new(format!("jobs/{id}")).is_err() {
            return Err(Error::invalid("job", "must not hold `/`, nor be `.`, `..` or `__x__`"));
        }
        Ok(Self(id.into()))
    }

    /// The id.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A work stream within a job: any text, the empty one too, of at most 1,489 bytes once `%`, `/` and
/// control characters are escaped.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Tag(Arc<str>);

impl Tag {
    /// Checks a tag.
    ///
    /// # Errors
    /// [`Error::Invalid`] for one that is too long.
    pub fn new(tag: impl AsRef<str>) -> Result<Self> {
        let tag = tag.as_ref();
        let length = escape(tag).len();
        if length > MAX_ID - MAX_SUFFIX {
            let rule = format!("must have at most {} bytes, has {length}", MAX_ID - MAX_SUFFIX);
            return Err(Error::invalid("tag", rule));
        }
        Ok(Self(tag.into()))
    }

    /// The tag without a name, which is the first of all.
    pub(crate) fn empty() -> Self {
        Self("".into())
    }

    /// The tag.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Where a task meets a tag: what one state is of. Ordered by task, then tag.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Key {
    /// The task, from 0.
    pub task: u32,
    /// The tag.
    pub tag: Tag,
}

impl Key {
    /// The cell of `task` in `tag`.
    pub fn new(tag: Tag, task: u32) -> Self {
        Self { task, tag }
    }

    /// The id of its document, `{tag}:{task}`, with `%`, `/` and control characters of the tag
    /// percent-encoded. No two keys share one.
    pub fn doc_id(&self) -> String {
        format!("{}:{}", escape(self.tag.as_str()), self.task)
    }

    /// Reads what [`doc_id`](Self::doc_id) wrote; `None` for any other text.
    pub fn from_doc_id(id: &str) -> Option<Self> {
        let (tag, task) = id.rsplit_once(':')?;
        let key = Self { task: task.parse().ok()?, tag: Tag::new(unescape(tag)?).ok()? };
        (key.doc_id() == id).then_some(key)
    }
}

fn escape(tag: &str) -> String {
    let mut escaped = String::with_capacity(tag.len());
    for c in tag.chars() {
        if c == '%' || c == '/' || c.is_control() {
            let mut bytes = [0; 4];
            c.encode_utf8(&mut bytes).bytes().for_each(|b| escaped.push_str(&format!("%{b:02X}")));
        } else {
            escaped.push(c);
        }
    }
    escaped
}

fn unescape(escaped: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(escaped.len());
    let mut rest = escaped.as_bytes();
    while let [first, tail @ ..] = rest {
        if *first == b'%' {
            let hex = std::str::from_utf8(tail.get(..2)?).ok()?;
            bytes.push(u8::from_str_radix(hex, 16).ok()?);
            rest = &tail[2..];
        } else {
            bytes.push(*first);
            rest = tail;
        }
    }
    String::from_utf8(bytes).ok()
}

macro_rules! text {
    ($name:ident) => {
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Debug::fmt(&*self.0, f)
            }
        }

        impl TryFrom<&str> for $name {
            type Error = Error;

            fn try_from(text: &str) -> Result<Self> {
                Self::new(text)
            }
        }

        impl TryFrom<String> for $name {
            type Error = Error;

            fn try_from(text: String) -> Result<Self> {
                Self::new(text)
            }
        }

        impl TryFrom<&$name> for $name {
            type Error = Error;

            fn try_from(same: &$name) -> Result<Self> {
                Ok(same.clone())
            }
        }
    };
}

text!(JobId);
text!(Tag);

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.tag, self.task)
    }
}
