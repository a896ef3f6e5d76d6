#![doc = include_str!("../README.md")]

pub use firekeep_core::*;

#[cfg(feature = "firestore")]
pub use firekeep_firestore::{self as firestore, FirestoreStore};
#[cfg(feature = "layers")]
pub use firekeep_layers as layers;
#[cfg(feature = "memory")]
pub use firekeep_memory::{self as memory, MemoryStore};
#[cfg(feature = "telemetry")]
pub use firekeep_telemetry as telemetry;

/// The example of the repository's README.
#[cfg(all(doctest, feature = "memory"))]
#[doc = include_str!("../../../README.md")]
pub struct RepositoryReadme;
