//! Many streams and large messages: what each costs, and that it ends.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
#![allow(clippy::print_stdout, reason = "a test says what it measured")]

mod ground;
mod memory;
mod sizes;
mod stop;
mod streams;
mod threads;
