//! Requests to acquire that came too late for their callers.
//!
//! One that is late beyond the whole turn of its own lock, or of the one who held the key when its caller
//! was told so, may take a free key, and nobody knows (ADR 12).

use std::collections::{HashMap, HashSet};

use crate::history::{Answer, Change, Event, Line, Outcome};

/// Requests that the store let take a key although nobody was told so: they came after their caller was
/// told that another held it. The store answered that they did, or answered nothing and it was somebody.
/// Each with its number, when it was sent, and the key.
pub fn unclaimed(lines: &[Line]) -> Vec<(u64, u64, &str)> {
    let invoked: HashMap<u64, &str> = lines
        .iter()
        .filter_map(|line| match &line.event {
            Event::Invoke { op, key, .. } => Some((*op, key.as_str())),
            _ => None,
        })
        .collect();
    let won: HashMap<&str, &str> = lines
        .iter()
        .filter_map(|line| match &line.event {
            Event::Return { op, outcome: Outcome::Won { id, .. } } => {
                Some((id.as_str(), *invoked.get(op)?))
            }
            _ => None,
        })
        .collect();
    let takes = || {
        lines.iter().filter_map(|line| match &line.event {
            Event::Sent { n, lease, change: Change::Take { id, .. }, .. } => {
                Some((*n, line.at, lease.as_str(), id.as_str()))
            }
            _ => None,
        })
    };
    let keys: HashMap<&str, &str> =
        takes().filter_map(|(_, _, lease, id)| Some((lease, *won.get(id)?))).collect();
    let (answers, untold) = (answers(lines), untold(lines));
    let may_have = |n: &u64, lease: &str| match answers.get(n) {
        Some(Answer::Applied { .. }) => true,
        Some(Answer::Refused) => false,
        Some(Answer::Unknown) | None => untold.contains(lease),
    };
    takes()
        .filter(|(n, _, lease, id)| !won.contains_key(id) && may_have(n, lease))
        .filter_map(|(n, at, lease, _)| Some((n, at, *keys.get(lease)?)))
        .collect()
}

/// The leases that had a version of which no caller was told. It is known from whoever saw it or required
/// it: one that took a key too late is cleared away by a change that requires it, or stands there at the
/// end.
fn untold(lines: &[Line]) -> HashSet<&str> {
    let told: HashSet<i64> = answers(lines).values().filter_map(|answer| answer.time()).collect();
    let won: HashSet<i64> = lines.iter().filter_map(|line| won_at(&line.event)).collect();
    let is_untold = |at: i64| !told.contains(&at) && !won.contains(&(at - at % 1000));
    let known = lines.iter().filter_map(|line| match &line.event {
        Event::Sent { lease, guard, .. } => Some((lease, (*guard)?)),
        Event::Seen { lease, found, .. } => Some((lease, found.as_ref()?.version)),
        _ => None,
    });
    known.filter(|(_, version)| is_untold(*version)).map(|(lease, _)| lease.as_str()).collect()
}

/// The stamp that a winner was told, which is what the version is rounded down to.
fn won_at(event: &Event) -> Option<i64> {
    let Event::Return { outcome: Outcome::Won { started, .. }, .. } = event else { return None };
    Some(*started)
}

fn answers(lines: &[Line]) -> HashMap<u64, Answer> {
    let answers = lines.iter().filter_map(|line| match line.event {
        Event::Answered { n, answer } => Some((n, answer)),
        _ => None,
    });
    answers.collect()
}

/// How often the store let each lock id take a lease.
pub fn times_taken(lines: &[Line]) -> HashMap<&str, u32> {
    let answers = answers(lines);
    let mut taken = HashMap::new();
    for line in lines {
        if let Event::Sent { n, change: Change::Take { id, .. }, .. } = &line.event {
            let is_applied = matches!(answers.get(n), Some(Answer::Applied { .. }));
            *taken.entry(id.as_str()).or_default() += u32::from(is_applied);
        }
    }
    taken
}
