//! Messages read from bytes into core's types, and written from core's types into bytes.
//!
//! Generated messages would be built in between, map by map and name by name. For a query of a
//! hundred documents that is a third of what the client computes, so the answers that carry
//! documents in bulk and the commit have a reader and a writer of their own. Tests hold them to what
//! [`conv`](crate::conv) and the generated messages make of the same values.

mod backward;
mod codec;
mod document;
mod part;
mod reader;
mod write;

pub(crate) use codec::{Direct, Encoded, Outgoing, Sent};
pub(crate) use part::{Found, GetPart, QueryPart};
pub(crate) use write::commit;

#[cfg(test)]
mod tests;
