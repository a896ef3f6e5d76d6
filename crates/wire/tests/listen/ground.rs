//! A server of one memory store, and streams of it.

use std::time::Duration;

use firekeep_core::{Db, Fields, ManualClock, Store, Write};
use firekeep_memory::{Control, MemoryStore, MemoryStoreBuilder};
use firekeep_wire::{Hosted, Server};
use googleapis_tonic_google_firestore_v1::google::firestore::v1 as proto;
use proto::firestore_client::FirestoreClient;
use proto::listen_request::TargetChange as Asked;
use proto::listen_response::ResponseType;
use proto::target::{DocumentsTarget, QueryTarget, TargetType, query_target::QueryType};
use proto::target_change::TargetChangeType;
use proto::{ListenRequest, ListenResponse, StructuredQuery, Target, structured_query};
use tokio::net::TcpListener;
use tokio::sync::{mpsc, oneshot};
use tonic::transport::Channel;
use tonic::{Status, Streaming};

pub(crate) const DATABASE: &str = "projects/demo/databases/(default)";

/// How long a test waits for what must come before it fails.
const PATIENCE: Duration = Duration::from_secs(20);

/// A server and its store.
pub(crate) struct Ground {
    pub(crate) clock: ManualClock,
    pub(crate) db: Db,
    pub(crate) control: Control,
    pub(crate) client: FirestoreClient<Channel>,
    /// Where it listens.
    pub(crate) host: String,
    pub(crate) stop: Option<oneshot::Sender<()>>,
}

impl Ground {
    pub(crate) async fn new() -> Self {
        Self::of(|builder| builder).await
    }

    pub(crate) async fn of(build: impl FnOnce(MemoryStoreBuilder) -> MemoryStoreBuilder) -> Self {
        let clock = ManualClock::new();
        let store = build(MemoryStore::builder().clock(clock.clone()).database(DATABASE)).build();
        Self::over(clock, store.clone(), store).await
    }

    /// A server of `served`, behind which `store` is.
    pub(crate) async fn over(clock: ManualClock, store: MemoryStore, served: impl Store) -> Self {
        let (control, db) = (store.control(), Db::new(store));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let host = listener.local_addr().unwrap().to_string();
        let (stop, stopped) = oneshot::channel::<()>();
        let server = Server::new(Hosted::new(std::sync::Arc::new(served))).clock(clock.clone());
        let server = server.serve(listener, async move {
            // A sender that is dropped with the test stops the server as well.
            let _ = stopped.await;
        });
        #[allow(clippy::disallowed_methods, reason = "the test's runtime ends the server")]
        tokio::spawn(server);
        let channel =
            Channel::from_shared(format!("http://{host}")).unwrap().connect().await.unwrap();
        let client = FirestoreClient::new(channel).max_decoding_message_size(64 << 20);
        Self { clock, db, control, client, host, stop: Some(stop) }
    }

    /// Writes a document on the side of the store.
    pub(crate) async fn set(&self, path: &str, fields: Fields) {
        self.clock.advance(Duration::from_micros(1));
        self.db.write(Write::replace(path.try_into().unwrap(), fields).unwrap()).await.unwrap();
    }

    /// Deletes a document on the side of the store.
    pub(crate) async fn delete(&self, path: &str) {
        self.clock.advance(Duration::from_micros(1));
        self.db.write(Write::delete(path.try_into().unwrap())).await.unwrap();
    }

    /// A stream of changes.
    pub(crate) async fn listen(&self) -> Listening {
        let (requests, receiver) = mpsc::channel(64);
        let requests_of = tokio_stream(receiver);
        let responses = self.client.clone().listen(requests_of).await.unwrap().into_inner();
        Listening { requests: Some(requests), responses }
    }

    /// A stream of changes with these targets.
    pub(crate) async fn listen_to(&self, targets: impl IntoIterator<Item = Target>) -> Listening {
        let listening = self.listen().await;
        for target in targets {
            listening.add(target).await;
        }
        listening
    }
}

