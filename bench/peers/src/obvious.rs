//! A lock written the obvious way: a transaction that reads and sets, a release that queries inside a
//! transaction, expiry by the machine's clock. What `firekeep-lock` is measured beside.
//!
//! Twice: with the transactions of `Db`, whose first read begins them, and with a request of its own that
//! begins each, as clients that lack this do.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::Context;
use firekeep_core::{
    BatchGet, Commit, Db, DocPath, Document, Error, Query, QueryEvent, QueryRequest, ReadAt, TxnId,
    TxnOptions, Value, Write, field, fields,
};
use futures::TryStreamExt;

const LEASE: Duration = Duration::from_secs(30);

#[derive(Clone, Debug)]
pub struct Obvious {
    db: Db,
    /// Whether a request of its own begins each transaction.
    begins: bool,
}

impl Obvious {
    pub fn new(db: Db) -> Self {
        Self { db, begins: false }
    }

    pub fn beginning(db: Db) -> Self {
        Self { db, begins: true }
    }

    /// Tries once; whether the lock is won.
    pub async fn try_acquire(&self, key: &str, id: &str) -> anyhow::Result<bool> {
        let lock = DocPath::new(format!("locks/{key}"))?;
        let counter = DocPath::new(format!("fence_counters/fence:{key}"))?;
        if self.begins {
            return self.try_acquire_begun(lock, counter, key, id).await;
        }
        let won = self.db.transact(|txn| {
            let (lock, counter) = (lock.clone(), counter.clone());
            async move {
                let held = txn.get(&lock).await?;
                let fence = txn.get(&counter).await?;
                let writes = claim(&lock, &counter, key, id, held.as_ref(), fence.as_ref())?;
                let is_won = writes.is_some();
                writes.into_iter().flatten().for_each(|write| txn.write(write));
                Ok::<_, Error>(is_won)
            }
        });
        Ok(won.await?)
    }

    async fn try_acquire_begun(
        &self,
        lock: DocPath,
        counter: DocPath,
        key: &str,
        id: &str,
    ) -> anyhow::Result<bool> {
        let (store, cx) = (self.db.store(), self.db.cx());
        let txn = store.begin(cx, TxnOptions::default()).await?;
        let held = self.get(&lock, &txn).await?;
        let fence = self.get(&counter, &txn).await?;
        match claim(&lock, &counter, key, id, held.as_ref(), fence.as_ref())? {
            Some(writes) => store.commit(cx, Commit::new(writes)?.in_txn(txn)).await.map(|_| true),
            None => store.rollback(cx, txn).await.map(|()| false),
        }
        .context("an acquisition failed")
    }

    async fn get(&self, path: &DocPath, txn: &TxnId) -> anyhow::Result<Option<Document>> {
        let at = ReadAt::Txn(txn.clone());
        let request = BatchGet { paths: vec![path.clone()], mask: None, at };
        let answer = self.db.store().batch_get(self.db.cx(), request).await?;
        Ok(answer.lookups.into_iter().next().and_then(|lookup| lookup.document))
    }

    async fn release_begun(&self, query: Query) -> anyhow::Result<bool> {
        let (store, cx) = (self.db.store(), self.db.cx());
        let txn = store.begin(cx, TxnOptions::default()).await?;
        let request = QueryRequest { query, at: ReadAt::Txn(txn.clone()) };
        let events: Vec<_> = store.query(cx, request).try_collect().await?;
        let deletes = events.into_iter().filter_map(|event| match event {
            QueryEvent::Row(document) => Some(Write::delete(document.path().clone())),
            _ => None,
        });
        let deletes: Vec<_> = deletes.collect();
        let was_held = !deletes.is_empty();
        store.commit(cx, Commit::new(deletes)?.in_txn(txn)).await?;
        Ok(was_held)
    }

    /// Deletes what `id` holds; whether there was something.
    pub async fn release(&self, id: &str) -> anyhow::Result<bool> {
        let query = Query::collection("locks").filter(field("lockId").eq(Value::from(id)));
        let query = query.build()?;
        if self.begins {
            return self.release_begun(query).await;
        }
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

/// What takes the lock, unless somebody holds it.
fn claim(
    lock: &DocPath,
    counter: &DocPath,
    key: &str,
    id: &str,
    held: Option<&Document>,
    fence: Option<&Document>,
) -> Result<Option<Vec<Write>>, Error> {
    let now = millis(SystemTime::now());
    let expires = held.and_then(|doc| doc.get("expiresAtMs")?.as_integer());
    if expires.is_some_and(|expires| expires > now) {
        return Ok(None);
    }
    let fence = fence.and_then(|doc| doc.get("fence")?.as_integer()).unwrap_or(0) + 1;
    let lease = fields! {
        "lockId" => id, "expiresAtMs" => now + LEASE.as_millis() as i64, "acquiredAtMs" => now,
        "key" => key, "fence" => fence,
    };
    Ok(Some(vec![
        Write::replace(counter.clone(), fields! { "fence" => fence })?,
        Write::replace(lock.clone(), lease)?,
    ]))
}

fn millis(time: SystemTime) -> i64 {
    time.duration_since(UNIX_EPOCH).unwrap_or_default().as_millis() as i64
}
