//! What must hold in every state.

use super::protocol::Protocol;
use super::state::{Client, KEYS, State};

/// A rule, and the name that a violation is reported by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Property {
    /// P1: by the store's stamps, a key is granted only when no other lease of it runs.
    StoreExclusion,
    /// P2: two clients whose own clocks let them act never hold the same key.
    BeliefExclusion,
    /// P3: every grant of a key has a higher fence than all before.
    FenceOrder,
    /// P4: guarded data is written by the holder of the lease only, in the order of fences.
    StaleWrite,
    /// P8: an extension takes effect on the lease of its own id only.
    Resurrection,
    /// An attempt that was answered without the lock, or a release that was answered, leaves no lease behind; nor does
    /// its late commit make one, before another turn has passed.
    Orphan,
    /// P7: from every state some client can still come to hold, without a further fault.
    Recovery,
    /// Not promised, as a client may pause after it has looked at its clock: what fences are for.
    PausedExclusion,
}

/// The rule that a state breaks.
pub(crate) fn broken(protocol: &Protocol, state: &State) -> Option<Property> {
    state.breach.or_else(|| {
        overlaps(protocol, state, Client::believes).then_some(Property::BeliefExclusion)
    })
}

/// Two clients are in a section that should exclude them.
pub(crate) fn overlaps(protocol: &Protocol, state: &State, inside: fn(&Client) -> bool) -> bool {
    (0..KEYS).any(|key| {
        let within = |(client, wants): (&Client, &[bool; KEYS])| wants[key] && inside(client);
        state.clients.iter().zip(&protocol.wants).filter(|pair| within(*pair)).count() > 1
    })
}
