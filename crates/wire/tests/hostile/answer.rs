//! What a server answered.

use bytes::{Buf, Bytes};
use http::{HeaderMap, StatusCode, response::Parts};

/// An answer, whole.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) http: StatusCode,
    /// The code of gRPC; -1 if there is none.
    pub(crate) code: i32,
    pub(crate) message: String,
    pub(crate) messages: Vec<Bytes>,
}

impl Answer {
    pub(crate) fn new(head: &Parts, trailers: &HeaderMap, mut body: Bytes) -> Self {
        let text = |name| {
            let value = trailers.get(name).or_else(|| head.headers.get(name))?;
            Some(value.to_str().unwrap().to_owned())
        };
        let code = text("grpc-status").map_or(-1, |code| code.parse().unwrap());
        let message = text("grpc-message").unwrap_or_default();
        let message = percent_decoded(&message);
        let mut messages = Vec::new();
        while code >= 0 && body.len() >= 5 {
            let length = {
                body.advance(1);
                body.get_u32()
            } as usize;
            messages.push(body.split_to(length));
        }
        Self { http: head.status, code, message, messages }
    }
}

/// Messages of gRPC travel percent-encoded.
fn percent_decoded(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, tail @ ..] = rest {
        let escaped = (*first == b'%').then(|| tail.get(..2)).flatten();
        let byte =
            escaped.and_then(|hex| u8::from_str_radix(std::str::from_utf8(hex).ok()?, 16).ok());
        bytes.push(byte.unwrap_or(*first));
        rest = if byte.is_some() { &tail[2..] } else { tail };
    }
    String::from_utf8_lossy(&bytes).into_owned()
}
