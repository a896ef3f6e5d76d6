#![doc = include_str!("../README.md")]

pub use firekeep_core::*;

#[cfg(feature = "firestore")]
pub use firekeep_firestore as firestore;
#[cfg(feature = "layers")]
pub use firekeep_layers as layers;
#[cfg(feature = "memory")]
pub use firekeep_memory as memory;
#[cfg(feature = "telemetry")]
pub use firekeep_telemetry as telemetry;
