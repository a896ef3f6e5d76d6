//! Lies about changes.

use std::time::Duration;

use firekeep_core::{Batch, WatchEvent, WatchFrom, WatchRequest};

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
        liar!(
            BeginsEarlier,
            "tells once more what was written at the time that a watch begins at",
            caught by "resume/a_watch_since_a_time_tells_only_what_changed_after_it"
        ),
        liar!(
            BeginsAnew,
            "tells the whole present for what changed since a time",
            caught by "resume/a_watch_since_a_time_tells_only_what_changed_after_it"
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

#[derive(Clone, Debug)]
struct BeginsEarlier;

impl Lie for BeginsEarlier {
    fn watched(&self, mut request: WatchRequest) -> WatchRequest {
        if let WatchFrom::Since(time) = &mut request.from {
            *time = time.saturating_sub(Duration::from_micros(1));
        }
        request
    }
}

#[derive(Clone, Debug)]
struct BeginsAnew;

impl Lie for BeginsAnew {
    fn watched(&self, mut request: WatchRequest) -> WatchRequest {
        if matches!(request.from, WatchFrom::Since(_)) {
            request.from = WatchFrom::Start;
        }
        request
    }
}
