//! Which documents a target has.

use firekeep_core::{
    BatchGet, Cx, DocPath, QueryEvent, QueryRequest, ReadAt, Result, Store, Timestamp, WatchTarget,
};
use futures::TryStreamExt;

/// The documents that were in `target` at `at`, in no particular order.
///
/// # Errors
/// What the store's read answers, as where it reads the present only.
///
/// # Cost
/// One read per document.
pub(super) async fn rows_at(
    store: &dyn Store,
    cx: &Cx,
    target: &WatchTarget,
    at: Timestamp,
) -> Result<Vec<DocPath>> {
    let at = ReadAt::Time(at);
    match target {
        WatchTarget::Documents(paths) => {
            let mut paths = paths.clone();
            paths.sort_unstable();
            paths.dedup();
            let read = BatchGet { paths, mask: Some(Vec::new()), at };
            let found = store.batch_get(cx, read).await?.lookups.into_iter();
            Ok(found.filter(|lookup| lookup.document.is_some()).map(|row| row.path).collect())
        }
        WatchTarget::Query(query) => {
            let mut events = store.query(cx, QueryRequest { query: (**query).clone(), at });
            let mut paths = Vec::new();
            while let Some(event) = events.try_next().await? {
                if let QueryEvent::Row(document) = event {
                    paths.push(document.path().clone());
                }
            }
            Ok(paths)
        }
    }
}
