//! The other side: locks as the TypeScript library takes them, in transactions, by a wall clock.

#![allow(dead_code, reason = "each test file takes what it needs")]

pub(crate) mod bed;

use std::time::Duration;

use firekeep_core::{
    Db, DocPath, Document, Error, Fields, Query, Timestamp, Txn, Value, field, fields,
};

/// A process with the TypeScript library, on a machine whose clock shows `now`.
pub(crate) struct TypeScript {
    pub(crate) db: Db,
    pub(crate) now: i64,
}

/// For how long after its end a lease counts as live there.
const TOLERANCE_MS: i64 = 1000;

impl TypeScript {
    pub(crate) fn at(db: &Db, now: Timestamp) -> Self {
        Self { db: db.clone(), now: now.as_micros().div_euclid(1000) }
    }

    /// Takes the lock of `key` under `id`. Its fence, if the lock was free.
    pub(crate) async fn acquire(&self, key: &str, id: &str, ttl: Duration) -> Option<String> {
        let (lock, counter) = (lease_path(key), counter_path(key));
        let taken = self.db.transact(|txn: Txn| {
            let (lock, counter) = (lock.clone(), counter.clone());
            async move {
                let held = txn.get(&lock).await?;
                let counted = txn.get(&counter).await?;
                if held.is_some_and(|held| self.is_live(&held)) {
                    return Ok::<_, Error>(None);
                }
                let last = counted.map_or(0, |counted| text(&counted, "fence").parse().unwrap());
                let fence = format!("{:015}", last + 1_u64);
                txn.set(&counter, fields! { "fence" => fence.as_str(), "keyDebug" => key })?;
                txn.set(&lock, lease(id, self.now, ttl, key, &fence))?;
                Ok(Some(fence))
            }
        });
        taken.await.unwrap()
    }

    /// Releases what `id` holds.
    pub(crate) async fn release(&self, id: &str) -> bool {
        self.change(id, |txn, held| {
            txn.delete(held.path());
            Ok(())
        })
        .await
    }

    /// Extends what `id` holds.
    pub(crate) async fn extend(&self, id: &str, ttl: Duration) -> bool {
        let ends = self.now + millis(ttl);
        self.change(id, |txn, held| txn.update(held.path(), fields! { "expiresAtMs" => ends }))
            .await
    }

    async fn change(
        &self,
        id: &str,
        change: impl Fn(&Txn, &Document) -> Result<(), Error> + Copy + Send,
    ) -> bool {
        let query = Query::collection("locks").filter(field("lockId").eq(id)).build().unwrap();
        let changed = self.db.transact(|txn: Txn| {
            let query = query.clone();
            async move {
                let held = txn.query(query).await?;
                let Some(held) = held.first().filter(|held| self.is_live(held)) else {
                    return Ok::<_, Error>(false);
                };
                change(&txn, held).map(|()| true)
            }
        });
        changed.await.unwrap()
    }

    pub(crate) async fn is_locked(&self, key: &str) -> bool {
        let held = self.db.get(&lease_path(key)).await.unwrap();
        held.is_some_and(|held| self.is_live(&held))
    }

    fn is_live(&self, held: &Document) -> bool {
        let ends = held.get("expiresAtMs").and_then(Value::as_integer).unwrap();
        ends > self.now - TOLERANCE_MS
    }
}

pub(crate) fn lease_path(key: &str) -> DocPath {
    DocPath::new(format!("locks/{key}")).unwrap()
}

pub(crate) fn counter_path(key: &str) -> DocPath {
    DocPath::new(format!("fence_counters/fence:{key}")).unwrap()
}

/// A lease as that library writes it at `now`.
pub(crate) fn lease(id: &str, now: i64, ttl: Duration, key: &str, fence: &str) -> Fields {
    fields! {
        "lockId" => id,
        "expiresAtMs" => now + millis(ttl),
        "acquiredAtMs" => now,
        "key" => key,
        "fence" => fence,
    }
}

pub(crate) fn text<'a>(document: &'a Document, field: &str) -> &'a str {
    document.get(field).and_then(Value::as_str).unwrap()
}

pub(crate) fn millis(time: Duration) -> i64 {
    i64::try_from(time.as_millis()).unwrap()
}
