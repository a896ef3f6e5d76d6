//! Which indexes a run needed.

use std::sync::Arc;

use firekeep_core::{Aggregation, Query};
use parking_lot::Mutex;

use super::IndexFile;

/// Collects the indexes that the queries of a run needed beyond the automatic ones. Clones share
/// the collection, so one recorder can listen to many stores on many threads.
///
/// Each query's need is taken by itself, never against what others needed before it: the result
/// does not depend on the order in which threads ran.
///
/// ```
/// use firekeep_core::{Query, field};
/// use firekeep_memory::index_file::IndexRecorder;
/// let recorder = IndexRecorder::new();
/// let query = Query::collection("t/1/readings").filter(field("device").eq("d")).descending("at");
/// recorder.record(&query.build()?, []);
/// assert_eq!(recorder.to_index_file().composites().len(), 1);
/// # Ok::<(), firekeep_core::Error>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct IndexRecorder {
    base: Arc<IndexFile>,
    needed: Arc<Mutex<IndexFile>>,
}

impl IndexRecorder {
    /// An empty recorder.
    pub fn new() -> Self {
        Self::default()
    }

    /// A recorder that starts from the overrides of `file`, so that exemptions and TTL fields stay
    /// and what queries on exempted fields need is recorded.
    pub fn with_overrides_of(file: &IndexFile) -> Self {
        let mut base = IndexFile::empty();
        for entry in file.overrides() {
            base.insert_override(entry.clone());
        }
        Self { needed: Arc::new(Mutex::new(base.clone())), base: Arc::new(base) }
    }

    /// Notes what `query`, with `aggregations` over it, needs.
    pub fn record<'a>(
        &self,
        query: &Query,
        aggregations: impl IntoIterator<Item = &'a Aggregation>,
    ) {
        for missing in self.base.missing_for(query, aggregations) {
            self.needed.lock().add(missing);
        }
    }

    /// Everything that the queries so far needed.
    pub fn to_index_file(&self) -> IndexFile {
        self.needed.lock().clone()
    }
}
