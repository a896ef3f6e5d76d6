//! The suite on memory, in both ways of finding conflicts.

use std::process::ExitCode;
use std::time::Duration;

use firekeep_conformance::{Harness, INDEXES, Source, run_each};
use firekeep_core::{Concurrency, Db};
use firekeep_memory::{IndexFile, MemoryStore};

fn main() -> ExitCode {
    let pessimistic = source(Concurrency::Pessimistic);
    let optimistic = source(Concurrency::Optimistic);
    run_each([Harness::new("pessimistic", pessimistic), Harness::new("optimistic", optimistic)])
        .exit_code()
}

async fn source(concurrency: Concurrency) -> Source {
    let indexes = match IndexFile::parse(INDEXES) {
        Ok(indexes) => indexes,
        Err(error) => return Source::Missing(error.to_string()),
    };
    // Deadlocks end by this wait; two seconds, as on the emulator, would only take longer.
    let store = MemoryStore::builder().indexes(indexes).concurrency(concurrency);
    Source::Ready(Db::new(store.lock_wait(Duration::from_millis(100)).build()))
}
