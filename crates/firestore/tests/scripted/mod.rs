//! A Firestore server that does what a test tells it to, call by call.
//!
//! It speaks gRPC over real HTTP/2 on a loopback port, and nothing else: each call is handed to the
//! test, which reads its headers and messages and answers, refuses, stalls or hangs up as it likes.
//! All methods take one path, because on the wire a unary call is a stream of one message each way.

#![allow(dead_code, unreachable_pub, reason = "each test binary uses a part of it")]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod call;
mod codec;

use std::convert::Infallible;
use std::future::Future;
use std::sync::{Arc, Mutex};

use hyper::server::conn::http2;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use prost::Message;
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio::task::{AbortHandle, JoinHandle};
use tonic::Status;

pub use self::call::Call;

/// A server on a port of its own, up until it is dropped.
pub struct ScriptedServer {
    /// `127.0.0.1:{port}`
    pub address: String,
    calls: mpsc::UnboundedReceiver<Call>,
    connections: Arc<Mutex<Vec<AbortHandle>>>,
    accepting: JoinHandle<()>,
}

impl ScriptedServer {
    /// Starts a server whose calls wait for [`call`](ScriptedServer::call).
    pub async fn manual() -> Self {
        let (sender, calls) = mpsc::unbounded_channel();
        let mut server = Self::serve(Arc::new(move |call| drop(sender.send(call)))).await;
        server.calls = calls;
        server
    }

    /// Starts a server that runs `handler` for each call.
    pub async fn start<F, Fut>(handler: F) -> Self
    where
        F: Fn(Call) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = ()> + Send + 'static,
    {
        Self::serve(Arc::new(move |call| drop(spawn(handler(call))))).await
    }

    /// Starts a server that answers each call's first message by `answer`, which gets the method's
    /// name and the message's bytes. One message is a unary answer, any number a streamed one.
    pub async fn answering<F>(answer: F) -> Self
    where
        F: Fn(&str, bytes::Bytes) -> Result<Vec<bytes::Bytes>, Status> + Send + Sync + 'static,
    {
        let answer = Arc::new(answer);
        Self::start(move |mut call| {
            let answer = Arc::clone(&answer);
            async move {
                let request = call.bytes().await.expect("a call has a message");
                match answer(&call.method, request) {
                    Ok(messages) => {
                        call.accept();
                        for message in messages {
                            call.send_bytes(message).await;
                        }
                    }
                    Err(status) => call.fail(status).await,
                }
            }
        })
        .await
    }

    async fn serve(hand_over: Arc<dyn Fn(Call) + Send + Sync>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let connections = Arc::new(Mutex::new(Vec::new()));
        let accepted = Arc::clone(&connections);
        let accepting = spawn(async move {
            let mut number = 0;
            while let Ok((socket, _)) = listener.accept().await {
                number += 1;
                let hand_over = Arc::clone(&hand_over);
                let service = service_fn(move |request| {
                    let answer = call::answer(request, number, Arc::clone(&hand_over));
                    async move { Ok::<_, Infallible>(answer.await) }
                });
                let connection = http2::Builder::new(TokioExecutor::new())
                    .serve_connection(TokioIo::new(socket), service);
                let connection = spawn(async move { drop(connection.await) });
                accepted.lock().unwrap().push(connection.abort_handle());
            }
        });
        Self { address, calls: mpsc::unbounded_channel().1, connections, accepting }
    }

    /// Waits for the next call.
    pub async fn call(&mut self) -> Call {
        self.calls.recv().await.expect("calls of this server are not handled elsewhere")
    }

    /// The next call if it is there already.
    pub fn call_at_hand(&mut self) -> Option<Call> {
        self.calls.try_recv().ok()
    }

    /// Cuts every connection, as a crash would. New ones are accepted.
    pub fn cut(&self) {
        for connection in self.connections.lock().unwrap().drain(..) {
            connection.abort();
        }
    }
}

impl Drop for ScriptedServer {
    fn drop(&mut self) {
        self.accepting.abort();
        self.cut();
    }
}

/// A message's bytes, for [`ScriptedServer::answering`].
pub fn encoded(message: &impl Message) -> bytes::Bytes {
    message.encode_to_vec().into()
}

#[allow(
    clippy::disallowed_methods,
    reason = "the server owns its tasks and ends them when dropped"
)]
fn spawn<T: Send + 'static>(task: impl Future<Output = T> + Send + 'static) -> JoinHandle<T> {
    tokio::spawn(task)
}
