//! Commits: the one operation that must not be repeated lightly.

use firekeep_core::{Commit, Committed, Cx, Effect, Error, Operation, Result, Retry, Store, Write};

use super::policy::Policy;

/// Sends a commit outside of transactions until it succeeds, fails for good, or the policy gives up.
pub(super) async fn commit(
    inner: &dyn Store,
    policy: &Policy,
    cx: &Cx,
    request: Commit,
) -> Result<Committed> {
    policy.budget.deposit();
    let mut outcome =
        Outcome { repeatable: request.writes().iter().all(Write::is_idempotent), uncertain: false };
    for failures in 1..policy.attempts {
        match inner.commit(cx, request.clone()).await {
            Ok(committed) => return Ok(committed),
            Err(error) => {
                let error = outcome.judge(error);
                if !outcome.may_repeat(&error) {
                    return Err(error);
                }
                policy.pause(cx, Operation::Commit, failures, error).await?;
            }
        }
    }
    inner.commit(cx, request).await.map_err(|error| outcome.judge(error))
}

/// What is known about a commit after some attempts.
struct Outcome {
    /// Sending it twice does what sending it once does.
    repeatable: bool,
    /// An attempt may have taken effect.
    uncertain: bool,
}

impl Outcome {
    /// Takes note of a failed attempt. Once an attempt may have taken effect, no later error can say
    /// that nothing was written: a refusal may be due to that very attempt.
    fn judge(&mut self, error: Error) -> Error {
        self.uncertain |= error.effect() == Effect::Unknown;
        if self.uncertain { error.with_effect(Effect::Unknown) } else { error }
    }

    fn may_repeat(&self, error: &Error) -> bool {
        error.retry() != Retry::Never && (self.repeatable || !self.uncertain)
    }
}
