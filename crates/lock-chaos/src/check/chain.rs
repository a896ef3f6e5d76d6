//! The changes of each lease in the order of the store's time, as recorded below the lock.

use std::collections::{BTreeMap, HashMap};

use super::{Promise, Verdict};
use crate::history::{Answer, Change, Event, Found, Line};

/// All that is known of what happened to one lease.
#[derive(Clone, Debug, Default)]
pub struct Chain {
    /// The id of the lease document.
    pub lease: String,
    /// The changes, in the order of their commit times.
    pub steps: Vec<Step>,
    /// What was sent and may have happened at an unknown time.
    pub open: Vec<Open>,
}

/// A change that happened.
#[derive(Clone, Debug, PartialEq)]
pub struct Step {
    /// When it was committed.
    pub time: i64,
    /// What it did.
    pub change: Change,
    /// What it required; `None` if that is not known.
    pub guard: Option<Option<i64>>,
    /// The stamp of the lease's start.
    pub started: Option<i64>,
    /// The fence that came with it.
    pub fence: Option<u64>,
    /// Who sent it, if that is known.
    pub by: Option<u32>,
}

/// A change that was sent and not answered.
#[derive(Clone, Debug, PartialEq)]
pub struct Open {
    /// What it does.
    pub change: Change,
    /// What it requires.
    pub guard: Option<i64>,
    /// Who sent it.
    pub by: u32,
}

/// Puts the chains together. A change whose answer was lost is filled in from what the observer saw.
pub fn chains(lines: &[Line], verdict: &mut Verdict) -> BTreeMap<String, Chain> {
    let answers: HashMap<u64, Answer> = lines.iter().filter_map(answer).collect();
    let mut chains = BTreeMap::<String, Chain>::new();
    for line in lines {
        let Event::Sent { n, lease, change, guard } = &line.event else { continue };
        let chain = chains.entry(lease.clone()).or_default();
        chain.lease.clone_from(lease);
        match answers.get(n) {
            Some(Answer::Refused) => {}
            Some(&Answer::Applied { time, started, fence }) => chain.steps.push(Step {
                time,
                change: change.clone(),
                guard: Some(*guard),
                started,
                fence,
                by: Some(line.by),
            }),
            Some(Answer::Unknown) | None => {
                chain.open.push(Open { change: change.clone(), guard: *guard, by: line.by });
            }
        }
    }
    for line in lines {
        if let Event::Seen { lease, found: Some(found), .. } = &line.event {
            fill_in(chains.entry(lease.clone()).or_default(), found, verdict);
        }
    }
    for chain in chains.values_mut() {
        chain.steps.sort_by_key(|step| step.time);
        verdict
            .counts
            .entry("changes")
            .and_modify(|n| *n += chain.steps.len() as u64)
            .or_insert(chain.steps.len() as u64);
    }
    chains
}

fn answer(line: &Line) -> Option<(u64, Answer)> {
    if let Event::Answered { n, answer } = line.event { Some((n, answer)) } else { None }
}

/// A version that was seen and that nobody was told of belongs to a change that is open.
fn fill_in(chain: &mut Chain, found: &Found, verdict: &mut Verdict) {
    let [(id, started, ttl_ms)] = &found.holders[..] else { return };
    if chain.steps.iter().any(|step| step.time == found.version) {
        return;
    }
    let opens = chain.open.iter().enumerate();
    let fitting = opens.filter(|(_, open)| open.leaves(id, *ttl_ms, found.version));
    // Of several, the last one: each requires the version before it.
    let Some((at, _)) = fitting.max_by_key(|(_, open)| open.guard) else {
        let what = format!("lease {}: nobody sent the change at {}", chain.lease, found.version);
        return verdict.violate(Promise::Truth, what);
    };
    let Open { change, by, .. } = chain.open.remove(at);
    verdict.count("answers filled in");
    chain.steps.push(Step {
        time: found.version,
        change,
        guard: None,
        started: Some(*started),
        fence: None,
        by: Some(by),
    });
}

