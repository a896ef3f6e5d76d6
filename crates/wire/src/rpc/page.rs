//! Answers in pages, and the tokens between them.

use std::hash::{DefaultHasher, Hash, Hasher};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use firekeep_core::{Error, Result};
use prost::Message;

use crate::decode;

/// Where the next page starts. A token holds all of it, so a server keeps nothing between pages.
#[derive(Clone, PartialEq, Message)]
pub(super) struct PageToken {
    /// What the page is of: only the request that gave a token may bring it back.
    #[prost(fixed64, tag = "1")]
    pub(super) request: u64,
    /// The last thing on the page before.
    #[prost(string, tag = "2")]
    pub(super) after: String,
    /// Its place in the order, where that is more than its name.
    #[prost(message, repeated, tag = "3")]
    pub(super) position: Vec<crate::proto::Value>,
    /// As of when all pages read, where they must agree.
    #[prost(message, optional, tag = "4")]
    pub(super) read_time: Option<prost_types::Timestamp>,
    /// How many things were on the pages before, where there is a bound on all pages.
    #[prost(uint64, tag = "5")]
    pub(super) given: u64,
}

impl PageToken {
    /// The token of a page of `request`: of everything in it but the page's size.
    pub(super) fn of(request: &impl Hash) -> Self {
        Self { request: digest(request), ..Self::default() }
    }

    /// Reads a token that came back with `request`; `None` for the first page.
    ///
    /// # Errors
    /// `InvalidArgument` for a token of another request, or none at all.
    pub(super) fn read(text: &str, request: &impl Hash) -> Result<Option<Self>> {
        if text.is_empty() {
            return Ok(None);
        }
        let bytes = STANDARD.decode(text).ok();
        let token = bytes.and_then(|bytes| Self::decode(&*bytes).ok());
        match token.filter(|token| token.request == digest(request)) {
            Some(token) => Ok(Some(token)),
            None => Err(Error::invalid("invalid page token")),
        }
    }

    /// The token as clients get it.
    pub(super) fn text(&self) -> String {
        STANDARD.encode(self.encode_to_vec())
    }
}

fn digest(request: &impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    request.hash(&mut hasher);
    hasher.finish()
}

/// How many things a page holds, if the request asks for `size` and nothing means `default`.
///
/// # Errors
/// `InvalidArgument` for a negative number.
pub(super) fn size(size: i32, default: usize) -> Result<usize> {
    let asked = decode::count("a page's size", size)
        .map_err(|_| Error::invalid("Page size must be nonnegative."))?;
    Ok(if asked == 0 { default } else { asked as usize })
}
