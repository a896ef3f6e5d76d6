#![doc = include_str!("../README.md")]

mod builder;
mod commit;
mod control;
mod reading;
mod shared;
mod store;
mod waiting;

mod documents;
mod encoding;
mod former;
mod history;
mod index;
mod slots;
mod snapshot;
mod state;

mod apply;
mod limits;
mod transform;

mod aggregate;
mod catalog;
mod matching;
mod plan;
mod query;
mod range;

mod locks;
mod position;
mod ttl;
mod txn;
mod watch;
mod watchers;

pub mod index_file;

pub use builder::MemoryStoreBuilder;
pub use control::Control;
pub use index_file::IndexFile;
pub use snapshot::Snapshot;
pub use store::MemoryStore;
