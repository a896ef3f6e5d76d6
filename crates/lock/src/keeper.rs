//! The task beside each guard: it renews the lease, and says so at once when it is lost.

use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::event::Action;
use crate::hold::Hold;

/// Keeps `hold` until it is released or lost, and renews it at least `every` so often, if at all.
pub(crate) async fn keep(hold: Arc<Hold>, every: Option<Duration>) {
    let (renew, every) = (every.is_some(), every.unwrap_or(Duration::MAX));
    let next = |hold: &Hold, from| next(hold, from, every);
    let mut renew_at = next(&hold, hold.inner.now());
    loop {
        let Ok(state) = hold.held() else { return };
        let now = hold.inner.now();
        let wake = if renew { renew_at.min(state.deadline) } else { state.deadline };
        let sleep = hold.inner.clock().sleep(wake.saturating_duration_since(now));
        tokio::select! {
            biased;
            () = hold.stop.cancelled() => return,
            () = hold.shortened.notified() => {
                renew_at = renew_at.min(next(&hold, hold.inner.now()));
            }
            () = sleep => {}
        }
        if renew && hold.inner.now() >= renew_at {
            renew_at = renew_once(&hold, every).await;
        }
    }
}

/// Renews, until the belief ends at the latest. Answers when to renew again.
async fn renew_once(hold: &Arc<Hold>, every: Duration) -> Instant {
    let state = hold.state();
    let now = hold.inner.now();
    let rest = state.deadline.saturating_duration_since(now);
    let renewed = tokio::select! {
        biased;
        // Whoever stops the keeper looks after the lease: a renewal under way is forgotten.
        () = hold.stop.cancelled() => return now,
        () = hold.inner.clock().sleep(rest) => return now,
        renewed = hold.extend(state.ttl, Action::Renew) => renewed,
    };
    match renewed {
        Ok(_) => next(hold, now, every),
        Err(error) => {
            tracing::warn!(key = %hold.key_hash(), %error, "a lease was not renewed; trying again");
            hold.inner.now() + state.ttl / 10
        }
    }
}

/// A third of the lease from `from`, or `every` if that is less, or up to a fifth earlier, so that locks
/// taken at once are not renewed at once.
fn next(hold: &Hold, from: Instant, every: Duration) -> Instant {
    let third = every.min(hold.state().ttl / 3);
    from + third.mul_f64(0.8 + 0.2 * fastrand::f64()).max(Duration::from_millis(1))
}
