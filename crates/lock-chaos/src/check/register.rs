//! What fences and guarded commits protect: a register in the store, and one outside of it.

use std::collections::{BTreeMap, HashMap, HashSet};

use super::turn::{Turn, raised};
use super::{Promise, Verdict, belief};
use crate::history::{Call, Entry, Event, Line, Outcome};

/// In the order of commits, each entry of the journal continues the one before, with no lower fence;
/// what was told to be done is there once, and what was told to be refused is not.
pub fn check_journal(lines: &[Line], verdict: &mut Verdict) {
    let mut journal = BTreeMap::<&str, Vec<&Entry>>::new();
    for line in lines {
        if let Event::Entry(entry) = &line.event {
            journal.entry(&entry.key).or_default().push(entry);
            verdict.count("guarded commits");
        }
    }
    for (key, entries) in &mut journal {
        entries.sort_by_key(|entry| entry.time);
        check_entries(key, entries, verdict);
    }
    let there: HashSet<_> = journal.values().flatten().map(|entry| entry.op).collect();
    for op in raised(lines).filter(|op| !there.contains(op)) {
        verdict.violate(Promise::Register, format!("call {op:x} was done and left no entry"));
    }
    for op in refused(lines).filter(|op| there.contains(op)) {
        verdict.violate(Promise::Truth, format!("call {op:x} was told that nothing was written"));
    }
}

fn check_entries(key: &str, entries: &[&Entry], verdict: &mut Verdict) {
    let (mut value, mut fence) = (0, 0);
    for entry in entries {
        if entry.from != value {
            let what = format!("`{key}`: {} was raised when it was {value}", entry.from);
            verdict.violate(Promise::Register, what);
        }
        if entry.fence < fence {
            let what = format!("`{key}`: fence {} wrote after {fence}", entry.fence);
            verdict.violate(Promise::Register, what);
        }
        (value, fence) = (entry.from + 1, entry.fence.max(fence));
    }
}

/// The guarded commits that were told that the lock was lost.
fn refused(lines: &[Line]) -> impl Iterator<Item = u64> {
    let calls: HashSet<_> = lines
        .iter()
        .filter_map(|line| match line.event {
            Event::Invoke { op, call: Call::Raise(_), .. } => Some(op),
            _ => None,
        })
        .collect();
    lines.iter().filter_map(move |line| match line.event {
        Event::Return { op, outcome: Outcome::Lost } if calls.contains(&op) => Some(op),
        _ => None,
    })
}

/// The register outside of the store accepts only rising fences, one lock id each, and has a reason to
/// refuse: nobody is refused who still believes in the lock.
pub fn check_asked(lines: &[Line], turns: &[Turn], verdict: &mut Verdict) {
    let turns: HashMap<_, _> = turns.iter().map(|turn| (turn.op, turn)).collect();
    let mut last = HashMap::<&str, (u64, &str)>::new();
    for line in lines {
        let Event::Asked { key, turn, id, fence, accepted } = &line.event else { continue };
        verdict.count(if *accepted { "register writes" } else { "register refusals" });
        let before = last.get(key.as_str());
        if !*accepted {
            let believed = turns.get(turn).is_some_and(|turn| {
                belief::spans(turn).any(|(from, until)| from < line.at && line.at < until)
            });
            if believed {
                let what = format!("`{key}`: {id} was refused while it believed in its lock");
                verdict.violate(Promise::Belief, what);
            }
            continue;
        }
        if before.is_some_and(|(f, i)| fence < f || (fence == f && id != i)) {
            let what = format!("`{key}`: fence {fence} of {id} was taken after {before:?}");
            verdict.violate(Promise::Register, what);
        }
        last.insert(key, (*fence, id));
    }
}

#[cfg(test)]
mod tests {
    use super::super::made::{invoke, lines, promises, returned, won};
    use super::super::turn::turns;
    use super::*;

    fn entry(op: u64, time: i64, from: i64, fence: u64) -> (u64, u32, Event) {
        (100, 0, Event::Entry(Entry { key: "k".into(), op, time, from, fence }))
    }

    fn journal(events: Vec<(u64, u32, Event)>) -> Vec<Promise> {
        let mut verdict = Verdict::default();
        check_journal(&lines(events), &mut verdict);
        promises(&verdict)
    }

    #[test]
    fn entries_that_continue_each_other_pass() {
        assert_eq!(journal(vec![entry(2, 20, 1, 3), entry(1, 10, 0, 3), entry(3, 30, 2, 4)]), []);
    }

    #[test]
    fn a_lost_update_and_a_late_writer_are_found() {
        assert_eq!(journal(vec![entry(1, 10, 0, 1), entry(2, 20, 0, 2)]), [Promise::Register]);
        assert_eq!(journal(vec![entry(1, 10, 0, 2), entry(2, 20, 1, 1)]), [Promise::Register]);
    }

    #[test]
    fn answers_are_held_against_the_journal() {
        let call = |outcome| vec![(1, 1, invoke(1, Call::Raise(9))), (2, 1, returned(1, outcome))];
        assert_eq!(journal(call(Outcome::Done)), [Promise::Register]);
        assert_eq!(journal(call(Outcome::Lost)), []);
        let mut lied = call(Outcome::Lost);
        lied.push(entry(1, 10, 0, 1));
        assert_eq!(journal(lied), [Promise::Truth]);
        let mut done = call(Outcome::Done);
        done.push(entry(1, 10, 0, 1));
        assert_eq!(journal(done), []);
    }

    fn asked(at: u64, turn: u64, id: &str, fence: u64, accepted: bool) -> (u64, u32, Event) {
        (at, 0, Event::Asked { key: "k".into(), turn, id: id.into(), fence, accepted })
    }

    fn outside(events: Vec<(u64, u32, Event)>) -> Vec<Promise> {
        let lines = lines(events);
        let mut verdict = Verdict::default();
        check_asked(&lines, &turns(&lines), &mut verdict);
        promises(&verdict)
    }

    #[test]
    fn a_register_that_takes_fences_out_of_order_is_found() {
        assert_eq!(outside(vec![asked(1, 1, "a", 1, true), asked(2, 2, "b", 2, true)]), []);
        let late = vec![asked(1, 1, "b", 2, true), asked(2, 2, "a", 1, true)];
        assert_eq!(outside(late), [Promise::Register]);
        let shared = vec![asked(1, 1, "a", 1, true), asked(2, 2, "b", 1, true)];
        assert_eq!(outside(shared), [Promise::Register]);
    }

    #[test]
    fn a_refusal_of_somebody_who_believes_is_found() {
        let history = |until| {
            vec![
                (1, 1, invoke(1, Call::Acquire)),
                (2, 1, won(1, "a", 1, 0)),
                (2, 1, Event::Believes { turn: 1, until }),
                asked(5, 1, "a", 1, false),
            ]
        };
        assert_eq!(outside(history(6)), [Promise::Belief]);
        assert_eq!(outside(history(5)), []);
    }
}