impl Open {
    /// Whether it takes the lease in the name of `holder`.
    pub fn takes(&self, holder: &str) -> bool {
        matches!(&self.change, Change::Take { id, .. } if id == holder)
    }

    /// Whether it may have left this holder with this lease, at this version.
    fn leaves(&self, holder: &str, lease_ms: i64, version: i64) -> bool {
        let is_earlier = self.guard.is_none_or(|guard| guard < version);
        match &self.change {
            Change::Take { id, ttl_ms } | Change::Stamp { id, ttl_ms } => {
                id == holder && *ttl_ms == lease_ms && is_earlier
            }
            Change::Leave | Change::Clear => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::made::{applied, lines, promises, sent, take};
    use super::*;

    fn seen(version: i64, id: &str) -> Event {
        let found = Found { version, holders: vec![(id.into(), version - 1, 1)] };
        Event::Seen { lease: "l".into(), read_time: version + 1, found: Some(found) }
    }

    fn sent_change((_, _, event): &(u64, u32, Event)) -> Change {
        let Event::Sent { change, .. } = event else { unreachable!("it was sent") };
        change.clone()
    }

    #[test]
    fn answered_changes_are_steps_and_others_stay_open() {
        let lines = lines([
            (1, 1, sent(1, take("a"), None)),
            (2, 1, applied(1, 50, Some(49), Some(1))),
            (3, 2, sent(2, take("b"), None)),
            (4, 2, Event::Answered { n: 2, answer: Answer::Refused }),
            (5, 1, sent(3, Change::Leave, Some(50))),
        ]);
        let mut verdict = Verdict::default();
        let chain = &chains(&lines, &mut verdict)["l"];
        assert_eq!((chain.steps.len(), chain.open.len()), (1, 1));
        assert!(verdict.violations.is_empty());
    }

    #[test]
    fn what_was_seen_answers_for_a_reply_that_was_lost() {
        let lines =
            lines([(1, 1, sent(1, take("a"), None)), (3, 0, seen(50, "a")), (4, 0, seen(50, "a"))]);
        let mut verdict = Verdict::default();
        let chain = &chains(&lines, &mut verdict)["l"];
        assert_eq!((chain.steps[0].time, chain.steps[0].started), (50, Some(49)));
        assert_eq!((chain.steps.len(), chain.open.len()), (1, 0));
        assert!(verdict.violations.is_empty());
    }

    #[test]
    fn what_was_seen_is_the_last_that_may_have_left_it() {
        let renewal = Change::Stamp { id: "a".into(), ttl_ms: 1 };
        let sent = [(1, 1, sent(1, take("a"), Some(10))), (2, 1, sent(2, renewal, Some(50)))];
        let step = |version| {
            let lines = lines(sent.clone().into_iter().chain([(3, 0, seen(version, "a"))]));
            let chain = &chains(&lines, &mut Verdict::default())["l"];
            chain.steps.first().map(|step| step.change.clone())
        };
        assert_eq!(step(60), Some(sent_change(&sent[1])), "the renewal of what nobody saw");
        assert_eq!(step(50), Some(sent_change(&sent[0])), "what the renewal builds on");
        assert_eq!(step(10), None, "before both");
    }

    #[test]
    fn what_was_seen_with_another_lease_is_another_change() {
        let longer = Change::Take { id: "a".into(), ttl_ms: 2 };
        let lines = lines([(1, 1, sent(1, longer, None)), (2, 0, seen(50, "a"))]);
        let mut verdict = Verdict::default();
        chains(&lines, &mut verdict);
        assert_eq!(promises(&verdict), [Promise::Truth]);
    }

    #[test]
    fn a_change_that_nobody_sent_is_noticed() {
        let lines = lines([(1, 1, sent(1, take("a"), None)), (3, 0, seen(50, "b"))]);
        let mut verdict = Verdict::default();
        chains(&lines, &mut verdict);
        assert_eq!(promises(&verdict), [Promise::Truth]);
    }
}
