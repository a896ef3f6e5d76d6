//! The memory store behind its own server: everything between a client and memory is real, the
//! sockets included.

use std::fmt;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::thread::JoinHandle;

use firekeep_core::{Result, Store, async_trait};
use firekeep_firestore::{Credentials, FirestoreBuilder, FirestoreStore, Token};
use firekeep_memory::{Control, MemoryStore};
use firekeep_wire::{Hosted, Server};
use tokio::sync::oneshot;

/// A server in this process that speaks Firestore's protocol over a [`MemoryStore`].
///
/// It runs on a thread and a runtime of its own, so a test may use any runtime, or several. Dropping
/// it cuts every connection and frees the port.
pub struct WireServer {
    address: SocketAddr,
    store: MemoryStore,
    /// Dropped to stop the thread.
    running: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl WireServer {
    /// Serves `store` on a free port of the loopback interface, under the store's own name.
    ///
    /// # Panics
    /// If the operating system gives neither a port nor a thread.
    pub fn start(store: MemoryStore) -> Self {
        let hosted = Hosted::new(Arc::new(store.clone())).with_catalog(Arc::new(store.clone()));
        Self::serving(Server::new(hosted), store)
    }

    /// Runs `server`, set up as the test needs it, over `store`.
    ///
    /// # Panics
    /// If the operating system gives neither a port nor a thread.
    pub fn serving(server: Server, store: MemoryStore) -> Self {
        match Self::spawn(server, store) {
            Ok(started) => started,
            Err(error) => panic!("the server can't be started: {error}"),
        }
    }

    fn spawn(server: Server, store: MemoryStore) -> io::Result<Self> {
        // Bound here, so that whoever connects from now on waits instead of being refused.
        let listener = TcpListener::bind("127.0.0.1:0")?;
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let (running, stopped) = oneshot::channel();
        let run = move || runtime.block_on(serve(server, listener, stopped));
        let thread = std::thread::Builder::new().name("wire".to_owned()).spawn(run)?;
        Ok(Self { address, store, running: Some(running), thread: Some(thread) })
    }

    /// Where it listens: what `FIRESTORE_EMULATOR_HOST` should say.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The store that it serves.
    pub fn memory(&self) -> &MemoryStore {
        &self.store
    }

    /// What a test may do to that store from outside.
    pub fn control(&self) -> Control {
        self.store.control()
    }

    /// A client of the served database that takes the server for production, and so relies on what
    /// the memory store does and the official emulator does not: resume tokens, indexes, expiry.
    ///
    /// # Panics
    /// If the store has a name that no database of Firestore has.
    pub fn client(&self) -> FirestoreStore {
        match self.describe_client().build() {
            Ok(client) => client,
            Err(error) => panic!("no client fits the server: {error}"),
        }
    }

    /// As [`client`](Self::client), to be described further before it is built.
    ///
    /// # Panics
    /// If the store has a name that no database of Firestore has.
    pub fn describe_client(&self) -> FirestoreBuilder {
        let name = self.store.info().database;
        let ids = name.strip_prefix("projects/").and_then(|ids| ids.split_once("/databases/"));
        let Some((project, database)) = ids else { panic!("`{name}` names no database") };
        FirestoreStore::builder(project)
            .database(database)
            .endpoint(format!("http://{}", self.address))
            .credentials(AnyToken)
    }
}

impl Drop for WireServer {
    fn drop(&mut self) {
        drop(self.running.take());
        // Ends at once: the thread drops what it is at, it finishes nothing.
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

impl fmt::Debug for WireServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WireServer").field("address", &self.address).finish_non_exhaustive()
    }
}

/// Serves until `stopped`. What was under way is dropped with the runtime.
async fn serve(server: Server, listener: TcpListener, stopped: oneshot::Receiver<()>) {
    let Ok(listener) = tokio::net::TcpListener::from_std(listener) else { return };
    tokio::select! {
        _ = server.serve(listener, std::future::pending()) => {}
        _ = stopped => {}
    }
}

/// The server asks for a token, as production does, and takes any, as the official emulator does.
#[derive(Debug)]
struct AnyToken;

#[async_trait]
impl Credentials for AnyToken {
    async fn token(&self) -> Result<Token> {
        Ok(Token::bearer("owner", None))
    }
}
