#![doc = include_str!("../README.md")]

pub mod admin;
pub mod election;
pub mod error;
pub mod event;
pub mod fence;
pub mod guard;
pub mod id;
pub mod key;
pub mod layout;
pub mod lease;
pub mod locks;
pub mod lookup;
pub mod options;
pub mod semaphore;
pub mod wait;
pub mod watching;

mod attempt;
mod fair;
mod hold;
mod inner;
mod keeper;
mod record;
mod task;

pub use admin::{Page, PageToken};
pub use attempt::Held;
pub use election::{Election, Leader, Leadership};
pub use error::{CommitError, Error, ErrorKind, Lost, Result};
pub use event::{Action, Event, Observer, Outcome};
pub use fence::Fence;
pub use guard::{Guard, Lease};
pub use hold::Released;
pub use id::LockId;
pub use key::{Hash, Key};
pub use layout::Layout;
pub use locks::{Locks, LocksBuilder, MAX_KEYS};
pub use lookup::{Holding, LockInfo};
pub use options::{AcquireOptions, Growth, Jitter, Mode};
pub use semaphore::{MAX_PERMITS, Semaphore};
pub use tokio_util::sync::CancellationToken;
pub use wait::Attempt;
pub use watching::HeldLocks;
