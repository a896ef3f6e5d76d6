//! An HTTP/2 connection that says whatever a test wants it to.

use std::convert::Infallible;
use std::net::{Shutdown, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures::StreamExt;
use http::{HeaderMap, Request, Response, header};
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt, Full, StreamBody};
use hyper::body::{Frame, Incoming};
use hyper::client::conn::http2::{SendRequest, handshake};
use hyper_util::rt::{TokioExecutor, TokioIo};
use prost::Message;
use tokio::net::TcpStream;

use crate::answer::Answer;
use crate::frame::framed;

pub(crate) type Body = BoxBody<Bytes, Infallible>;

/// A connection.
#[derive(Clone)]
pub(crate) struct Connection {
    sender: SendRequest<Body>,
    socket: Arc<std::net::TcpStream>,
}

/// No answer takes as long. The server's own patience is never in the way: its clock stands still.
const PATIENCE: Duration = Duration::from_secs(20);

impl Connection {
    pub(crate) async fn open(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).await.unwrap();
        stream.set_nodelay(true).unwrap();
        let socket = stream.into_std().unwrap();
        let stream = TcpStream::from_std(socket.try_clone().unwrap()).unwrap();
        let (sender, connection) =
            handshake(TokioExecutor::new(), TokioIo::new(stream)).await.unwrap();
        #[allow(clippy::disallowed_methods, reason = "ends with the test's runtime")]
        tokio::spawn(connection);
        Self { sender, socket: Arc::new(socket) }
    }

    /// Closes the socket in the middle of whatever goes on.
    pub(crate) fn cut(self) {
        self.socket.shutdown(Shutdown::Both).unwrap();
    }

    /// Calls a method with one message.
    pub(crate) async fn ask(&self, method: &str, message: &impl Message) -> Answer {
        self.call(method, framed(&message.encode_to_vec())).await
    }

    /// Calls a method with these bytes, whatever they are.
    pub(crate) async fn call(&self, method: &str, body: impl Into<Bytes>) -> Answer {
        let request = request(method).body(whole(body)).unwrap();
        self.send(request).await.unwrap_or_else(|error| panic!("{method} broke off: {error}"))
    }

    /// Sends a request and reads all of the answer.
    pub(crate) async fn send(&self, request: Request<Body>) -> Result<Answer, String> {
        let all = async {
            let response = self.begin(request).await?;
            let (head, body) = response.into_parts();
            let body = body.collect().await.map_err(|error| format!("the answer: {error}"))?;
            let trailers = body.trailers().cloned().unwrap_or_else(HeaderMap::new);
            Ok(Answer::new(&head, &trailers, body.to_bytes()))
        };
        tokio::time::timeout(PATIENCE, all).await.map_err(|_| "no answer".to_owned())?
    }

    /// Sends a request and awaits the head of the answer.
    pub(crate) async fn begin(&self, request: Request<Body>) -> Result<Response<Incoming>, String> {
        let response = self.sender.clone().send_request(request).await;
        response.map_err(|error| {
            format!("the request: {error}: {:?}", std::error::Error::source(&error))
        })
    }
}

/// A call as a client of good will begins it.
pub(crate) fn request(method: &str) -> http::request::Builder {
    Request::post(format!("http://localhost/google.firestore.v1.Firestore/{method}"))
        .header(header::CONTENT_TYPE, "application/grpc")
        .header(header::TE, "trailers")
}

/// A body in one piece.
pub(crate) fn whole(body: impl Into<Bytes>) -> Body {
    Full::new(body.into()).boxed()
}

/// A body in pieces, each a frame of its own.
pub(crate) fn pieces(
    pieces: impl IntoIterator<Item = Bytes, IntoIter: Send + Sync + 'static>,
) -> Body {
    let frames = pieces.into_iter().map(|piece| Ok(Frame::data(piece)));
    BodyExt::boxed(StreamBody::new(futures::stream::iter(frames)))
}

/// A body that goes on for ever after these pieces.
pub(crate) fn endless(first: impl IntoIterator<Item = Bytes>) -> Body {
    let first: Vec<_> = first.into_iter().map(|piece| Ok(Frame::data(piece))).collect();
    let all = futures::stream::iter(first).chain(futures::stream::pending());
    BodyExt::boxed(StreamBody::new(all))
}
