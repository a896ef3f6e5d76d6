//! The Firestore backend against everything that can go wrong on the wire, on a clock of the test's.

mod calls;
mod storm;
mod subscriber;
mod watches;
