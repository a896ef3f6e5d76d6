//! The documents of syncguard's Firestore backend, read and written as it does.
//!
//! A lease is one document, its id the key: `lockId`, `expiresAtMs`, `acquiredAtMs`, `key`, `fence`.
//! The counter is `fence:{key}` in a collection of its own: `fence`, `keyDebug`. That library takes a
//! lock in a transaction and judges by the wall clock of each client. Here a claim is one read of both
//! documents and one commit guarded by both, and every time is the store's.

use std::collections::BTreeMap;
use std::time::Duration;

use firekeep_core::{
    CollectionPath, Document, Fields, Query, Require, Timestamp, Value, Version, Write, Written,
    field, fields,
};

use super::{Claim, Grant, Scheme};
use crate::fence::Fence;
use crate::id::LockId;
use crate::key::Key;
use crate::options::Mode;
use crate::record::{Found, Holder, Place, Record};
use crate::{Error, Result};

#[derive(Debug)]
pub(crate) struct Syncguard {
    leases: CollectionPath,
    fences: CollectionPath,
}

impl Syncguard {
    pub(crate) const LEASES: &str = "locks";
    pub(crate) const FENCES: &str = "fence_counters";

    /// The layout in these two collections.
    pub(crate) fn new(leases: CollectionPath, fences: CollectionPath) -> Self {
        Self { leases, fences }
    }
}

/// For how long after the end of a lease others keep off: what that library allows the clocks of
/// its clients to differ by.
const TOLERANCE: Duration = Duration::from_millis(1000);

impl Scheme for Syncguard {
    fn leases(&self) -> &CollectionPath {
        &self.leases
    }

    fn place(&self, key: Key) -> Result<Place> {
        let id = key.as_str();
        // There, `a/b/c` is acquired as a document of another collection and never released again.
        if !is_document_id(id) {
            return Err(Error::invalid(
                "key",
                "is no document id (it holds a `/`, or is `.`, `..` or like `__x__`), which this \
                 layout needs; rename it, or use the native layout",
            )
            .of_key(key.hash()));
        }
        let fence = self.fences.doc(format!("fence:{id}"))?;
        Ok(Place { lease: self.leases.doc(id)?, fence, key })
    }

    fn permit(&self, _: &Key, _: u32) -> Result<Place> {
        Err(Error::invalid("layout", "has no semaphores; use the native one for them"))
    }

    fn place_of(&self, document: &Document) -> Result<Place> {
        self.place(Key::new(document.id())?)
    }

    fn admit(&self, mode: Mode, keys: usize) -> Result<()> {
        if mode == Mode::Shared {
            return Err(Error::invalid(
                "layout",
                "has no shared locks; use the native one for them",
            ));
        }
        if keys > 1 {
            // That library takes the second for a duplicate, and refuses to release either.
            return Err(Error::invalid(
                "layout",
                "has one key per lock id; lock one at a time, or use the native one",
            ));
        }
        Ok(())
    }

    fn reads_first(&self) -> bool {
        true
    }

    fn record(&self, document: &Document) -> Result<Record> {
        decode(document).ok_or_else(|| {
            let path = document.path();
            Error::internal(format!(
                "`{path}` is no lease of syncguard; move what wrote it to another collection"
            ))
        })
    }

    fn fence(&self, document: &Document) -> Result<Fence> {
        let fence = document.get("fence").and_then(Value::as_str);
        fence.and_then(|fence| fence.parse().ok()).ok_or_else(|| {
            let path = document.path();
            Error::internal(format!(
                "`{path}` holds no fence of 15 digits; set it to the last one given out"
            ))
        })
    }

    fn claim(&self, place: &Place, claim: &Claim, found: Option<&Found>) -> Result<Vec<Write>> {
        let found = found.ok_or_else(unread)?;
        let (key, fence) = (place.key.as_str(), next(found)?.to_string());
        let lease = fields! {
            "lockId" => claim.id.as_str(),
            "expiresAtMs" => down(found.read_time) + millis(claim.ttl),
            "acquiredAtMs" => down(found.read_time),
            "key" => key,
            "fence" => fence.as_str(),
        };
        let counter = fields! { "fence" => fence.as_str(), "keyDebug" => key };
        let counted = found.fence.map(|(version, _)| version);
        Ok(vec![
            Write::replace(place.lease.clone(), lease)?.require(as_found(found.version())),
            Write::replace(place.fence.clone(), counter)?.require(as_found(counted)),
        ])
    }

