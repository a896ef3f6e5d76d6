#![doc = include_str!("../README.md")]

pub mod check;
pub mod fault;
pub mod layer;
pub mod meter;
pub mod observe;
pub mod retry;
pub mod stack;

mod tap;

#[cfg(test)]
mod scripted;

pub use check::CheckLayer;
pub use fault::{Fault, FaultHandle, FaultLayer, Rates};
pub use layer::{Layer, Rank};
pub use meter::{Bill, MeterHandle, MeterLayer, Usage};
pub use observe::{Call, Ending, ObserveLayer, Observer, Outcome, TracingObserver};
pub use retry::{BudgetOptions, RetryLayer};
pub use stack::{Stack, StackError, Standard};
