//! Where a watch is in time, as a token that only this store and this target understand.

use std::hash::{DefaultHasher, Hash, Hasher};

use bytes::Bytes;
use firekeep_core::{Error, ErrorKind, Position, Result, Timestamp, WatchTarget};

/// What distinguishes one watch's positions from all others'.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Origin {
    /// Which store gave the position: another one does not know this one's past.
    store: u64,
    /// Which target it is of.
    target: u64,
}

impl Origin {
    pub(crate) fn new(store: u64, target: &WatchTarget) -> Self {
        let mut hasher = DefaultHasher::new();
        match target {
            WatchTarget::Documents(paths) => {
                let mut paths: Vec<_> = paths.iter().collect();
                paths.sort();
                paths.dedup();
                paths.hash(&mut hasher);
            }
            // Debug output names every part of a query, and positions never leave the process's
            // lifetime, so its form need not be stable.
            WatchTarget::Query(query) => format!("{query:?}").hash(&mut hasher),
        }
        Self { store, target: hasher.finish() }
    }

    /// The position at `time`.
    pub(crate) fn at(self, time: Timestamp) -> Position {
        let words = [self.store, self.target, time.as_micros() as u64];
        Position::new(Bytes::copy_from_slice(&words.map(u64::to_be_bytes).concat()))
    }

    /// The time in `position`.
    ///
    /// # Errors
    /// `InvalidArgument` for what no store gave; `PositionExpired` for another target's or another
    /// store's.
    pub(crate) fn time_of(self, position: &Position) -> Result<Timestamp> {
        let bytes = position.as_bytes();
        let word = |at: usize| {
            let bytes = bytes.get(at * 8..at * 8 + 8)?;
            Some(u64::from_be_bytes(bytes.try_into().ok()?))
        };
        let (24, Some(store), Some(target), Some(micros)) =
            (bytes.len(), word(0), word(1), word(2))
        else {
            return Err(Error::invalid("this is no position of a watch"));
        };
        if store != self.store {
            return Err(Error::new(ErrorKind::PositionExpired, "the position is another store's"));
        }
        if target != self.target {
            let why = "the position belongs to a watch of another target";
            return Err(Error::new(ErrorKind::PositionExpired, why));
        }
        Timestamp::from_micros(micros as i64)
    }
}
