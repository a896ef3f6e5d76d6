//! Whether the calls on each key could have happened one after the other, on a mutex with an owner.
//!
//! A search after Wing and Gong, with the memory of Lowe: an order of the calls is looked for that
//! respects which ended before which began, and in which each answer is what the mutex would say. A
//! call without an answer may have happened at any time since, or never. Leases outlast the run, so
//! that expiry is no part of the model.
//!
//! A request to acquire that came too late for its caller may take a free key all the same ([`orphan`]).
//! Where it did, or may have done, the model has it too, and it is counted.

use std::collections::{BTreeMap, HashMap, HashSet};

use super::{Promise, Verdict, orphan};
use crate::history::{Call, Event, Line, Outcome};

/// A call on a key.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Op {
    invoked: u64,
    /// `None` if it never ended.
    returned: Option<u64>,
    action: Action,
}

/// What a call does to the mutex, and what was answered: `None` if nothing was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Action {
    /// The number of the acquisition is the owner's name.
    Acquire(u64, Option<bool>),
    Extend(u64, Option<bool>),
    Release(u64, Option<bool>),
    IsLocked(bool),
}

type Owner = Option<u64>;

impl Action {
    /// The mutex afterwards, or `None` if it would have answered otherwise.
    fn apply(self, owner: Owner) -> Option<Owner> {
        let (after, would_say, said) = match self {
            Self::Acquire(turn, said) => (owner.or(Some(turn)), owner.is_none(), said),
            Self::Extend(turn, said) => (owner, owner == Some(turn), said),
            Self::Release(turn, said) => {
                let is_owner = owner == Some(turn);
                (if is_owner { None } else { owner }, is_owner, said)
            }
            Self::IsLocked(said) => (owner, owner.is_some(), Some(said)),
        };
        said.is_none_or(|said| said == would_say).then_some(after)
    }
}

/// Checks every key.
pub fn check(lines: &[Line], verdict: &mut Verdict) {
    for (key, ops) in operations(lines, verdict) {
        verdict.count("keys searched");
        *verdict.counts.entry("calls searched").or_default() += ops.len() as u64;
        match search(&ops) {
            Some(true) => {}
            Some(false) => {
                let what = format!("`{key}`: no order explains its {} calls", ops.len());
                verdict.violate(Promise::Linear, what);
            }
            None => verdict.count("keys given up"),
        }
    }
}

fn operations<'a>(lines: &'a [Line], verdict: &mut Verdict) -> BTreeMap<&'a str, Vec<Op>> {
    let returns: HashMap<u64, (u64, &Outcome)> = lines
        .iter()
        .filter_map(|line| match &line.event {
            Event::Return { op, outcome } => Some((*op, (line.at, outcome))),
            _ => None,
        })
        .collect();
    let mut keys = BTreeMap::<&str, Vec<Op>>::new();
    for line in lines {
        let Event::Invoke { op, key, call } = &line.event else { continue };
        let ops = keys.entry(key).or_default();
        let returned = returns.get(op).copied();
        ops.extend(calls(*op, *call, line.at, returned));
    }
    for (n, at, key) in orphan::orphans(lines) {
        verdict.count("possible orphans");
        // The number of a request is no number of a call.
        let one = |action| Op { invoked: at, returned: None, action };
        let ops = keys.entry(key).or_default();
        ops.extend([one(Action::Acquire(!n, None)), one(Action::Release(!n, None))]);
    }
    keys
}

fn calls(op: u64, call: Call, invoked: u64, returned: Option<(u64, &Outcome)>) -> Vec<Op> {
    let answer = returned.and_then(|(_, outcome)| match outcome {
        Outcome::Won { .. } | Outcome::Done => Some(true),
        Outcome::Held | Outcome::Lost => Some(false),
        Outcome::Locked(locked) => Some(*locked),
        Outcome::Failed(_) => None,
    });
    let one = |action| Op { invoked, returned: answer.and(returned).map(|(at, _)| at), action };
    match call {
        // An acquisition that failed may have been won, and is then given up at some later time.
        Call::Acquire if answer.is_none() && returned.is_some() => {
            vec![one(Action::Acquire(op, None)), one(Action::Release(op, None))]
        }
        Call::Acquire => vec![one(Action::Acquire(op, answer))],
        Call::Extend(turn) => vec![one(Action::Extend(turn, answer))],
        Call::Release(turn) => vec![one(Action::Release(turn, answer))],
        Call::IsLocked => answer.map(|locked| one(Action::IsLocked(locked))).into_iter().collect(),
        Call::Raise(_) | Call::RaisePlainly(_) => vec![],
    }
}

