//! What the store does against the official emulator.
//!
//! A missing emulator fails these tests instead of skipping them: a skip would look like a pass.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod database;

/// The name by which `cargo xtask test --memory` leaves these out.
#[path = "."]
mod emulator {
    mod aggregates;
    mod commits;
    mod queries;
    mod reads;
    mod transactions;
    mod values;
}
