//! The body of an answer, the end of which says how the call ended.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http::{HeaderMap, Response};
use hyper::body::{Body as HttpBody, Frame, SizeHint};
use tonic::body::Body;
use tonic::{Code, Status};

use super::record::Ongoing;

pub(super) fn observed(mut ongoing: Ongoing, response: Response<Body>) -> Response<Body> {
    if let Some(code) = code(response.headers()) {
        // Nothing follows.
        ongoing.coded(code);
        return response;
    }
    response.map(|body| Body::new(Observed { body, ongoing }))
}

/// A body on its way to the client.
struct Observed {
    body: Body,
    ongoing: Ongoing,
}

impl HttpBody for Observed {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        let frame = ready!(Pin::new(&mut self.body).poll_frame(cx));
        if let Some(Ok(frame)) = &frame {
            if let Some(data) = frame.data_ref() {
                self.ongoing.record().answered(messages(data));
            } else if let Some(code) = frame.trailers_ref().and_then(code) {
                self.ongoing.coded(code);
            }
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

fn code(headers: &HeaderMap) -> Option<Code> {
    headers.get("grpc-status").map(|status| Code::from_bytes(status.as_bytes()))
}

/// How many messages a frame holds. Each has five bytes before it, the last four its length; no
/// message is cut in two here.
fn messages(mut data: &[u8]) -> u64 {
    let mut count = 0;
    while let Some((&[_, a, b, c, d], rest)) = data.split_first_chunk::<5>() {
        count += 1;
        let length = u32::from_be_bytes([a, b, c, d]);
        data = rest.get(usize::try_from(length).unwrap_or(usize::MAX)..).unwrap_or_default();
    }
    count
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_are_counted_by_their_lengths() {
        assert_eq!(messages(&[]), 0);
        assert_eq!(messages(&[0, 0, 0, 0, 0]), 1);
        assert_eq!(messages(&[0, 0, 0, 0, 2, 9, 9, 0, 0, 0, 0, 1, 9]), 2);
        assert_eq!(messages(&[0, 255, 255, 255, 255, 1]), 1);
    }
}