/// The messages of a channel, as a stream.
pub(crate) fn tokio_stream<T>(
    receiver: mpsc::Receiver<T>,
) -> impl futures::Stream<Item = T> + Send + 'static
where
    T: Send + 'static,
{
    futures::stream::unfold(receiver, |mut receiver| async move {
        receiver.recv().await.map(|message| (message, receiver))
    })
}

/// A stream of changes.
pub(crate) struct Listening {
    pub(crate) requests: Option<mpsc::Sender<ListenRequest>>,
    responses: Streaming<ListenResponse>,
}

impl Listening {
    pub(crate) async fn send(&self, request: ListenRequest) {
        self.requests.as_ref().unwrap().send(request).await.unwrap();
    }

    pub(crate) async fn add(&self, target: Target) {
        self.send(request(Asked::AddTarget(target))).await;
    }

    pub(crate) async fn remove(&self, id: i32) {
        self.send(request(Asked::RemoveTarget(id))).await;
    }

    /// The next message, in short.
    pub(crate) async fn next(&mut self) -> Told {
        match self.ended().await {
            Ok(Some(told)) => told,
            other => panic!("the stream ended: {other:?}"),
        }
    }

    /// The next message, in short; the end of the stream, or its error.
    pub(crate) async fn ended(&mut self) -> Result<Option<Told>, Status> {
        let message = tokio::time::timeout(PATIENCE, self.responses.message());
        Ok(message.await.expect("nothing is told")?.map(Told::of))
    }

    /// Messages up to one for the whole stream.
    pub(crate) async fn snapshot(&mut self) -> Vec<Told> {
        let mut all = Vec::new();
        loop {
            let told = self.next().await;
            let is_last = matches!(&told, Told::Consistent { .. });
            all.push(told);
            if is_last {
                return all;
            }
        }
    }
}

/// A message of a stream of changes, without what tests do not ask about.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Told {
    Add(i32),
    Set(Vec<i32>, String, proto::Document),
    Deleted(i32, String),
    Left(i32, String),
    Filter(i32, i32, Option<proto::BloomFilter>),
    Reset(i32),
    Current(i32, Vec<u8>),
    Remove(i32, Option<i32>, String),
    Resumable(i32, Vec<u8>),
    Consistent { at: i64, token: Vec<u8> },
}

impl Told {
    fn of(response: ListenResponse) -> Self {
        match response.response_type.unwrap() {
            ResponseType::DocumentChange(change) => {
                assert!(change.removed_target_ids.is_empty());
                let document = change.document.unwrap();
                Self::Set(change.target_ids, short(&document.name), document)
            }
            ResponseType::DocumentDelete(gone) => {
                assert!(gone.read_time.is_some());
                Self::Deleted(only(&gone.removed_target_ids), short(&gone.document))
            }
            ResponseType::DocumentRemove(gone) => {
                assert!(gone.read_time.is_some());
                Self::Left(only(&gone.removed_target_ids), short(&gone.document))
            }
            ResponseType::Filter(filter) => {
                Self::Filter(filter.target_id, filter.count, filter.unchanged_names)
            }
            ResponseType::TargetChange(change) => Self::target(change),
        }
    }

    fn target(change: proto::TargetChange) -> Self {
        let token = change.resume_token.to_vec();
        let at = change.read_time.map(|at| at.seconds * 1_000_000 + i64::from(at.nanos / 1000));
        match change.target_change_type() {
            TargetChangeType::Add => Self::Add(only(&change.target_ids)),
            TargetChangeType::Reset => Self::Reset(only(&change.target_ids)),
            TargetChangeType::Current => {
                assert!(at.is_some());
                Self::Current(only(&change.target_ids), token)
            }
            TargetChangeType::Remove => {
                let (code, message) =
                    change.cause.map_or((None, String::new()), |c| (Some(c.code), c.message));
                Self::Remove(only(&change.target_ids), code, message)
            }
            TargetChangeType::NoChange if change.target_ids.is_empty() => {
                Self::Consistent { at: at.unwrap(), token }
            }
            TargetChangeType::NoChange => Self::Resumable(only(&change.target_ids), token),
        }
    }

