//! `Listen` and `Write` on the generated client, over the memory store on a clock that tests move.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod client;
mod ends;
mod ground;
mod many;
mod meddler;
mod quiet;
mod refusals;
mod resuming;
mod scripts;
mod several;
mod targets;
mod writes;
