//! Answers that break off without a status.

use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use hyper::body::{Frame, SizeHint};
use tonic::Status;
use tonic::body::Body;

use super::wreck::Wreck;

/// The answer, whose stream is reset once `wreck` is cut: an error of a body is what makes the server
/// do that.
pub(crate) fn cuttable(response: http::Response<Body>, wreck: &Wreck) -> http::Response<Body> {
    if !wreck.is_possible() {
        return response;
    }
    let wreck = wreck.clone();
    let (mut parts, inner) = response.into_parts();
    if wreck.is_cut() {
        // What a unary call would have answered is lost, its status included.
        parts.headers.remove("grpc-status");
        parts.headers.remove("grpc-message");
    }
    http::Response::from_parts(parts, Body::new(Cuttable { inner, wreck }))
}

struct Cuttable {
    inner: Body,
    wreck: Wreck,
}

impl hyper::body::Body for Cuttable {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        match Pin::new(&mut self.inner).poll_frame(cx) {
            Poll::Ready(Some(Ok(frame))) if frame.is_data() => Poll::Ready(Some(Ok(frame))),
            _ if self.wreck.is_cut() => Poll::Ready(Some(Err(Status::unavailable("cut")))),
            other => other,
        }
    }

    fn is_end_stream(&self) -> bool {
        !self.wreck.is_cut() && self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::default()
    }
}
