//! What happens to the locks of this process, counted.

use std::fmt;

use firekeep_lock::{Event, Observer};
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;

/// The upper bounds of the buckets, in seconds: from a round trip to a long hold.
const BUCKETS: [f64; 10] = [0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 2.0, 10.0, 60.0, 600.0];

/// Both from closed sets: a label holds no key and no lock id.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ActionLabels {
    action: &'static str,
    outcome: &'static str,
}

/// Counts of what was done to locks, how it went, and how long it took.
#[derive(Clone)]
pub(crate) struct LockMetrics {
    actions: Family<ActionLabels, Counter>,
    seconds: Family<ActionLabels, Histogram, fn() -> Histogram>,
}

impl LockMetrics {
    pub(crate) fn new() -> Self {
        let seconds = Family::new_with_constructor((|| Histogram::new(BUCKETS)) as fn() -> _);
        Self { actions: Family::default(), seconds }
    }

    pub(crate) fn register(&self, registry: &mut Registry) {
        registry.register("lock_actions", "What was done to locks", self.actions.clone());
        registry.register(
            "lock_action_seconds",
            "How long it took, or how long the lock was held, in seconds",
            self.seconds.clone(),
        );
    }
}

impl Observer for LockMetrics {
    fn event(&self, event: &Event) {
        let labels = ActionLabels { action: event.action.name(), outcome: event.outcome.name() };
        self.seconds.get_or_create(&labels).observe(event.took.as_secs_f64());
        self.actions.get_or_create(&labels).inc();
    }
}

impl fmt::Debug for LockMetrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("LockMetrics")
    }
}
