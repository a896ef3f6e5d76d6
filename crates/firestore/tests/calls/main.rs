//! What the store sends, and what it makes of answers that no emulator gives.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod answers;
mod connections;
mod deadlines;
mod failures;
mod headers;
#[path = "../scripted/mod.rs"]
mod scripted;
mod store;