    /// What a test compares: `+1 c/a` for a change, `-1 c/a` deleted, `<1 c/a` left, and so on.
    pub(crate) fn brief(&self) -> String {
        match self {
            Self::Add(id) => format!("add {id}"),
            Self::Set(ids, path, _) => format!("+{} {path}", only(ids)),
            Self::Deleted(id, path) => format!("-{id} {path}"),
            Self::Left(id, path) => format!("<{id} {path}"),
            Self::Filter(id, count, _) => format!("filter {id} {count}"),
            Self::Reset(id) => format!("reset {id}"),
            Self::Current(id, _) => format!("current {id}"),
            Self::Remove(id, None, _) => format!("remove {id}"),
            Self::Remove(id, Some(code), _) => format!("remove {id} {code}"),
            Self::Resumable(id, _) => format!("resumable {id}"),
            Self::Consistent { .. } => "consistent".to_owned(),
        }
    }
}

pub(crate) fn brief(told: &[Told]) -> Vec<String> {
    told.iter().map(Told::brief).collect()
}

/// The token of the last message, which is one for the whole stream.
pub(crate) fn token(told: &[Told]) -> Vec<u8> {
    match told.last() {
        Some(Told::Consistent { token, .. }) => token.clone(),
        other => panic!("no snapshot: {other:?}"),
    }
}

/// The time of the last message, which is one for the whole stream, in microseconds.
pub(crate) fn time(told: &[Told]) -> i64 {
    match told.last() {
        Some(Told::Consistent { at, .. }) => *at,
        other => panic!("no snapshot: {other:?}"),
    }
}

fn only(ids: &[i32]) -> i32 {
    assert_eq!(ids.len(), 1, "{ids:?}");
    ids[0]
}

fn short(name: &str) -> String {
    name.strip_prefix(DATABASE).and_then(|n| n.strip_prefix("/documents/")).unwrap().to_owned()
}

pub(crate) fn request(asked: Asked) -> ListenRequest {
    ListenRequest {
        database: DATABASE.to_owned(),
        labels: Default::default(),
        target_change: Some(asked),
    }
}

/// A target of these documents.
pub(crate) fn documents(id: i32, paths: &[&str]) -> Target {
    let documents = paths.iter().map(|path| format!("{DATABASE}/documents/{path}")).collect();
    Target {
        target_id: id,
        target_type: Some(TargetType::Documents(DocumentsTarget { documents })),
        ..Default::default()
    }
}

/// A target of a collection of the root.
pub(crate) fn collection(id: i32, collection: &str) -> Target {
    query(id, from(collection))
}

/// All of a collection of the root.
pub(crate) fn from(collection: &str) -> StructuredQuery {
    let selector = structured_query::CollectionSelector {
        collection_id: collection.to_owned(),
        all_descendants: false,
    };
    StructuredQuery { from: vec![selector], ..Default::default() }
}

/// The documents of a collection of the root whose `n` is greater than `than`.
pub(crate) fn above(collection: &str, than: i64) -> StructuredQuery {
    let value_type = Some(proto::value::ValueType::IntegerValue(than));
    let filter = structured_query::FieldFilter {
        field: Some(structured_query::FieldReference { field_path: "n".to_owned() }),
        op: structured_query::field_filter::Operator::GreaterThan as i32,
        value: Some(proto::Value { value_type }),
    };
    let filter_type = Some(structured_query::filter::FilterType::FieldFilter(filter));
    StructuredQuery { r#where: Some(structured_query::Filter { filter_type }), ..from(collection) }
}

/// Waits until something is so that no message tells of.
pub(crate) async fn eventually(is_so: impl Fn() -> bool) {
    let wait = async {
        while !is_so() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(PATIENCE, wait).await.expect("it never is so");
}

/// A target of a query.
pub(crate) fn query(id: i32, query: StructuredQuery) -> Target {
    let query_type = Some(QueryType::StructuredQuery(query));
    let target = QueryTarget { parent: format!("{DATABASE}/documents"), query_type };
    Target { target_id: id, target_type: Some(TargetType::Query(target)), ..Default::default() }
}
