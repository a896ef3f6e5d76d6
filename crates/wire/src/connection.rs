//! One connection: what it was sent is answered at once, and sent in one piece.
//!
//! Most calls of a store in memory never wait. They are carried out in the task of their connection:
//! a task of its own costs a call more than its answer does. Answers are written several at a time, since
//! writing to a socket costs as much as several calls.

use std::convert::Infallible;
use std::fmt;
use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use futures::future::BoxFuture;
use hyper::rt::Executor;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use hyper_util::server::graceful::Watcher;
use parking_lot::Mutex;
use tokio::net::TcpStream;

use crate::faults::Severed;
use crate::heard::Heard;
use crate::service::Service;
use crate::socket::Socket;

/// Serves a connection to its end.
pub(crate) async fn connection(service: Arc<Service>, socket: TcpStream, watcher: Watcher) {
    // Answers are small and awaited: none may wait for another to fill a packet.
    if let Err(error) = socket.set_nodelay(true) {
        tracing::debug!(%error, "a connection can't be made to send at once");
    }
    let (socket, outgoing) = Socket::new(socket);
    let (socket, speaks) = Heard::new(socket);
    let begun = Begun::default();
    let mut builder = Builder::new(begun.clone());
    builder.http1().timer(TokioTimer::new()).header_read_timeout(HEAD_PATIENCE);
    builder
        .http2()
        .auto_date_header(false)
        .initial_stream_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .max_concurrent_streams(None);
    let severed = Severed::default();
    let (of_calls, answering) = (severed.clone(), Arc::clone(&service));
    let answer = service_fn(move |request| {
        let answer = Arc::clone(&answering).answer(request, of_calls.clone());
        // Boxed, since hyper moves it about.
        Box::pin(async move { Ok::<_, Infallible>(answer.await) })
    });
    let connection = builder.serve_connection(TokioIo::new(socket), answer);
    let mut served = pin!(watcher.watch(connection.into_owned()));
    let driven = poll_fn(|cx| {
        loop {
            let state = served.as_mut().poll(cx);
            if state.is_ready() {
                // What a client sent before it left is done all the same.
                begun.leave();
            }
            // The client reads what is answered while the next calls are carried out.
            if let (Poll::Pending, Poll::Ready(Err(error))) = (&state, outgoing.poll_send(cx)) {
                return Poll::Ready(Err(error.into()));
            }
            if state.is_ready() || begun.carry_out(&service, cx) {
                // What hyper reports of a connection that broke says more than the socket does.
                return match (state, outgoing.poll_send(cx)) {
                    (Poll::Ready(Err(error)), _) => Poll::Ready(Err(error)),
                    (Poll::Pending, Poll::Ready(Err(error))) => Poll::Ready(Err(error.into())),
                    (Poll::Pending, _) => Poll::Pending,
                    (Poll::Ready(Ok(())), _) => Poll::Ready(Ok(())),
                };
            }
        }
    });
    tokio::select! {
        served = driven => if let Err(error) = served {
            tracing::debug!(%error, "a connection broke");
        },
        () = severed.wait() => {}
        () = speaks.or_not(HEAD_PATIENCE) => {
            tracing::debug!("a connection was closed: it never said what it wants");
        }
    }
}

/// The calls that hyper has begun and nobody has looked at yet. Clones share them.
#[derive(Clone, Default)]
struct Begun(Arc<Mutex<Vec<BoxFuture<'static, ()>>>>);

impl Begun {
    /// Carries out the calls that are there, each as far as it comes without waiting; the others go
    /// on in tasks of their own. Whether there was none.
    fn carry_out(&self, service: &Service, cx: &mut Context<'_>) -> bool {
        let calls = {
            let mut begun = self.0.lock();
            let next = begun.len().min(TOGETHER);
            begun.drain(..next).collect::<Vec<_>>()
        };
        if calls.is_empty() {
            return true;
        }
        let began = service.now();
        for mut call in calls {
            // After a long call, the others go on in tasks of their own, and the connection reads on.
            let is_late = service.now().saturating_duration_since(began) > AT_ONCE;
            if is_late || call.as_mut().poll(cx).is_pending() {
                TokioExecutor::new().execute(call);
            }
        }
        false
    }

    /// Leaves the calls that are there to tasks of their own.
    fn leave(&self) {
        for call in std::mem::take(&mut *self.0.lock()) {
            TokioExecutor::new().execute(call);
        }
    }
}

impl<F: Future<Output = ()> + Send + 'static> Executor<F> for Begun {
    fn execute(&self, call: F) {
        self.0.lock().push(Box::pin(call));
    }
}

impl fmt::Debug for Begun {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Begun").field(&self.0.lock().len()).finish()
    }
}

/// How long a client may take for the head of a request, and to say which kind of HTTP it speaks. Of
/// the machine's time, whatever clock the databases have: a socket knows no other.
const HEAD_PATIENCE: Duration = Duration::from_secs(30);

/// How many calls are answered together: fewer cost more writes, more keep the client waiting.
const TOGETHER: usize = 16;

/// How long the calls that came together may keep their connection from reading on.
const AT_ONCE: Duration = Duration::from_millis(1);

/// How many bytes a call may have on the way that nobody has read.
const STREAM_WINDOW: u32 = 1 << 20;

/// How many all calls of a connection may. It also says how many small frames may be on the way:
/// with much less, a client that opens some hundred streams at once has its connection closed.
const CONNECTION_WINDOW: u32 = 16 << 20;
