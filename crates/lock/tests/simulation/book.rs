//! What really happens, held against what must.

use std::collections::{HashMap, HashSet};
use std::fmt;
use std::sync::{Mutex, MutexGuard};
use std::time::Duration;

use firekeep_core::{Clock, Document, Lookup, ManualClock, Timestamp, Value};
use firekeep_lock::{Lease, Released};

use crate::clock::Gate;
use crate::counts::Counts;
use crate::documents::{Holder, Register, Stored};
use crate::property::{Property, Violation};

/// The ground truth of one simulated world.
pub(crate) struct Book {
    clock: ManualClock,
    /// Whether to print what happens.
    is_told: bool,
    pages: Mutex<Pages>,
}

#[derive(Default)]
pub(crate) struct Pages {
    /// The lease documents, by path.
    leases: HashMap<String, Stored>,
    /// The fence counters, by path.
    fences: HashMap<String, i64>,
    registers: HashMap<String, Register>,
    /// What clients hold as they see it, from the answer to their giving it up.
    sections: Vec<Section>,
    /// What clients have just given up.
    given_up: Vec<(Gate, Lease)>,
    /// The tokens that came with each claim, by lock id and key: several, where its commit arrived
    /// several times.
    claims: HashMap<(String, String), Vec<i64>>,
    /// The tokens that were handed out, by key.
    handed: HashSet<(String, i64)>,
    /// When the leases would have ended that a commit took out of the store live, by lock id.
    cleared: HashMap<String, Timestamp>,
    /// Writes to registers that took effect.
    landed: HashSet<i64>,
    /// Writes to registers that the writer was told did not happen.
    denied: Vec<i64>,
    pub(crate) violations: Vec<Violation>,
    pub(crate) counts: Counts,
}

struct Section {
    gate: Gate,
    id: String,
    keys: Vec<String>,
    is_shared: bool,
    lease: Lease,
    was_held: bool,
}

impl Book {
    pub(crate) fn new(clock: ManualClock, is_told: bool) -> Self {
        Self { clock, is_told, pages: Mutex::default() }
    }

    /// Prints what happens, where a single seed is run.
    pub(crate) fn tell(&self, told: impl FnOnce() -> String) {
        if self.is_told {
            println!("{} {}", self.clock.wall(), told());
        }
    }

