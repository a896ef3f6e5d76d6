//! Which documents a lock is, and what they hold.

mod native;
mod syncguard;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use firekeep_core::{CollectionPath, Document, Query, Timestamp, Version, Write, Written};

pub(crate) use self::native::Native;
pub(crate) use self::syncguard::Syncguard;
use crate::Result;
use crate::fence::Fence;
use crate::hold::whole_millis;
use crate::id::LockId;
use crate::key::Key;
use crate::options::{AcquireOptions, Mode};
use crate::record::{Found, Place, Record};

/// Which documents a lock is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Layout {
    /// A lease that exists while it is held, and a counter beside it: one round trip to acquire.
    #[default]
    Native,
    /// The documents of the TypeScript library syncguard, so that processes of both share locks while
    /// one replaces the other: two round trips to acquire.
    ///
    /// Others keep off for 1 s after a lease has ended, as that library does, because its clients
    /// judge by their own clocks; this side judges by the store's alone. It allows less, each refused
    /// by name before anything is sent: no shared locks, no several keys at once, no permits, and no
    /// keys that are no document ids: with a `/`, `.`, `..`, `__x__`. Owners are not stored.
    Syncguard,
}

/// A claim on a key: what to write to hold it.
#[derive(Clone, Debug)]
pub(crate) struct Claim {
    pub(crate) id: LockId,
    pub(crate) mode: Mode,
    pub(crate) ttl: Duration,
    pub(crate) owner: Option<Arc<str>>,
}

impl Claim {
    /// A claim with a new id.
    pub(crate) fn new(options: &AcquireOptions) -> Result<Self> {
        Ok(Self {
            id: LockId::random()?,
            mode: options.mode,
            ttl: whole_millis(options.lease),
            owner: options.owner.clone(),
        })
    }
}

/// What a claim's commit gave, for one key.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Grant {
    pub(crate) version: Version,
    pub(crate) fence: Fence,
    /// When the lease began, by the store's clock.
    pub(crate) at: Timestamp,
    /// When it ends, by the store's clock.
    pub(crate) ends: Timestamp,
    /// When the first lease of the holder began, by the store's clock.
    pub(crate) since: Timestamp,
}

/// How a [`Layout`] reads and writes. The engine above knows of leases and versions only.
pub(crate) trait Scheme: fmt::Debug + Send + Sync {
    /// The collection of leases.
    fn leases(&self) -> &CollectionPath;

    /// Where the documents of `key` are.
    fn place(&self, key: Key) -> Result<Place>;

    /// Where the documents of one of the permits of `key` are.
    fn permit(&self, key: &Key, number: u32) -> Result<Place>;

    /// Where the documents of a lease that a query found are.
    fn place_of(&self, document: &Document) -> Result<Place>;

    /// Refuses what the layout can't hold: a mode, or more than one key under one lock id.
    fn admit(&self, mode: Mode, keys: usize) -> Result<()>;

    /// Whether a claim needs to know what is there before its first commit.
    fn reads_first(&self) -> bool;

    /// Reads a lease document.
    fn record(&self, document: &Document) -> Result<Record>;

    /// Reads a fence document.
    fn fence(&self, document: &Document) -> Result<Fence>;

    /// The writes that claim `place`, the lease first. Without `found`, nothing is known and the
    /// lease is taken to be absent. Other holders in `found` that are live must share.
    fn claim(&self, place: &Place, claim: &Claim, found: Option<&Found>) -> Result<Vec<Write>>;

    /// What those writes gave; `written` is as many as there were writes.
    fn granted(&self, claim: &Claim, found: Option<&Found>, written: &[Written]) -> Result<Grant>;

    /// The write that makes the lease of `id`, acquired at `since`, begin anew with `ttl`; `now` is the
    /// store's time as far as it is known.
    fn extend(
        &self,
        place: &Place,
        id: &LockId,
        version: Version,
        ttl: Duration,
        since: Timestamp,
        now: Timestamp,
    ) -> Result<Write>;

    /// When the extended lease began, by the store's clock.
    fn extended(&self, written: &Written, now: Timestamp) -> Result<Timestamp>;

    /// The lease document without `id`, guarded by its version.
    fn without(
        &self,
        place: &Place,
        id: &LockId,
        version: Version,
        record: &Record,
    ) -> Result<Write>;

    /// The leases that hold `id`.
    fn by_id(&self, id: &LockId) -> Result<Query>;

    /// A write that changes nothing for anybody but moves what the claim of `id` was guarded by, so
    /// that a commit of it that is still under way is refused. Nobody in `found` blocks the claim.
    fn revoke(&self, place: &Place, id: &LockId, found: &Found) -> Result<Write>;
}
