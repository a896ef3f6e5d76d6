//! The warning before the end of the fences. In a program of its own: what is logged is the process's.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::sync::{Arc, Mutex, OnceLock};

use firekeep_core::{Value, fields};
use firekeep_lock::{Fence, Key};
use firekeep_testkit::{TestBackend, backends};
use support::{Bed, FENCES, text};
use tracing::field::{Field, Visit};
use tracing::{Event, Level, Metadata, Subscriber, span};

/// The warnings that the process logged.
#[derive(Clone, Default)]
struct Warnings(Arc<Mutex<Vec<String>>>);

/// The fields of one.
#[derive(Default)]
struct Line(String);

impl Visit for Line {
    fn record_debug(&mut self, field: &Field, value: &dyn std::fmt::Debug) {
        self.0.push_str(&format!("{}={value:?} ", field.name()));
    }
}

impl Warnings {
    /// Listens from before the first lock on.
    fn listen() -> Self {
        static HEARD: OnceLock<Warnings> = OnceLock::new();
        let listen = || {
            let warnings = Self::default();
            tracing::subscriber::set_global_default(warnings.clone()).unwrap();
            warnings
        };
        HEARD.get_or_init(listen).clone()
    }

    /// Those of one key, as backends run side by side.
    fn of(&self, key: &str) -> Vec<String> {
        let hash = Key::new(key).unwrap().hash();
        let lines = self.0.lock().unwrap();
        lines.iter().filter(|line| line.contains(hash.as_str())).cloned().collect()
    }
}

impl Subscriber for Warnings {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        *metadata.level() <= Level::WARN && metadata.target().starts_with("firekeep_lock")
    }

    fn new_span(&self, _: &span::Attributes<'_>) -> span::Id {
        span::Id::from_u64(1)
    }

    fn record(&self, _: &span::Id, _: &span::Record<'_>) {}

    fn record_follows_from(&self, _: &span::Id, _: &span::Id) {}

    fn event(&self, event: &Event<'_>) {
        let mut line = Line::default();
        event.record(&mut line);
        self.0.lock().unwrap().push(line.0);
    }

    fn enter(&self, _: &span::Id) {}

    fn exit(&self, _: &span::Id) {}
}

backends! {
    async fn a_tenth_before_the_end_each_acquisition_warns(backend: TestBackend) {
        let warnings = Warnings::listen();
        let key = if backend.is_memory() { "on memory" } else { "on the emulator" };
        let bed = Bed::new(backend);
        bed.release(bed.locks.acquire(key).await.unwrap()).await;
        let counter = bed.documents(FENCES).await.pop().unwrap();
        assert_eq!(text(&counter, "key"), Some(key));
        let last = Value::from(89_999_999_999_999_i64);
        bed.db.merge(counter.path().clone(), fields! { "fence" => last }).await.unwrap();
        let guard = bed.locks.acquire(key).await.unwrap();
        assert_eq!(guard.fence(), Fence::WARN);
        bed.release(guard).await;
        assert_eq!(warnings.of(key), [] as [String; 0], "not yet");
        for number in ["90000000000001", "90000000000002"] {
            let guard = bed.locks.acquire(key).await.unwrap();
            assert_eq!(guard.fence().as_u64().to_string(), number);
            let told = warnings.of(key).pop().unwrap();
            assert!(told.contains(&format!("fence={number}")) && told.contains("tenth"), "{told}");
            bed.release(guard).await;
        }
        assert_eq!(warnings.of(key).len(), 2);
    }
}
