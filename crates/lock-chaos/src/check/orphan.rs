//! Requests to acquire that came too late for their callers.
//!
//! One that is late beyond the whole turn of its own lock, or of the one who held the key when its caller
//! was told so, may take a free key, and nobody knows (ADR 12).

use std::collections::{HashMap, HashSet};

use crate::history::{Answer, Change, Event, Line, Outcome};

/// A request to take a lease that was carried out, or may have been.
struct Take<'a> {
    n: u64,
    sent: u64,
    lease: &'a str,
    id: &'a str,
}

/// Requests that took a key although nobody was told so, or may have: they came after their caller was
/// told that another held it, or after the whole turn of the one that won. Each with its number, when it
/// was sent, and the key.
pub fn orphans(lines: &[Line]) -> Vec<(u64, u64, &str)> {
    let won = won(lines);
    let keys: HashMap<&str, &str> = lines
        .iter()
        .filter_map(|line| match &line.event {
            Event::Sent { lease, change: Change::Take { id, .. }, .. } => {
                Some((lease.as_str(), *won.get(id.as_str())?))
            }
            _ => None,
        })
        .collect();
    // Of a winner's requests one has won: say the last, so that the others may be as early as can be.
    let mut winners: HashSet<&str> = won.keys().copied().collect();
    takes(lines)
        .into_iter()
        .rev()
        .filter(|take| !winners.remove(take.id))
        .filter_map(|take| Some((take.n, take.sent, *keys.get(take.lease)?)))
        .collect()
}

/// The keys of the locks that were won.
fn won(lines: &[Line]) -> HashMap<&str, &str> {
    let invoked: HashMap<u64, &str> = lines
        .iter()
        .filter_map(|line| match &line.event {
            Event::Invoke { op, key, .. } => Some((*op, key.as_str())),
            _ => None,
        })
        .collect();
    let won = lines.iter().filter_map(|line| match &line.event {
        Event::Return { op, outcome: Outcome::Won { id, .. } } => {
            Some((id.as_str(), *invoked.get(op)?))
        }
        _ => None,
    });
    won.collect()
}

/// One whose answer was lost may have been carried out if somebody's change was.
fn takes(lines: &[Line]) -> Vec<Take<'_>> {
    let (answers, untold) = (answers(lines), untold(lines));
    let may_be_done = |n: &u64, lease: &str| match answers.get(n) {
        Some(Answer::Applied { .. }) => true,
        Some(Answer::Refused) => false,
        Some(Answer::Unknown) | None => untold.contains(lease),
    };
    let takes = lines.iter().filter_map(|line| match &line.event {
        Event::Sent { n, lease, change: Change::Take { id, .. }, .. } if may_be_done(n, lease) => {
            Some(Take { n: *n, sent: line.at, lease, id })
        }
        _ => None,
    });
    takes.collect()
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
