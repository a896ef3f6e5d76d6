//! A reader of a watch, who holds what the watch told and minds what it promised.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use firekeep_core::{
    Cx, Db, DocPath, DocumentChange, ManualClock, Query, Result, Store, Timestamp, WatchEvent,
    WatchFrom, WatchRequest, WatchTarget, fields,
};
use firekeep_memory::MemoryStore;
use firekeep_testkit::WireServer;
use firekeep_wire::{FaultKind, Faults, Hosted, Method, Server};
use futures::stream::BoxStream;
use futures::{FutureExt, StreamExt};

/// The versions of documents.
type State = BTreeMap<DocPath, Timestamp>;

/// A collection on memory behind the wire, and a reader of its changes.
pub(crate) struct Subscriber {
    _server: WireServer,
    faults: Faults,
    memory: Db,
    /// The server's clock, which moves with each write.
    theirs: ManualClock,
    /// The client's clock, which moves when the client waits before it tries again, and when a stream
    /// is silent. Until then its watchdog is all that waits on it.
    ours: ManualClock,
    watch: BoxStream<'static, Result<WatchEvent>>,
    state: State,
    /// The last version of each document that was told, whatever became of it.
    told: State,
    read_time: Timestamp,
    is_caught_up: bool,
    /// Changes that were told before.
    pub(crate) repeats: usize,
    pub(crate) resets: usize,
    silences: u64,
    /// Whether a silence has struck and not been noticed.
    is_silent: bool,
}

impl Subscriber {
    /// A reader of three documents who has read nothing yet.
    pub(crate) async fn new() -> Self {
        let (ours, theirs) = (ManualClock::new(), ManualClock::new());
        let store = MemoryStore::builder().clock(theirs.clone()).build();
        let (memory, faults) = (Db::new(store.clone()), Faults::new(0));
        // A plan, so that calls are counted, by which nothing strikes.
        faults.set("listen:cut=0".parse().unwrap()).unwrap();
        let server = Server::new(Hosted::new(Arc::new(store.clone()))).clock(theirs.clone());
        let server = WireServer::serving(server.faults(faults.clone()), store);
        let client = server.describe_client().clock(Arc::new(ours.clone())).build().unwrap();
        let target = Query::collection("c").build().unwrap();
        let target = WatchTarget::Query(Box::new(target));
        let request = WatchRequest { target, from: WatchFrom::Start };
        let watch = client.watch(&Cx::new(), request);
        let new = Self {
            _server: server,
            faults,
            memory,
            theirs,
            ours,
            watch,
            state: State::new(),
            told: State::new(),
            read_time: Timestamp::MIN,
            is_caught_up: false,
            repeats: 0,
            resets: 0,
            silences: 0,
            is_silent: false,
        };
        for id in ["a", "b", "d"] {
            new.write(id, 0).await;
        }
        new
    }

    pub(crate) fn faults(&self) -> &Faults {
        &self.faults
    }

    /// How many streams were opened.
    pub(crate) fn streams(&self) -> u64 {
        self.faults().calls("demo", Method::Listen)
    }

    /// Writes a document in memory, where nothing strikes.
    pub(crate) async fn write(&self, id: &str, n: i64) {
        self.moment();
        self.memory.set(format!("c/{id}").as_str(), fields! { "n" => n }).await.unwrap();
    }

    /// Deletes a document in memory.
    pub(crate) async fn delete(&self, id: &str) {
        self.moment();
        self.memory.delete(format!("c/{id}").as_str()).await.unwrap();
    }

    fn moment(&self) {
        self.theirs.advance(Duration::from_millis(1));
    }

    /// Reads until the reader holds what memory holds. Time goes on as someone waits for it.
    pub(crate) async fn catches_up(&mut self) {
        while !self.is_caught_up || self.state != self.truth() {
            self.step().await;
        }
    }

    /// Reads until `strikes` of this kind have struck in all.
    pub(crate) async fn struck(&mut self, kind: FaultKind, strikes: u64) {
        while self.faults().counts().get(&kind).is_none_or(|struck| *struck < strikes) {
            self.step().await;
        }
    }

    async fn step(&mut self) {
        match self.watch.next().now_or_never() {
            Some(event) => {
                let event = event.expect("a watch without an end");
                self.take(event.unwrap_or_else(|error| {
                    panic!("the watch broke: {error:?}\n{:#?}", self.faults().struck())
                }));
            }
            None => {
                self.pass();
                tokio::task::yield_now().await;
            }
        }
    }

    /// Lets time go on if the client waits before it tries again, or for a stream that is silent: until
    /// it waits, for what was under way when the silence began is heard all the same.
    fn pass(&mut self) {
        let silences = self.faults.counts().get(&FaultKind::Silence).copied().unwrap_or(0);
        self.is_silent |= silences > self.silences;
        self.silences = silences;
        let Some(wake) = self.ours.next_wake() else { return };
        if wake < WATCHDOG || self.is_silent {
            self.ours.advance(wake);
        }
        self.is_silent &= wake == WATCHDOG;
    }

    fn take(&mut self, event: WatchEvent) {
        match event {
            WatchEvent::Reset => {
                self.resets += 1;
                self.state.clear();
                self.is_caught_up = false;
            }
            WatchEvent::Checkpoint { read_time, .. } => self.at(read_time),
            WatchEvent::Batch(batch) => {
                self.at(batch.read_time);
                for change in batch.changes {
                    self.change(change, batch.read_time);
                }
                self.is_caught_up |= batch.caught_up;
            }
        }
    }

    fn change(&mut self, change: DocumentChange, at: Timestamp) {
        match change {
            DocumentChange::Set(document) => {
                let (path, version) = (document.path().clone(), document.updated());
                assert!(version <= at, "{path} is told as of a time before it was written");
                let last = self.told.insert(path.clone(), version);
                assert!(last.is_none_or(|last| last <= version), "{path} goes back");
                self.repeats += usize::from(self.state.get(&path) == Some(&version));
                self.state.insert(path, version);
            }
            DocumentChange::Removed(path) => drop(self.state.remove(&path)),
        }
    }

    fn at(&mut self, read_time: Timestamp) {
        assert!(self.read_time <= read_time, "read times go back");
        self.read_time = read_time;
    }

    fn truth(&self) -> State {
        let query = Query::collection("c").build().unwrap();
        let rows = futures::executor::block_on(self.memory.query(query)).unwrap();
        rows.iter().map(|row| (row.path().clone(), row.updated())).collect()
    }
}

/// How long the client listens to nothing. Before it tries again it waits less.
const WATCHDOG: Duration = Duration::from_secs(120);