/// Whether an order exists; `None` if the search takes too long.
fn search(ops: &[Op]) -> Option<bool> {
    let mut seen = HashSet::new();
    let mut stack = vec![(Done::none(ops.len()), None)];
    while let Some((done, owner)) = stack.pop() {
        if seen.len() > PATIENCE {
            return None;
        }
        if !seen.insert((done.clone(), owner)) {
            continue;
        }
        let waiting = || ops.iter().enumerate().filter(|(at, _)| !done.has(*at));
        // Nothing may go before a call that ended before it began.
        let Some(horizon) = waiting().filter_map(|(_, op)| op.returned).min() else {
            return Some(true);
        };
        for (at, op) in waiting().filter(|(_, op)| op.invoked <= horizon) {
            if let Some(after) = op.action.apply(owner) {
                // A call that never ended and would change nothing need not happen.
                if op.returned.is_some() || after != owner {
                    stack.push((done.with(at), after));
                }
            }
        }
    }
    Some(false)
}

/// Which calls are in the order so far.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Done(Box<[u64]>);

impl Done {
    fn none(ops: usize) -> Self {
        Self(vec![0; ops.div_ceil(64)].into())
    }

    fn has(&self, at: usize) -> bool {
        self.0[at / 64] >> (at % 64) & 1 == 1
    }

    fn with(&self, at: usize) -> Self {
        let mut done = self.clone();
        done.0[at / 64] |= 1 << (at % 64);
        done
    }
}

/// How many states a search looks at before it gives up.
const PATIENCE: usize = 2_000_000;

#[cfg(test)]
mod tests {
    use super::super::made::{applied, invoke, lines, promises, returned, sent, take, won};
    use super::*;
    use crate::history::{Answer, Change, Found};

    fn found(events: Vec<(u64, u32, Event)>) -> Vec<Promise> {
        let mut verdict = Verdict::default();
        check(&lines(events), &mut verdict);
        promises(&verdict)
    }

    fn acquire(from: u64, to: u64, op: u64) -> [(u64, u32, Event); 2] {
        [(from, 1, invoke(op, Call::Acquire)), (to, 1, won(op, &op.to_string(), op, 0))]
    }

    fn call(from: u64, to: u64, op: u64, call: Call, outcome: Outcome) -> [(u64, u32, Event); 2] {
        [(from, 1, invoke(op, call)), (to, 1, returned(op, outcome))]
    }

    #[test]
    fn one_after_the_other_passes() {
        let mut events = vec![];
        events.extend(acquire(1, 2, 1));
        events.extend(call(3, 4, 2, Call::Acquire, Outcome::Held));
        events.extend(call(3, 9, 3, Call::IsLocked, Outcome::Locked(true)));
        events.extend(call(5, 6, 4, Call::Extend(1), Outcome::Done));
        events.extend(call(7, 8, 5, Call::Release(1), Outcome::Done));
        events.extend(acquire(9, 10, 6));
        events.extend(call(11, 12, 7, Call::Release(1), Outcome::Lost));
        assert_eq!(found(events), []);
    }

    #[test]
    fn two_owners_are_found() {
        let mut events = vec![];
        events.extend(acquire(1, 2, 1));
        events.extend(acquire(3, 4, 2));
        assert_eq!(found(events), [Promise::Linear]);
    }

    #[test]
    fn an_answer_from_the_past_is_found() {
        let mut events = vec![];
        events.extend(acquire(1, 2, 1));
        events.extend(call(3, 4, 2, Call::IsLocked, Outcome::Locked(false)));
        assert_eq!(found(events.clone()), [Promise::Linear]);
        events.extend(call(3, 5, 3, Call::Release(1), Outcome::Done));
        assert_eq!(found(events), [], "the release was under way");
    }

    #[test]
    fn held_by_nobody_and_a_release_that_did_nothing_are_found() {
        let held = call(1, 2, 1, Call::Acquire, Outcome::Held);
        assert_eq!(found(held.to_vec()), [Promise::Linear]);
        let mut events = acquire(1, 2, 1).to_vec();
        events.extend(call(3, 4, 2, Call::Release(1), Outcome::Lost));
        assert_eq!(found(events), [Promise::Linear]);
    }

    #[test]
    fn a_call_without_an_answer_may_have_happened_and_stays_open() {
        let mut events = vec![(1, 1, invoke(1, Call::Acquire))];
        events.extend(call(5, 6, 2, Call::Acquire, Outcome::Held));
        events.extend(call(7, 8, 3, Call::IsLocked, Outcome::Locked(true)));
        assert_eq!(found(events.clone()), [], "it was won by the one that was killed");
        events.extend(acquire(9, 10, 4));
        assert_eq!(found(events), [Promise::Linear], "nobody released it");
        let mut failed = vec![
            (1, 1, invoke(1, Call::Acquire)),
            (2, 1, returned(1, Outcome::Failed("unavailable".into()))),
        ];
        failed.extend(call(3, 4, 2, Call::Acquire, Outcome::Held));
        failed.extend(acquire(5, 6, 3));
        assert_eq!(found(failed), [], "what failed was cleared away");
    }

