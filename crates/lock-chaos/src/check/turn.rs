//! Acquisitions as their holders knew them.

use std::collections::HashMap;

use crate::history::{Call, Event, Line, Outcome};

/// One acquisition that was won.
#[derive(Clone, Debug, PartialEq)]
pub struct Turn {
    /// The call.
    pub op: u64,
    /// The key.
    pub key: String,
    /// The process.
    pub by: u32,
    /// When it was asked for.
    pub asked: u64,
    /// When the caller was told.
    pub won: u64,
    /// The lock id.
    pub id: String,
    /// The fence.
    pub fence: u64,
    /// The store's stamp.
    pub started: i64,
    /// What the guard believed: when it said so, and until when.
    pub beliefs: Vec<(u64, u64)>,
    /// When extensions were asked for, and when they were answered.
    pub extends: Vec<(u64, Option<u64>)>,
    /// When the caller let go.
    pub ended: Option<u64>,
}

/// The turns of a history, in the order in which they were won.
pub fn turns(lines: &[Line]) -> Vec<Turn> {
    let mut asked = HashMap::new();
    let mut extends = HashMap::new();
    let mut turns: Vec<Turn> = vec![];
    let mut index = HashMap::<u64, usize>::new();
    for line in lines {
        match &line.event {
            Event::Invoke { op, key, call: Call::Acquire } => {
                asked.insert(*op, (key, line.at));
            }
            Event::Invoke { op, call: Call::Extend(turn), .. } => {
                if let Some(at) = index.get(turn).copied() {
                    extends.insert(*op, at);
                    turns[at].extends.push((line.at, None));
                }
            }
            Event::Invoke { call: Call::Release(turn), .. } => {
                if let Some(at) = index.get(turn) {
                    turns[*at].ended.get_or_insert(line.at);
                }
            }
            Event::Return { op, outcome: Outcome::Won { id, fence, started } } => {
                let Some((key, at)) = asked.get(op) else { continue };
                index.insert(*op, turns.len());
                turns.push(Turn {
                    op: *op,
                    key: (*key).clone(),
                    by: line.by,
                    asked: *at,
                    won: line.at,
                    id: id.clone(),
                    fence: *fence,
                    started: *started,
                    beliefs: vec![],
                    extends: vec![],
                    ended: None,
                });
            }
            Event::Return { op, .. } => {
                let turn = extends.remove(op).and_then(|at: usize| turns.get_mut(at));
                if let Some((_, returned)) = turn.and_then(|turn| turn.extends.last_mut()) {
                    *returned = Some(line.at);
                }
            }
            Event::Believes { turn, until } => {
                if let Some(at) = index.get(turn) {
                    turns[*at].beliefs.push((line.at, *until));
                }
            }
            _ => {}
        }
    }
    turns
}

/// The calls that raised something and were told that it was done.
pub fn raised(lines: &[Line]) -> impl Iterator<Item = u64> {
    let raises: std::collections::HashSet<_> = lines
        .iter()
        .filter_map(|line| match line.event {
            Event::Invoke { op, call: Call::Raise(_) | Call::RaisePlainly(_), .. } => Some(op),
            _ => None,
        })
        .collect();
    lines.iter().filter_map(move |line| match line.event {
        Event::Return { op, outcome: Outcome::Done } if raises.contains(&op) => Some(op),
        _ => None,
    })
}
