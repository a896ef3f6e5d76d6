#![doc = include_str!("../README.md")]

pub mod emulator;
pub mod process;
pub mod require;

pub use emulator::{Emulator, EmulatorError};
pub use process::Process;
pub use require::Availability;
