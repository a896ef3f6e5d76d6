//! The native layout; see `docs/adr/0012-locks-are-two-documents.md`.

use std::collections::BTreeMap;
use std::time::Duration;

use firekeep_core::{
    CollectionPath, Document, FieldPath, Fields, Query, Require, Timestamp, TransformOp, Value,
    Version, Write, Written, field, fields,
};

use super::{Claim, Grant, Scheme};
use crate::fence::Fence;
use crate::id::LockId;
use crate::key::Key;
use crate::lease::STAMP_RESOLUTION;
use crate::options::Mode;
use crate::record::{Found, Holder, Place, Record};
use crate::{Error, Result};

/// The `mode` of a lease that several may hold. An exclusive one has none.
const SHARED: &str = "shared";

#[derive(Debug)]
pub(crate) struct Native {
    leases: CollectionPath,
    fences: CollectionPath,
}

impl Native {
    /// The layout in these two collections.
    pub(crate) fn new(leases: CollectionPath, fences: CollectionPath) -> Self {
        Self { leases, fences }
    }

    fn at(&self, key: Key, id: String) -> Result<Place> {
        Ok(Place { key, lease: self.leases.doc(&id)?, fence: self.fences.doc(&id)? })
    }
}

impl Scheme for Native {
    fn leases(&self) -> &CollectionPath {
        &self.leases
    }

    fn place(&self, key: Key) -> Result<Place> {
        let id = key.doc_id();
        self.at(key, id)
    }

    fn permit(&self, key: &Key, number: u32) -> Result<Place> {
        self.at(key.clone(), key.permit_id(number))
    }

    fn place_of(&self, document: &Document) -> Result<Place> {
        self.at(Key::new(self.record(document)?.key)?, document.id().to_owned())
    }

    fn admit(&self, _: Mode, _: usize) -> Result<()> {
        Ok(())
    }

    fn reads_first(&self) -> bool {
        false
    }

    fn record(&self, document: &Document) -> Result<Record> {
        decode(document).ok_or_else(|| {
            let path = document.path();
            Error::internal(format!(
                "`{path}` is no lease; move what wrote it to another collection"
            ))
        })
    }

    fn fence(&self, document: &Document) -> Result<Fence> {
        let fence = document.get("fence").and_then(Value::as_integer);
        let fence = fence.ok_or_else(|| {
            let path = document.path();
            Error::internal(format!("`{path}` holds no fence; set it to the last one given out"))
        })?;
        counted(fence)
    }

    fn claim(&self, place: &Place, claim: &Claim, found: Option<&Found>) -> Result<Vec<Write>> {
        let mut holders: BTreeMap<_, _> = match found {
            Some(found) => found.live().map(|(id, h)| (id.to_owned(), h.clone())).collect(),
            None => BTreeMap::new(),
        };
        holders.remove(claim.id.as_str());
        let mut entries = entries(&holders);
        let mut entry = fields! { "ttl_ms" => millis(claim.ttl) };
        if let Some(owner) = &claim.owner {
            entry.insert("owner".into(), Value::from(&**owner));
        }
        entries.insert(claim.id.as_str().into(), entry.into());
        let ids: Vec<_> = holders.keys().map(String::as_str).chain([claim.id.as_str()]).collect();
        let require = match found.and_then(Found::version) {
            Some(version) => Require::Version(version),
            None => Require::Absent,
        };
        let lease =
            Write::replace(place.lease.clone(), lease(&place.key, claim.mode, &ids, entries))?
                .require(require)
                .with(&stamp(&claim.id, "at"), TransformOp::CommitTime)?;
        let fence = Write::merge(place.fence.clone(), fields! { "key" => place.key.as_str() })?
            .with("fence", TransformOp::Increment(1.into()))?;
        Ok(vec![lease, fence])
    }

    fn granted(&self, claim: &Claim, _: Option<&Found>, written: &[Written]) -> Result<Grant> {
        let [lease, fence] = written else { return Err(unanswered()) };
        let at = started(lease)?;
        Ok(Grant {
            version: lease.version.ok_or_else(unanswered)?,
            since: at,
            at,
            ends: at.saturating_add(claim.ttl),
            fence: fence
                .transform_results
                .first()
                .and_then(Value::as_integer)
                .ok_or_else(unanswered)
                .and_then(counted)?,
        })
    }

    fn extend(
        &self,
        place: &Place,
        id: &LockId,
        version: Version,
        ttl: Duration,
        since: Timestamp,
        _: Timestamp,
    ) -> Result<Write> {
        let path = |name| FieldPath::from_segments(["holders", id.as_str(), name]);
        let mask = vec![path("ttl_ms")?, path("since")?];
        let entry = fields! { "ttl_ms" => millis(ttl), "since" => since };
        let mut holders = Fields::new();
        holders.insert(id.as_str().into(), entry.into());
        let fields = fields! { "holders" => holders };
        Ok(Write::merge_masked(place.lease.clone(), fields, mask)?
            .require(Require::Version(version))
            .with(&stamp(id, "at"), TransformOp::CommitTime)?)
    }

