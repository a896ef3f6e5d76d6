//! What this process remembers of each device it wrote to: the version and content of its document.
//!
//! The memory is a guess that the commit's precondition checks: if another process wrote since,
//! the commit is refused and the document read again. Holding a slot also keeps the writers of one
//! process from refusing each other.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};

use firekeep_core::{DocPath, Version};
use futures::lock::OwnedMutexGuard;

use crate::recent::Recent;

/// The most devices remembered; beyond them those not in use are forgotten.
const CAPACITY: usize = 1_024;

/// The document of a device as it was last seen.
#[derive(Clone, Debug, Default)]
pub(crate) struct Known {
    /// `None`: there was none.
    pub(crate) version: Option<Version>,
    pub(crate) recent: Recent,
}

type Shared = Arc<futures::lock::Mutex<Option<Known>>>;

/// A device whose memory this task holds, alone.
#[derive(Debug)]
pub(crate) struct Slot {
    pub(crate) path: DocPath,
    pub(crate) known: OwnedMutexGuard<Option<Known>>,
    /// Whether `known` was read or written within this call.
    pub(crate) is_fresh: bool,
}

#[derive(Clone, Debug, Default)]
pub(crate) struct Slots(Arc<Mutex<BTreeMap<String, Shared>>>);

impl Slots {
    /// Waits for the memory of each device. In one order for everybody, so that no two tasks wait
    /// for each other.
    pub(crate) async fn hold(&self, paths: BTreeSet<DocPath>) -> Vec<Slot> {
        let mut held = Vec::with_capacity(paths.len());
        for path in paths {
            let known = self.shared(&path).lock_owned().await;
            held.push(Slot { path, known, is_fresh: false });
        }
        held
    }

    fn shared(&self, path: &DocPath) -> Shared {
        let mut slots = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if slots.len() >= CAPACITY && !slots.contains_key(path.as_str()) {
            slots.retain(|_, slot| Arc::strong_count(slot) > 1);
        }
        Arc::clone(slots.entry(path.as_str().to_owned()).or_default())
    }
}
