//! A store before a scripted server, and a clock that the test moves.

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use firekeep_core::{
    Batch, Cx, DocumentChange, Error, ManualClock, Position, Query, Result, Store, WatchEvent,
    WatchFrom, WatchRequest, WatchTarget,
};
use firekeep_firestore::FirestoreStore;
use futures::future::{Either, select};
use futures::stream::{BoxStream, StreamExt};
use googleapis_tonic_google_firestore_v1::google::firestore::v1::listen_request::TargetChange;
use googleapis_tonic_google_firestore_v1::google::firestore::v1::target::ResumeType;
use googleapis_tonic_google_firestore_v1::google::firestore::v1::{
    ListenRequest, ListenResponse, Target,
};

use crate::messages::{current, snapshot};
use crate::scripted::{Call, ScriptedServer};

/// Longer than any back-off, shorter than the silence that is taken for death. While a stream is
/// open the clock's next wake is that silence; while it is down, the back-off.
const BETWEEN: Duration = Duration::from_secs(100);

pub(crate) struct Rig {
    pub(crate) server: ScriptedServer,
    pub(crate) clock: ManualClock,
    pub(crate) store: FirestoreStore,
    pub(crate) events: BoxStream<'static, Result<WatchEvent>>,
}

impl Rig {
    /// A watch of the collection `c` from the start.
    pub(crate) async fn start() -> Self {
        Self::with(WatchFrom::Start, Cx::new()).await
    }

    /// A watch of the collection `c` from a position.
    pub(crate) async fn after(position: &Position) -> Self {
        Self::with(WatchFrom::After(position.clone()), Cx::new()).await
    }

    pub(crate) async fn with(from: WatchFrom, cx: Cx) -> Self {
        Self::on(ManualClock::new(), from, cx).await
    }

    pub(crate) async fn on(clock: ManualClock, from: WatchFrom, cx: Cx) -> Self {
        let server = ScriptedServer::manual().await;
        let store = store(&server.address, &clock);
        let events = store.watch(&cx, request(from));
        Self { server, clock, store, events }
    }

    /// Such a watch that has told `documents` as of time 100, on the answered call.
    pub(crate) async fn settled(documents: &[(&str, i64)]) -> (Self, Call) {
        let mut rig = Self::start().await;
        let mut call = rig.listens().await;
        for (id, version) in documents {
            call.send(&crate::messages::set(id, *version)).await;
        }
        call.send(&current(100)).await;
        call.send(&snapshot(100)).await;
        assert_eq!(rig.batch().await.changes.len(), documents.len());
        (rig, call)
    }

    /// Waits for the store to open a stream.
    pub(crate) async fn listens(&mut self) -> Call {
        let Self { server, events, .. } = self;
        let call = uneventfully(events, server.call()).await;
        assert_eq!(call.method, "Listen");
        call
    }

    /// Waits for the store to open a stream, and reads the target that it adds.
    pub(crate) async fn adds(&mut self) -> (Target, Call) {
        let mut call = self.listens().await;
        let request: ListenRequest = call.message().await.unwrap();
        assert_eq!(request.database, "projects/p/databases/(default)");
        match request.target_change {
            Some(TargetChange::AddTarget(target)) => (target, call),
            other => panic!("adds no target: {other:?}"),
        }
    }

    /// Runs `future` while the watch runs, which must not tell anything.
    pub(crate) async fn uneventfully<T>(&mut self, future: impl Future<Output = T>) -> T {
        uneventfully(&mut self.events, future).await
    }

    /// Sends messages that make no event by themselves.
    pub(crate) async fn send(&mut self, call: &mut Call, messages: &[ListenResponse]) {
        for message in messages {
            self.uneventfully(call.send(message)).await;
        }
    }

    /// Waits until the watch backs off, and says for how long.
    pub(crate) async fn backs_off(&mut self) -> Duration {
        let clock = self.clock.clone();
        self.uneventfully(async {
            loop {
                match clock.next_wake() {
                    Some(wait) if wait < BETWEEN => return wait,
                    _ => tokio::task::yield_now().await,
                }
            }
        })
        .await
    }

    /// Waits until the watch backs off, and lets the time pass.
    pub(crate) async fn recovers(&mut self) -> Duration {
        let wait = self.backs_off().await;
        self.clock.advance(wait);
        wait
    }

    pub(crate) async fn event(&mut self) -> WatchEvent {
        soon(self.events.next()).await.expect("the watch goes on").unwrap()
    }

    /// The next event, which is a batch.
    pub(crate) async fn batch(&mut self) -> Batch {
        match self.event().await {
            WatchEvent::Batch(batch) => batch,
            other => panic!("no batch: {other:?}"),
        }
    }

    /// The changes of the next event, as `+id@version` and `-id`.
    pub(crate) async fn told(&mut self) -> Vec<String> {
        told(&self.batch().await)
    }

    /// The read time of the next event, which is a checkpoint.
    pub(crate) async fn checkpoint(&mut self) -> (i64, Position) {
        match self.event().await {
            WatchEvent::Checkpoint { read_time, position } => (read_time.as_micros(), position),
            other => panic!("no checkpoint: {other:?}"),
        }
    }

    /// The error that ends the watch.
    pub(crate) async fn error(&mut self) -> Error {
        let error = soon(self.events.next()).await.expect("an error is told").unwrap_err();
        assert!(self.events.next().await.is_none(), "an error is the end");
        assert!(self.events.next().await.is_none(), "and stays the end");
        error
    }
}

/// A store that talks to the server at `address`.
pub(crate) fn store(address: &str, clock: &ManualClock) -> FirestoreStore {
    let clock = Arc::new(clock.clone());
    FirestoreStore::builder("p").emulator(address).clock(clock).build().unwrap()
}

pub(crate) fn request(from: WatchFrom) -> WatchRequest {
    let query = Query::collection("c").build().unwrap();
    WatchRequest { target: WatchTarget::Query(Box::new(query)), from }
}

pub(crate) fn told(batch: &Batch) -> Vec<String> {
    let spell = |change: &DocumentChange| match change {
        DocumentChange::Set(document) => {
            format!("+{}@{}", document.id(), document.updated().as_micros())
        }
        DocumentChange::Removed(path) => format!("-{}", path.id()),
    };
    batch.changes.iter().map(spell).collect()
}

/// The token that a target resumes with.
pub(crate) fn resume_token(target: &Target) -> Option<&str> {
    match &target.resume_type {
        Some(ResumeType::ResumeToken(token)) => Some(std::str::from_utf8(token).unwrap()),
        _ => None,
    }
}

async fn uneventfully<T>(
    events: &mut BoxStream<'static, Result<WatchEvent>>,
    future: impl Future<Output = T>,
) -> T {
    match soon(select(pin!(future), events.next())).await {
        Either::Left((value, _)) => value,
        Either::Right((event, _)) => panic!("told too early: {event:?}"),
    }
}

/// Waits for what must happen: a test that waits in vain fails instead of hanging.
async fn soon<T>(what: impl Future<Output = T>) -> T {
    let most = Duration::from_secs(30);
    tokio::time::timeout(most, what).await.expect("what the test waits for does not happen")
}
