//! A socket that is written to in large pieces.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use parking_lot::Mutex;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};

/// A socket that keeps what it is given until its [`Outgoing`] sends it: HTTP/2 flushes after almost
/// every frame, and each time would be a system call.
#[derive(Debug)]
pub(crate) struct Socket {
    incoming: OwnedReadHalf,
    outgoing: Outgoing,
}

/// What a socket is about to send. Clones are the same.
#[derive(Clone, Debug)]
pub(crate) struct Outgoing(Arc<Mutex<Kept>>);

#[derive(Debug)]
struct Kept {
    socket: OwnedWriteHalf,
    bytes: Vec<u8>,
    /// How many of the bytes are sent.
    sent: usize,
}

impl Socket {
    pub(crate) fn new(socket: TcpStream) -> (Self, Outgoing) {
        let (incoming, socket) = socket.into_split();
        let kept = Kept { socket, bytes: Vec::new(), sent: 0 };
        let outgoing = Outgoing(Arc::new(Mutex::new(kept)));
        (Self { incoming, outgoing: outgoing.clone() }, outgoing)
    }
}

impl Outgoing {
    /// Sends everything that is kept.
    pub(crate) fn poll_send(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.0.lock().poll_send(cx)
    }
}

impl Kept {
    fn poll_send(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while self.sent < self.bytes.len() {
            let rest = &self.bytes[self.sent..];
            let sent = ready!(Pin::new(&mut self.socket).poll_write(cx, rest))?;
            if sent == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.sent += sent;
        }
        self.bytes.clear();
        self.sent = 0;
        Poll::Ready(Ok(()))
    }
}

impl AsyncRead for Socket {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.incoming).poll_read(cx, into)
    }
}

impl AsyncWrite for Socket {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let mut kept = self.outgoing.0.lock();
        if kept.bytes.len() >= FULL {
            ready!(kept.poll_send(cx))?;
        }
        kept.bytes.extend_from_slice(bytes);
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut kept = self.outgoing.0.lock();
        ready!(kept.poll_send(cx))?;
        Pin::new(&mut kept.socket).poll_shutdown(cx)
    }
}

/// How much is kept before it is sent unasked. A connection at rest holds on to twice as much at most.
const FULL: usize = 64 << 10;
