//! Watches, held against a scripted server for what no emulator shows, and against the emulator.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod backing_off;
#[path = "../emulator/database.rs"]
mod database;
mod emulator;
mod ending;
mod feed;
mod messages;
mod reconnecting;
mod resuming;
mod rig;
#[path = "../scripted/mod.rs"]
mod scripted;
