#![doc = include_str!("../README.md")]

mod case;
mod cases;
mod ctx;
mod deviation;
pub mod differential;
mod feed;
pub mod liars;
mod run;

pub use case::Case;
pub use cases::cases;
pub use ctx::{Ctx, refused};
pub use deviation::{Deviation, Deviations};
pub use feed::Feed;
pub use run::{Harness, Outcome, Source, outcome_of, run, run_each};

/// The composite indexes that the suite's queries need, in the format of the Firebase CLI.
/// A strict store or a production database must have them before the suite runs.
pub const INDEXES: &str = include_str!("../firestore.indexes.json");
