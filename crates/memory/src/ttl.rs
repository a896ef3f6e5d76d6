//! Deleting what has expired, some time later: only when asked, or once a while on access.

use std::collections::HashSet;

use firekeep_core::{Direction, DocPath, FieldPath, Query, Timestamp, field};

use crate::query;
use crate::shared::Shared;
use crate::state::State;

impl Shared {
    /// Deletes the documents whose TTL field has passed by `wall`, but for those that a transaction
    /// has locked; answers how many.
    pub(crate) fn expire_documents(&self, state: &mut State, wall: Timestamp) -> usize {
        let groups: HashSet<String> = state.documents.group_ids().map(str::to_owned).collect();
        let mut expired = Vec::new();
        for group in groups {
            let Some(path) = self.options.indexes.ttl_field(&group) else { continue };
            expired.extend(self.expired_in(state, &group, path, wall));
        }
        expired.retain(|path| state.locks.is_free(path));
        if expired.is_empty() {
            return 0;
        }
        let time = state.commit_time(wall);
        let count = expired.len();
        for path in expired {
            state.delete(&path, time);
        }
        state.prune();
        count
    }

    fn expired_in(
        &self,
        state: &mut State,
        group: &str,
        path: &FieldPath,
        wall: Timestamp,
    ) -> Vec<DocPath> {
        let past = field(&path.to_string()).le(wall);
        let query = Query::group(group)
            .filter(past)
            .order_by(&path.to_string(), Direction::Ascending)
            .build();
        let Ok(query) = query else {
            tracing::warn!(group, "a TTL policy names a field that no query can");
            return Vec::new();
        };
        let view = state.latest(wall);
        let found = query::run(state, &query, view);
        found.rows.into_iter().map(|row| row.path().clone()).collect()
    }

    /// Does the same if the builder asked for sweeps and one is due.
    pub(crate) fn sweep_if_due(&self, state: &mut State, wall: Timestamp) {
        let (Some(due), Some(every)) = (state.next_sweep, self.options.sweep_every) else { return };
        if wall >= due {
            state.next_sweep = Some(wall.saturating_add(every));
            self.expire_documents(state, wall);
        }
    }
}
