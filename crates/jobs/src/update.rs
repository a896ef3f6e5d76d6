//! What a task says about itself.

use firekeep_core::{Fields, Timestamp};

use crate::error::{Error, Result};
use crate::state::Progress;
use crate::status::Status;

/// The longest event id, in bytes.
const MAX_EVENT_ID: usize = 128;

/// A new state of a cell. What it does not name is empty in the new state.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Update {
    pub(crate) status: Status,
    pub(crate) message: String,
    pub(crate) progress: Option<Progress>,
    pub(crate) payload: Fields,
    pub(crate) event_id: Option<String>,
    pub(crate) observed_at: Option<Timestamp>,
}

impl Update {
    /// A state with this status.
    pub fn new(status: impl Into<Status>) -> Self {
        Self { status: status.into(), ..Self::default() }
    }

    /// A finished state.
    pub fn finished() -> Self {
        Self::new(Status::FINISHED)
    }

    /// An error with this code, whose sign does not matter; 0 becomes -1.
    pub fn failed(code: i32) -> Self {
        Self::new(-code.saturating_abs().max(1))
    }

    /// What the task says.
    #[must_use]
    pub fn message(mut self, message: impl Into<String>) -> Self {
        self.message = message.into();
        self
    }

    /// How much is done, and of how much; 0 if nobody knows. Each at most 2⁶³ - 1.
    #[must_use]
    pub fn progress(mut self, done: u64, total: u64) -> Self {
        self.progress = Some(Progress { done, total });
        self
    }

    /// What to keep with the state.
    #[must_use]
    pub fn payload(mut self, payload: Fields) -> Self {
        self.payload = payload;
        self
    }

    /// Names this write, so that writing it again, from another process too, changes nothing as long
    /// as no other write of the cell came between. 1 to 128 bytes.
    #[must_use]
    pub fn event_id(mut self, id: impl Into<String>) -> Self {
        self.event_id = Some(id.into());
        self
    }

    /// When the writer says this was so; for people only.
    #[must_use]
    pub fn observed_at(mut self, at: Timestamp) -> Self {
        self.observed_at = Some(at);
        self
    }

    pub(crate) fn check(&self) -> Result<()> {
        self.progress.map_or(Ok(()), Progress::check)?;
        match self.event_id.as_deref().map(str::len) {
            Some(length) if !(1..=MAX_EVENT_ID).contains(&length) => {
                let rule = format!("must have 1 to {MAX_EVENT_ID} bytes, has {length}");
                Err(Error::invalid("event_id", rule))
            }
            _ => Ok(()),
        }
    }
}
