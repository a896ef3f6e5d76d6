//! The suite over Firestore's own protocol: the Firestore backend, a server, and memory behind it,
//! in both ways of finding conflicts. Nothing may differ from memory itself.

use std::process::ExitCode;
use std::time::Duration;

use firekeep_conformance::{Harness, INDEXES, Source, run_each};
use firekeep_core::{Concurrency, Db};
use firekeep_memory::{IndexFile, MemoryStore};
use firekeep_testkit::WireServer;

fn main() -> ExitCode {
    let indexes = match IndexFile::parse(INDEXES) {
        Ok(indexes) => indexes,
        Err(error) => panic!("the index file is malformed: {error}"),
    };
    let server = |concurrency| {
        // Deadlocks end by this wait; two seconds, as on the emulator, would only take longer.
        let store = MemoryStore::builder().indexes(indexes.clone()).concurrency(concurrency);
        WireServer::start(store.lock_wait(Duration::from_millis(100)).build())
    };
    let pessimistic = server(Concurrency::Pessimistic);
    let optimistic = server(Concurrency::Optimistic);
    run_each([
        Harness::new("pessimistic", through(&pessimistic)),
        Harness::new("optimistic", through(&optimistic)),
    ])
    .exit_code()
}

fn through(server: &WireServer) -> impl Future<Output = Source> + use<> {
    let db = Db::new(server.client());
    async { Source::Ready(db) }
}