    #[test]
    fn a_late_request_that_takes_the_key_again_is_known_and_nothing_else_is_excused() {
        let mut events = acquire(1, 2, 1).to_vec();
        events.extend(call(3, 4, 2, Call::Release(1), Outcome::Done));
        events.extend(call(6, 7, 3, Call::Acquire, Outcome::Held));
        let take =
            |n, time| [(5, 1, sent(n, take("1"), None)), (5, 1, applied(n, time, None, None))];
        events.extend(take(1, 10));
        assert_eq!(found(events.clone()), [Promise::Linear], "it was released");
        events.extend(take(2, 20));
        assert_eq!(found(events), []);
    }

    #[test]
    fn a_late_request_of_one_who_was_told_no_is_known() {
        let mut events = acquire(1, 2, 1).to_vec();
        let take = |at, n, id, time| {
            [(at, 1, sent(n, take(id), None)), (at, 1, applied(n, time, None, None))]
        };
        events.extend(take(1, 1, "1", 10));
        events.extend(call(2, 3, 2, Call::Acquire, Outcome::Held));
        events.extend(call(3, 4, 3, Call::Release(1), Outcome::Done));
        events.extend(call(6, 7, 4, Call::Acquire, Outcome::Held));
        assert_eq!(found(events.clone()), [Promise::Linear], "nobody was seen to take it");
        events.extend(take(5, 2, "late", 20));
        assert_eq!(found(events.clone()), []);
        events.extend(acquire(8, 9, 5));
        assert_eq!(found(events), [], "and cleared away");
    }

    #[test]
    fn one_whose_answer_was_lost_is_known_by_what_it_left() {
        let mut events = acquire(1, 2, 1).to_vec();
        events.push((1, 1, sent(1, take("1"), None)));
        events.push((1, 1, applied(1, 10, None, None)));
        events.extend(call(2, 3, 2, Call::Acquire, Outcome::Held));
        events.push((2, 1, sent(2, take("late"), None)));
        events.push((2, 1, Event::Answered { n: 2, answer: Answer::Unknown }));
        events.push((3, 1, sent(3, Change::Leave, Some(10))));
        events.extend(call(3, 4, 3, Call::Release(1), Outcome::Done));
        events.extend(call(6, 7, 4, Call::Acquire, Outcome::Held));
        assert_eq!(found(events.clone()), [Promise::Linear], "it may have come to nothing");
        let seen = |version| {
            let found = Found { version, holders: vec![] };
            (9, 0, Event::Seen { lease: "l".into(), read_time: 2_001, found: Some(found) })
        };
        let and = |more: (u64, u32, Event)| [&events[..], &[more]].concat();
        assert_eq!(found(and(seen(10))), [Promise::Linear], "the winner's own");
        assert_eq!(found(and(seen(20))), [Promise::Linear], "of the time at which the winner won");
        assert_eq!(found(and(seen(2_000))), []);
        assert_eq!(found(and((8, 1, sent(4, Change::Leave, Some(2_000))))), [], "cleared away");
    }

    #[test]
    fn a_winner_may_have_asked_twice() {
        let mut events = vec![(0, 1, sent(0, take("1"), None))];
        events.extend(acquire(1, 2, 1));
        events.push((2, 1, sent(1, take("1"), None)));
        events.push((2, 1, applied(1, 10_000, None, None)));
        events.extend(call(3, 4, 2, Call::Release(1), Outcome::Done));
        events.extend(call(6, 7, 3, Call::Acquire, Outcome::Held));
        assert_eq!(found(events.clone()), [Promise::Linear], "the other may have come to nothing");
        let late = Found { version: 20_000, holders: vec![("1".into(), 20_000, 1)] };
        events.push((
            9,
            0,
            Event::Seen { lease: "l".into(), read_time: 20_001, found: Some(late) },
        ));
        assert_eq!(found(events), []);
    }

    #[test]
    fn what_a_winner_asked_for_twice_may_be_cleared_away_by_its_release() {
        let mut events = acquire(1, 2, 1).to_vec();
        let take =
            |n, time| [(1, 1, sent(n, take("1"), None)), (2, 1, applied(n, time, None, None))];
        events.extend(take(1, 10));
        events.extend(take(2, 20));
        // Its answer is lost and it is made again, after another's turn.
        events.extend(call(3, 20, 2, Call::Release(1), Outcome::Done));
        events.extend(acquire(4, 5, 3));
        events.extend(call(6, 7, 4, Call::Release(3), Outcome::Done));
        events.extend(call(8, 9, 5, Call::Acquire, Outcome::Held));
        events.extend(acquire(21, 22, 6));
        assert_eq!(found(events), []);
    }

    #[test]
    fn many_calls_at_once_are_searched_in_time() {
        let mut events = vec![];
        for op in 0..40 {
            events.extend(call(1, 100, 1_000 + op, Call::Acquire, Outcome::Held));
        }
        events.extend(acquire(1, 100, 1));
        assert_eq!(found(events), []);
    }
}
