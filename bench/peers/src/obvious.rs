//! A lock written the obvious way: a transaction that reads and sets, a release that queries inside a
//! transaction, expiry by the machine's clock. What `firekeep-lock` is measured beside.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::Context;
use firekeep_core::{Db, DocPath, Error, Query, Value, field, fields};

const LEASE: Duration = Duration::from_secs(30);

#[derive(Clone, Debug)]
pub struct Obvious {
    db: Db,
}

impl Obvious {
    pub fn new(db: Db) -> Self {
        Self { db }
    }

    /// Tries once: the id of the lock, or `None` if somebody holds it.
    pub async fn try_acquire(&self, key: &str, id: &str) -> anyhow::Result<bool> {
        let lock = DocPath::new(format!("locks/{key}"))?;
        let counter = DocPath::new(format!("fence_counters/fence:{key}"))?;
        let won = self.db.transact(|txn| {
            let (lock, counter) = (lock.clone(), counter.clone());
            async move {
                let held = txn.get(&lock).await?;
                let fence = txn.get(&counter).await?;
                let now = millis(SystemTime::now());
                let expires = held.and_then(|doc| doc.get("expiresAtMs")?.as_integer());
                if expires.is_some_and(|expires| expires > now) {
                    return Ok::<_, Error>(false);
                }
                let fence = fence.and_then(|doc| doc.get("fence")?.as_integer()).unwrap_or(0) + 1;
                txn.set(&counter, fields! { "fence" => fence })?;
                txn.set(
                    &lock,
                    fields! {
                        "lockId" => id, "expiresAtMs" => now + LEASE.as_millis() as i64,
                        "acquiredAtMs" => now, "key" => key, "fence" => fence,
                    },
                )?;
                Ok(true)
            }
        });
        Ok(won.await?)
    }

    /// Deletes what `id` holds; whether there was something.
    pub async fn release(&self, id: &str) -> anyhow::Result<bool> {
        let query =
            Query::collection("locks").filter(field("lockId").eq(Value::from(id))).build()?;
        let released = self.db.transact(|txn| {
            let query = query.clone();
            async move {
                let found = txn.query(query).await?;
                for document in &found {
                    txn.delete(document.path());
                }
                Ok::<_, Error>(!found.is_empty())
            }
        });
        released.await.context("a release failed")
    }
}

fn millis(time: SystemTime) -> i64 {
    time.duration_since(UNIX_EPOCH).unwrap_or_default().as_millis() as i64
}
