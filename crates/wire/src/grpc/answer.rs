//! Answers as they are sent: framed, never compressed. Clients always offer to take compressed
//! answers; on the way within a machine it would cost a server like this most of its speed.

use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use futures::StreamExt;
use futures::stream::BoxStream;
use http::{HeaderMap, HeaderValue, header};
use hyper::body::Frame;
use prost::Message;
use tonic::Status;
use tonic::body::Body;

use super::request::HEAD;

/// One message.
pub(super) fn one(message: &impl Message) -> http::Response<Body> {
    let mut bytes = Vec::with_capacity(HEAD + message.encoded_len());
    frame(message, &mut bytes);
    response(Body::new(One { bytes: Some(bytes.into()), ended: false }))
}

/// A stream of messages, or what breaks it off.
pub(super) fn stream<T: Message + 'static>(
    messages: BoxStream<'static, Result<T, Status>>,
) -> http::Response<Body> {
    response(Body::new(Many { messages: Some(messages), ends: None }))
}

fn response(body: Body) -> http::Response<Body> {
    let mut response = http::Response::new(body);
    let grpc = HeaderValue::from_static("application/grpc");
    response.headers_mut().insert(header::CONTENT_TYPE, grpc);
    response
}

/// Puts a message into its frame.
fn frame(message: &impl Message, bytes: &mut Vec<u8>) {
    let length = message.encoded_len();
    bytes.reserve(HEAD + length);
    bytes.push(0);
    // A store that holds less than 4 GiB in one answer is every store.
    bytes.extend_from_slice(&(length as u32).to_be_bytes());
    message.encode_raw(bytes);
}

struct One {
    bytes: Option<Bytes>,
    ended: bool,
}

impl hyper::body::Body for One {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        if let Some(bytes) = self.bytes.take() {
            return Poll::Ready(Some(Ok(Frame::data(bytes))));
        }
        if std::mem::replace(&mut self.ended, true) {
            return Poll::Ready(None);
        }
        Poll::Ready(Some(Ok(well())))
    }
}

struct Many<T> {
    /// `None` once all were sent.
    messages: Option<BoxStream<'static, Result<T, Status>>>,
    /// What follows the messages.
    ends: Option<Frame<Bytes>>,
}

impl<T: Message> hyper::body::Body for Many<T> {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        let mut bytes = Vec::new();
        while let Some(messages) = &mut self.messages {
            match messages.poll_next_unpin(cx) {
                Poll::Ready(Some(Ok(message))) => {
                    if bytes.is_empty() {
                        bytes.reserve(USUAL);
                    }
                    frame(&message, &mut bytes);
                }
                Poll::Ready(end) => {
                    self.messages = None;
                    self.ends = Some(match end {
                        Some(Err(status)) => trailers(&status),
                        _ => well(),
                    });
                }
                Poll::Pending if bytes.is_empty() => return Poll::Pending,
                Poll::Pending => break,
            }
            if bytes.len() >= ENOUGH {
                break;
            }
        }
        if bytes.is_empty() {
            return Poll::Ready(self.ends.take().map(Ok));
        }
        Poll::Ready(Some(Ok(Frame::data(bytes.into()))))
    }
}

impl<T> Unpin for Many<T> {}

/// The end of a call that went well.
fn well() -> Frame<Bytes> {
    let mut trailers = HeaderMap::with_capacity(1);
    trailers.insert("grpc-status", HeaderValue::from_static("0"));
    Frame::trailers(trailers)
}

fn trailers(status: &Status) -> Frame<Bytes> {
    let mut trailers = HeaderMap::new();
    if let Err(error) = status.add_header(&mut trailers) {
        tracing::error!(%error, "a status can't be put into headers");
    }
    Frame::trailers(trailers)
}

/// What the answers of most calls have room in.
const USUAL: usize = 4 << 10;

/// How much of a stream is sent in one piece.
const ENOUGH: usize = 32 << 10;
