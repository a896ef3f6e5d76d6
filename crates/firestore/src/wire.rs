//! Answers read straight from their bytes into core's types.
//!
//! Generated messages would be built first and taken apart afterwards, map by map. For a query of
//! a hundred documents that is a third of what the client computes (see the ADR on the Firestore
//! client), so the two answers that carry documents in bulk have a reader of their own. It reads
//! what [`conv`](crate::conv) makes of the generated messages, and a test holds it to that.

mod codec;
mod document;
mod part;
mod reader;

pub(crate) use codec::Direct;
pub(crate) use part::{Found, GetPart, QueryPart};

#[cfg(test)]
mod tests;
