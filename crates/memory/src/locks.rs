//! Who may write what pessimistic transactions have read.
//!
//! A read locks what it read for others' writes, missing documents included; a query locks its
//! whole collection or group, as the emulator does. A commit needs every document that it writes
//! free of others' locks, waits in line until it is, and applies at once: so nobody ever *holds* an
//! exclusive lock. A read waits behind a writer that was first in line, or else writers starve.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::task::Waker;

use firekeep_core::{DocPath, Scope};

use crate::state::State;
use crate::txn::{Footprint, Seq};

/// The locks held, and who waits for one.
#[derive(Debug, Default)]
pub(crate) struct Locks {
    documents: HashMap<DocPath, Vec<Seq>>,
    scopes: HashMap<Scope, Vec<Seq>>,
    held: HashMap<Seq, Vec<Key>>,
    waiting: BTreeMap<Ticket, Waiting>,
    next: Ticket,
}

/// A place in line.
pub(crate) type Ticket = u64;

/// What a lock is on.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Key {
    Document(DocPath),
    Scope(Scope),
}

/// What someone wants to do.
#[derive(Clone, Debug)]
pub(crate) enum Wants {
    /// Reading, for a transaction.
    Read(Footprint),
    /// Writing these documents.
    Write(Vec<DocPath>),
}

/// Someone in line. Without an owner it is a plain write, which holds nothing.
#[derive(Debug)]
struct Waiting {
    owner: Option<Seq>,
    wants: Wants,
    waker: Waker,
}

/// Someone who may wait for another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Party {
    Txn(Seq),
    Plain(Ticket),
}

/// The answer to a request for locks.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Attempt {
    /// The request may go on at once; what it reads is locked.
    Granted,
    /// The request is in line and will be woken.
    Waits,
    /// The transaction is the youngest of several that wait for each other.
    Deadlock,
}

impl Locks {
    /// Whether nothing is locked and nobody waits.
    pub(crate) fn is_idle(&self) -> bool {
        self.held.is_empty() && self.waiting.is_empty()
    }

    /// Whether no transaction has locked `path`.
    pub(crate) fn is_free(&self, path: &DocPath) -> bool {
        self.is_idle() || self.holders(path).next().is_none()
    }

    /// Gives a place in line back.
    pub(crate) fn leave(&mut self, ticket: Ticket, wake: &mut Vec<Waker>) {
        if self.waiting.remove(&ticket).is_some() {
            self.wake_free(wake);
        }
    }

    /// Gives up all locks and places in line of `seq`, and wakes it in case it waits.
    pub(crate) fn release(&mut self, seq: Seq, wake: &mut Vec<Waker>) {
        for key in self.held.remove(&seq).unwrap_or_default() {
            match key {
                Key::Document(path) => drop_holder(&mut self.documents, &path, seq),
                Key::Scope(scope) => drop_holder(&mut self.scopes, &scope, seq),
            }
        }
        self.waiting.retain(|_, waiting| {
            let is_own = waiting.owner == Some(seq);
            wake.extend(is_own.then(|| waiting.waker.clone()));
            !is_own
        });
        self.wake_free(wake);
    }

    fn wake_free(&self, wake: &mut Vec<Waker>) {
        let free = self.waiting.iter().filter(|(ticket, waiting)| {
            self.blockers(waiting.owner, &waiting.wants, Some(**ticket)).is_empty()
        });
        wake.extend(free.map(|(_, waiting)| waiting.waker.clone()));
    }

    fn hold(&mut self, seq: Seq, footprint: &Footprint) {
        match footprint {
            Footprint::Documents(paths) => paths.iter().for_each(|path| {
                self.hold_key(seq, Key::Document(path.clone()));
            }),
            Footprint::Query(query) => self.hold_key(seq, Key::Scope(query.scope().clone())),
        }
    }

    fn hold_key(&mut self, seq: Seq, key: Key) {
        let holders = match &key {
            Key::Document(path) => self.documents.entry(path.clone()).or_default(),
            Key::Scope(scope) => self.scopes.entry(scope.clone()).or_default(),
        };
        if !holders.contains(&seq) {
            holders.push(seq);
            self.held.entry(seq).or_default().push(key);
        }
    }

    /// The transactions that have locked `path`.
    fn holders<'a>(&'a self, path: &'a DocPath) -> impl Iterator<Item = Seq> + 'a {
        let scopes = self.scopes.iter().filter(|(scope, _)| scope.holds(path));
        let documents = self.documents.get(path).into_iter();
        documents.chain(scopes.map(|(_, holders)| holders)).flatten().copied()
    }

