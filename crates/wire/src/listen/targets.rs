//! All targets of a stream, and when their states agree.

use std::collections::BTreeMap;
use std::task::{Context, Poll};

use firekeep_core::{Cx, Store, Timestamp};

use super::target::Target;

/// The targets of a stream, by id.
#[derive(Default)]
pub(super) struct Targets(BTreeMap<i32, Target>);

/// After so many passes that each found something new, other tasks get a turn.
const MAX_PASSES: usize = 32;

impl Targets {
    pub(super) fn contains(&self, id: i32) -> bool {
        self.0.contains_key(&id)
    }

    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    pub(super) fn insert(&mut self, target: Target) {
        self.0.insert(target.id, target);
    }

    pub(super) fn remove(&mut self, id: i32) -> Option<Target> {
        self.0.remove(&id)
    }

    pub(super) fn iter_mut(&mut self) -> impl Iterator<Item = &mut Target> {
        self.0.values_mut()
    }

    /// The latest time up to which anything gathered.
    pub(super) fn upto(&self) -> Option<Timestamp> {
        let upto = self.0.values().filter_map(|target| target.gathered.upto.as_ref());
        upto.map(|(_, at)| *at).max()
    }

    /// Takes out the targets that can be followed no more.
    pub(super) fn take_failed(&mut self) -> Vec<Target> {
        let failed = self.0.values().filter(|target| target.gathered.failed.is_some());
        let failed: Vec<i32> = failed.map(|target| target.id).collect();
        failed.iter().filter_map(|id| self.0.remove(id)).collect()
    }

    /// Gathers from all targets; ready once something is to be told and all agree.
    ///
    /// All are asked in each pass, woken or not: a commit can be seen before those whom it concerns
    /// are woken. Of a single target, each event is a consistent state.
    pub(super) fn poll(&mut self, task: &mut Context<'_>, store: &dyn Store, cx: &Cx) -> Poll<()> {
        for _ in 0..MAX_PASSES {
            let mut is_news = false;
            for target in self.0.values_mut() {
                is_news |= target.poll(task, store, cx).is_ready();
            }
            let is_complete = self.0.values().any(|target| target.gathered.is_complete());
            if is_complete && (!is_news || self.0.len() == 1) {
                return Poll::Ready(());
            }
            if !is_news {
                return Poll::Pending;
            }
        }
        task.waker().wake_by_ref();
        Poll::Pending
    }
}
