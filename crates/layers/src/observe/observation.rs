//! One call under observation.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Instant;

use firekeep_core::{Clock, Cx, Error, Operation, QueryEvent, Result, WatchEvent};
use futures::Stream;
use futures::stream::{BoxStream, StreamExt};
use tracing::Span;

use super::observer::{Call, Ending, Observer, Outcome};
use crate::tap::Tap;

/// Measures a call and tells the observers of its end when dropped: whichever way a future or a
/// stream ends, it is dropped once.
pub(super) struct Observation {
    observers: Arc<[Arc<dyn Observer>]>,
    clock: Arc<dyn Clock>,
    /// Holds the label.
    cx: Cx,
    operation: Operation,
    span: Span,
    started: Instant,
    rows: u64,
    ending: Ending,
}

impl Observation {
    pub(super) fn start(
        observers: Arc<[Arc<dyn Observer>]>,
        clock: Arc<dyn Clock>,
        cx: &Cx,
        operation: Operation,
    ) -> Self {
        let call = Call { operation, label: cx.label() };
        observers.iter().for_each(|observer| observer.start(&call));
        let mut spans = observers.iter().map(|observer| observer.span(&call));
        let span = spans.find(|span| !span.is_disabled()).unwrap_or_else(Span::none);
        let started = clock.monotonic();
        let (cx, ending) = (cx.clone(), Ending::Dropped);
        Self { observers, clock, cx, operation, span, started, rows: 0, ending }
    }

    pub(super) fn span(&self) -> Span {
        self.span.clone()
    }

    /// Takes note of a call's answer and ends the observation.
    pub(super) fn settle<T>(
        mut self,
        answer: Result<T>,
        rows: impl FnOnce(&T) -> usize,
    ) -> Result<T> {
        match &answer {
            Ok(answer) => {
                self.rows = rows(answer) as u64;
                self.ending = Ending::Answered;
            }
            Err(error) => self.fail(error),
        }
        answer
    }

    /// `events`, polled within the call's span.
    pub(super) fn around<T: 'static>(
        &self,
        events: BoxStream<'static, T>,
    ) -> BoxStream<'static, T> {
        if self.span.is_disabled() { events } else { Spanned { events, span: self.span() }.boxed() }
    }

    fn fail(&mut self, error: &Error) {
        self.ending = Ending::Failed(error.kind(), error.effect());
    }
}

impl Drop for Observation {
    fn drop(&mut self) {
        let call = Call { operation: self.operation, label: self.cx.label() };
        let duration = self.clock.monotonic().saturating_duration_since(self.started);
        let outcome = Outcome { duration, ending: self.ending, rows: self.rows };
        let _entered = self.span.enter();
        self.observers.iter().for_each(|observer| observer.finish(&call, &outcome));
    }
}

impl Tap<QueryEvent> for Observation {
    fn item(&mut self, item: &Result<QueryEvent>) {
        match item {
            Ok(QueryEvent::Row(_)) => self.rows += 1,
            // The last event is the end, even if the caller never polls beyond it.
            Ok(QueryEvent::Done { .. }) => self.ending = Ending::Answered,
            Ok(QueryEvent::Began(_)) => {}
            Err(error) => self.fail(error),
        }
    }
}

impl Tap<WatchEvent> for Observation {
    fn item(&mut self, item: &Result<WatchEvent>) {
        match item {
            Ok(WatchEvent::Batch(batch)) => self.rows += batch.changes.len() as u64,
            Ok(_) => {}
            Err(error) => self.fail(error),
        }
    }

    fn end(&mut self) {
        if self.ending == Ending::Dropped {
            self.ending = Ending::Answered;
        }
    }
}

struct Spanned<T> {
    events: BoxStream<'static, T>,
    span: Span,
}

impl<T> Stream for Spanned<T> {
    type Item = T;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<T>> {
        let span = self.span.clone();
        let _entered = span.enter();
        self.events.poll_next_unpin(cx)
    }
}
