//! Which indexes a run needed.

use std::fmt;
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
#[derive(Clone, Default)]
pub struct IndexRecorder {
    base: Arc<IndexFile>,
    needed: Arc<Mutex<IndexFile>>,
    listener: Option<Arc<Listener>>,
}

type Listener = dyn Fn(&IndexFile) + Send + Sync;

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
        let needed = Arc::new(Mutex::new(base.clone()));
        Self { base: Arc::new(base), needed, listener: None }
    }

    /// Calls `listener` with everything recorded so far, whenever a query needed something new. A
    /// test program has no moment at its end in which it could ask.
    #[must_use]
    pub fn on_change(mut self, listener: impl Fn(&IndexFile) + Send + Sync + 'static) -> Self {
        self.listener = Some(Arc::new(listener));
        self
    }

    /// Notes what `query`, with `aggregations` over it, needs.
    pub fn record<'a>(
        &self,
        query: &Query,
        aggregations: impl IntoIterator<Item = &'a Aggregation>,
    ) {
        for missing in self.base.missing_for(query, aggregations) {
            let mut needed = self.needed.lock();
            let before = needed.clone();
            needed.add(missing);
            if let Some(listener) = self.listener.as_ref().filter(|_| *needed != before) {
                listener(&needed);
            }
        }
    }

    /// Everything that the queries so far needed.
    pub fn to_index_file(&self) -> IndexFile {
        self.needed.lock().clone()
    }
}

impl fmt::Debug for IndexRecorder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("IndexRecorder")
            .field("needed", &*self.needed.lock())
            .finish_non_exhaustive()
    }
}
