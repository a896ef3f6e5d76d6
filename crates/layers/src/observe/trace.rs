//! Calls as spans and events of `tracing`.

use firekeep_core::{Effect, ErrorKind};
use tracing::{Span, debug, debug_span, warn};

use super::observer::{Call, Ending, Observer, Outcome};

/// Runs each call in a span and emits an event when it ends.
///
/// Both carry the operation, the label, counts and durations; nothing of what was read or written.
/// Failures that call for attention are warnings. Refused preconditions, lost races and dropped
/// calls are part of the day and, like successes, told at debug level.
#[derive(Clone, Copy, Debug, Default)]
pub struct TracingObserver;

impl Observer for TracingObserver {
    fn start(&self, _: &Call<'_>) {}

    fn finish(&self, call: &Call<'_>, outcome: &Outcome) {
        let (operation, label) = (call.operation.name(), call.label);
        let (rows, outcome_name, duration) =
            (outcome.rows, outcome.ending.name(), outcome.duration);
        match outcome.ending {
            Ending::Failed(kind, effect) if needs_attention(kind) => {
                let uncertain = effect == Effect::Unknown;
                warn!(
                    operation,
                    label,
                    rows,
                    ?duration,
                    uncertain,
                    "store call failed: {outcome_name}"
                );
            }
            _ => debug!(operation, label, rows, ?duration, outcome = outcome_name, "store call"),
        }
    }

    fn span(&self, call: &Call<'_>) -> Span {
        debug_span!("store", operation = call.operation.name(), label = call.label)
    }
}

/// Whether an error is one of the store, and not an answer to what the caller asked.
fn needs_attention(kind: ErrorKind) -> bool {
    use ErrorKind::{Aborted, AlreadyExists, Cancelled, FailedPrecondition, NotFound};
    !matches!(kind, Aborted | AlreadyExists | Cancelled | FailedPrecondition | NotFound)
}
