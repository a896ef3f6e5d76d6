//! The memory store against SQLite in memory with prepared statements, on the readings of one
//! device. Both hold ten devices of 1,000 readings, an index by device and time included.

use firekeep_core::{Db, DocPath, Require, Timestamp, Version, Write, fields};
use futures::executor::block_on;
use rusqlite::{Connection, params};

use crate::measure::pairs;
use crate::memory::{path, reading, store};
use crate::report::{Bar, Row};

const DEVICES: usize = 10;
const PER_DEVICE: usize = 1_000;
const OPS: usize = 20_000;

pub fn run(rounds: usize) -> anyhow::Result<Vec<Row>> {
    let db = Db::new(store());
    let sqlite = open()?;
    for device in 0..DEVICES {
        for n in 0..PER_DEVICE {
            block_on(db.set(path(device, n), reading(n)))?;
            insert(&sqlite, device, n)?;
        }
    }
    // The query comes first: it makes the index by time live, which the writes then maintain.
    [last_hundred, get, guarded_update, create]
        .into_iter()
        .map(|measure| measure(rounds, &db, &sqlite))
        .collect()
}

fn open() -> anyhow::Result<Connection> {
    let sqlite = Connection::open_in_memory()?;
    sqlite.execute_batch(
        "CREATE TABLE readings (
             path TEXT PRIMARY KEY, device TEXT NOT NULL, at INTEGER NOT NULL, temperature REAL,
             humidity REAL, light REAL, co2 REAL, version INTEGER NOT NULL
         );
         CREATE INDEX by_device ON readings (device, at);",
    )?;
    Ok(sqlite)
}

fn insert(sqlite: &Connection, device: usize, n: usize) -> anyhow::Result<()> {
    sqlite.prepare_cached("INSERT INTO readings VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, 1)")?.execute(
        params![
            format!("tenants/acme/devices/room-{device}/readings/{n:x}"),
            format!("room-{device}"),
            1_422_886_740_000_000_i64 + n as i64 * 60_000_000,
            21.5 + n as f64 / 1e3,
            27.2,
            426.0,
            721.25,
        ],
    )?;
    Ok(())
}

/// A row as a Rust value: what a caller of either store holds afterwards.
#[allow(dead_code, reason = "the fields are read from the database and go no further")]
struct Reading {
    path: String,
    device: String,
    at: i64,
    values: [f64; 4],
    version: i64,
}

impl Reading {
    fn from_row(row: &rusqlite::Row<'_>) -> rusqlite::Result<Self> {
        Ok(Self {
            path: row.get(0)?,
            device: row.get(1)?,
            at: row.get(2)?,
            values: [row.get(3)?, row.get(4)?, row.get(5)?, row.get(6)?],
            version: row.get(7)?,
        })
    }
}

fn get(rounds: usize, db: &Db, sqlite: &Connection) -> anyhow::Result<Row> {
    let paths: Vec<DocPath> = (0..OPS).map(|i| path(i % DEVICES, i * 7919 % PER_DEVICE)).collect();
    let measured = pairs(
        rounds,
        || {
            block_on(async {
                for path in &paths {
                    anyhow::ensure!(db.get(path).await?.is_some(), "a reading is missing");
                }
                Ok(())
            })
        },
        || {
            for path in &paths {
                sqlite
                    .prepare_cached("SELECT * FROM readings WHERE path = ?1")?
                    .query_row([path.as_str()], Reading::from_row)?;
            }
            Ok(())
        },
    )?;
    Ok(row("get", 3.0, &measured, OPS))
}

fn last_hundred(rounds: usize, db: &Db, sqlite: &Connection) -> anyhow::Result<Row> {
    let queries = OPS / 100;
    let measured = pairs(
        rounds,
        || {
            block_on(async {
                for i in 0..queries {
                    let rows = db.query(crate::memory::last_hundred(i % DEVICES)).await?;
                    anyhow::ensure!(rows.len() == 100, "rows are missing");
                }
                Ok(())
            })
        },
        || {
            for i in 0..queries {
                let mut statement = sqlite.prepare_cached(
                    "SELECT * FROM readings WHERE device = ?1 ORDER BY at DESC LIMIT 100",
                )?;
                let device = format!("room-{}", i % DEVICES);
                let rows = statement
                    .query_map([device], Reading::from_row)?
                    .collect::<Result<Vec<_>, _>>()?;
                anyhow::ensure!(rows.len() == 100, "rows are missing");
            }
            Ok(())
        },
    )?;
    Ok(row("last 100 of one device", 2.0, &measured, queries))
}

fn guarded_update(rounds: usize, db: &Db, sqlite: &Connection) -> anyhow::Result<Row> {
    let target = path(0, 0);
    let start = block_on(db.get(&target))?.map(|document| document.version());
    let mut version = start.ok_or_else(|| anyhow::anyhow!("a reading is missing"))?;
    let mut row_version = 1_i64;
    let (mut ours, mut theirs) = (0_usize, 0_usize);
    let measured = pairs(
        rounds,
        || {
            for _ in 0..OPS {
                ours += 1;
                version = update(db, &target, ours, version)?;
            }
            Ok(())
        },
        || {
            for _ in 0..OPS {
                theirs += 1;
                let changed = sqlite
                    .prepare_cached(
                        "UPDATE readings SET at = ?2, temperature = ?3, humidity = ?4, light = ?5,
                         co2 = ?6, version = version + 1 WHERE path = ?1 AND version = ?7",
                    )?
                    .execute(params![
                        target.as_str(),
                        1_422_886_740_000_000_i64,
                        theirs as f64,
                        27.2,
                        426.0,
                        721.25,
                        row_version,
                    ])?;
                anyhow::ensure!(changed == 1, "the version does not match");
                row_version += 1;
            }
            Ok(())
        },
    )?;
    Ok(row("guarded update", 2.0, &measured, OPS))
}

fn update(db: &Db, target: &DocPath, n: usize, version: Version) -> anyhow::Result<Version> {
    let at = Timestamp::from_micros(1_422_886_740_000_000)?;
    let fields = fields! {
        "device" => "room-0", "at" => at, "temperature" => n as f64, "humidity" => 27.2,
        "light" => 426.0, "co2" => 721.25,
    };
    let write = Write::replace(target.clone(), fields)?.require(Require::Version(version));
    let written = block_on(db.write(write))?;
    written.version.ok_or_else(|| anyhow::anyhow!("the answer holds no version"))
}

fn create(rounds: usize, db: &Db, sqlite: &Connection) -> anyhow::Result<Row> {
    // Both maintain the index by device and time.
    let (mut ours, mut theirs) = (PER_DEVICE, PER_DEVICE);
    let measured = pairs(
        rounds,
        || {
            for _ in 0..OPS {
                ours += 1;
                block_on(db.create(path(ours % DEVICES, ours), reading(ours)))?;
            }
            Ok(())
        },
        || {
            for _ in 0..OPS {
                theirs += 1;
                insert(sqlite, theirs % DEVICES, theirs)?;
            }
            Ok(())
        },
    )?;
    Ok(row("create", 2.0, &measured, OPS))
}

fn row(case: &str, bar: f64, pairs: &crate::measure::Pairs, ops: usize) -> Row {
    let each = |round: std::time::Duration| round.as_secs_f64() * 1e6 / ops as f64;
    Row {
        group: "sqlite",
        case: case.into(),
        figure: "times its rate",
        ratio: pairs.speed(),
        bar: Bar::AtLeast(bar),
        context: format!("{:.2} µs, SQLite {:.2} µs", each(pairs.ours()), each(pairs.peer())),
    }
}
