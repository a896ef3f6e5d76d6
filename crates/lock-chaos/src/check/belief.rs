//! No two guards believe in the same key at the same moment of the machine's time.
//!
//! A belief ends at a deadline, so this holds for stopped processes too. What a process does without
//! asking, after it was stopped between asking and doing, no lock can prevent; fences and guarded
//! commits can, and [`register`](super::register) checks them.

use std::collections::BTreeMap;

use super::turn::Turn;
use super::{Promise, Verdict};

struct Claim<'a> {
    from: u64,
    until: u64,
    turn: &'a Turn,
}

/// Checks all turns, key by key.
pub fn check(turns: &[Turn], verdict: &mut Verdict) {
    let mut by_key = BTreeMap::<&str, Vec<Claim<'_>>>::new();
    for turn in turns {
        by_key.entry(&turn.key).or_default().extend(claims(turn, verdict));
    }
    for (key, mut claims) in by_key {
        claims.sort_by_key(|claim| claim.from);
        let mut latest: Option<&Claim<'_>> = None;
        for claim in &claims {
            verdict.count("beliefs");
            if let Some(earlier) =
                latest.filter(|e| e.turn.op != claim.turn.op && claim.from < e.until)
            {
                let by = (earlier.until - claim.from) / 1000;
                let (a, b) = (earlier.turn, claim.turn);
                let what = format!(
                    "`{key}`: {} of worker {} and {} of worker {} both believed for {by} µs",
                    a.id, a.by, b.id, b.by
                );
                verdict.violate(Promise::Belief, what);
            }
            if latest.is_none_or(|latest| claim.until >= latest.until) {
                latest = Some(claim);
            }
        }
    }
}

/// What a turn claims, and that it claims nothing after its end.
fn claims<'a>(turn: &'a Turn, verdict: &mut Verdict) -> Vec<Claim<'a>> {
    let ended = turn.ended.unwrap_or(u64::MAX);
    if turn.beliefs.iter().any(|(said, until)| *said > ended && until > said) {
        let what = format!("`{}`: {} believes after it was released", turn.key, turn.id);
        verdict.violate(Promise::Resurrection, what);
    }
    spans(turn).map(|(from, until)| Claim { from, until, turn }).collect()
}

/// When the holder believed in its lock: from each saying, until then, or until it let go.
pub(super) fn spans(turn: &Turn) -> impl Iterator<Item = (u64, u64)> + '_ {
    let ended = turn.ended.unwrap_or(u64::MAX);
    let spans = turn.beliefs.iter().map(move |(said, until)| {
        let until = (*until).min(ended).min(taken_back(turn, *said).unwrap_or(u64::MAX));
        (*said, until)
    });
    spans.filter(|(said, until)| said < until)
}

/// From when on something that was `said` no longer counts, because the caller has asked for an
/// extension, which may make a lease shorter. Nothing else takes back what a guard has said.
fn taken_back(turn: &Turn, said: u64) -> Option<u64> {
    let is_later = |returned: Option<u64>| returned.is_none_or(|returned| returned > said);
    let (invoked, _) = turn.extends.iter().find(|(_, returned)| is_later(*returned))?;
    let next = turn.beliefs.iter().map(|(said, _)| *said).find(|at| *at > said.max(*invoked));
    // Said while the extension was under way, it must fit whatever came of that.
    next.or((said < *invoked).then_some(*invoked))
}

#[cfg(test)]
mod tests {
    use super::super::made::{invoke, lines, promises, returned, won};
    use super::super::turn::turns;
    use super::*;
    use crate::history::{Call, Event, Outcome};

    fn found(events: Vec<(u64, u32, Event)>) -> Vec<Promise> {
        let mut events = events;
        events.extend([
            (1, 1, invoke(1, Call::Acquire)),
            (2, 1, won(1, "a", 1, 0)),
            (1, 2, invoke(2, Call::Acquire)),
            (2, 2, won(2, "b", 2, 0)),
        ]);
        events.sort_by_key(|event| event.0);
        let mut verdict = Verdict::default();
        check(&turns(&lines(events)), &mut verdict);
        promises(&verdict)
    }

    fn believes(turn: u64, until: u64) -> Event {
        Event::Believes { turn, until }
    }

    #[test]
    fn beliefs_that_follow_each_other_pass() {
        assert_eq!(found(vec![(10, 1, believes(1, 20)), (20, 2, believes(2, 30))]), []);
        let released = vec![
            (10, 1, believes(1, 50)),
            (15, 1, invoke(3, Call::Release(1))),
            (16, 2, believes(2, 60)),
        ];
        assert_eq!(found(released), [], "who lets go believes no longer");
        assert_eq!(found(vec![(10, 1, believes(1, 20)), (15, 1, believes(1, 25))]), []);
    }

    #[test]
    fn beliefs_that_overlap_are_found() {
        assert_eq!(
            found(vec![(10, 1, believes(1, 21)), (20, 2, believes(2, 30))]),
            [Promise::Belief]
        );
        let hidden =
            vec![(10, 1, believes(1, 90)), (12, 1, believes(1, 13)), (20, 2, believes(2, 30))];
        assert_eq!(found(hidden), [Promise::Belief], "a later, shorter saying takes nothing back");
    }

    #[test]
    fn an_extension_may_shorten_a_belief_and_only_an_extension() {
        let extended = |sayings: Vec<(u64, u32, Event)>| {
            let mut events = vec![
                (10, 1, believes(1, 50)),
                (12, 1, invoke(3, Call::Extend(1))),
                (20, 2, believes(2, 30)),
            ];
            events.extend(sayings);
            found(events)
        };
        let returned = || (15, 1, returned(3, Outcome::Done));
        assert_eq!(extended(vec![returned(), (16, 1, believes(1, 18))]), []);
        assert_eq!(extended(vec![]), [], "killed under way, and nobody asked");
        assert_eq!(extended(vec![(13, 1, believes(1, 20))]), []);
        let unfit = vec![(13, 1, believes(1, 50))];
        assert_eq!(
            extended(unfit),
            [Promise::Belief],
            "it does not fit what came of the extension"
        );
        assert_eq!(extended(vec![returned(), (16, 1, believes(1, 25))]), [Promise::Belief]);
        assert_eq!(
            extended(vec![(13, 1, believes(1, 50)), returned(), (16, 1, believes(1, 17))]),
            []
        );
    }

    #[test]
    fn a_guard_that_believes_after_its_release_is_found() {
        let events = vec![(10, 1, invoke(3, Call::Release(1))), (11, 1, believes(1, 12))];
        assert_eq!(found(events), [Promise::Resurrection]);
    }
}
