//! Where test programs note which indexes their queries need, for `cargo xtask indexes`.

use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};

#[cfg(feature = "stores")]
use firekeep_memory::index_file::IndexRecorder;

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

/// The index file that features deploy. Suites that bring another one need other indexes than a
/// database of ours, and note nothing.
#[cfg(feature = "stores")]
pub(crate) const PROJECT: &str = include_str!("../../../infra/firestore.indexes.json");

/// What notes the queries of one store in a [`file()`] of its own; `None` where nothing is noted.
///
/// # Panics
/// If the file can't be written, on the first query that needs an index.
#[cfg(feature = "stores")]
pub fn recorder(indexes: &firekeep_memory::IndexFile) -> Option<IndexRecorder> {
    let path = file()?;
    let recorder = IndexRecorder::with_overrides_of(indexes);
    Some(recorder.on_change(move |needed| {
        if let Err(error) = std::fs::write(&path, needed.to_json()) {
            panic!("can't note which indexes are needed: {error}");
        }
    }))
}
