//! How eventful the worlds were.

/// How much a run exercised: numbers for a person, and for the tests of the simulation itself.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Counts {
    pub(crate) commits: u64,
    pub(crate) won: u64,
    pub(crate) held: u64,
    pub(crate) takeovers: u64,
    pub(crate) extensions: u64,
    pub(crate) lost: u64,
    pub(crate) guarded: u64,
    pub(crate) fenced_off: u64,
    pub(crate) lost_updates: u64,
    pub(crate) unknown: u64,
    /// Claims of an id that had claimed the key before: their commits arrived late or twice.
    pub(crate) again: u64,
}

impl Counts {
    pub(crate) fn add(&mut self, other: &Self) {
        self.commits += other.commits;
        self.won += other.won;
        self.held += other.held;
        self.takeovers += other.takeovers;
        self.extensions += other.extensions;
        self.lost += other.lost;
        self.guarded += other.guarded;
        self.fenced_off += other.fenced_off;
        self.lost_updates += other.lost_updates;
        self.unknown += other.unknown;
        self.again += other.again;
    }
}
