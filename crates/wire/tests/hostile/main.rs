//! What no client of good will sends: a status each, and the server goes on.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod answer;
mod compression;
mod connection;
mod forge;
mod frame;
mod fuzz;
mod ground;
mod http1;
mod http2;
mod message;
mod mutation;
mod names;
mod room;
mod schema;
mod shapes;
mod tokens;
