//! Streamed answers, and how long to wait for each part of one.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use firekeep_core::{Error, Result};
use futures::{Stream, StreamExt};
use tokio::time::{Instant, Sleep};
use tonic::{Status, Streaming};

use crate::error::{Asked, from_status, timed_out};
use crate::pool::Lease;

/// The longest silence within a streamed read.
///
/// tonic's timeout ends with the headers of an answer; without a bound of its own a read from a
/// connection that died silently would wait for ever.
pub(crate) const SILENCE: Duration = Duration::from_secs(60);

/// A streamed answer that ends with an error when its deadline passes or it falls silent.
#[derive(Debug)]
pub(crate) struct Reply<R> {
    stream: Streaming<R>,
    asked: Asked,
    until: Instant,
    silence: Option<Silence>,
    _lease: Lease,
}

/// The timer of a silence that may be under way.
#[derive(Debug)]
struct Silence {
    timer: Pin<Box<Sleep>>,
    since: Option<Instant>,
}

impl<R> Reply<R> {
    pub(crate) fn new(stream: Streaming<R>, lease: Lease, asked: Asked, until: Instant) -> Self {
        Self { stream, asked, until, silence: None, _lease: lease }
    }

    /// Waits for the next message; `None` at the end.
    pub(crate) async fn message(&mut self) -> Result<Option<R>> {
        std::future::poll_fn(|cx| self.poll_message(cx)).await
    }

    /// Whether the next message is there.
    pub(crate) fn poll_message(&mut self, cx: &mut Context<'_>) -> Poll<Result<Option<R>>> {
        match self.stream.poll_next_unpin(cx) {
            Poll::Ready(next) => {
                if let Some(silence) = &mut self.silence {
                    silence.since = None;
                }
                Poll::Ready(next.transpose().map_err(|status| from_status(status, self.asked)))
            }
            Poll::Pending => self.poll_silence(cx).map(Err),
        }
    }

    /// The timer moves only when the stream falls silent, not with each message.
    fn poll_silence(&mut self, cx: &mut Context<'_>) -> Poll<Error> {
        let now = Instant::now();
        let end = (now + SILENCE).min(self.until);
        let silence = self.silence.get_or_insert_with(|| Silence {
            timer: Box::pin(tokio::time::sleep_until(end)),
            since: Some(now),
        });
        if silence.since.is_none() {
            silence.since = Some(now);
            silence.timer.as_mut().reset(end);
        }
        let waited = now - silence.since.unwrap_or(now);
        silence.timer.as_mut().poll(cx).map(|()| timed_out(self.asked, waited))
    }
}

/// A listener's answers. Dropping it ends the listener and gives its stream back.
#[derive(Debug)]
pub(crate) struct Listening<R> {
    stream: Streaming<R>,
    _lease: Lease,
}

impl<R> Listening<R> {
    pub(crate) fn new(stream: Streaming<R>, lease: Lease) -> Self {
        Self { stream, _lease: lease }
    }
}

impl<R> Stream for Listening<R> {
    type Item = Result<R, Status>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.stream.poll_next_unpin(cx)
    }
}
