//! The Firestore backend against everything that can go wrong on the wire, on a clock of the test's.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod calls;
mod storm;
mod subscriber;
mod watches;