    pub(crate) fn pages(&self) -> MutexGuard<'_, Pages> {
        self.pages.lock().unwrap()
    }

    /// A commit took effect, and left these documents.
    pub(crate) fn committed(&self, at: Timestamp, found: Vec<Lookup>) {
        self.tell(|| described(&found));
        let mut pages = self.pages();
        pages.counts.commits += 1;
        let before: HashMap<_, _> = pages.fences.clone();
        for lookup in &found {
            let path = lookup.path.as_str();
            match path.split('/').next() {
                Some("firekeep_fences") => pages.fence(path, lookup.document.as_ref(), at),
                Some("registers") => pages.register(path, lookup.document.as_ref(), at),
                _ => {}
            }
        }
        for lookup in &found {
            if lookup.path.as_str().starts_with("firekeep_locks/") {
                pages.lease(lookup.path.as_str(), lookup.document.as_ref(), at, &before);
            }
        }
    }

    /// A client was handed a lock. Answers the number of its section.
    pub(crate) fn open(&self, lease: &Lease, gate: &Gate, is_shared: bool) {
        let keys: Vec<_> = lease.keys().map(|key| key.as_str().to_owned()).collect();
        let id = lease.id().as_str().to_owned();
        let mut pages = self.pages();
        pages.counts.won += 1;
        for (key, fence) in keys.iter().zip(lease.fences()) {
            let fence = i64::try_from(fence.as_u64()).unwrap();
            let claimed = pages.claims.get(&(id.clone(), key.clone()));
            let is_claimed = claimed.is_some_and(|claimed| claimed.contains(&fence));
            if !is_claimed || !pages.handed.insert((key.clone(), fence)) {
                let told = format!("{key}: handed fence {fence}, which is not the claim's alone");
                pages.violate(Property::Fence, self.clock.wall(), told);
            }
        }
        self.tell(|| format!("won {}, fences {:?}", lease.id().as_str(), lease.fences()));
        let (gate, lease) = (gate.clone(), lease.clone());
        pages.sections.push(Section { gate, id, keys, is_shared, lease, was_held: true });
    }

    /// A client gives its lock up: what it does from now on, it does not do under the lock. Answers
    /// whether it still held it.
    pub(crate) fn give_up(&self, lease: &Lease) -> bool {
        let id = lease.id().as_str();
        self.tell(|| format!("given up {id}"));
        let mut pages = self.pages();
        let known = pages.sections.iter().position(|section| section.id == id);
        if let Some(section) = known.map(|at| pages.sections.swap_remove(at)) {
            pages.given_up.push((section.gate, section.lease));
        }
        lease.is_held()
    }

    /// A release that was called while the lock was held or not was answered.
    pub(crate) fn released(&self, lease: &Lease, was_held: bool, answer: Released) {
        let (mut pages, id) = (self.pages(), lease.id().as_str());
        let now = self.clock.wall();
        self.tell(|| format!("{id} was released: {answer:?}"));
        // A claim that was sent twice may arrive again after the release: with another token.
        let is_stored = lease.keys().zip(lease.fences()).any(|(key, fence)| {
            let stored = pages.leases.values().find(|stored| stored.key == key.as_str());
            let claim = pages.claims.get(&(id.to_owned(), key.as_str().to_owned()));
            stored.is_some_and(|stored| stored.holder(id).is_some())
                && claim.and_then(|claim| claim.last()).copied()
                    == i64::try_from(fence.as_u64()).ok()
        });
        if answer.is_done() && is_stored {
            pages.violate(Property::Answer, now, "released as answered, and still stored".into());
        }
        if answer.is_done() && !was_held {
            pages.violate(Property::Answer, now, "a lost lock was answered as released".into());
        }
        // After its end nobody can tell who took a lease away, nor which of several claims ended.
        let is_single = pages.claims.iter().filter(|claim| claim.0.0 == id).all(|c| c.1.len() == 1);
        let would_live = is_single && pages.cleared.get(id).is_some_and(|end| now < *end);
        if was_held && !answer.is_done() && would_live {
            let told = format!("a release that took effect was answered {answer:?}");
            pages.violate(Property::Answer, now, told);
        }
    }

    /// The writer of `write` was told that it happened, or that it did not.
    pub(crate) fn answered(&self, write: i64, happened: bool) {
        let mut pages = self.pages();
        match happened {
            true if pages.landed.contains(&write) => pages.counts.guarded += 1,
            true => {
                let told = "a commit that was answered did not happen".into();
                pages.violate(Property::Register, self.clock.wall(), told);
            }
            false => {
                pages.counts.fenced_off += 1;
                pages.denied.push(write);
            }
        }
    }

    /// Holds what every running client believes against the store, and against the others.
    pub(crate) fn check(&self) {
        let now = self.clock.wall();
        let mut pages = self.pages();
        let given_up = std::mem::take(&mut pages.given_up);
        if given_up.iter().any(|(gate, lease)| !gate.is_shut() && lease.is_held()) {
            pages.violate(Property::Belief, now, "held, after its guard is gone".into());
        }
        let mut sections = std::mem::take(&mut pages.sections);
        sections.retain_mut(|section| {
            if section.gate.is_shut() {
                return true;
            }
            if section.lease.is_held() && !section.was_held {
                pages.violate(Property::Resurrection, now, "a lost lock is held again".into());
            }
            if section.was_held && !section.lease.is_held() {
                pages.counts.lost += 1;
            }
            section.was_held = section.lease.is_held();
            if section.was_held {
                pages.believed(section, now);
            }
            true
        });
        let running: Vec<_> = sections.iter().filter(|s| s.was_held && !s.gate.is_shut()).collect();
        for (at, one) in running.iter().enumerate() {
            for other in &running[at + 1..] {
                let shares = |key| one.keys.contains(key) && !(one.is_shared && other.is_shared);
                if let Some(key) = other.keys.iter().find(|key| shares(key)) {
                    let told = format!("{key}: two clients believe that they hold it");
                    pages.violate(Property::Belief, now, told);
                }
            }
        }
        pages.sections = sections;
    }

    /// For how long the longest of the leases lives on.
    pub(crate) fn left(&self) -> Duration {
        let (now, pages) = (self.clock.wall(), self.pages());
        let holders = pages.leases.values().flat_map(|stored| &stored.holders);
        holders.map(|holder| holder.left(now)).max().unwrap_or_default()
    }

    /// Nothing is left: no live lease, no write that was denied and happened.
    pub(crate) fn close(&self) {
        let (now, mut pages) = (self.clock.wall(), self.pages());
        let live = pages.leases.values().flat_map(|s| &s.holders).filter(|h| h.is_live(now));
        let live = live.count();
        if live > 0 {
            let told = format!("{live} leases live on after everyone is gone");
            pages.violate(Property::Cleanliness, now, told);
        }
        let denied = pages.denied.iter().filter(|write| pages.landed.contains(write)).count();
        if denied > 0 {
            pages.violate(Property::Register, now, "a commit happened that was denied".into());
        }
    }

    pub(crate) fn violate(&self, property: Property, told: String) {
        self.pages().violate(property, self.clock.wall(), told);
    }
}

/// What a commit left, for people.
fn described(found: &[Lookup]) -> String {
    let document = |lookup: &Lookup| match &lookup.document {
        Some(document) => format!("{:?}", document.fields()),
        None => "gone".to_owned(),
    };
    let left: Vec<_> = found.iter().map(|one| format!("{}: {}", one.path, document(one))).collect();
    format!("commit\n    {}", left.join("\n    "))
}

