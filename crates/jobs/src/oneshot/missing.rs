//! Which cell was never reported: a binary search on counts.

use std::collections::BTreeSet;

use firekeep_core::{Query, Value, field};

use super::{Snapshot, Units};
use crate::aggregate::{Culprit, Scope};
use crate::error::Result;
use crate::key::{Key, Tag};

impl Units<'_> {
    /// What is missing first where nothing is reported.
    pub(super) fn first_of_all(&self) -> Culprit {
        let first = || self.opened.record.tags.first().cloned();
        let (task, tag) = match self.scope {
            Scope::Job => (0, first()),
            Scope::Tag(tag) => (0, Some(tag.clone())),
            Scope::Task(task) => (*task, first()),
            Scope::Cell(key) => (key.task, Some(key.tag.clone())),
        };
        Culprit::Missing { task, tag }
    }

    /// The first cell that is missing; if `before` is given, `None` unless it comes before that. One
    /// must be missing.
    pub(super) async fn missing(
        &self,
        snapshot: &mut Snapshot,
        before: Option<&Key>,
    ) -> Result<Option<Culprit>> {
        let task = match self.scope {
            Scope::Task(task) => Some(*task),
            _ => self.missing_task(snapshot, before).await?,
        };
        let Some(task) = task else { return Ok(None) };
        let tag = match self.scope {
            Scope::Tag(tag) => Some(tag.clone()),
            _ if self.is_declared() => self.missing_tag(snapshot, task).await?,
            _ => None,
        };
        let is_later = match (&tag, before) {
            (Some(tag), Some(before)) => (task, tag) > (before.task, &before.tag),
            _ => false,
        };
        Ok((!is_later).then_some(Culprit::Missing { task, tag }))
    }

    /// The first task of which a unit is missing, up to that of `before`.
    async fn missing_task(
        &self,
        snapshot: &mut Snapshot,
        before: Option<&Key>,
    ) -> Result<Option<u32>> {
        // All below `full` have reported, and some below `end` has not.
        let mut full = 0;
        let mut end = self.opened.record.tasks;
        if let Some(before) = before {
            end = before.task + 1;
            if self.is_complete(snapshot, full, end).await? {
                return Ok(None);
            }
        }
        while end - full > 1 {
            let middle = full + (end - full) / 2;
            if self.is_complete(snapshot, full, middle).await? {
                full = middle;
            } else {
                end = middle;
            }
        }
        Ok(Some(full))
    }

    /// Whether each unit of the tasks from `start` to before `end` has reported.
    async fn is_complete(&self, snapshot: &mut Snapshot, start: u32, end: u32) -> Result<bool> {
        let reported = self.reported().filter(field("taskID").ge(i64::from(start)));
        let reported = reported.filter(field("taskID").lt(i64::from(end)));
        let each = match self.scope {
            Scope::Job => self.opened.record.tags.len().max(1) as u64,
            _ => 1,
        };
        Ok(snapshot.count(reported).await? == u64::from(end - start) * each)
    }

    /// The first declared tag that `task` has not reported.
    async fn missing_tag(&self, snapshot: &mut Snapshot, task: u32) -> Result<Option<Tag>> {
        let cells = Query::collection(self.opened.place.states.as_str());
        let cells = cells.filter(field("taskID").eq(i64::from(task))).select(["tag"]);
        let cells = snapshot.rows(cells).await?;
        let tag = |cell: &firekeep_core::Document| {
            cell.get("tag").and_then(Value::as_str).map(str::to_owned)
        };
        let reported: BTreeSet<_> = cells.iter().filter_map(tag).collect();
        let mut declared = self.opened.record.tags.iter();
        Ok(declared.find(|tag| !reported.contains(tag.as_str())).cloned())
    }
}
