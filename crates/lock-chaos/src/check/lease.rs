//! One holder at a time by the store's clock, and no holder comes back.

use super::chain::{Chain, Open, Step};
use super::{Promise, Verdict};
use crate::history::Change;

/// What stands in the store after a step.
#[derive(Clone, Debug)]
enum State {
    Free,
    Held {
        id: String,
        ends: Option<i64>,
        by: Option<u32>,
    },
    /// A change whose answer was lost came between.
    Unclear,
}

/// Replays the chain: a lease that is taken is free, or lapsed by the stamp that the store gave; a
/// lease that is extended or deleted is the extender's own.
pub fn check(chain: &Chain, verdict: &mut Verdict) {
    let (mut state, mut version) = (State::Free, None);
    let mut open = chain.open.clone();
    for step in &chain.steps {
        if step.guard.is_none_or(|guard| guard != version) {
            if step.guard.is_some() && !explain(step, version, &mut open) {
                let (lease, step) = (&chain.lease, show(step));
                let what = format!("{lease}: {step} applied out of turn, after {version:?}");
                verdict.violate(Promise::Truth, what);
            }
            verdict.count("unjudged changes");
            state = State::Unclear;
        }
        judge(chain, &state, step, verdict);
        (state, version) = after(step);
    }
}

/// Whether something that is open may have made the version that `step` required. Once.
fn explain(step: &Step, version: Option<i64>, open: &mut Vec<Open>) -> bool {
    let Some(guard) = step.guard else { return true };
    let leaves = |open: &Open| open.change == Change::Leave;
    let moves = |open: &Open| open.change != Change::Leave;
    // The version that it required is later than the one that is known, or there was none.
    let found = match guard {
        None => open.iter().position(leaves),
        Some(guard) if version.is_none_or(|version| guard > version) => open.iter().position(moves),
        Some(_) => None,
    };
    found.map(|at| open.remove(at)).is_some()
}

fn judge(chain: &Chain, state: &State, step: &Step, verdict: &mut Verdict) {
    let lease = &chain.lease;
    let State::Held { id: holder, ends, by } = state else {
        if let (State::Free, Change::Stamp { .. }) = (state, &step.change) {
            let what = format!("{lease}: {} after the lease was gone", show(step));
            verdict.violate(Promise::Resurrection, what);
        }
        return;
    };
    let is_live = ends.is_some_and(|ends| step.time < ends);
    match &step.change {
        Change::Take { .. } if is_live => {
            let early = ends.unwrap_or(0) - step.time;
            let what = format!("{lease}: {} {early} µs before {holder}'s lease ended", show(step));
            verdict.violate(Promise::Exclusion, what);
        }
        Change::Stamp { id, .. } if id != holder => {
            let what = format!("{lease}: {} after {holder} took over", show(step));
            verdict.violate(Promise::Resurrection, what);
        }
        Change::Leave | Change::Clear if is_live && by.is_some() && *by != step.by => {
            let what = format!("{lease}: {} while {holder} of {by:?} held it", show(step));
            verdict.violate(Promise::Exclusion, what);
        }
        _ => {}
    }
}

fn after(step: &Step) -> (State, Option<i64>) {
    match &step.change {
        Change::Take { id, ttl_ms } | Change::Stamp { id, ttl_ms } => {
            let ends = step.started.map(|started| started + ttl_ms * 1000);
            (State::Held { id: id.clone(), ends, by: step.by }, Some(step.time))
        }
        Change::Leave => (State::Free, None),
        Change::Clear => (State::Free, Some(step.time)),
    }
}

fn show(step: &Step) -> String {
    let Step { change, guard, by, time, .. } = step;
    format!("{change:?} on {guard:?} by worker {by:?} at {time}")
}

#[cfg(test)]
mod tests {
    use super::super::chain::chains;
    use super::super::made::{applied, lines, promises, sent, stamp, take};
    use super::*;
    use crate::history::Event;

