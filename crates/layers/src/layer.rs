//! What a layer is, and where in a stack it belongs.

use std::fmt;
use std::sync::Arc;

use firekeep_core::Store;

/// Something that wraps a [`Store`] and is one itself.
///
/// Behaviour that every feature wants and no backend should repeat (metering, retrying, limits)
/// lives in a layer, written once against the seam. A layer may be supplied by any crate; its
/// [`rank`](Layer::rank) says where it goes.
///
/// # Contract
/// - The wrapped store forwards every method, `info` and `capabilities` included; it may add to the
///   capabilities what it provides, and take away what it breaks.
/// - It answers for the requests that it adds or repeats: the layers inside see each of them.
/// - It holds no state of a call outside of that call's future or stream, so that dropping those
///   ends everything.
pub trait Layer: fmt::Debug + Send {
    /// Where in a stack this layer belongs.
    fn rank(&self) -> Rank;

    /// Wraps `inner`.
    fn wrap(self: Box<Self>, inner: Arc<dyn Store>) -> Arc<dyn Store>;
}

/// The places in a [`Stack`](crate::Stack), from the backend outwards.
///
/// The order is part of what the layers mean. The meter stands inside of retry because each attempt
/// is billed; the cache outside of both because a hit costs nothing; the check outside of the cache
/// because a request that is refused must not reach even that; the tenant outside of the check
/// because names grow by its prefix; the observer outermost because it tells what callers see.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Rank {
    /// Breaks the network, for tests.
    Fault,
    /// Counts attempts and what they cost.
    Meter,
    /// Repeats what failed for the moment.
    Retry,
    /// Answers reads without the backend.
    Cache,
    /// Refuses what can't succeed before it is sent.
    Check,
    /// Confines callers to one tenant.
    Tenant,
    /// Tells observers about each call.
    Observe,
}

impl Rank {
    /// The rank's name in lower case.
    pub fn name(self) -> &'static str {
        match self {
            Self::Fault => "fault",
            Self::Meter => "meter",
            Self::Retry => "retry",
            Self::Cache => "cache",
            Self::Check => "check",
            Self::Tenant => "tenant",
            Self::Observe => "observe",
        }
    }
}

impl fmt::Display for Rank {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
