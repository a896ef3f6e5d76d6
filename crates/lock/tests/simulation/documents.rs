//! What is stored: leases and registers, read from their documents and judged by true time.

use std::time::Duration;

use firekeep_core::{Document, Timestamp, Value};

/// A lease document.
#[derive(Clone, Default)]
pub(crate) struct Stored {
    pub(crate) key: String,
    pub(crate) holders: Vec<Holder>,
    pub(crate) is_shared: bool,
}

#[derive(Clone)]
pub(crate) struct Holder {
    pub(crate) id: String,
    pub(crate) at: Timestamp,
    pub(crate) ttl: Duration,
    /// The time of the commit that stamped `at`, which is exact.
    pub(crate) begun: Timestamp,
}

#[derive(Clone, Copy, PartialEq)]
pub(crate) struct Register {
    pub(crate) count: i64,
    pub(crate) fence: i64,
    pub(crate) write: i64,
}

impl Stored {
    /// Reads a document as it is after a commit at `at`; a deleted one has no holders.
    pub(crate) fn read(document: Option<&Document>, old: &Self, at: Timestamp) -> Option<Self> {
        let Some(document) = document else {
            return Some(Self { key: old.key.clone(), ..Self::default() });
        };
        let entries = document.get("holders")?.as_map()?.iter();
        let holders = entries.map(|(id, entry)| {
            let entry = entry.as_map()?;
            let stamp = entry.get("at")?.as_timestamp()?;
            let same = old.holder(id).filter(|holder| holder.at == stamp);
            Some(Holder {
                id: id.to_string(),
                at: stamp,
                ttl: Duration::from_millis(entry.get("ttl_ms")?.as_integer()?.try_into().ok()?),
                begun: same.map_or(at, |holder| holder.begun),
            })
        });
        Some(Self {
            key: document.get("key")?.as_str()?.to_owned(),
            holders: holders.collect::<Option<_>>()?,
            is_shared: document.get("mode").is_some_and(|mode| mode.as_str() == Some("shared")),
        })
    }

    pub(crate) fn holder(&self, id: &str) -> Option<&Holder> {
        self.holders.iter().find(|holder| holder.id == id)
    }
}

impl Holder {
    pub(crate) fn is_live(&self, now: Timestamp) -> bool {
        !self.left(now).is_zero()
    }

    /// For how long the lease lives on.
    pub(crate) fn left(&self, now: Timestamp) -> Duration {
        self.begun.saturating_add(self.ttl).since(now)
    }
}

impl Register {
    pub(crate) fn read(document: &Document) -> Option<Self> {
        let number = |name| document.get(name).and_then(Value::as_integer);
        Some(Self { count: number("count")?, fence: number("fence")?, write: number("write")? })
    }
}
