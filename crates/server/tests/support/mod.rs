//! The service over a memory store whose time stands still, and requests to it.
#![allow(dead_code, reason = "each test file takes what it needs")]

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{HeaderMap, Request, StatusCode, header};
use firekeep_core::{Db, ManualClock, Store};
use firekeep_firestore::FirestoreStore;
use firekeep_layers::{Bill, FaultHandle, FaultLayer, MeterHandle, MeterLayer, Stack};
use firekeep_memory::index_file::IndexRecorder;
use firekeep_memory::{IndexFile, MemoryStore};
use firekeep_server::{App, ServerOptions};
use firekeep_testkit::Availability;
use serde_json::{Value, json};
use tower::ServiceExt;

const INDEXES: &str = include_str!("../../../../infra/firestore.indexes.json");

pub(crate) struct Service {
    pub(crate) app: App,
    pub(crate) clock: ManualClock,
    pub(crate) meter: MeterHandle,
    pub(crate) faults: FaultHandle,
    pub(crate) db: Db,
    router: Router,
}

pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) text: String,
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|error| panic!("{error}: {}", self.text))
    }
}

impl Service {
    pub(crate) fn new() -> Self {
        let clock = ManualClock::new();
        let indexes = IndexFile::parse(INDEXES).unwrap();
        let memory = MemoryStore::builder().clock(clock.clone()).indexes(indexes.clone());
        // For `cargo xtask indexes`.
        let Some(path) = firekeep_testkit::recording::file() else {
            return Self::over(memory.build(), clock);
        };
        let recorder = IndexRecorder::with_overrides_of(&indexes)
            .on_change(move |needed| std::fs::write(&path, needed.to_json()).unwrap());
        Self::over(memory.record_indexes(recorder).build(), clock)
    }

    /// The service over a database of its own on the emulator; `None`, with the reason printed,
    /// where there is none and none is required.
    pub(crate) fn on_emulator() -> Option<Self> {
        match firekeep_testkit::require::emulator() {
            Availability::At(host) => {
                let suffix: String =
                    std::iter::repeat_with(fastrand::alphanumeric).take(12).collect();
                let project = format!("t-server-{}", suffix.to_lowercase());
                let store = FirestoreStore::builder(project).emulator(host).build().unwrap();
                Some(Self::over(store, ManualClock::new()))
            }
            Availability::Skipped(why) => {
                println!("skipped on the emulator: {why}");
                None
            }
            Availability::Missing(what) => panic!("{what}"),
        }
    }

    pub(crate) fn over(store: impl Store, clock: ManualClock) -> Self {
        let (faults, meter) = (FaultLayer::new(1, Arc::new(clock.clone())), MeterLayer::new());
        let (fault_handle, handle) = (faults.handle(), meter.handle());
        let store = Stack::new(store).with(faults).with(meter).build().unwrap();
        let db = Db::from_arc(store).with_clock(clock.clone());
        let app = App::new(db.clone(), handle.clone(), ServerOptions::default());
        let router = app.router();
        Self { app, clock, meter: handle, faults: fault_handle, db, router }
    }

    pub(crate) async fn call(&self, request: Request<Body>) -> Answer {
        let response = self.router.clone().oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let bytes = to_bytes(body, 16 * 1024 * 1024).await.unwrap();
        let text = String::from_utf8(bytes.to_vec()).unwrap();
        Answer { status: parts.status, headers: parts.headers, text }
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.call(Request::get(path).body(Body::empty()).unwrap()).await
    }

    pub(crate) async fn post(&self, path: &str, body: impl Into<Body>) -> Answer {
        let request = Request::post(path).header(header::CONTENT_TYPE, "application/json");
        self.call(request.body(body.into()).unwrap()).await
    }

    pub(crate) async fn post_json(&self, path: &str, body: Value) -> Answer {
        self.post(path, body.to_string()).await
    }

    /// How many readings of `room` are stored.
    pub(crate) async fn stored(&self) -> usize {
        self.db.query(firekeep_core::Query::group("readings")).await.unwrap().len()
    }

    /// Lets time pass in small steps, so that every task that waits has its turn.
    pub(crate) async fn pass(&self, time: Duration) {
        let step = Duration::from_millis(500);
        for _ in 0..(time.as_millis() / step.as_millis()) {
            self.clock.advance(step);
            settle().await;
        }
    }
}

/// Lets every task run until it waits.
pub(crate) async fn settle() {
    for _ in 0..50 {
        tokio::task::yield_now().await;
    }
}

pub(crate) fn reads(before: Bill, meter: &MeterHandle) -> u64 {
    meter.since(before).reads
}

pub(crate) const READINGS: &str = "/v1/tenants/acme/devices/room/readings";
pub(crate) const LIVE: &str = "/v1/tenants/acme/devices/room/live";

/// A reading at minute `n` of a day.
pub(crate) fn reading(n: u32) -> Value {
    json!({
        "at": format!("2015-02-02T{:02}:{:02}:00Z", n / 60, n % 60),
        "values": { "temperature": { "value": 20.0 + f64::from(n) / 10.0, "unit": "°C" } },
    })
}

pub(crate) fn batch(minutes: std::ops::Range<u32>) -> Value {
    json!({ "readings": minutes.map(reading).collect::<Vec<_>>() })
}
