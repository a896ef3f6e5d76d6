//! Lies about changes.

use firekeep_core::{Batch, WatchEvent};

use super::{Liar, Lie, liar};

pub(super) fn liars() -> Vec<Liar> {
    vec![
        liar!(
            TellsOutOfOrder,
            "tells an older batch after a newer one",
            caught by "watch/a_missing_document_is_followed"
        ),
        liar!(
            TellsTwice,
            "tells every batch twice",
            caught by "watch/a_missing_document_is_followed"
        ),
        liar!(
            SkipsAChange,
            "leaves a change out of a batch of several",
            caught by "watch/a_transaction_is_told_whole"
        ),
        liar!(
            TellsHalfACommit,
            "tells a commit change by change",
            caught by "watch/a_transaction_is_told_whole", "watch/a_limit_pushes_out"
        ),
    ]
}

#[derive(Clone, Debug)]
struct TellsOutOfOrder;

impl Lie for TellsOutOfOrder {
    fn teller(&self) -> Box<dyn FnMut(WatchEvent) -> Vec<WatchEvent> + Send> {
        let mut before = None;
        Box::new(move |event| {
            let older = before.replace(event.clone());
            [Some(event), older].into_iter().flatten().collect()
        })
    }
}

#[derive(Clone, Debug)]
struct TellsTwice;

impl Lie for TellsTwice {
    fn teller(&self) -> Box<dyn FnMut(WatchEvent) -> Vec<WatchEvent> + Send> {
        Box::new(|event| vec![event.clone(), event])
    }
}

#[derive(Clone, Debug)]
struct SkipsAChange;

impl Lie for SkipsAChange {
    fn teller(&self) -> Box<dyn FnMut(WatchEvent) -> Vec<WatchEvent> + Send> {
        Box::new(|event| match event {
            WatchEvent::Batch(mut batch) if batch.changes.len() > 1 => {
                batch.changes.pop();
                vec![WatchEvent::Batch(batch)]
            }
            other => vec![other],
        })
    }
}

#[derive(Clone, Debug)]
struct TellsHalfACommit;

impl Lie for TellsHalfACommit {
    fn teller(&self) -> Box<dyn FnMut(WatchEvent) -> Vec<WatchEvent> + Send> {
        Box::new(|event| match event {
            WatchEvent::Batch(batch) if batch.changes.len() > 1 => {
                let each = batch.changes.iter().map(|change| {
                    let changes = vec![change.clone()];
                    WatchEvent::Batch(Batch { changes, ..batch.clone() })
                });
                each.collect()
            }
            other => vec![other],
        })
    }
}
