//! Fences are unique and rise, and callers are told the truth about their turn.

use std::collections::{BTreeMap, HashMap};

use super::chain::{Chain, Step};
use super::turn::Turn;
use super::{Promise, Verdict};
use crate::history::Change;

/// Along the commits of one lease, fences rise strictly.
pub fn check_chain(chain: &Chain, verdict: &mut Verdict) {
    let mut last = None;
    for step in &chain.steps {
        let (Change::Take { id, .. }, Some(fence)) = (&step.change, step.fence) else { continue };
        if last.is_some_and(|last| fence <= last) {
            let what = format!("{}: {id} got {fence} after {last:?}", chain.lease);
            verdict.violate(Promise::Fence, what);
        }
        last = Some(fence);
    }
}

/// No two turns of a key have the same fence; a turn that was told after another had been told has the
/// higher one; and what a caller was told is what the store answered.
pub fn check_turns(turns: &[Turn], chains: &BTreeMap<String, Chain>, verdict: &mut Verdict) {
    let mut taken = HashMap::<&str, Vec<&Step>>::new();
    for step in chains.values().flat_map(|chain| &chain.steps) {
        if let Change::Take { id, .. } = &step.change {
            taken.entry(id).or_default().push(step);
        }
    }
    let mut owners = HashMap::new();
    for turn in turns {
        if let Some(other) = owners.insert((&turn.key, turn.fence), &turn.id) {
            let what = format!("`{}`: {other} and {} share {}", turn.key, turn.id, turn.fence);
            verdict.violate(Promise::Fence, what);
        }
        let Some(steps) = taken.get(turn.id.as_str()) else { continue };
        // A request that was late beyond the whole turn may take a free key again. Nobody is told, and
        // the lease runs out.
        (1..steps.len()).for_each(|_| verdict.count("orphans"));
        let is_true = |step: &&Step| {
            step.fence.is_none_or(|fence| fence == turn.fence)
                && step.started.is_none_or(|started| started == turn.started)
        };
        let may_be_open =
            || chains.values().flat_map(|chain| &chain.open).any(|o| o.takes(&turn.id));
        if !steps.iter().any(is_true) && !may_be_open() {
            let what = format!(
                "`{}`: {} was told fence {} and start {}, but the store never said so",
                turn.key, turn.id, turn.fence, turn.started
            );
            verdict.violate(Promise::Truth, what);
        }
    }
    check_order(turns, verdict);
}

/// A turn asked for after another was won has the higher fence, whatever the store's times say.
fn check_order(turns: &[Turn], verdict: &mut Verdict) {
    let mut by_key = BTreeMap::<&str, Vec<&Turn>>::new();
    turns.iter().for_each(|turn| by_key.entry(&turn.key).or_default().push(turn));
    for (key, mut turns) in by_key {
        turns.sort_by_key(|turn| turn.won);
        let mut highest = turns.iter().scan(0, |highest, turn| {
            *highest = turn.fence.max(*highest);
            Some((turn.won, *highest))
        });
        let mut known = 0;
        let mut next = highest.next();
        let mut asked = turns.clone();
        asked.sort_by_key(|turn| turn.asked);
        for turn in asked {
            while let Some((won, fence)) = next.filter(|(won, _)| *won < turn.asked) {
                debug_assert!(won < turn.asked, "only turns that were over are known");
                (known, next) = (fence, highest.next());
            }
            if turn.fence <= known {
                let what =
                    format!("`{key}`: {} got {} when {known} was known", turn.id, turn.fence);
                verdict.violate(Promise::Fence, what);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::chain::chains;
    use super::super::made::{applied, invoke, lines, promises, sent, take, won};
    use super::super::turn::turns;
    use super::*;
    use crate::history::{Call, Line};

    fn found(lines: &[Line]) -> Vec<Promise> {
        let mut verdict = Verdict::default();
        let chains = chains(lines, &mut verdict);
        chains.values().for_each(|chain| check_chain(chain, &mut verdict));
        check_turns(&turns(lines), &chains, &mut verdict);
        promises(&verdict)
    }

    #[test]
    fn fences_rise_with_commits() {
        let history = |second| {
            lines([
                (1, 1, sent(1, take("a"), None)),
                (2, 1, applied(1, 50, Some(49), Some(3))),
                (3, 2, sent(2, take("b"), None)),
                (4, 2, applied(2, 60, Some(59), Some(second))),
            ])
        };
        assert_eq!(found(&history(4)), []);
        assert_eq!(found(&history(3)), [Promise::Fence]);
        assert_eq!(found(&history(2)), [Promise::Fence]);
    }

    #[test]
    fn turns_share_no_fence_and_later_ones_have_higher_ones() {
        let history = |asked, fence| {
            let mut lines = lines([
                (1, 1, invoke(1, Call::Acquire)),
                (3, 1, won(1, "a", 7, 0)),
                (asked, 2, invoke(2, Call::Acquire)),
                (9, 2, won(2, "b", fence, 0)),
            ]);
            lines.sort_by_key(|line| line.at);
            lines
        };
        assert_eq!(found(&history(4, 8)), []);
        assert_eq!(found(&history(2, 6)), [], "they were under way together");
        assert_eq!(found(&history(4, 6)), [Promise::Fence]);
        assert_eq!(found(&history(2, 7)), [Promise::Fence]);
    }

    #[test]
    fn a_fence_or_a_start_that_the_store_did_not_give_is_a_lie() {
        let history = |fence, started| {
            lines([
                (1, 1, invoke(1, Call::Acquire)),
                (2, 1, sent(1, take("a"), None)),
                (3, 1, applied(1, 50, Some(49), Some(3))),
                (4, 1, won(1, "a", fence, started)),
            ])
        };
        assert_eq!(found(&history(3, 49)), []);
        assert_eq!(found(&history(4, 49)), [Promise::Truth]);
        assert_eq!(found(&history(3, 50)), [Promise::Truth]);
    }
}
