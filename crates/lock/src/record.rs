//! What the store holds about a key, whatever the layout.

use std::collections::BTreeMap;
use std::time::Duration;

use firekeep_core::{DocPath, Timestamp, Version};

use crate::fence::Fence;
use crate::id::LockId;
use crate::key::Key;
use crate::layout::Claim;
use crate::options::Mode;

/// A key, and where its documents are.
#[derive(Clone, Debug)]
pub(crate) struct Place {
    pub(crate) key: Key,
    pub(crate) lease: DocPath,
    pub(crate) fence: DocPath,
}

/// What was found at a [`Place`] at one read time.
#[derive(Clone, Debug)]
pub(crate) struct Found {
    pub(crate) lease: Option<(Version, Record)>,
    pub(crate) fence: Option<(Version, Fence)>,
    pub(crate) read_time: Timestamp,
}

/// The content of a lease document.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Record {
    pub(crate) key: String,
    pub(crate) mode: Mode,
    /// By lock id. Empty after somebody gave up, to refuse a commit that may still be under way.
    pub(crate) holders: BTreeMap<String, Holder>,
}

/// One holder's entry.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Holder {
    /// How long the lease is.
    pub(crate) ttl: Duration,
    /// When the lease began, by the store's clock.
    pub(crate) at: Timestamp,
    /// When the holder acquired it.
    pub(crate) since: Timestamp,
    /// How long after its end others keep off.
    pub(crate) grace: Duration,
    /// The holder's name for operators.
    pub(crate) owner: Option<String>,
}

impl Record {
    /// The record of a lease that nobody shares, as far as removing the holder goes.
    pub(crate) fn only(claim: &Claim) -> Self {
        Self { key: String::new(), mode: claim.mode, holders: BTreeMap::new() }
    }
}

impl Holder {
    /// When the lease ends, by the store's clock.
    pub(crate) fn end(&self) -> Timestamp {
        self.at.saturating_add(self.ttl)
    }

    /// For how long after `now` others keep off.
    pub(crate) fn remaining(&self, now: Timestamp) -> Duration {
        self.end().saturating_add(self.grace).since(now)
    }

    pub(crate) fn is_live(&self, now: Timestamp) -> bool {
        !self.remaining(now).is_zero()
    }
}

impl Found {
    /// A lease that nobody holds, in `version`.
    pub(crate) fn empty(version: Version) -> Self {
        let record = Record { key: String::new(), mode: Mode::Exclusive, holders: BTreeMap::new() };
        Self { lease: Some((version, record)), fence: None, read_time: Timestamp::MIN }
    }

    pub(crate) fn version(&self) -> Option<Version> {
        self.lease.as_ref().map(|(version, _)| *version)
    }

    pub(crate) fn record(&self) -> Option<&Record> {
        self.lease.as_ref().map(|(_, record)| record)
    }

    /// The entry of `id`, lapsed or not.
    pub(crate) fn holder(&self, id: &LockId) -> Option<&Holder> {
        self.record()?.holders.get(id.as_str())
    }

    /// The holders whose leases have not lapsed.
    pub(crate) fn live(&self) -> impl Iterator<Item = (&str, &Holder)> {
        let holders = self.record().into_iter().flat_map(|record| &record.holders);
        holders.filter(|(_, h)| h.is_live(self.read_time)).map(|(id, h)| (id.as_str(), h))
    }

    /// Whether there are holders, and the leases of all ended more than `ago` before.
    pub(crate) fn ended_before(&self, ago: Duration) -> bool {
        let holders = self.record().map(|record| &record.holders);
        let long_dead = |h: &Holder| h.end().saturating_add(ago) < self.read_time;
        holders.is_some_and(|holders| !holders.is_empty() && holders.values().all(long_dead))
    }

    /// For how long the holders other than `id` keep `mode` off; `None` if they don't.
    pub(crate) fn blocks(&self, id: &LockId, mode: Mode) -> Option<Duration> {
        let record = self.record()?;
        if mode == Mode::Shared && record.mode == Mode::Shared {
            return None;
        }
        let others = self.live().filter(|(other, _)| *other != id.as_str());
        others.map(|(_, holder)| holder.remaining(self.read_time)).max()
    }
}
