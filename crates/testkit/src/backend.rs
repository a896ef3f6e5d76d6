//! One test on every backend.

use std::future::Future;
use std::io::Write;
use std::sync::Arc;
use std::time::Duration;

use firekeep_core::{Db, ManualClock, Store};
use firekeep_firestore::FirestoreStore;
use firekeep_layers::{Bill, MeterHandle, MeterLayer, Stack};
use firekeep_memory::{IndexFile, MemoryStore};
use firekeep_wire::{Faults, Hosted, Server};

use crate::recording;
use crate::require::{Availability, emulator};
use crate::wire::WireServer;

/// A database that a test has to itself, on one backend, metered.
#[derive(Clone, Debug)]
pub struct TestBackend {
    db: Db,
    meter: MeterHandle,
    memory: Option<(MemoryStore, ManualClock)>,
    /// What stands between the database and memory, if anything does.
    server: Option<Arc<WireServer>>,
    /// What goes wrong on the way.
    faults: Option<Faults>,
}

impl TestBackend {
    /// A database in memory that knows the composite indexes in `indexes`, the text of a
    /// `firestore.indexes.json`, and refuses queries that need others; those of a feature's suite are
    /// [noted](crate::recording). Its time stands still until the test moves it, so a request that
    /// meets a lock is refused at once instead of waiting.
    ///
    /// # Panics
    /// If `indexes` is malformed.
    pub fn on_memory(indexes: &str) -> Self {
        let (store, clock) = in_memory(indexes);
        Self { memory: Some((store.clone(), clock)), ..Self::metered(Stack::new(store)) }
    }

    /// As [`on_memory`](Self::on_memory), with the Firestore backend, Firestore's protocol and a
    /// [`WireServer`] between the database and memory, all on the one clock.
    ///
    /// # Panics
    /// As [`on_memory`](Self::on_memory), or if the server can't be started.
    pub fn on_wire(indexes: &str) -> Self {
        let (store, clock) = in_memory(indexes);
        let hosted = Hosted::new(Arc::new(store.clone())).with_catalog(Arc::new(store.clone()));
        let faults = Faults::new(0);
        let server = Server::new(hosted).clock(clock.clone()).faults(faults.clone());
        let server = WireServer::serving(server, store.clone());
        match server.describe_client().clock(Arc::new(clock.clone())).build() {
            Ok(client) => Self {
                memory: Some((store, clock)),
                server: Some(Arc::new(server)),
                faults: Some(faults),
                ..Self::metered(Stack::new(client))
            },
            Err(error) => panic!("no client fits the server: {error}"),
        }
    }

    /// As [`on_wire`](Self::on_wire), on the machine's time and with what `between` makes of memory behind
    /// the server: something that listens in below all faults of the wire.
    ///
    /// # Panics
    /// As [`on_wire`](Self::on_wire).
    pub fn on_wire_in_time(
        indexes: &str,
        between: impl FnOnce(Arc<dyn Store>) -> Arc<dyn Store>,
    ) -> Self {
        let indexes = match IndexFile::parse(indexes) {
            Ok(indexes) => indexes,
            Err(error) => panic!("the index file is malformed: {error}"),
        };
        let store = MemoryStore::builder().indexes(indexes).build();
        let faults = Faults::new(0);
        let hosted = Hosted::new(between(Arc::new(store.clone())));
        let server = WireServer::serving(Server::new(hosted).faults(faults.clone()), store);
        let stack = Stack::new(server.client());
        Self { server: Some(Arc::new(server)), faults: Some(faults), ..Self::metered(stack) }
    }

    /// A database on the emulator at `host`, in a project of its own.
    ///
    /// # Panics
    /// If `host` is malformed or no address of this machine.
    pub fn on_emulator(host: &str) -> Self {
        let id: String = std::iter::repeat_with(fastrand::lowercase).take(16).collect();
        match FirestoreStore::builder(format!("test-{id}")).emulator(host).build() {
            Ok(store) => Self::metered(Stack::new(store)),
            Err(error) => panic!("the emulator can't be used: {error}"),
        }
    }

    fn metered(stack: Stack) -> Self {
        let layer = MeterLayer::new();
        let meter = layer.handle();
        match stack.with(layer).build() {
            Ok(store) => {
                Self { db: Db::from_arc(store), meter, memory: None, server: None, faults: None }
            }
            Err(error) => panic!("one layer is out of order: {error}"),
        }
    }

    /// The database.
    pub fn db(&self) -> &Db {
        &self.db
    }

    /// What the backend was asked for and billed.
    pub fn meter(&self) -> &MeterHandle {
        &self.meter
    }

