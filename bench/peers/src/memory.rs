//! How the memory store holds up as data and watchers grow.

use firekeep_core::{Db, DocPath, Fields, Query, Timestamp, WatchEvent, WatchFrom, fields};
use firekeep_memory::MemoryStore;
use futures::StreamExt;
use futures::executor::block_on;

use crate::measure::pairs;
use crate::report::{Bar, Row};

pub fn store() -> MemoryStore {
    MemoryStore::builder().lenient().build()
}

pub fn path(device: usize, n: usize) -> DocPath {
    let path = format!("tenants/acme/devices/room-{device}/readings/{n:x}");
    DocPath::new(path).expect("a path of plain segments is valid")
}

pub fn reading(n: usize) -> Fields {
    let at = 1_422_886_740_000_000 + n as i64 * 60_000_000;
    fields! {
        "device" => "room-0",
        "at" => Timestamp::from_micros(at).expect("the year is 2015"),
        "temperature" => 21.5 + n as f64 / 1e3,
        "humidity" => 27.2,
        "light" => 426.0,
        "co2" => 721.25,
    }
}

pub fn last_hundred(device: usize) -> Query {
    Query::collection(format!("tenants/acme/devices/room-{device}/readings"))
        .descending("at")
        .limit(100)
        .build()
        .expect("the query is valid")
}

/// The last 100 out of 10^4 against 10^5 and 10^6.
pub fn scale(rounds: usize) -> anyhow::Result<Vec<Row>> {
    let db = Db::new(store());
    let sizes = [10_000, 100_000, 1_000_000];
    for (device, size) in sizes.into_iter().enumerate() {
        for n in 0..size {
            block_on(db.set(path(device, n), reading(n)))?;
        }
    }
    let run = |device: usize| {
        let db = db.clone();
        move || {
            block_on(async {
                for _ in 0..500 {
                    anyhow::ensure!(db.query(last_hundred(device)).await?.len() == 100, "rows");
                }
                Ok(())
            })
        }
    };
    let mut rows = Vec::new();
    for (device, size) in [(1, "10^5"), (2, "10^6")] {
        let measured = pairs(rounds, run(device), run(0))?;
        rows.push(Row {
            group: "scale",
            case: format!("last 100 of {size} against 10^4"),
            figure: "times the time",
            ratio: 1.0 / measured.speed(),
            bar: Bar::AtMost(1.5),
            context: format!("{:.1} µs", measured.ours().as_secs_f64() * 1e6 / 500.0),
        });
    }
    Ok(rows)
}

/// Commits with watchers of other documents against commits with none.
pub fn watchers(rounds: usize) -> anyhow::Result<Vec<Row>> {
    [100, 1_000].into_iter().map(|count| watched(rounds, count)).collect()
}

fn watched(rounds: usize, count: usize) -> anyhow::Result<Row> {
    let (quiet, busy) = (Db::new(store()), Db::new(store()));
    let mut streams = Vec::new();
    for n in 0..count {
        let other = DocPath::new(format!("others/o{n}"))?;
        let mut stream = busy.watch_documents(vec![other], WatchFrom::Start);
        let first = block_on(stream.next()).transpose()?;
        anyhow::ensure!(matches!(first, Some(WatchEvent::Batch(_))), "no first batch");
        streams.push(stream);
    }
    let run = |db: Db| {
        let mut n = 0;
        move || {
            block_on(async {
                for _ in 0..20_000 {
                    n += 1;
                    db.set(path(0, n % 1_000), reading(n)).await?;
                }
                Ok(())
            })
        }
    };
    let measured = pairs(rounds, run(busy), run(quiet))?;
    Ok(Row {
        group: "watchers",
        case: format!("commit beside {count} watchers"),
        figure: "times the time",
        ratio: 1.0 / measured.speed(),
        bar: Bar::AtMost(1.2),
        context: format!("{:.2} µs", measured.ours().as_secs_f64() * 1e6 / 20_000.0),
    })
}
