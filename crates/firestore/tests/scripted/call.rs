//! One call, as the test sees it.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use bytes::Bytes;
use futures::StreamExt;
use futures::stream::BoxStream;
use http::HeaderMap;
use hyper::body::Incoming;
use prost::Message;
use tokio::sync::{mpsc, oneshot};
use tonic::server::{Grpc, StreamingService};
use tonic::{Request, Response, Status, Streaming};

use super::codec::Raw;

/// A call under way. Dropping it ends it: before an answer as `CANCELLED`, after one cleanly.
pub struct Call {
    /// The method's name, such as `Listen`.
    pub method: String,
    /// What came with the request.
    pub headers: HeaderMap,
    /// Which of the server's connections it came on: 1 for the first that it took.
    pub connection: u32,
    requests: Streaming<Bytes>,
    opening: Option<oneshot::Sender<Result<(), Status>>>,
    answers: mpsc::Sender<Result<Bytes, Status>>,
}

impl Call {
    /// The next message of the client; `None` once it has no more.
    ///
    /// # Panics
    /// If the call breaks, or the message is none of that type.
    pub async fn message<M: Message + Default>(&mut self) -> Option<M> {
        Some(M::decode(self.bytes().await?).unwrap())
    }

    /// The bytes of the next message of the client.
    pub async fn bytes(&mut self) -> Option<Bytes> {
        self.requests.message().await.unwrap()
    }

    /// The header of that name.
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    /// Sends the headers of the answer.
    pub fn accept(&mut self) {
        if let Some(opening) = self.opening.take() {
            // The client may be gone.
            let _ = opening.send(Ok(()));
        }
    }

    /// Sends a message.
    pub async fn send(&mut self, message: &impl Message) {
        self.send_bytes(message.encode_to_vec().into()).await;
    }

    /// Sends the bytes of a message, and waits for room if the client does not read.
    pub async fn send_bytes(&mut self, message: Bytes) {
        self.accept();
        let _ = self.answers.send(Ok(message)).await;
    }

    /// Ends the call with a status: instead of an answer, or after what was sent.
    pub async fn fail(mut self, status: Status) {
        match self.opening.take() {
            Some(opening) => drop(opening.send(Err(status))),
            None => drop(self.answers.send(Err(status)).await),
        }
    }

    /// Ends the call with `OK`.
    pub fn end(mut self) {
        self.accept();
    }

    /// Waits until the client has given the call up.
    pub async fn given_up(&self) {
        self.answers.closed().await;
    }
}

/// Hands a call over and streams back what the test answers.
pub(crate) async fn answer(
    request: http::Request<Incoming>,
    connection: u32,
    hand_over: Arc<dyn Fn(Call) + Send + Sync>,
) -> http::Response<tonic::body::Body> {
    let path = request.uri().path();
    let method = path.rsplit('/').next().unwrap_or_default().to_owned();
    let service = HandOver { method, connection, hand_over };
    Grpc::new(Raw).max_decoding_message_size(usize::MAX).streaming(service, request).await
}

struct HandOver {
    method: String,
    connection: u32,
    hand_over: Arc<dyn Fn(Call) + Send + Sync>,
}

type Answers = BoxStream<'static, Result<Bytes, Status>>;

impl StreamingService<Bytes> for HandOver {
    type Response = Bytes;
    type ResponseStream = Answers;
    type Future = Pin<Box<dyn Future<Output = Result<Response<Answers>, Status>> + Send>>;

    fn call(&mut self, request: Request<Streaming<Bytes>>) -> Self::Future {
        let (metadata, _, requests) = request.into_parts();
        let (opening, opened) = oneshot::channel();
        let (answers, sent) = mpsc::channel(1);
        (self.hand_over)(Call {
            method: self.method.clone(),
            headers: metadata.into_headers(),
            connection: self.connection,
            requests,
            opening: Some(opening),
            answers,
        });
        Box::pin(async move {
            opened.await.unwrap_or_else(|_| Err(Status::cancelled("the test dropped the call")))?;
            let sent = futures::stream::unfold(sent, |mut sent| async {
                let message = sent.recv().await?;
                Some((message, sent))
            });
            Ok(Response::new(sent.boxed()))
        })
    }
}
