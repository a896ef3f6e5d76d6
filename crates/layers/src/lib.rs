#![doc = include_str!("../README.md")]

pub mod layer;
pub mod meter;
pub mod retry;
pub mod stack;

mod tap;

#[cfg(test)]
mod scripted;

pub use layer::{Layer, Rank};
pub use meter::{Bill, MeterHandle, MeterLayer, Usage};
pub use retry::{BudgetOptions, RetryLayer};
pub use stack::{Stack, StackError};
