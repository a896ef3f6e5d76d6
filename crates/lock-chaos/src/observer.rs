//! Somebody who takes no part and looks: at the leases while the workers work, at everything afterwards.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;
use firekeep_core::{Clock, Db, DocPath, Document, Query, SystemClock, Value};
use firekeep_firestore::FirestoreStore;
use firekeep_lock::{AcquireOptions, Locks};

use crate::history::{Entry, Event, Recorder};
use crate::tap::{self, LEASES};
use crate::worker::{COUNTER, JOURNAL, KEY};

/// An observer with a connection of its own.
#[derive(Debug)]
pub struct Observer {
    db: Db,
    recorder: Arc<Recorder>,
}

impl Observer {
    /// Connects to the emulator at `host`.
    ///
    /// # Errors
    /// A malformed project or host.
    pub fn new(host: &str, project: &str, recorder: Arc<Recorder>) -> Result<Self> {
        let store = FirestoreStore::builder(project).emulator(host).build()?;
        Ok(Self { db: Db::new(store), recorder })
    }

    /// Makes the first calls, which take the emulator long.
    ///
    /// # Errors
    /// What the store answers.
    pub async fn warm_up(&self) -> Result<()> {
        let locks = Locks::new(self.db.clone());
        let _ = locks.acquire("warm-up").await?.release().await?;
        Ok(())
    }

    /// Looks at the leases every few milliseconds, for ever.
    pub async fn look(&self) -> ! {
        let mut leases = BTreeSet::new();
        loop {
            SystemClock.sleep(PERIOD).await;
            // The store may be stopped; then there is nothing to see.
            let _: Result<()> = self.look_once(&mut leases).await;
        }
    }

    /// Tells what stands in each lease there is, and in those of `leases`, which all of them join.
    ///
    /// # Errors
    /// What the store answers.
    pub async fn look_once(&self, leases: &mut BTreeSet<DocPath>) -> Result<()> {
        let there = self.db.query(Query::collection(LEASES).build()?).await?;
        leases.extend(there.iter().map(|lease| lease.path().clone()));
        for lookup in self.db.lookup(leases.iter().cloned()).await? {
            self.recorder.tell(Event::Seen {
                lease: lookup.path.id().to_owned(),
                read_time: lookup.read_time.as_micros(),
                found: lookup.document.as_ref().map(tap::found),
            });
        }
        Ok(())
    }

    /// Acquires and releases each key: whoever held it is dead.
    ///
    /// # Errors
    /// What the store answers.
    pub async fn free(&self, keys: &[&str]) -> Result<()> {
        let locks = Locks::new(self.db.clone());
        let patience = Duration::from_millis(crate::check::clean::FREE_WITHIN_MS * 2);
        let options =
            AcquireOptions::default().wait(patience).retry_delay(Duration::from_millis(20));
        // In order, so that the tickets of the dead are cleared away.
        let options = options.fair();
        for key in keys {
            let before = SystemClock.monotonic();
            let won = locks.acquire_with(*key, &options).await;
            let took = SystemClock.monotonic() - before;
            let after_ms = won.is_ok().then(|| u64::try_from(took.as_millis()).unwrap_or(u64::MAX));
            self.recorder.tell(Event::Freed { key: (*key).to_owned(), after_ms });
            if let Ok(guard) = won {
                let _ = guard.release().await?;
            }
        }
        Ok(())
    }

    /// Tells what is left in the lock's collections, fences aside.
    ///
    /// # Errors
    /// What the store answers.
    pub async fn count_leavings(&self) -> Result<()> {
        let mut leases = 0_u64;
        for left in [Query::collection(LEASES), Query::group(TICKETS)] {
            leases += self.db.query(left.build()?).await?.len() as u64;
        }
        self.recorder.tell(Event::Left { leases });
        Ok(())
    }

    /// Tells the journal of the registers.
    ///
    /// # Errors
    /// What the store answers; an entry that is none.
    pub async fn read_journal(&self) -> Result<()> {
        for document in self.db.query(Query::collection(JOURNAL).build()?).await? {
            let entry = entry(&document);
            let entry = entry.ok_or_else(|| anyhow::anyhow!("the journal holds something else"))?;
            self.recorder.tell(Event::Entry(entry));
        }
        Ok(())
    }

    /// Tells the counter.
    ///
    /// # Errors
    /// What the store answers.
    pub async fn read_counter(&self) -> Result<()> {
        let found = self.db.get(COUNTER).await?;
        let count = found.as_ref().and_then(|found| found.get("count")).and_then(Value::as_integer);
        self.recorder.tell(Event::Final { key: KEY.to_owned(), count: count.unwrap_or(0) });
        Ok(())
    }
}

fn entry(document: &Document) -> Option<Entry> {
    let integer = |name| document.get(name).and_then(Value::as_integer);
    Some(Entry {
        key: document.get("key")?.as_str()?.to_owned(),
        op: integer("op")?.try_into().ok()?,
        // Written once, so this is the time of the guarded commit.
        time: document.updated().as_micros(),
        from: integer("from")?,
        fence: integer("fence")?.try_into().ok()?,
    })
}

const PERIOD: Duration = Duration::from_millis(25);
/// Where those who wait in order leave tickets.
const TICKETS: &str = "firekeep_lock_tickets";
