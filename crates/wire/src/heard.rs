//! Whether a connection has said which kind of HTTP it speaks: until then, HTTP has no timeout.

use std::future::pending;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use hyper::rt::Timer;
use hyper_util::rt::TokioTimer;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// A socket whose incoming bytes are counted, up to as many as tell the kind.
#[derive(Debug)]
pub(crate) struct Heard<S> {
    socket: S,
    bytes: Arc<AtomicUsize>,
}

/// How much a connection has said.
#[derive(Debug)]
pub(crate) struct Speaks(Arc<AtomicUsize>);

/// The length of what every connection of HTTP/2 begins with. HTTP/1 differs from it in its first
/// few bytes, and its own timeout counts from there.
const PREFACE: usize = 24;

impl<S> Heard<S> {
    pub(crate) fn new(socket: S) -> (Self, Speaks) {
        let bytes = Arc::new(AtomicUsize::new(0));
        (Self { socket, bytes: Arc::clone(&bytes) }, Speaks(bytes))
    }
}

impl Speaks {
    /// Completes if the connection has not said enough after `patience`, and else never.
    pub(crate) async fn or_not(self, patience: Duration) {
        TokioTimer::new().sleep(patience).await;
        if self.0.load(Ordering::Relaxed) >= PREFACE {
            pending::<()>().await;
        }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Heard<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let read = Pin::new(&mut self.socket).poll_read(cx, buffer);
        if self.bytes.load(Ordering::Relaxed) < PREFACE {
            self.bytes.fetch_add(buffer.filled().len() - before, Ordering::Relaxed);
        }
        read
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Heard<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.socket).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_shutdown(cx)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.socket).poll_write_vectored(cx, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.socket.is_write_vectored()
    }
}
