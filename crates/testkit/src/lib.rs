#![doc = include_str!("../README.md")]

#[cfg(feature = "stores")]
pub mod backend;
pub mod emulator;
pub mod process;
pub mod recording;
pub mod require;
#[cfg(feature = "stores")]
pub mod wire;

#[cfg(feature = "stores")]
pub use backend::TestBackend;
pub use emulator::{Emulator, EmulatorError};
pub use process::Process;
pub use require::Availability;
#[cfg(feature = "stores")]
pub use wire::WireServer;
