//! A server of one database, and generated clients.

use std::sync::Arc;
use std::time::Duration;

use firekeep_core::{Db, Fields, ManualClock, Write};
use firekeep_memory::{Control, MemoryStore};
use firekeep_wire::{Hosted, Server};
use futures::{Stream, StreamExt, stream};
use googleapis_tonic_google_firestore_v1::google::firestore::v1 as proto;
use proto::firestore_client::FirestoreClient;
use proto::listen_request::TargetChange as Asked;
use proto::listen_response::ResponseType;
use proto::target::{QueryTarget, TargetType, query_target::QueryType};
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tonic::Streaming;
use tonic::transport::Channel;

pub(crate) const DATABASE: &str = "projects/demo/databases/(default)";

/// Nothing takes as long on any machine.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// A server and its store.
pub(crate) struct Ground {
    pub(crate) clock: ManualClock,
    pub(crate) db: Db,
    pub(crate) control: Control,
    pub(crate) host: String,
    pub(crate) stop: oneshot::Sender<()>,
    pub(crate) served: JoinHandle<()>,
}

impl Ground {
    pub(crate) async fn new() -> Self {
        Self::with(Server::new).await
    }

    /// Its database served by what `server` makes.
    pub(crate) async fn with(server: impl FnOnce(Hosted) -> Server) -> Self {
        let clock = ManualClock::new();
        let store = MemoryStore::builder().clock(clock.clone()).database(DATABASE).build();
        let control = store.control();
        let db = Db::new(store.clone());
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let host = listener.local_addr().unwrap().to_string();
        let (stop, stopped) = oneshot::channel::<()>();
        let server = server(Hosted::new(Arc::new(store))).clock(clock.clone());
        let server = server.serve(listener, async move {
            let _ = stopped.await;
        });
        #[allow(clippy::disallowed_methods, reason = "the test's runtime ends the server")]
        let served = tokio::spawn(server);
        Self { clock, db, control, host, stop, served }
    }

    /// A client on a connection of its own.
    pub(crate) async fn client(&self) -> FirestoreClient<Channel> {
        // How much of each stream it takes unread.
        let window = 64 * 1024;
        let channel = Channel::from_shared(format!("http://{}", self.host)).unwrap();
        let channel = channel.initial_stream_window_size(window);
        let channel = channel.initial_connection_window_size(1000 * window);
        FirestoreClient::new(channel.connect().await.unwrap()).max_decoding_message_size(64 << 20)
    }

    /// Writes a document on the side of the store.
    pub(crate) async fn set(&self, path: &str, fields: Fields) {
        self.clock.advance(Duration::from_micros(1));
        self.db.write(Write::replace(path.try_into().unwrap(), fields).unwrap()).await.unwrap();
    }

    /// Awaits that no watch is open.
    pub(crate) async fn no_watch_is_left(&self) {
        let all = async {
            while self.control.open_watches() > 0 {
                tokio::task::yield_now().await;
            }
        };
        let ended = tokio::time::timeout(PATIENCE, all).await;
        assert!(ended.is_ok(), "{} watches are left", self.control.open_watches());
    }
}

/// A stream of changes.
pub(crate) struct Listening {
    responses: Streaming<proto::ListenResponse>,
    /// Ends the client's side when dropped.
    _open: oneshot::Sender<()>,
}

/// A stream with `targets` targets, all of the collection `c`.
pub(crate) async fn listen(mut client: FirestoreClient<Channel>, targets: i32) -> Listening {
    let (open, closed) = oneshot::channel::<()>();
    let end = stream::once(closed).filter_map(async |_| None);
    let requests = stream::iter((1..=targets).map(target)).chain(end.boxed());
    Listening { responses: client.listen(requests).await.unwrap().into_inner(), _open: open }
}

fn target(id: i32) -> proto::ListenRequest {
    let target = QueryTarget {
        parent: format!("{DATABASE}/documents"),
        query_type: Some(QueryType::StructuredQuery(all_of("c"))),
    };
    let target_type = Some(TargetType::Query(target));
    proto::ListenRequest {
        database: DATABASE.to_owned(),
        target_change: Some(Asked::AddTarget(proto::Target {
            target_id: id,
            target_type,
            ..Default::default()
        })),
        ..Default::default()
    }
}

/// All of a collection of the root.
pub(crate) fn all_of(collection: &str) -> proto::StructuredQuery {
    let from = proto::structured_query::CollectionSelector {
        collection_id: collection.to_owned(),
        all_descendants: false,
    };
    proto::StructuredQuery { from: vec![from], ..Default::default() }
}

impl Listening {
    /// The documents told up to the next consistent state.
    pub(crate) async fn snapshot(&mut self) -> Vec<proto::Document> {
        let mut documents = Vec::new();
        loop {
            match self.message().await {
                ResponseType::DocumentChange(change) => documents.extend(change.document),
                ResponseType::TargetChange(change)
                    if change.target_ids.is_empty() && change.read_time.is_some() =>
                {
                    return documents;
                }
                _ => {}
            }
        }
    }

    pub(crate) async fn message(&mut self) -> ResponseType {
        let message =
            tokio::time::timeout(PATIENCE, self.responses.message()).await.expect("silence");
        message.unwrap().expect("the stream ended").response_type.unwrap()
    }

    /// Reads to the end.
    pub(crate) async fn rest(mut self) {
        while let Ok(Some(_)) = self.responses.message().await {}
    }
}

/// Runs this for each, as many at once as there are.
pub(crate) async fn each<T, F: Future>(
    of: impl IntoIterator<Item = T>,
    run: impl Fn(T) -> F,
) -> Vec<F::Output> {
    let all = of.into_iter().map(run).collect::<stream::FuturesOrdered<_>>();
    all.collect().await
}

/// A body in one message.
pub(crate) fn once<T: Send + 'static>(message: T) -> impl Stream<Item = T> + Send + 'static {
    stream::iter([message])
}