impl Pages {
    fn violate(&mut self, property: Property, at: Timestamp, told: String) {
        self.violations.push(Violation { property, at, told });
    }

    /// Who believes in a lease must have it.
    fn believed(&mut self, section: &Section, now: Timestamp) {
        for key in &section.keys {
            let stored = self.leases.values().find(|stored| stored.key == *key);
            let holder = stored.and_then(|s| s.holders.iter().find(|h| h.id == section.id));
            if !holder.is_some_and(|holder| holder.is_live(now)) {
                let told = format!(
                    "{key}: believed in, and the lease is {}",
                    if holder.is_some() { "over" } else { "not stored" }
                );
                self.violate(Property::Lease, now, told);
            }
        }
    }

    fn fence(&mut self, path: &str, document: Option<&Document>, at: Timestamp) {
        let fence = document.and_then(|doc| doc.get("fence")).and_then(Value::as_integer);
        let before = self.fences.get(path).copied().unwrap_or(0);
        match fence {
            Some(fence) if fence >= before => drop(self.fences.insert(path.to_owned(), fence)),
            _ => {
                let told = format!("the counter went from {before} to {fence:?}");
                self.violate(Property::Fence, at, told);
            }
        }
    }

    fn lease(
        &mut self,
        path: &str,
        document: Option<&Document>,
        at: Timestamp,
        fences: &HashMap<String, i64>,
    ) {
        let old = self.leases.remove(path).unwrap_or_default();
        let Some(new) = Stored::read(document, &old, at) else {
            self.violate(Property::Store, at, "a lease document can't be read".into());
            return;
        };
        let fence_path = path.replacen("firekeep_locks", "firekeep_fences", 1);
        let fence = self.fences.get(&fence_path).copied().unwrap_or(0);
        let is_raised = fence == fences.get(&fence_path).copied().unwrap_or(0) + 1;
        let mut claimed: Vec<_> = new.holders.clone();
        claimed.retain(|holder| old.holder(&holder.id).is_none());
        if claimed.is_empty() && is_raised {
            // A claim on top of its own leavings: the entry that this commit stamped.
            let stamped = |holder: &&Holder| at.since(holder.at) < Duration::from_millis(1);
            claimed = new.holders.iter().filter(stamped).cloned().collect();
        }
        if new.holders.len() > 1 && !new.is_shared {
            self.violate(Property::Store, at, "an exclusive lease has two holders".into());
        }
        for holder in &old.holders {
            match new.holder(&holder.id) {
                Some(after) if after.at != holder.at => self.counts.extensions += 1,
                Some(_) => {}
                None if holder.is_live(at) => self.cut_short(holder, !claimed.is_empty(), at),
                None => self.counts.takeovers += u64::from(!claimed.is_empty()),
            }
        }
        if !claimed.is_empty() && !is_raised {
            self.violate(Property::Fence, at, format!("claimed, and the counter is {fence}"));
        }
        for holder in claimed {
            let claims = self.claims.entry((holder.id, new.key.clone())).or_default();
            self.counts.again += u64::from(!claims.is_empty());
            claims.push(fence);
        }
        self.leases.insert(path.to_owned(), new);
    }

    /// A commit took a live lease away.
    fn cut_short(&mut self, holder: &Holder, is_taken: bool, at: Timestamp) {
        if is_taken {
            self.violate(Property::Store, at, "a live lease was taken over".into());
        }
        self.cleared.insert(holder.id.clone(), holder.at.saturating_add(holder.ttl));
        let section = self.sections.iter().find(|section| section.id == holder.id);
        let is_believed = section.is_some_and(|section| {
            if section.gate.is_shut() { section.was_held } else { section.lease.is_held() }
        });
        if is_believed {
            self.violate(Property::Store, at, "a lease was deleted under its holder".into());
        }
    }

    fn register(&mut self, path: &str, document: Option<&Document>, at: Timestamp) {
        let Some(new) = document.and_then(Register::read) else { return };
        self.landed.insert(new.write);
        let old = self.registers.insert(path.to_owned(), new);
        let old = old.unwrap_or(Register { count: 0, fence: 0, write: 0 });
        if new.fence < old.fence {
            let told = format!("a register went back from fence {} to {}", old.fence, new.fence);
            self.violate(Property::Register, at, told);
        }
        // A commit that arrives twice leaves what it left the first time.
        if new.count != old.count + 1 && new != old {
            self.counts.lost_updates += 1;
            let told = format!("an update was lost: {} after {}", new.count, old.count);
            self.violate(Property::Register, at, told);
        }
    }
}

impl fmt::Debug for Book {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Book").finish_non_exhaustive()
    }
}