    fn granted(&self, claim: &Claim, found: Option<&Found>, written: &[Written]) -> Result<Grant> {
        let found = found.ok_or_else(unread)?;
        let at = at_millis(down(found.read_time))?;
        let version = written.first().and_then(|lease| lease.version).ok_or_else(unread)?;
        let ends = at.saturating_add(claim.ttl);
        Ok(Grant { version, fence: next(found)?, since: at, at, ends })
    }

    fn extend(
        &self,
        place: &Place,
        _: &LockId,
        version: Version,
        ttl: Duration,
        _: Timestamp,
        now: Timestamp,
    ) -> Result<Write> {
        let fields = fields! { "expiresAtMs" => up(now) + millis(ttl) };
        Ok(Write::merge(place.lease.clone(), fields)?.require(Require::Version(version)))
    }

    fn extended(&self, _: &Written, now: Timestamp) -> Result<Timestamp> {
        at_millis(up(now))
    }

    fn without(&self, place: &Place, _: &LockId, version: Version, _: &Record) -> Result<Write> {
        Ok(Write::delete(place.lease.clone()).require(Require::Version(version)))
    }

    fn by_id(&self, id: &LockId) -> Result<Query> {
        let query = Query::collection(self.leases.as_str());
        Ok(query.filter(field("lockId").eq(id.as_str())).build()?)
    }

    /// Moves the counter's version and leaves its number: every claim is guarded by it, whatever
    /// became of the lease since, and that library reads nothing else of it.
    fn revoke(&self, place: &Place, id: &LockId, found: &Found) -> Result<Write> {
        let mut counter = fields! { "revoked" => id.hash().as_str() };
        if found.fence.is_none() {
            counter.insert("fence".into(), Fence::new(0)?.to_string().into());
            counter.insert("keyDebug".into(), place.key.as_str().into());
        }
        let counted = found.fence.map(|(version, _)| version);
        Ok(Write::merge(place.fence.clone(), counter)?.require(as_found(counted)))
    }
}

/// Whether Firestore takes `id` as the id of a document, and numeric ids aside.
fn is_document_id(id: &str) -> bool {
    let is_reserved = id.len() >= 4 && id.starts_with("__") && id.ends_with("__");
    !id.contains('/') && id != "." && id != ".." && !is_reserved
}

fn as_found(version: Option<Version>) -> Require {
    version.map_or(Require::Absent, Require::Version)
}

/// The fence that the next claim gets.
fn next(found: &Found) -> Result<Fence> {
    Fence::new(found.fence.map_or(0, |(_, fence)| fence.as_u64()) + 1)
}

fn decode(document: &Document) -> Option<Record> {
    let fields = document.fields();
    let id = fields.get("lockId")?.as_str()?.to_owned();
    let (since, ends) = (time(fields, "acquiredAtMs")?, time(fields, "expiresAtMs")?);
    // When the lease began is not written; an extension under a clock that was set back ends before
    // it was acquired.
    let at = since.min(ends);
    let holder = Holder { ttl: ends.since(at), at, since, grace: TOLERANCE, owner: None };
    let holders = BTreeMap::from([(id, holder)]);
    Some(Record { key: document.id().to_owned(), mode: Mode::Exclusive, holders })
}

/// A time in milliseconds, which JavaScript writes as an integer, or as a double if it has a fraction.
fn time(fields: &Fields, name: &str) -> Option<Timestamp> {
    let value = fields.get(name)?;
    let millis = match value.as_integer() {
        Some(millis) => millis,
        None => value.as_double()?.floor() as i64,
    };
    at_millis(millis).ok()
}

fn at_millis(millis: i64) -> Result<Timestamp> {
    Ok(Timestamp::from_micros(millis.saturating_mul(1000))?)
}

fn down(time: Timestamp) -> i64 {
    time.as_micros().div_euclid(1000)
}

/// Rounded up: a lease must not end before what its holder believes.
fn up(time: Timestamp) -> i64 {
    time.as_micros().saturating_add(999).div_euclid(1000)
}

fn millis(ttl: Duration) -> i64 {
    // A lease is at most a day.
    i64::try_from(ttl.as_millis()).unwrap_or(i64::MAX)
}

fn unread() -> Error {
    Error::internal("a claim of this layout follows a read, and its commit has an answer")
}