    /// Replays changes: worker, change, required version, commit time. Leases are of 1 ms and begin
    /// 10 µs before their commit. A time of 0 is an answer that was lost.
    fn replay(changes: &[(u32, Change, Option<i64>, i64)]) -> Vec<Promise> {
        let mut events: Vec<(u64, u32, Event)> = vec![];
        for (n, (by, change, guard, time)) in (0..).zip(changes) {
            events.push((n, *by, sent(n, change.clone(), *guard)));
            if *time > 0 {
                events.push((n, *by, applied(n, *time, Some(time - 10), None)));
            }
        }
        let mut verdict = Verdict::default();
        check(&chains(&lines(events), &mut verdict)["l"], &mut verdict);
        promises(&verdict)
    }

    #[test]
    fn turns_that_follow_each_other_pass() {
        let changes = [
            (1, take("a"), None, 100),
            (1, stamp("a"), Some(100), 900),
            (1, Change::Leave, Some(900), 1500),
            (2, take("b"), None, 1600),
            (1, take("c"), Some(1600), 2590),
            (1, Change::Leave, Some(2590), 2600),
        ];
        assert_eq!(replay(&changes), []);
    }

    #[test]
    fn a_lease_taken_a_microsecond_early_is_found() {
        let changes = [(1, take("a"), None, 100), (2, take("b"), Some(100), 1089)];
        assert_eq!(replay(&changes), [Promise::Exclusion]);
        let changes = [(1, take("a"), None, 100), (2, take("b"), Some(100), 1090)];
        assert_eq!(replay(&changes), []);
    }

    #[test]
    fn an_extension_counts() {
        let changes = [
            (1, take("a"), None, 100),
            (1, stamp("a"), Some(100), 900),
            (2, take("b"), Some(900), 1500),
        ];
        assert_eq!(replay(&changes), [Promise::Exclusion]);
    }

    #[test]
    fn two_creations_without_an_end_between_are_found() {
        let changes = [(1, take("a"), None, 100), (2, take("b"), None, 200)];
        assert_eq!(replay(&changes), [Promise::Truth], "no version leads from one to the other");
        let explained = [
            (1, take("a"), None, 100),
            (1, Change::Leave, Some(100), 0),
            (2, take("b"), None, 200),
        ];
        assert_eq!(replay(&explained), [], "the first holder's release was lost, and happened");
        let twice = [
            (1, take("a"), None, 100),
            (1, Change::Leave, Some(100), 0),
            (2, take("b"), None, 200),
            (3, take("c"), None, 300),
        ];
        assert_eq!(replay(&twice), [Promise::Truth], "one release explains one creation");
    }

    #[test]
    fn a_renewal_after_the_end_is_found() {
        let takeover = [
            (1, take("a"), None, 100),
            (2, take("b"), Some(100), 2000),
            (1, stamp("a"), Some(2000), 2100),
        ];
        assert_eq!(replay(&takeover), [Promise::Resurrection]);
        let release = [
            (1, take("a"), None, 100),
            (1, Change::Leave, Some(100), 200),
            (1, stamp("a"), None, 300),
        ];
        assert_eq!(replay(&release), [Promise::Resurrection]);
    }

    #[test]
    fn deleting_the_live_lease_of_another_is_found() {
        let changes = [(1, take("a"), None, 100), (2, Change::Leave, Some(100), 200)];
        assert_eq!(replay(&changes), [Promise::Exclusion]);
        let lapsed = [(1, take("a"), None, 100), (2, Change::Leave, Some(100), 2000)];
        assert_eq!(replay(&lapsed), []);
        let emptied = |by| [(1, take("a"), None, 100), (by, Change::Clear, Some(100), 200)];
        assert_eq!(replay(&emptied(2)), [Promise::Exclusion]);
        assert_eq!(replay(&emptied(1)), [], "a release that refuses what may be under way");
    }
}
