//! The `firestore` crate, used as its documentation shows.

use anyhow::Context;
use firekeep_core::Timestamp;
use firestore::FirestoreDb;
use futures::StreamExt;
use serde::{Deserialize, Serialize};

use crate::client::{DOCUMENTS, Op};

/// A reading as our typed collection keeps it.
#[derive(Debug, Deserialize, Serialize)]
pub struct Reading {
    device: String,
    at: Timestamp,
    temperature: f64,
    humidity: f64,
    light: f64,
    co2: f64,
}

impl Reading {
    pub fn nth(n: usize) -> Self {
        let at = 1_422_886_740_000_000 + n as i64 * 60_000_000;
        Self {
            device: "room-0".into(),
            at: Timestamp::from_micros(at).expect("the year is 2015"),
            temperature: 21.5 + n as f64 / 1e3,
            humidity: 27.2,
            light: 426.0,
            co2: 721.25,
        }
    }
}

/// The same reading with the crate's own timestamp.
#[derive(Debug, Deserialize, Serialize)]
struct PeerReading {
    device: String,
    at: firestore::FirestoreTimestamp,
    temperature: f64,
    humidity: f64,
    light: f64,
    co2: f64,
}

pub struct Crate {
    db: FirestoreDb,
    parent: String,
}

impl Crate {
    /// Finds the emulator by `FIRESTORE_EMULATOR_HOST`.
    pub async fn connect(project: &str) -> anyhow::Result<Self> {
        let db = FirestoreDb::new(project).await?;
        let parent = db.parent_path("tenants", "acme")?.at("devices", "room-0")?.to_string();
        Ok(Self { db, parent })
    }

    pub async fn run(&self, op: Op, n: usize) -> anyhow::Result<()> {
        match op {
            Op::Get => {
                let select = self.db.fluent().select().by_id_in("readings");
                let found: Option<PeerReading> =
                    select.parent(&self.parent).obj().one(format!("{:x}", n % DOCUMENTS)).await?;
                found.context("a reading is missing").map(drop)
            }
            Op::Lookup => {
                let select = self.db.fluent().select().by_id_in("readings");
                let rows = select
                    .parent(&self.parent)
                    .obj()
                    .batch([format!("{:x}", n % DOCUMENTS)])
                    .await?;
                let rows: Vec<(String, Option<PeerReading>)> = rows.collect().await;
                let found = rows.into_iter().next().and_then(|(_, found)| found);
                found.context("a reading is missing").map(drop)
            }
            Op::Commit => {
                let at = 1_422_886_740 + n as i64 * 60;
                let reading = PeerReading {
                    device: "room-0".into(),
                    at: firestore::FirestoreTimestamp(jiff::Timestamp::from_second(at)?),
                    temperature: 21.5 + n as f64 / 1e3,
                    humidity: 27.2,
                    light: 426.0,
                    co2: 721.25,
                };
                let update = self.db.fluent().update().in_col("readings");
                let update =
                    update.document_id(format!("{:x}", n % DOCUMENTS)).parent(&self.parent);
                update.object(&reading).execute::<()>().await?;
                Ok(())
            }
            Op::Query => {
                let rows: Vec<PeerReading> = self
                    .db
                    .fluent()
                    .select()
                    .from("readings")
                    .parent(&self.parent)
                    .order(|o| o.fields([o.field("at").desc()]))
                    .limit(100)
                    .obj()
                    .query()
                    .await?;
                anyhow::ensure!(rows.len() == 100, "rows are missing");
                Ok(())
            }
        }
    }
}
