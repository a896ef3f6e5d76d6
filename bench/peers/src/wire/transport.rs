//! The least that the generated client runs on: an HTTP/2 connection without reconnecting, queueing
//! or balancing.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use futures::FutureExt;
use futures::future::BoxFuture;
use h2::client::SendRequest;
use h2::{RecvStream, SendStream};
use http::{HeaderValue, Request, Response};
use http_body::{Body as _, Frame};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tonic::body::Body;
use tonic::codegen::Service;

/// More than any answer of the benchmark is long, so that no window is ever waited for.
const WINDOW: u32 = 64 << 20;

/// One connection. Clones share it.
#[derive(Clone)]
pub struct Connection {
    streams: SendRequest<Bytes>,
    /// `projects/{project}/databases/{database}`: the official emulator wants it beside each stream.
    database: HeaderValue,
}

impl Connection {
    /// Connects; must be called on the runtime that is going to drive the connection.
    pub async fn open(address: &str, database: &str) -> anyhow::Result<Self> {
        let socket = TcpStream::connect(address).await?;
        socket.set_nodelay(true)?;
        let mut builder = h2::client::Builder::new();
        builder.initial_window_size(WINDOW).initial_connection_window_size(WINDOW);
        builder.initial_max_send_streams(100);
        let (streams, connection) = builder.handshake(Coalesced(socket)).await?;
        tokio::spawn(connection);
        Ok(Self { streams, database: HeaderValue::from_str(database)? })
    }
}

impl Service<Request<Body>> for Connection {
    type Response = Response<Answer>;
    type Error = h2::Error;
    type Future = BoxFuture<'static, Result<Self::Response, h2::Error>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), h2::Error>> {
        self.streams.poll_ready(cx)
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let (mut head, body) = request.into_parts();
        let bearer = HeaderValue::from_static("Bearer owner");
        head.headers.insert(http::header::AUTHORIZATION, bearer);
        head.headers.insert("google-cloud-resource-prefix", self.database.clone());
        let sent = self.streams.send_request(Request::from_parts(head, ()), false);
        async move {
            let (answer, stream) = sent?;
            let mut pump = Box::pin(pump(body, stream));
            // A single message is sent by now; a stream of them goes on beside the answers.
            match pump.as_mut().now_or_never() {
                Some(sent) => sent?,
                None => drop(tokio::spawn(pump)),
            }
            Ok(answer.await?.map(Answer))
        }
        .boxed()
    }
}

async fn pump(mut body: Body, mut stream: SendStream<Bytes>) -> Result<(), h2::Error> {
    let next = |body: &mut Body, cx: &mut Context<'_>| Pin::new(body).poll_frame(cx);
    while let Some(frame) = std::future::poll_fn(|cx| next(&mut body, cx)).await {
        let Some(data) = frame.ok().and_then(|frame| frame.into_data().ok()) else { break };
        let end = body.is_end_stream();
        stream.send_data(data, end)?;
        if end {
            return Ok(());
        }
    }
    stream.send_data(Bytes::new(), true)
}

/// A socket that takes no vectored writes, so that the connection copies short requests together
/// and sends them at once, instead of each by itself.
struct Coalesced(TcpStream);

impl AsyncRead for Coalesced {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(cx, into)
    }
}

impl AsyncWrite for Coalesced {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(cx)
    }
}

/// The body of an answer.
pub struct Answer(RecvStream);

impl http_body::Body for Answer {
    type Data = Bytes;
    type Error = h2::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, h2::Error>>> {
        match ready!(self.0.poll_data(cx)) {
            Some(Ok(data)) => {
                // Refused only once the stream is closed, when nothing more is to be released.
                let _ = self.0.flow_control().release_capacity(data.len());
                Poll::Ready(Some(Ok(Frame::data(data))))
            }
            Some(Err(error)) => Poll::Ready(Some(Err(error))),
            None => {
                let trailers = ready!(self.0.poll_trailers(cx))?;
                Poll::Ready(trailers.map(|trailers| Ok(Frame::trailers(trailers))))
            }
        }
    }
}
