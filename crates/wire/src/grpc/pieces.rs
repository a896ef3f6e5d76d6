//! The body of a stream of requests, of which the long ones find room.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{Buf, Bytes};
use hyper::body::{Body, Frame, Incoming, SizeHint};
use tonic::Status;

use super::MAX_REQUEST;
use super::request::HEAD;
use super::room::{Room, Taken};

/// A body as it comes in. A message of several pieces has room from its head on, until whoever reads
/// asks for what follows it.
pub(super) struct Pieces {
    body: Incoming,
    room: Room,
    /// What has come of the next message's head.
    head: Vec<u8>,
    /// How much of the message under way is to come.
    left: usize,
    taken: Option<Taken>,
}

impl Pieces {
    pub(super) fn new(body: Incoming, room: Room) -> Self {
        Self { body, room, head: Vec::with_capacity(HEAD), left: 0, taken: None }
    }

    /// Follows the messages that `bytes` are part of.
    fn follow(&mut self, mut bytes: &[u8]) -> Result<(), Status> {
        while !bytes.is_empty() {
            if self.left == 0 {
                let head = bytes.len().min(HEAD - self.head.len());
                self.head.extend_from_slice(&bytes[..head]);
                bytes.advance(head);
                if self.head.len() < HEAD {
                    break;
                }
                self.left = (&self.head[1..]).get_u32() as usize;
                self.head.clear();
                // What is too long is refused by who reads it.
                if (bytes.len() + 1..=MAX_REQUEST).contains(&self.left) {
                    self.taken = Some(self.room.take(HEAD + self.left)?);
                }
            }
            let part = bytes.len().min(self.left);
            bytes.advance(part);
            self.left -= part;
        }
        Ok(())
    }
}

impl Body for Pieces {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        if self.left == 0 {
            self.taken = None;
        }
        let frame = ready!(Pin::new(&mut self.body).poll_frame(cx));
        let followed = frame.map(|frame| {
            let frame = frame.map_err(|error| Status::from_error(error.into()))?;
            if let Some(bytes) = frame.data_ref() {
                self.follow(bytes)?;
            }
            Ok(frame)
        });
        Poll::Ready(followed)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
