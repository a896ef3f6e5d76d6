//! What a writer knows of the cells of its task, and the writes that change them.

use std::collections::HashMap;
use std::sync::Arc;

use firekeep_core::{Committed, DocPath, Fields, Require, Version, Write};

use crate::error::{Error, Result};
use crate::key::{Key, Tag};
use crate::observer::Opened;
use crate::state::{self, Cell, Progress, State};
use crate::update::Update;

/// A change to a cell.
#[derive(Clone, Debug)]
pub(super) enum Draft {
    /// A new state.
    Whole(Update),
    /// The same state, further on.
    Progress { progress: Progress, message: String },
}

/// A change with the id that is written with it, however often it is tried.
#[derive(Clone, Debug)]
pub(super) struct Named {
    pub(super) tag: Tag,
    pub(super) draft: Draft,
    pub(super) event_id: String,
    /// Its place among all that this writer was told: progress of the tag up to here is said by it.
    pub(super) number: u64,
}

/// The cells of a task as its writer knows them.
#[derive(Debug)]
pub(super) struct Cells {
    by_tag: HashMap<Tag, Slot>,
    /// Whether the store holds this and nothing else, as far as fences reach.
    pub(super) is_sure: bool,
    /// Whether a write that creates cells may still be on its way.
    pub(super) may_be_created: bool,
}

#[derive(Clone, Debug)]
struct Slot {
    state: Arc<State>,
    is_first: bool,
    /// Where it is, once it was written.
    path: Option<DocPath>,
    document: Version,
}

/// What to write, and what the states are then.
#[derive(Debug)]
pub(super) struct Plan {
    pub(super) writes: Vec<Write>,
    /// Whether a cell is created: then neither claim nor job may have changed.
    pub(super) creates: bool,
    /// One per draft, in order.
    pub(super) states: Vec<Arc<State>>,
    /// What each of the leading writes changes.
    changed: Vec<Change>,
}

/// A cell that is written.
#[derive(Debug)]
struct Change {
    /// Its state, in [`Plan::states`].
    state: usize,
    /// Whether it is the first of its task.
    is_first: bool,
    path: DocPath,
}

impl Cells {
    pub(super) fn of(cells: Vec<Cell>) -> Self {
        let slot = |cell: Cell| {
            let Cell { state, is_first, document, .. } = cell;
            let slot = Slot { state, is_first, path: None, document };
            (slot.state.key.tag.clone(), slot)
        };
        Self { by_tag: cells.into_iter().map(slot).collect(), is_sure: true, may_be_created: false }
    }

    /// The state of `tag`, if `event_id` wrote it.
    pub(super) fn written(&self, tag: &Tag, event_id: &str) -> Option<Arc<State>> {
        let state = &self.by_tag.get(tag)?.state;
        (state.event_id == event_id).then(|| Arc::clone(state))
    }

    /// What writes `drafts`. Those whose event ids are stored already are done.
    pub(super) fn plan(
        &self,
        opened: &Opened,
        (task, attempt): (u32, u64),
        drafts: &[Named],
    ) -> Result<Plan> {
        let mut plan = Plan { writes: vec![], creates: false, states: vec![], changed: vec![] };
        let mut history = vec![];
        let mut has_reported = !self.by_tag.is_empty();
        for (index, draft) in drafts.iter().enumerate() {
            let slot = self.by_tag.get(&draft.tag);
            if let Some(slot) = slot.filter(|slot| slot.state.event_id == draft.event_id) {
                plan.states.push(Arc::clone(&slot.state));
                continue;
            }
            let is_first = slot.map_or(!has_reported, |slot| slot.is_first);
            has_reported = true;
            let state = next(opened, (task, attempt), slot.map(|slot| &*slot.state), draft);
            let fields = state.to_fields(is_first);
            if opened.record.history > 0 {
                history.extend(kept(opened, &state, fields.clone())?);
            }
            let require = slot.map_or(Require::Absent, |slot| Require::Version(slot.document));
            let path = match slot.and_then(|slot| slot.path.clone()) {
                Some(path) => path,
                None => opened.place.states.doc(state.key.doc_id())?,
            };
            plan.writes.push(Write::replace(path.clone(), fields)?.require(require));
            plan.creates |= slot.is_none();
            plan.changed.push(Change { state: index, is_first, path });
            plan.states.push(Arc::new(state));
        }
        plan.writes.extend(history);
        Ok(plan)
    }

    /// Takes over what was written. Answers the states, with their times.
    pub(super) fn take_over(&mut self, mut plan: Plan, committed: &Committed) -> Vec<Arc<State>> {
        for (change, written) in plan.changed.into_iter().zip(&committed.writes) {
            let state = &mut plan.states[change.state];
            Arc::make_mut(state).committed_at = committed.commit_time;
            let (state, path) = (Arc::clone(state), Some(change.path));
            let document = written.version.unwrap_or_else(|| Version::at(committed.commit_time));
            let slot = Slot { state, is_first: change.is_first, path, document };
            match self.by_tag.get_mut(&slot.state.key.tag) {
                Some(known) => *known = slot,
                None => drop(self.by_tag.insert(slot.state.key.tag.clone(), slot)),
            }
        }
        plan.states
    }
}

/// The state after `old`, if there was one.
fn next(opened: &Opened, (task, attempt): (u32, u64), old: Option<&State>, draft: &Named) -> State {
    let update = match &draft.draft {
        Draft::Whole(update) => update.clone(),
        Draft::Progress { progress, message } => Update {
            status: old.map_or_else(Default::default, |old| old.status),
            message: message.clone(),
            progress: Some(*progress),
            payload: old.map_or_else(Fields::default, |old| old.payload.clone()),
            event_id: None,
            observed_at: None,
        },
    };
    State {
        job: opened.id.clone(),
        run: opened.record.run,
        key: Key::new(draft.tag.clone(), task),
        status: update.status,
        message: update.message,
        progress: update.progress,
        payload: update.payload,
        version: old.map_or(0, |old| old.version) + 1,
        event_id: draft.event_id.clone(),
        attempt,
        observed_at: update.observed_at,
        committed_at: opened.now,
    }
}

/// What keeps `state` in the history, and takes the oldest out of it.
fn kept(opened: &Opened, state: &State, fields: Fields) -> Result<Vec<Write>, Error> {
    let cell = state.key.doc_id();
    let path = |version| -> Result<DocPath> {
        Ok(opened.place.events.doc(state::event_id(&cell, version))?)
    };
    // The cell alone says who is next. What an earlier job left at this place is in nobody's way.
    let mut writes = vec![Write::replace(path(state.version)?, fields)?];
    if let Some(old) =
        state.version.checked_sub(opened.record.history.into()).filter(|old| *old > 0)
    {
        writes.push(Write::delete(path(old)?));
    }
    Ok(writes)
}
