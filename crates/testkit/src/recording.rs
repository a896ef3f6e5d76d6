//! Where test programs note which indexes their queries need, for `cargo xtask indexes`.

use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};

/// The variable that names the folder; nothing is noted where it is not set.
pub const RECORD_INDEXES: &str = "FIREKEEP_RECORD_INDEXES";

/// A file of its own for one store, in the folder that `FIREKEEP_RECORD_INDEXES` names; `None` if
/// it names none.
///
/// Only suites of features note their queries: a suite that asks for anything and everything, as
/// the conformance suite does, would demand indexes that nobody needs.
#[allow(clippy::disallowed_methods, reason = "tests are configured by environment")]
pub fn file() -> Option<PathBuf> {
    static STORES: AtomicUsize = AtomicUsize::new(0);
    let folder = std::env::var(RECORD_INDEXES).ok().filter(|folder| !folder.is_empty())?;
    let store = STORES.fetch_add(1, Ordering::Relaxed);
    Some(PathBuf::from(folder).join(format!("{}-{store}.json", std::process::id())))
}
