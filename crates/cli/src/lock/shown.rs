//! A lock as it is shown.

use std::fmt;

use firekeep::lock::{Holding, LockInfo, Mode};
use serde::Serialize;

/// A key, and who holds it.
#[derive(Debug, Serialize)]
pub(crate) struct Lock {
    key: String,
    held: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    mode: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    fence: Option<String>,
    holders: Vec<Holder>,
}

/// Who holds a key. The lock id itself is a secret between the holder and the store.
#[derive(Debug, Serialize)]
struct Holder {
    id: String,
    owner: Option<String>,
    acquired: String,
    ends: String,
    remaining_ms: u64,
}

impl Lock {
    pub(crate) fn held(info: &LockInfo) -> Self {
        Self {
            key: info.raw_key().to_owned(),
            held: true,
            mode: Some(match info.mode {
                Mode::Exclusive => "exclusive",
                Mode::Shared => "shared",
            }),
            fence: info.fence.map(|fence| fence.to_string()),
            holders: info.holders.iter().map(Holder::of).collect(),
        }
    }

    pub(crate) fn free(key: &str) -> Self {
        Self { key: key.to_owned(), held: false, mode: None, fence: None, holders: Vec::new() }
    }
}

impl Holder {
    fn of(holding: &Holding) -> Self {
        Self {
            id: holding.id.to_string(),
            owner: holding.owner.clone(),
            acquired: holding.acquired.to_string(),
            ends: holding.ends.to_string(),
            remaining_ms: u64::try_from(holding.remaining.as_millis()).unwrap_or(u64::MAX),
        }
    }
}

impl fmt::Display for Lock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(mode) = self.mode else { return write!(f, "{}: free", self.key) };
        write!(f, "{}: {mode}", self.key)?;
        if let Some(fence) = &self.fence {
            write!(f, ", fence {fence}")?;
        }
        for holder in &self.holders {
            let owner = holder.owner.as_deref().unwrap_or("unnamed");
            let seconds = holder.remaining_ms as f64 / 1000.0;
            write!(f, ", by {owner} since {} for {seconds:.1} s more", holder.acquired)?;
        }
        Ok(())
    }
}
