//! What is logged: the warning before the end of the fences, and the spans of what is done to a lock. In a
//! program of its own, since what is logged is the process's.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::sync::{Arc, Mutex, OnceLock};

use firekeep_core::{DocPath, Value, Write, fields};
use firekeep_lock::{Fence, Key};
use firekeep_testkit::{TestBackend, backends};
use support::{Bed, FENCES, secs, text};
use tracing::field::{Field, Visit};
use tracing::{Event, Level, Metadata, Subscriber, span};

/// The warnings that the process logged, and the spans that it opened.
#[derive(Clone, Default)]
struct Logged(Arc<Mutex<Vec<String>>>);

/// The fields of one.
#[derive(Default)]
struct Line(String);

impl Visit for Line {
    fn record_debug(&mut self, field: &Field, value: &dyn std::fmt::Debug) {
        self.0.push_str(&format!("{}={value:?} ", field.name()));
    }
}

impl Logged {
    /// Listens from before the first lock on.
    fn listen() -> Self {
        static HEARD: OnceLock<Logged> = OnceLock::new();
        let listen = || {
            let logged = Self::default();
            tracing::subscriber::set_global_default(logged.clone()).unwrap();
            logged
        };
        HEARD.get_or_init(listen).clone()
    }

    /// What is said of one key, as backends run side by side: spans, or warnings.
    fn lines(&self, key: &str, spans: bool) -> Vec<String> {
        let hash = Key::new(key).unwrap().hash();
        let mut lines = self.0.lock().unwrap().clone();
        lines.retain(|line| line.contains(hash.as_str()) && line.starts_with("span ") == spans);
        lines
    }

    /// The warnings of one key.
    fn of(&self, key: &str) -> Vec<String> {
        self.lines(key, false)
    }
}

impl Subscriber for Logged {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        let is_told = metadata.is_span() || *metadata.level() <= Level::WARN;
        is_told && metadata.target().starts_with("firekeep_lock")
    }

    fn new_span(&self, span: &span::Attributes<'_>) -> span::Id {
        let mut line = Line("span ".to_owned());
        span.record(&mut line);
        self.0.lock().unwrap().push(line.0);
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
        let warnings = Logged::listen();
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

    async fn what_is_done_to_a_lock_has_a_span_with_hashes_only(backend: TestBackend) {
        let logged = Logged::listen();
        let key = if backend.is_memory() { "spans on memory" } else { "spans on the emulator" };
        let bed = Bed::new(backend);
        let guard = bed.locks.acquire(key).await.unwrap();
        assert!(bed.locks.try_acquire(key).await.unwrap().is_held());
        assert!(guard.extend(secs(60)).await.unwrap());
        let write = Write::replace(DocPath::new("c/d").unwrap(), fields! { "n" => 1 }).unwrap();
        guard.commit(vec![write]).await.unwrap();
        bed.release(guard).await;
        let spans = logged.lines(key, true);
        for action in ["acquire", "hold", "try", "extend", "commit", "release"] {
            let named = format!("action=\"{action}\"");
            assert!(spans.iter().any(|span| span.contains(&named)), "{action}: {spans:?}");
        }
        assert!(spans.iter().all(|span| !span.contains(key)), "{spans:?}");
    }
}
