//! `firekeep emulator` beside the official emulator: two processes, one client, in turn. The client
//! is the generated one straight on an HTTP/2 connection, on one thread, so that it is measured as
//! little as can be.

mod calls;
mod contention;
mod listeners;
mod process;
mod processors;
mod rates;
mod start;
mod transport;

use std::path::Path;

use tokio::runtime::{Builder, Runtime};

use crate::report::Row;
use calls::Calls;
use process::Server;

/// What a run of this group works with.
pub struct Wire {
    runtime: Runtime,
    ours: Side,
    official: Side,
}

/// A server and a connection to it.
struct Side {
    server: Server,
    calls: Calls,
}

/// Measures the release binary `firekeep` beside the official emulator at `host`.
pub fn run(firekeep: &Path, host: &str, rounds: usize) -> anyhow::Result<Vec<Row>> {
    let runtime = Builder::new_current_thread().enable_all().build()?;
    let mut rows = Vec::from(start::run(&runtime, firekeep)?);
    let ours = Side::new(&runtime, Server::start(firekeep)?)?;
    let official = Side::new(&runtime, Server::listening_at(host)?)?;
    let wire = Wire { runtime, ours, official };
    rows.push(start::memory(&wire)?);
    rows.extend(rates::run(&wire, rounds)?);
    rows.extend(listeners::run(&wire, rounds)?);
    rows.extend(contention::run(&wire)?);
    Ok(rows)
}

impl Side {
    fn new(runtime: &Runtime, server: Server) -> anyhow::Result<Self> {
        let project = format!("bench-wire-{}", std::process::id());
        let calls = runtime.block_on(Calls::connect(server.address(), &project))?;
        Ok(Self { server, calls })
    }
}
