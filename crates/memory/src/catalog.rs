//! Which collections there are, found by stepping through their paths in order.

use std::collections::BTreeSet;

use firekeep_core::{
    Catalog, CollectionId, CollectionPath, Cx, DocPath, ReadAt, Result, Timestamp, async_trait,
};

use crate::MemoryStore;
use crate::state::{State, View};

#[async_trait]
impl Catalog for MemoryStore {
    async fn collection_ids(
        &self,
        cx: &Cx,
        under: Option<&DocPath>,
        at: Option<Timestamp>,
    ) -> Result<Vec<CollectionId>> {
        let ids = self.look(cx, at, |state, view| next_segments(state, view, &prefix(under)))?;
        ids.into_iter().map(CollectionId::new).collect()
    }

    async fn group_ids(
        &self,
        cx: &Cx,
        under: Option<&DocPath>,
        at: Option<Timestamp>,
    ) -> Result<Vec<CollectionId>> {
        let ids = self.look(cx, at, |state, view| last_segments(state, view, &prefix(under)))?;
        ids.into_iter().map(CollectionId::new).collect()
    }

    async fn missing_documents(
        &self,
        cx: &Cx,
        collection: &CollectionPath,
        at: Option<Timestamp>,
    ) -> Result<Vec<DocPath>> {
        self.look(cx, at, |state, view| {
            let ids = next_segments(state, view, &format!("{collection}/"));
            let paths = ids.into_iter().map(|id| collection.doc(id)).collect::<Result<Vec<_>>>()?;
            let missing = paths.into_iter().filter(|path| state.get(path, view).is_none());
            let mut missing: Vec<_> = missing.collect();
            missing.sort();
            Ok(missing)
        })?
    }
}

impl MemoryStore {
    fn look<T>(
        &self,
        cx: &Cx,
        at: Option<Timestamp>,
        body: impl FnOnce(&State, View) -> T,
    ) -> Result<T> {
        let at = at.map_or(ReadAt::Latest, ReadAt::Time);
        self.shared.read_now(cx, &at, |state, view| body(state, view))
    }
}

/// What the path of each collection below `under` begins with.
fn prefix(under: Option<&DocPath>) -> String {
    under.map_or_else(String::new, |path| format!("{path}/"))
}

/// The segments that follow `prefix` in the paths of collections that hold documents. Once one is
/// found, all that is further below it is stepped over.
fn next_segments(state: &State, view: View, prefix: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    walk(state, prefix, |path, rest, holds| {
        let segment = rest.split('/').next().unwrap_or(rest);
        if !found.contains(segment) {
            if !holds(view) {
                return after(path);
            }
            found.insert(segment.to_owned());
        }
        // A sibling such as `id!` comes before what is below `id`, so only that is stepped over.
        if segment.len() == rest.len() { after(path) } else { format!("{prefix}{segment}0") }
    });
    found
}

/// The last segments of the paths below `prefix` of collections that hold documents.
fn last_segments(state: &State, view: View, prefix: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    walk(state, prefix, |path, _, holds| {
        let segment = path.rsplit_once('/').map_or(path, |(_, segment)| segment);
        if !found.contains(segment) && holds(view) {
            found.insert(segment.to_owned());
        }
        after(path)
    });
    found
}

/// Shows `visit` the collections whose path begins with `prefix`, in order: the path, what of it
/// follows the prefix, and whether any document is there. It answers from where to go on.
fn walk(
    state: &State,
    prefix: &str,
    mut visit: impl FnMut(&str, &str, &mut dyn FnMut(View) -> bool) -> String,
) {
    let mut from = prefix.to_owned();
    while let Some((path, mut slots)) = state.documents.collection_from(&from) {
        let Some(rest) = path.strip_prefix(prefix) else { return };
        let mut holds = |view| slots.any(|slot| state.seen(slot, view).is_some());
        from = visit(path, rest, &mut holds);
    }
}

/// The path directly after `path`.
fn after(path: &str) -> String {
    format!("{path}\0")
}