    fn extended(&self, written: &Written, _: Timestamp) -> Result<Timestamp> {
        started(written)
    }

    fn without(
        &self,
        place: &Place,
        id: &LockId,
        version: Version,
        record: &Record,
    ) -> Result<Write> {
        let mut holders = record.holders.clone();
        holders.remove(id.as_str());
        let write = if holders.is_empty() {
            Write::delete(place.lease.clone())
        } else {
            let ids: Vec<_> = holders.keys().map(String::as_str).collect();
            let lease = lease(&place.key, record.mode, &ids, entries(&holders));
            Write::replace(place.lease.clone(), lease)?
        };
        Ok(write.require(Require::Version(version)))
    }

    fn by_id(&self, id: &LockId) -> Result<Query> {
        let query = Query::collection(self.leases.as_str());
        Ok(query.filter(field("ids").array_contains(id.as_str())).build()?)
    }

    fn revoke(&self, place: &Place, id: &LockId, found: &Found) -> Result<Write> {
        let mode = found.record().map_or(Mode::Exclusive, |record| record.mode);
        let holders: BTreeMap<_, _> =
            found.live().map(|(id, holder)| (id.to_owned(), holder.clone())).collect();
        let ids: Vec<_> = holders.keys().map(String::as_str).collect();
        let mut lease = lease(&place.key, mode, &ids, entries(&holders));
        // Two who give up write two texts: writing what is there would not move the version.
        lease.insert("revoked".into(), id.hash().as_str().into());
        let require = found.version().map_or(Require::Absent, Require::Version);
        Ok(Write::replace(place.lease.clone(), lease)?.require(require))
    }
}

fn lease(key: &Key, mode: Mode, ids: &[&str], holders: Fields) -> Fields {
    let ids: Vec<Value> = ids.iter().map(|id| Value::from(*id)).collect();
    let mut lease = fields! { "key" => key.as_str(), "ids" => ids, "holders" => holders };
    // Each field costs two index entries: what goes without saying is not said.
    if mode == Mode::Shared {
        lease.insert("mode".into(), SHARED.into());
    }
    lease
}

fn entries(holders: &BTreeMap<String, Holder>) -> Fields {
    let entry = |holder: &Holder| {
        let mut entry = fields! { "ttl_ms" => millis(holder.ttl), "at" => holder.at };
        if holder.since != holder.at {
            entry.insert("since".into(), holder.since.into());
        }
        if let Some(owner) = &holder.owner {
            entry.insert("owner".into(), owner.as_str().into());
        }
        Value::from(entry)
    };
    holders.iter().map(|(id, holder)| (id.as_str().into(), entry(holder))).collect()
}

fn decode(document: &Document) -> Option<Record> {
    let holders = document.get("holders")?.as_map()?;
    let holders = holders.iter().map(|(id, entry)| Some((id.to_string(), holder(entry)?)));
    Some(Record {
        key: document.get("key")?.as_str()?.to_owned(),
        mode: match document.get("mode").map(Value::as_str) {
            None => Mode::Exclusive,
            Some(Some(SHARED)) => Mode::Shared,
            Some(_) => return None,
        },
        holders: holders.collect::<Option<_>>()?,
    })
}

fn holder(entry: &Value) -> Option<Holder> {
    let entry = entry.as_map()?;
    let at = entry.get("at")?.as_timestamp()?;
    Some(Holder {
        ttl: Duration::from_millis(entry.get("ttl_ms")?.as_integer()?.try_into().ok()?),
        at,
        // A lease that was never extended began when it was acquired.
        since: entry.get("since").map_or(Some(at), Value::as_timestamp)?,
        grace: STAMP_RESOLUTION,
        owner: entry.get("owner").and_then(Value::as_str).map(str::to_owned),
    })
}

/// The path of a stamp in the entry of `id`, which may begin with a digit.
fn stamp(id: &LockId, name: &str) -> String {
    format!("holders.`{}`.{name}", id.as_str())
}

fn started(lease: &Written) -> Result<Timestamp> {
    lease.transform_results.first().and_then(Value::as_timestamp).ok_or_else(unanswered)
}

fn counted(fence: i64) -> Result<Fence> {
    Fence::try_from(fence).map_err(|_| {
        Error::internal("a fence counter is negative or has more than 15 digits; set it to the last one given out")
    })
}

fn unanswered() -> Error {
    Error::internal("the store's answer to a commit lacks a result")
}

fn millis(ttl: Duration) -> i64 {
    // A lease is at most a day.
    i64::try_from(ttl.as_millis()).unwrap_or(i64::MAX)
}
