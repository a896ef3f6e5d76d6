//! Each fault strikes as it was scripted, and as its plan and seed draw it.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod calls;
mod door;
mod ground;
mod limits;
mod listen;
mod plans;
mod replay;
mod streams;
