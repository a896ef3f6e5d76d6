//! Whether a document that is in a target no more was deleted or only left it.

use std::collections::HashSet;

use firekeep_core::{
    BatchGet, Cx, DocPath, FieldPath, Query, ReadAt, Store, Timestamp, WatchTarget,
};

/// Which of `paths`, gone from `target`, still existed at `at`.
///
/// A store that can't say is asked for nothing more: then all count as existing, which claims less.
///
/// # Cost
/// Nothing where the target has every document of its collection; otherwise one read per document.
pub(super) async fn existing(
    store: &dyn Store,
    cx: &Cx,
    target: &WatchTarget,
    paths: &[DocPath],
    at: Timestamp,
) -> HashSet<DocPath> {
    if paths.is_empty() || has_all(target) {
        return HashSet::new();
    }
    let mask = Some(Vec::<FieldPath>::new());
    let read = BatchGet { paths: paths.to_vec(), mask, at: ReadAt::Time(at) };
    match store.batch_get(cx, read).await {
        Ok(found) => {
            let found = found.lookups.into_iter().filter(|lookup| lookup.document.is_some());
            found.map(|lookup| lookup.path).collect()
        }
        Err(error) => {
            tracing::debug!(%error, "can't tell whether documents were deleted");
            paths.iter().cloned().collect()
        }
    }
}

/// Whether only deletion takes a document out of `target`.
fn has_all(target: &WatchTarget) -> bool {
    match target {
        WatchTarget::Documents(_) => true,
        WatchTarget::Query(query) => is_unrestricted(query),
    }
}

fn is_unrestricted(query: &Query) -> bool {
    let orders_by_name = query.order().iter().all(|key| key.field.is_document_id());
    query.filter().is_none()
        && query.start().is_none()
        && query.end().is_none()
        && query.limit().is_none()
        && orders_by_name
}
