#![doc = include_str!("../README.md")]

pub use firekeep_core::*;

#[cfg(feature = "firestore")]
pub use firekeep_firestore::{self as firestore, FirestoreStore};
#[cfg(feature = "jobs")]
pub use firekeep_jobs as jobs;
#[cfg(feature = "layers")]
pub use firekeep_layers as layers;
#[cfg(feature = "lock")]
pub use firekeep_lock as lock;
#[cfg(feature = "memory")]
pub use firekeep_memory::{self as memory, MemoryStore};
#[cfg(feature = "telemetry")]
pub use firekeep_telemetry as telemetry;
#[cfg(feature = "wire")]
pub use firekeep_wire as wire;

/// The examples of the repository's README and of the book, run as tests.
#[cfg(all(doctest, feature = "memory"))]
mod pages {
    macro_rules! page {
        ($($(#[$attribute:meta])* $name:ident: $path:literal;)*) => {
            $($(#[$attribute])*
            #[doc = include_str!(concat!("../../../", $path))]
            struct $name;)*
        };
    }
    page! {
        Readme: "README.md";
        Introduction: "docs/book/src/introduction.md";
        Writing: "docs/book/src/writing.md";
        Querying: "docs/book/src/querying.md";
        Transactions: "docs/book/src/transactions.md";
        Typed: "docs/book/src/typed.md";
        Watching: "docs/book/src/watching.md";
        #[cfg(feature = "lock")]
        Locking: "docs/book/src/locking.md";
        #[cfg(feature = "jobs")]
        Jobs: "docs/book/src/jobs.md";
        Testing: "docs/book/src/testing.md";
        #[cfg(all(feature = "firestore", feature = "wire"))]
        Emulator: "docs/book/src/emulator.md";
    }
}
