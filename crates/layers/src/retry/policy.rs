//! The loop around attempts.

use std::future::Future;
use std::sync::Arc;

use firekeep_core::{Backoff, Clock, Cx, Error, Operation, Result, Retry};

use super::budget::Budget;

/// When to try again, and how long to wait for it.
#[derive(Debug)]
pub(super) struct Policy {
    pub(super) clock: Arc<dyn Clock>,
    pub(super) attempts: u32,
    pub(super) backoff: Backoff,
    pub(super) budget: Budget,
}

impl Policy {
    /// Sends `request` until it succeeds, fails for good, or the policy gives up.
    pub(super) async fn read<R: Clone, T, F>(
        &self,
        cx: &Cx,
        operation: Operation,
        request: R,
        send: impl Fn(R) -> F,
    ) -> Result<T>
    where
        F: Future<Output = Result<T>>,
    {
        self.budget.deposit();
        for failures in 1..self.attempts {
            match send(request.clone()).await {
                Ok(answer) => return Ok(answer),
                Err(error) if !matches!(error.retry(), Retry::Request { .. }) => return Err(error),
                Err(error) => self.pause(cx, operation, failures, error).await?,
            }
        }
        send(request).await
    }

    /// Waits before the next attempt.
    ///
    /// # Errors
    /// `error`, if there is to be no next attempt: the budget is used up, or the wait would outlast
    /// the deadline.
    pub(super) async fn pause(
        &self,
        cx: &Cx,
        operation: Operation,
        failures: u32,
        error: Error,
    ) -> Result<()> {
        let after = if let Retry::Request { after } = error.retry() { after } else { None };
        let delay = self.backoff.delay(failures, after);
        let now = self.clock.monotonic();
        if cx.deadline().is_some_and(|deadline| deadline.saturating_duration_since(now) <= delay) {
            tracing::debug!(%operation, failures, "giving up: the next attempt is past the deadline");
            return Err(error);
        }
        if !self.budget.withdraw(now) {
            tracing::warn!(%operation, failures, "giving up: the retry budget is used up");
            return Err(error);
        }
        tracing::debug!(%operation, failures, kind = %error.kind(), ?delay, "trying again");
        self.clock.sleep(delay).await;
        Ok(())
    }
}