    /// What `work` answers, and what the backend was asked for and billed meanwhile.
    pub async fn bill<T>(&self, work: impl Future<Output = T>) -> (T, Bill) {
        let before = self.meter.snapshot();
        let answer = work.await;
        (answer, self.meter.since(before))
    }

    /// Whether this is memory, with or without the protocol before it.
    pub fn is_memory(&self) -> bool {
        self.memory.is_some()
    }

    /// The store in memory, for its [`Control`](firekeep_memory::Control).
    pub fn memory(&self) -> Option<&MemoryStore> {
        self.memory.as_ref().map(|(store, _)| store)
    }

    /// The server before memory, if requests go through one.
    pub fn server(&self) -> Option<&WireServer> {
        self.server.as_deref()
    }

    /// What goes wrong between the database and memory, if requests go through a server: nothing,
    /// until the test says so.
    pub fn faults(&self) -> Option<&Faults> {
        self.faults.as_ref()
    }

    /// The clock that memory runs on.
    pub fn clock(&self) -> Option<&ManualClock> {
        self.memory.as_ref().map(|(_, clock)| clock)
    }
}

/// A store in memory, and the clock that it runs on.
fn in_memory(indexes: &str) -> (MemoryStore, ManualClock) {
    let is_noted = indexes == recording::PROJECT;
    let indexes = match IndexFile::parse(indexes) {
        Ok(indexes) => indexes,
        Err(error) => panic!("the index file is malformed: {error}"),
    };
    let clock = ManualClock::new();
    let builder = MemoryStore::builder().indexes(indexes.clone());
    let builder = builder.clock(clock.clone()).lock_wait(Duration::ZERO);
    let store = match is_noted.then(|| recording::recorder(&indexes)).flatten() {
        Some(recorder) => builder.record_indexes(recorder).build(),
        None => builder.build(),
    };
    (store, clock)
}

/// Runs `test` on memory. What [`backends!`](crate::backends) calls.
pub fn run_on_memory<F: Future<Output = ()>>(indexes: &str, test: fn(TestBackend) -> F) {
    block_on(async { test(TestBackend::on_memory(indexes)).await });
}

/// Runs `test` on the emulator; without one, says on standard error that it did not, or fails if
/// `FIREKEEP_REQUIRE` lists the emulator. What [`backends!`](crate::backends) calls.
///
/// # Panics
/// If the emulator is required and missing.
pub fn run_on_emulator<F: Future<Output = ()>>(name: &str, test: fn(TestBackend) -> F) {
    match emulator() {
        Availability::At(host) => {
            block_on(async { test(TestBackend::on_emulator(&host)).await });
        }
        Availability::Missing(why) => panic!("{why}"),
        // Straight to the stream: the test harness would swallow what is printed.
        Availability::Skipped(why) => {
            let _ = writeln!(std::io::stderr(), "skipped: {name}: {why}");
        }
    }
}

fn block_on(test: impl Future<Output = ()>) {
    match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime.block_on(test),
        Err(error) => panic!("no runtime: {error}"),
    }
}

/// The index file of a test that needs no composite index.
pub const NO_INDEXES: &str = r#"{"indexes": [], "fieldOverrides": []}"#;

/// Makes of each `async fn name(backend: TestBackend)` two tests, `name::memory` and
/// `name::emulator`.
///
/// The first line may give the index file that memory enforces:
///
/// ```
/// use firekeep_core::fields;
/// use firekeep_testkit::{TestBackend, backends};
///
/// backends! {
///     indexes: r#"{"indexes": [], "fieldOverrides": []}"#;
///
///     /// A get costs one read.
///     async fn a_get_costs_one_read(backend: TestBackend) {
///         let (found, bill) = backend.bill(backend.db().get("c/d")).await;
///         assert!(found.unwrap().is_none());
///         assert_eq!((bill.rpcs, bill.reads), (1, 1));
///     }
/// }
/// # fn main() {}
/// ```
#[macro_export]
macro_rules! backends {
    (indexes: $indexes:expr; $($(#[$attribute:meta])* async fn $name:ident($backend:ident: $type:ty) $body:block)+) => {
        $(
            $(#[$attribute])*
            #[cfg(test)]
            mod $name {
                #[allow(unused_imports, reason = "a test may need nothing from around it")]
                use super::*;

                async fn test($backend: $type) $body

                #[test]
                fn memory() {
                    $crate::backend::run_on_memory($indexes, test);
                }

                #[test]
                fn emulator() {
                    $crate::backend::run_on_emulator(stringify!($name), test);
                }
            }
        )+
    };
    ($($tests:tt)+) => {
        $crate::backends! { indexes: $crate::backend::NO_INDEXES; $($tests)+ }
    };
}
