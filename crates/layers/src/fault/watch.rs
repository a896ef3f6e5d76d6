//! A watch that is cut, reset and held back.

use std::sync::Arc;

use firekeep_core::{
    Batch, Cx, DocumentChange, Error, ErrorKind, Operation, Result, Store, WatchEvent, WatchFrom,
    WatchRequest, WatchTarget,
};
use futures::future::{BoxFuture, Either, select};
use futures::stream::{self, BoxStream, StreamExt};

use super::injector::Injector;
use super::rates::{self, Fault};

/// The watch `request` asks for, with faults at its events.
pub(super) fn faulty(
    store: Arc<dyn Store>,
    injector: Arc<Injector>,
    cx: Cx,
    request: WatchRequest,
) -> BoxStream<'static, Result<WatchEvent>> {
    let is_initial = request.from == WatchFrom::Start;
    let target = request.target.clone();
    let events = Some(store.watch(&cx, request));
    let watch =
        Faulty { store, injector, cx, target, events, is_initial, held: None, failure: None };
    stream::unfold(Box::new(watch), |mut watch| async move {
        watch.next().await.map(|event| (event, watch))
    })
    .boxed()
}

struct Faulty {
    store: Arc<dyn Store>,
    injector: Arc<Injector>,
    cx: Cx,
    target: WatchTarget,
    /// The watch below, until it ends or is cut.
    events: Option<BoxStream<'static, Result<WatchEvent>>>,
    /// Whether the receiver has yet to be caught up, since the start or a reset.
    is_initial: bool,
    held: Option<Held>,
    /// What ends the stream once the held batch is told.
    failure: Option<Error>,
}

/// A batch that is kept back.
struct Held {
    batch: Batch,
    timer: BoxFuture<'static, ()>,
}

impl Faulty {
    async fn next(&mut self) -> Option<Result<WatchEvent>> {
        loop {
            let Some(events) = &mut self.events else {
                return self.release().map(Ok).or_else(|| self.failure.take().map(Err));
            };
            let event = match &mut self.held {
                None => events.next().await,
                Some(held) => match select(events.next(), &mut held.timer).await {
                    Either::Left((event, _)) => event,
                    Either::Right(_) => return self.release().map(Ok),
                },
            };
            let told = match event {
                Some(Ok(event)) => self.strike(event),
                Some(Err(error)) => {
                    self.failure = Some(error);
                    self.events = None;
                    None
                }
                None => {
                    self.events = None;
                    None
                }
            };
            if told.is_some() {
                return told;
            }
        }
    }

    /// Lets an event pass or strikes it; `None` if there is nothing to tell for the moment.
    fn strike(&mut self, event: WatchEvent) -> Option<Result<WatchEvent>> {
        match self.injector.event(Operation::Watch) {
            Some(Fault::Cut) => {
                self.events = None;
                self.held = None;
                Some(Err(rates::lost(Operation::Watch, ErrorKind::Unavailable)))
            }
            Some(Fault::Reset) => Some(Ok(self.restart())),
            Some(Fault::Coalesce(delay)) => match event {
                WatchEvent::Batch(batch) if self.held.is_none() => {
                    let timer = self.injector.clock().sleep(delay);
                    self.held = Some(Held { batch, timer });
                    None
                }
                event => self.pass(event).map(Ok),
            },
            _ => self.pass(event).map(Ok),
        }
    }

    /// Voids what was told and follows the target from its present state.
    fn restart(&mut self) -> WatchEvent {
        self.held = None;
        self.is_initial = true;
        let request = WatchRequest { target: self.target.clone(), from: WatchFrom::Start };
        self.events = Some(self.store.watch(&self.cx, request));
        WatchEvent::Reset
    }

    /// Tells an event, or adds it to the batch that is held back.
    fn pass(&mut self, event: WatchEvent) -> Option<WatchEvent> {
        match (event, &mut self.held) {
            (WatchEvent::Reset, _) => {
                self.held = None;
                self.is_initial = true;
                Some(WatchEvent::Reset)
            }
            (WatchEvent::Batch(later), Some(held)) => {
                merge(&mut held.batch, later, self.is_initial);
                None
            }
            (WatchEvent::Checkpoint { position, read_time }, Some(held)) => {
                held.batch.position = position;
                held.batch.read_time = read_time;
                None
            }
            (WatchEvent::Batch(batch), None) => Some(self.tell(batch)),
            (checkpoint, None) => Some(checkpoint),
        }
    }

    fn release(&mut self) -> Option<WatchEvent> {
        let held = self.held.take()?;
        Some(self.tell(held.batch))
    }

    fn tell(&mut self, batch: Batch) -> WatchEvent {
        self.is_initial &= !batch.caught_up;
        WatchEvent::Batch(batch)
    }
}

/// Adds `later` to `batch`: each document's last change counts. What came and went before the
/// receiver was told of anything is not told at all.
fn merge(batch: &mut Batch, later: Batch, is_initial: bool) {
    batch.changes.retain(|earlier| later.changes.iter().all(|c| c.path() != earlier.path()));
    let news = later.changes.into_iter();
    batch.changes.extend(news.filter(|c| !is_initial || matches!(c, DocumentChange::Set(_))));
    batch.read_time = later.read_time;
    batch.position = later.position;
    batch.caught_up |= later.caught_up;
    batch.billed_reads += later.billed_reads;
}
