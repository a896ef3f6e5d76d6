//! What the store does against the official emulator.
//!
//! A missing emulator fails these tests instead of skipping them: a skip would look like a pass.

mod aggregates;
mod commits;
mod database;
mod queries;
mod reads;
mod transactions;
mod values;