    /// For whom the request has to wait.
    fn blockers(&self, owner: Option<Seq>, wants: &Wants, ticket: Option<Ticket>) -> Vec<Party> {
        let earlier = self.waiting.range(..ticket.unwrap_or(Ticket::MAX));
        let earlier = earlier
            .filter(|(_, other)| other.owner.is_none() || other.owner != owner)
            .filter(|(_, other)| conflict(wants, &other.wants))
            .map(|(ticket, other)| party(other.owner, *ticket));
        let mut blockers: Vec<Party> = earlier.collect();
        if let Wants::Write(paths) = wants {
            let holders = paths.iter().flat_map(|path| self.holders(path));
            blockers.extend(holders.filter(|seq| Some(*seq) != owner).map(Party::Txn));
        }
        blockers
    }

    /// For whom `party` waits.
    fn waits_for(&self, party: Party) -> Vec<Party> {
        let own = self.waiting.iter().filter(|(ticket, waiting)| match party {
            Party::Txn(seq) => waiting.owner == Some(seq),
            Party::Plain(own) => **ticket == own,
        });
        own.flat_map(|(ticket, w)| self.blockers(w.owner, &w.wants, Some(*ticket))).collect()
    }

    /// The transactions of a circle of waiting through `start`, if there is one.
    fn circle(&self, start: Party) -> Option<Vec<Seq>> {
        fn walk(
            locks: &Locks,
            start: Party,
            at: Party,
            seen: &mut HashSet<Party>,
            path: &mut Vec<Party>,
        ) -> bool {
            path.push(at);
            for next in locks.waits_for(at) {
                if next == start || (seen.insert(next) && walk(locks, start, next, seen, path)) {
                    return true;
                }
            }
            path.pop();
            false
        }
        let mut path = Vec::new();
        walk(self, start, start, &mut HashSet::new(), &mut path).then(|| {
            path.into_iter()
                .filter_map(|party| if let Party::Txn(seq) = party { Some(seq) } else { None })
                .collect()
        })
    }
}

fn party(owner: Option<Seq>, ticket: Ticket) -> Party {
    owner.map_or(Party::Plain(ticket), Party::Txn)
}

fn drop_holder<K: std::hash::Hash + Eq>(map: &mut HashMap<K, Vec<Seq>>, key: &K, seq: Seq) {
    if let Some(holders) = map.get_mut(key) {
        holders.retain(|holder| *holder != seq);
        if holders.is_empty() {
            map.remove(key);
        }
    }
}

/// Whether one of two requests has to let the other pass: reads get along with each other, and
/// writes too, as each of them is over at once.
fn conflict(wants: &Wants, other: &Wants) -> bool {
    match (wants, other) {
        (Wants::Read(footprint), Wants::Write(paths)) => match footprint {
            Footprint::Documents(read) => paths.iter().any(|path| read.contains(path)),
            Footprint::Query(query) => paths.iter().any(|path| query.scope().holds(path)),
        },
        _ => false,
    }
}

impl State {
    /// Asks for locks, and for a place in line if they are not free.
    ///
    /// Several transactions that wait for each other never would go on: the youngest aborts. A read
    /// that would close such a circle only by its good manners does not wait.
    pub(crate) fn attempt(
        &mut self,
        owner: Option<Seq>,
        wants: &Wants,
        place: &mut Option<Ticket>,
        waker: &Waker,
    ) -> Attempt {
        while !self.locks.blockers(owner, wants, *place).is_empty() {
            let ticket = self.locks.queue(owner, wants, *place, waker);
            *place = Some(ticket);
            let Some(circle) = self.locks.circle(party(owner, ticket)) else {
                return Attempt::Waits;
            };
            if matches!(wants, Wants::Read(_)) {
                break;
            }
            let Some(youngest) = self.youngest(circle) else { return Attempt::Waits };
            if Some(youngest) == owner {
                return Attempt::Deadlock;
            }
            self.abort(youngest);
        }
        if let (Wants::Read(footprint), Some(seq)) = (wants, owner) {
            self.locks.hold(seq, footprint);
        }
        Attempt::Granted
    }

    fn youngest(&self, txns: Vec<Seq>) -> Option<Seq> {
        txns.into_iter().max_by_key(|seq| (self.txns.get(*seq).map(|txn| txn.age), *seq))
    }

    /// Takes a transaction's locks away; it learns of it at its next request.
    fn abort(&mut self, seq: Seq) {
        if let Some(txn) = self.txns.get_mut(seq) {
            txn.is_aborted = true;
        }
        self.locks.release(seq, &mut self.wake);
    }
}

impl Locks {
    fn queue(
        &mut self,
        owner: Option<Seq>,
        wants: &Wants,
        place: Option<Ticket>,
        waker: &Waker,
    ) -> Ticket {
        let ticket = place.unwrap_or_else(|| {
            self.next += 1;
            self.next
        });
        let waiting = Waiting { owner, wants: wants.clone(), waker: waker.clone() };
        self.waiting.insert(ticket, waiting);
        ticket
    }
}
