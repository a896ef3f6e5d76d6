//! A metered telemetry on each backend, and readings to store.
#![allow(dead_code, unused_macros, unused_imports, reason = "each test file takes what it needs")]

use firekeep_core::{Db, ManualClock};
use firekeep_firestore::FirestoreStore;
use firekeep_layers::{Bill, MeterHandle, MeterLayer, Stack};
use firekeep_memory::index_file::IndexRecorder;
use firekeep_memory::{IndexFile, MemoryStore};
use firekeep_telemetry::{DeviceId, Reading, Telemetry, TenantId, Timestamp, Unit};
use firekeep_testkit::Availability;

pub(crate) const INDEXES: &str = include_str!("../../../../infra/firestore.indexes.json");

/// A database of its own, metered.
pub(crate) struct Bed {
    pub(crate) db: Db,
    pub(crate) telemetry: Telemetry,
    pub(crate) meter: MeterHandle,
    before: Bill,
}

impl Bed {
    pub(crate) fn new(store: impl firekeep_core::Store) -> Self {
        let meter = MeterLayer::new();
        let handle = meter.handle();
        let store = Stack::new(store).with(meter).build().unwrap();
        let db = Db::from_arc(store);
        Self { telemetry: Telemetry::new(db.clone()), db, meter: handle, before: Bill::ZERO }
    }

    pub(crate) fn memory() -> Self {
        Self::new(memory(ManualClock::new()))
    }

    /// A database of its own on the emulator; `None`, with the reason printed, where there is none
    /// and none is required.
    pub(crate) fn emulator() -> Option<Self> {
        match firekeep_testkit::require::emulator() {
            Availability::At(host) => {
                let suffix: String =
                    std::iter::repeat_with(fastrand::alphanumeric).take(12).collect();
                let project = format!("t-telemetry-{}", suffix.to_lowercase());
                Some(Self::new(FirestoreStore::builder(project).emulator(host).build().unwrap()))
            }
            Availability::Skipped(why) => {
                println!("skipped on the emulator: {why}");
                None
            }
            Availability::Missing(what) => panic!("{what}"),
        }
    }

    /// What was asked for and billed since this was last asked: RPCs, reads, writes.
    pub(crate) fn bill(&mut self) -> (u64, u64, u64) {
        let bill = self.meter.since(self.before);
        self.before = self.meter.snapshot();
        (bill.rpcs, bill.reads, bill.writes)
    }
}

pub(crate) fn memory(clock: ManualClock) -> MemoryStore {
    let indexes = IndexFile::parse(INDEXES).unwrap();
    let store = MemoryStore::builder().clock(clock).indexes(indexes.clone());
    // For `cargo xtask indexes`.
    let Some(path) = firekeep_testkit::recording::file() else { return store.build() };
    let recorder = IndexRecorder::with_overrides_of(&indexes);
    let recorder =
        recorder.on_change(move |needed| std::fs::write(&path, needed.to_json()).unwrap());
    store.record_indexes(recorder).build()
}

/// The same test on every backend; its body takes a [`Bed`].
macro_rules! on_each_backend {
    ($($name:ident),* $(,)?) => {
        mod memory {
            $(#[tokio::test]
            async fn $name() {
                super::$name(crate::support::Bed::memory()).await;
            })*
        }
        mod emulator {
            $(#[tokio::test]
            async fn $name() {
                if let Some(bed) = crate::support::Bed::emulator() {
                    super::$name(bed).await;
                }
            })*
        }
    };
}
pub(crate) use on_each_backend;

pub(crate) fn tenant() -> TenantId {
    TenantId::new("acme").unwrap()
}

pub(crate) fn device(id: &str) -> DeviceId {
    DeviceId::new(id).unwrap()
}

/// Minute `n` after 2015-02-02T14:19:00Z.
pub(crate) fn minute(n: i64) -> Timestamp {
    Timestamp::from_micros(1_422_886_740_000_000 + n * 60_000_000).unwrap()
}

/// A reading of `room` at minute `n`.
pub(crate) fn reading(n: i64) -> Reading {
    reading_of("room", n)
}

pub(crate) fn reading_of(id: &str, n: i64) -> Reading {
    Reading::builder(tenant(), device(id), minute(n))
        .value("temperature", 20.0 + n as f64 / 10.0, Unit::Celsius)
        .value("co2", 700.0 + n as f64, Unit::PartsPerMillion)
        .build()
        .unwrap()
}

pub(crate) fn readings(minutes: std::ops::Range<i64>) -> Vec<Reading> {
    minutes.map(reading).collect()
}
