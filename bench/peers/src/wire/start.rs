//! How soon a server answers, and what it takes up while it has nothing to do.

use std::path::Path;
use std::time::Instant;

use tokio::runtime::Runtime;

use super::process::Server;
use super::{Side, Wire};
use crate::report::{Bar, Row};

/// From the start of the process to the first answer of `GetDocument`.
pub fn run(runtime: &Runtime, firekeep: &Path) -> anyhow::Result<[Row; 2]> {
    let (mut waits, mut sizes) = (Vec::new(), Vec::new());
    for _ in 0..STARTS {
        let start = Instant::now();
        let side = Side::new(runtime, Server::start(firekeep)?)?;
        runtime.block_on(side.calls.answers())?;
        waits.push(start.elapsed().as_secs_f64() * 1e3);
        sizes.push(side.server.resident()?);
    }
    waits.sort_by(f64::total_cmp);
    sizes.sort_by(f64::total_cmp);
    let (wait, size) = (waits[STARTS / 2], sizes[STARTS / 2]);
    let row = |case: &str, figure, ratio, bar, context| Row {
        group: "wire",
        case: case.into(),
        figure,
        ratio,
        bar: Bar::AtMost(bar),
        context,
    };
    let slowest = format!("the slowest of {STARTS}: {:.1} ms", waits[STARTS - 1]);
    let largest = format!("the largest of {STARTS}: {:.1} MiB", sizes[STARTS - 1]);
    Ok([
        row("start to first answer", "ms", wait, 50.0, slowest),
        row("at rest", "MiB resident", size, 20.0, largest),
    ])
}

/// Beside the official emulator, which has answered by now, too.
pub fn memory(wire: &Wire) -> anyhow::Result<Row> {
    let runtime = &wire.runtime;
    runtime.block_on(async {
        wire.ours.calls.answers().await?;
        wire.official.calls.answers().await
    })?;
    let (ours, official) = (wire.ours.server.resident()?, wire.official.server.resident()?);
    Ok(Row {
        group: "wire",
        case: "at rest".into(),
        figure: "times its memory",
        ratio: ours / official,
        bar: Bar::None,
        context: format!("{ours:.1} and {official:.0} MiB"),
    })
}

const STARTS: usize = 9;
