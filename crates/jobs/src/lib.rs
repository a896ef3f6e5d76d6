#![doc = include_str!("../README.md")]

mod aggregate;
mod claim;
mod error;
mod job;
mod jobs;
mod key;
mod observer;
mod oneshot;
mod purge;
mod record;
mod retry;
mod spec;
mod state;
mod status;
mod update;
mod writer;

pub use aggregate::{Aggregate, Culprit, Histogram, Scope};
pub use claim::{Claim, ClaimOptions};
pub use error::{Error, Result};
pub use job::Job;
pub use jobs::{COLLECTION, Jobs, JobsBuilder, OnTombstoned};
pub use key::{JobId, Key, Tag};
pub use observer::Observer;
pub use oneshot::Lowest;
pub use record::Phase;
pub use spec::{JobSpec, MAX_HISTORY, MAX_TAGS};
pub use state::{Progress, Run, State};
pub use status::Status;
pub use update::Update;
pub use writer::{Reported, TaskWriter};
