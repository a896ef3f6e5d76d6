//! Each method on the generated client, as bare as the protocol: no client of ours in between.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod aggregates;
mod databases;
mod documents;
mod explained;
mod ground;
mod kindless;
mod lists;
mod nearest;
mod partitions;
mod queries;
mod refusals;
mod round_trip;
mod transactions;
mod writes;
