//! The versions that are kept, in the order in which they came, and who has been told how many.

use std::collections::{BTreeMap, HashMap, HashSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use firekeep_core::{DocPath, Timestamp};

use crate::aggregate::Scope;
use crate::hub::End;
use crate::hub::order::{Order, Seq};
use crate::hub::waiters::Waiters;
use crate::key::Key;
use crate::state::State;

/// How far the time moves, while only others change, before a subscriber is told.
const PULSE: Duration = Duration::from_secs(30);

/// What a hub knows of the past of a job: as much as the store keeps.
#[derive(Debug)]
pub(super) struct Ledger {
    kept: BTreeMap<Seq, Kept>,
    by_path: HashMap<DocPath, Seq>,
    cells: HashMap<Key, OfCell>,
    order: Order,
    seq: Seq,
    fold: Option<(Seq, Timestamp)>,
    time: Timestamp,
    pulse: Timestamp,
    end: Option<End>,
    seats: HashMap<u64, Seat>,
    pub(super) waiters: Waiters,
}

/// A version that is kept.
#[derive(Debug)]
pub(super) struct Kept {
    pub(super) path: DocPath,
    /// None where the name of the document is not that of a version.
    pub(super) place: Option<(Key, u64)>,
    pub(super) committed: Timestamp,
    pub(super) content: Content,
}

#[derive(Debug)]
pub(super) enum Content {
    State(Arc<State>),
    Corrupt(Arc<str>),
}

/// The versions of a cell that are kept, ascending, and the last that ever was.
#[derive(Debug, Default)]
struct OfCell {
    kept: VecDeque<(u64, Seq)>,
    last: u64,
}

/// A subscriber.
#[derive(Debug)]
struct Seat {
    scope: Scope,
    since: Option<Timestamp>,
    at: Seq,
    lost: Option<String>,
}

impl Ledger {
    pub(super) fn new(now: Timestamp) -> Self {
        Self {
            kept: BTreeMap::new(),
            by_path: HashMap::new(),
            cells: HashMap::new(),
            order: Order::default(),
            seq: 0,
            fold: None,
            time: now,
            pulse: now,
            end: None,
            seats: HashMap::new(),
            waiters: Waiters::default(),
        }
    }

    /// Takes over all that is kept at `time`.
    pub(super) fn replace(&mut self, kept: Vec<Kept>, time: Timestamp) {
        let present: HashSet<&DocPath> = kept.iter().map(|kept| &kept.path).collect();
        let gone = self.by_path.keys().filter(|path| !present.contains(path));
        let dropped: Vec<_> = gone.cloned().collect();
        self.apply(kept, &dropped, time);
        if self.fold.is_none() {
            self.fold = Some((self.seq, time));
            let seats: Vec<_> = self.seats.keys().copied().collect();
            seats.into_iter().for_each(|id| self.check_since(id));
            self.waiters.touch_all();
        }
    }

    /// Takes over what is kept and dropped up to `time`.
    pub(super) fn apply(&mut self, mut kept: Vec<Kept>, dropped: &[DocPath], time: Timestamp) {
        kept.retain(|kept| !self.by_path.contains_key(&kept.path));
        // Of a cell, marks that came with one commit aside, the versions ascend with their times.
        kept.sort_by_cached_key(|kept| (kept.committed, kept.place.clone()));
        kept.into_iter().for_each(|kept| self.keep(kept));
        dropped.iter().for_each(|path| self.drop_version(path));
        self.time = self.time.max(time);
        if self.time.since(self.pulse) >= PULSE {
            self.touch_all();
        }
    }

    pub(super) fn checkpoint(&mut self, time: Timestamp) {
        self.time = self.time.max(time);
        self.touch_all();
    }

    pub(super) fn end(&mut self, end: End) {
        self.end.get_or_insert(end);
        self.waiters.touch_all();
    }

    pub(super) fn ended(&self) -> Option<&End> {
        self.end.as_ref()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.fold.is_some() && self.kept.is_empty()
    }

    pub(super) fn fold(&self) -> Option<(Seq, Timestamp)> {
        self.fold
    }

    pub(super) fn seq(&self) -> Seq {
        self.seq
    }

    pub(super) fn time(&self) -> Timestamp {
        self.time
    }

    pub(super) fn pulse(&self) -> Timestamp {
        self.pulse
    }

    /// A place at the start, for somebody who wants what was committed after `since`.
    pub(super) fn seat(&mut self, scope: &Scope, since: Option<Timestamp>) -> u64 {
        let id = self.waiters.enter();
        self.seats.insert(id, Seat { scope: scope.clone(), since, at: 0, lost: None });
        if self.fold.is_some() {
            self.check_since(id);
        }
        id
    }

    pub(super) fn leave(&mut self, id: u64, scope: &Scope) {
        self.seats.remove(&id);
        self.waiters.leave(id, scope);
    }

    /// Up to where somebody has been told.
    pub(super) fn place(&self, id: u64) -> Seq {
        self.seats.get(&id).map_or(Seq::MAX, |seat| seat.at)
    }

    pub(super) fn advance(&mut self, id: u64, seq: Seq) {
        if let Some(seat) = self.seats.get_mut(&id) {
            seat.at = seq;
        }
    }

    /// Why somebody can't be told everything any more.
    pub(super) fn lost(&self, id: u64) -> Option<String> {
        self.seats.get(&id).and_then(|seat| seat.lost.clone())
    }

    /// What comes first after `seq`, in `scope`.
    pub(super) fn after(&self, scope: &Scope, seq: Seq) -> Option<(Seq, &Kept)> {
        let next = match scope {
            Scope::Cell(key) => {
                let kept = &self.cells.get(key)?.kept;
                kept.get(kept.partition_point(|(_, at)| *at <= seq))?.1
            }
            scope => self.order.after(scope, seq)?.0,
        };
        Some((next, self.kept.get(&next)?))
    }

    fn keep(&mut self, kept: Kept) {
        self.seq += 1;
        let seq = self.seq;
        if let Some((key, version)) = &kept.place {
            let last = self.cells.get(key).map_or(0, |cell| cell.last);
            if *version <= last {
                return;
            }
            if *version > last + 1 {
                self.skip_to(key, *version);
            }
            let cell = self.cells.entry(key.clone()).or_default();
            cell.last = *version;
            cell.kept.push_back((*version, seq));
        }
        let key = kept.place.as_ref().map(|(key, _)| key);
        self.order.insert(key, seq, 0);
        self.waiters.touch(key);
        self.by_path.insert(kept.path.clone(), seq);
        self.kept.insert(seq, kept);
    }

    /// Notes that versions of `key` before `version` never came. Those before them lead nowhere.
    fn skip_to(&mut self, key: &Key, version: u64) {
        let stale = self.cells.get_mut(key).map(|cell| std::mem::take(&mut cell.kept));
        for (_, seq) in stale.into_iter().flatten() {
            self.order.remove(Some(key), seq, 0);
            if let Some(kept) = self.kept.remove(&seq) {
                self.by_path.remove(&kept.path);
            }
        }
        // What was dropped before anybody watched is nobody's loss.
        if self.fold.is_some() {
            self.lose(key, |_| true, version - 1);
        }
    }

    fn drop_version(&mut self, path: &DocPath) {
        let Some(seq) = self.by_path.remove(path) else { return };
        let Some(kept) = self.kept.remove(&seq) else { return };
        let key = kept.place.as_ref().map(|(key, _)| key);
        self.order.remove(key, seq, 0);
        let Some((key, version)) = &kept.place else { return };
        if let Some(cell) = self.cells.get_mut(key) {
            cell.kept.retain(|(_, at)| *at != seq);
        }
        let is_due =
            |seat: &Seat| seat.at < seq && seat.since.is_none_or(|since| kept.committed > since);
        self.lose(key, is_due, *version);
    }

    /// Notes that those who follow `key` and for whom `holds` is true miss its `version`.
    fn lose(&mut self, key: &Key, holds: impl Fn(&Seat) -> bool, version: u64) {
        let mut has_lost = false;
        for seat in self.seats.values_mut().filter(|seat| seat.scope.holds(key) && holds(seat)) {
            let reason = || format!("version {version} of `{key}` was dropped before it was told");
            seat.lost.get_or_insert_with(reason);
            has_lost = true;
        }
        if has_lost {
            self.waiters.touch(Some(key));
        }
    }

    /// Notes whether somebody who wants what came after a time can't be told all of it.
    fn check_since(&mut self, id: u64) {
        let Some(seat) = self.seats.get(&id) else { return };
        let Some(since) = seat.since else { return };
        let is_whole = |cell: &OfCell| {
            let times = cell
                .kept
                .iter()
                .filter_map(|(version, seq)| Some((*version, self.kept.get(seq)?.committed)));
            let mut last_known = 0;
            for (version, committed) in times {
                if committed > since {
                    return version == last_known + 1;
                }
                last_known = version;
            }
            true
        };
        let mut cells = self.cells.iter().filter(|(key, _)| seat.scope.holds(key));
        let lost = cells.find(|(_, cell)| !is_whole(cell)).map(|(key, _)| {
            format!("versions of `{key}` that came after it may have been dropped")
        });
        if let Some(seat) = self.seats.get_mut(&id) {
            seat.lost = lost;
        }
    }

    fn touch_all(&mut self) {
        self.pulse = self.time;
        self.waiters.touch_all();
    }
}

impl Content {
    /// When it was committed; `updated` where nobody can tell.
    pub(super) fn committed(&self, updated: Timestamp) -> Timestamp {
        match self {
            Self::State(state) => state.committed_at,
            Self::Corrupt(_) => updated,
        }
    }
}
