//! Who waits for a change.

use std::collections::HashMap;
use std::task::Waker;

use crate::aggregate::Scope;
use crate::key::Key;

/// Those who wait, by what they wait for. A change wakes those whom it concerns.
#[derive(Debug, Default)]
pub(crate) struct Waiters {
    waiting: HashMap<Scope, HashMap<u64, Waker>>,
    woken: Vec<Waker>,
    next: u64,
}

impl Waiters {
    /// An id for somebody who will wait.
    pub(crate) fn enter(&mut self) -> u64 {
        self.next += 1;
        self.next
    }

    pub(crate) fn wait(&mut self, id: u64, scope: &Scope, waker: &Waker) {
        match self.waiting.get_mut(scope) {
            Some(waiting) => drop(waiting.insert(id, waker.clone())),
            None => {
                self.waiting.insert(scope.clone(), HashMap::from([(id, waker.clone())]));
            }
        }
    }

    pub(crate) fn leave(&mut self, id: u64, scope: &Scope) {
        if let Some(waiting) = self.waiting.get_mut(scope) {
            waiting.remove(&id);
            if waiting.is_empty() {
                self.waiting.remove(scope);
            }
        }
    }

    /// Marks for waking whom a change of `key` concerns. What has no key concerns those who look at
    /// the job.
    pub(crate) fn touch(&mut self, key: Option<&Key>) {
        if self.waiting.is_empty() {
            return;
        }
        self.touch_scope(&Scope::Job);
        if let Some(key) = key {
            self.touch_scope(&Scope::Tag(key.tag.clone()));
            self.touch_scope(&Scope::Task(key.task));
            self.touch_scope(&Scope::Cell(key.clone()));
        }
    }

    /// Marks everyone for waking.
    pub(crate) fn touch_all(&mut self) {
        let waiting = std::mem::take(&mut self.waiting).into_values();
        self.woken.extend(waiting.flat_map(HashMap::into_values));
    }

    /// Whom to wake once the lock is released.
    #[must_use = "those who are taken are woken by nobody else"]
    pub(crate) fn take_woken(&mut self) -> Vec<Waker> {
        std::mem::take(&mut self.woken)
    }

    fn touch_scope(&mut self, scope: &Scope) {
        if let Some(waiting) = self.waiting.remove(scope) {
            self.woken.extend(waiting.into_values());
        }
    }
}
