//! A stream that someone listens in on.

use std::pin::Pin;
use std::task::{Context, Poll};

use firekeep_core::Result;
use futures::Stream;
use futures::stream::{BoxStream, StreamExt};

/// Hears what passes through a stream. Whatever is left to settle at the end goes into `Drop`: it
/// runs exactly once, whether the stream ended, failed or was dropped.
pub(crate) trait Tap<T>: Send + Unpin + 'static {
    /// An item passes.
    fn item(&mut self, item: &Result<T>);

    /// The stream ended by itself.
    fn end(&mut self) {}
}

/// `inner`, with `tap` listening. The tap is dropped as soon as the stream has ended.
pub(crate) fn tapped<T: 'static>(
    inner: BoxStream<'static, Result<T>>,
    tap: impl Tap<T>,
) -> BoxStream<'static, Result<T>> {
    Tapped { inner, tap: Some(tap) }.boxed()
}

struct Tapped<T, L> {
    inner: BoxStream<'static, Result<T>>,
    tap: Option<L>,
}

impl<T, L: Tap<T>> Stream for Tapped<T, L> {
    type Item = Result<T>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let polled = self.inner.poll_next_unpin(cx);
        match &polled {
            Poll::Ready(Some(item)) => {
                if let Some(tap) = &mut self.tap {
                    tap.item(item);
                }
            }
            Poll::Ready(None) => {
                if let Some(mut tap) = self.tap.take() {
                    tap.end();
                }
            }
            Poll::Pending => {}
        }
        polled
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.inner.size_hint()
    }
}
