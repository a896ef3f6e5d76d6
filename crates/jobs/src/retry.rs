//! Trying again: how often, and after how long.

use std::time::Duration;

use firekeep_core::{Backoff, Db, Effect, Error, ErrorKind, Retry};

const PAUSES: Backoff = Backoff { base: Duration::from_millis(50), cap: Duration::from_secs(2) };
/// With the pauses above, about ten seconds.
const MOST: u32 = 10;

/// The failed attempts of one operation.
#[derive(Debug)]
pub(crate) struct Attempts<'a> {
    db: &'a Db,
    failures: u32,
}

impl<'a> Attempts<'a> {
    pub(crate) fn new(db: &'a Db) -> Self {
        Self { db, failures: 0 }
    }

    /// Waits before the next attempt, if `error` may pass and there were not too many. The caller has
    /// looked, where the outcome is unknown, that the attempt did not succeed.
    pub(crate) async fn failed(&mut self, error: Error) -> Result<(), Error> {
        if self.may_pass(&error).await { Ok(()) } else { Err(error) }
    }

    /// As [`failed`](Self::failed).
    pub(crate) async fn may_pass(&mut self, error: &Error) -> bool {
        self.failures += 1;
        let after = match error.retry() {
            Retry::Request { after } => after,
            _ if error.effect() == Effect::Unknown || is_refusal(error) => None,
            _ => return false,
        };
        if self.failures >= MOST {
            return false;
        }
        // What a refusal was due to is read anew; waiting does not change it.
        let pause = match error.is_refused_precondition() {
            true => Duration::ZERO,
            false => PAUSES.delay(self.failures, after),
        };
        if !pause.is_zero() {
            self.db.clock().sleep(pause).await;
        }
        true
    }
}

/// Whether a precondition did not hold, or a conflicting commit came first.
pub(crate) fn is_refusal(error: &Error) -> bool {
    error.is_refused_precondition() || error.kind() == ErrorKind::Aborted
}
