//! A server of two databases.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use firekeep_core::{Result, Store};
use firekeep_memory::{Control, MemoryStore};
use firekeep_wire::{DatabaseName, Databases, Hosted, Server, missing};
use prost::Message;
use tokio::net::TcpListener;
use tokio::sync::oneshot;

use crate::answer::Answer;
use crate::connection::Connection;
use crate::message::{commit, proto, set};

pub(crate) const DATABASE: &str = "projects/demo/databases/(default)";
pub(crate) const OTHER: &str = "projects/demo/databases/other";

/// A server and its stores. It stops when this is dropped.
pub(crate) struct Ground {
    pub(crate) address: SocketAddr,
    pub(crate) control: Control,
    _stop: oneshot::Sender<()>,
}

/// Two databases, and no other.
#[derive(Debug)]
struct Two([Hosted; 2]);

impl Databases for Two {
    fn database(&self, name: &DatabaseName) -> Result<Hosted> {
        let of_name = |hosted: &&Hosted| *hosted.store().info().database == *name.as_str();
        self.0.iter().find(of_name).cloned().ok_or_else(|| missing(name))
    }
}

impl Ground {
    pub(crate) async fn new() -> Self {
        // Transactions that are begun and left hold locks.
        let store = |name: &str| {
            let builder = MemoryStore::builder().lenient().database(name);
            builder.lock_wait(Duration::from_millis(1)).build()
        };
        let (store, other) = (store(DATABASE), store(OTHER));
        let control = store.control();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (stop, stopped) = oneshot::channel::<()>();
        let hosted = |store: MemoryStore| {
            Hosted::new(Arc::new(store.clone()) as Arc<dyn Store>).with_catalog(Arc::new(store))
        };
        let server = Server::new(Two([hosted(store), hosted(other)]));
        let server = server.serve(listener, async move {
            let _ = stopped.await;
        });
        #[allow(clippy::disallowed_methods, reason = "the test's runtime ends the server")]
        tokio::spawn(server);
        Self { address, control, _stop: stop }
    }

    pub(crate) async fn connect(&self) -> Connection {
        Connection::open(self.address).await
    }

    /// Writes a document and reads it again, as a client of good will does, on a new connection.
    pub(crate) async fn still_serves(&self) {
        let connection = self.connect().await;
        let writes = commit(vec![set("good/one", [("n", 1_i64)])]);
        assert_eq!(connection.ask("Commit", &writes).await.code, 0);
        let name = format!("{DATABASE}/documents/good/one");
        let read = proto::GetDocumentRequest { name: name.clone(), ..Default::default() };
        let answer: Answer = connection.ask("GetDocument", &read).await;
        assert_eq!(proto::Document::decode(&*answer.messages[0]).unwrap().name, name);
    }

    /// Every watch is closed, at once or after what is under way.
    pub(crate) async fn no_watch_is_left(&self) {
        let all = async {
            while self.control.open_watches() > 0 {
                tokio::task::yield_now().await;
            }
        };
        let left = || format!("{} watches are left", self.control.open_watches());
        tokio::time::timeout(Duration::from_secs(20), all)
            .await
            .unwrap_or_else(|_| panic!("{}", left()));
    }
}
