//! `Write`.

use firekeep_core::fields;
use googleapis_tonic_google_firestore_v1::google::firestore::v1 as proto;
use proto::write::Operation;
use proto::{Document, Precondition, Write, WriteRequest, WriteResponse, precondition};
use tokio::sync::mpsc;
use tonic::{Code, Status, Streaming};

use crate::ground::{DATABASE, Ground, tokio_stream};

struct Writing {
    requests: Option<mpsc::Sender<WriteRequest>>,
    responses: Streaming<WriteResponse>,
}

impl Writing {
    async fn new(ground: &Ground) -> Self {
        let (requests, receiver) = mpsc::channel(64);
        let responses = ground.client.clone().write(tokio_stream(receiver)).await.unwrap();
        Self { requests: Some(requests), responses: responses.into_inner() }
    }

    /// A stream, and the token of its first answer.
    async fn open(ground: &Ground) -> (Self, Vec<u8>) {
        let mut writing = Self::new(ground).await;
        let first = writing.ask(of(DATABASE)).await.unwrap().unwrap();
        assert!(!first.stream_id.is_empty());
        assert_eq!((first.write_results.len(), first.commit_time), (0, None));
        (writing, first.stream_token.to_vec())
    }

    async fn send(&self, request: WriteRequest) {
        self.requests.as_ref().unwrap().send(request).await.unwrap();
    }

    async fn ask(&mut self, request: WriteRequest) -> Result<Option<WriteResponse>, Status> {
        self.send(request).await;
        self.responses.message().await
    }

    async fn refusal(&mut self, request: WriteRequest) -> Code {
        self.ask(request).await.unwrap_err().code()
    }
}

fn of(database: &str) -> WriteRequest {
    WriteRequest { database: database.to_owned(), ..Default::default() }
}

fn set(path: &str) -> Write {
    let name = format!("{DATABASE}/documents/{path}");
    let document = Document { name, ..Default::default() };
    Write { operation: Some(Operation::Update(document)), ..Default::default() }
}

fn create(path: &str) -> Write {
    let condition_type = Some(precondition::ConditionType::Exists(false));
    Write { current_document: Some(Precondition { condition_type }), ..set(path) }
}

fn commit(token: &[u8], writes: Vec<Write>) -> WriteRequest {
    let stream_token = bytes::Bytes::copy_from_slice(token);
    WriteRequest { stream_token, writes, ..Default::default() }
}

#[tokio::test]
async fn each_message_is_a_commit() {
    let ground = Ground::new().await;
    let (mut writing, token) = Writing::open(&ground).await;
    let writes = vec![set("c/a"), set("c/b")];
    let first = writing.ask(commit(&token, writes)).await.unwrap().unwrap();
    assert_eq!((first.write_results.len(), first.stream_id.as_str()), (2, ""));
    assert_eq!(first.write_results[0].update_time, first.commit_time);
    let second = commit(&first.stream_token, vec![set("c/c")]);
    let second = writing.ask(second).await.unwrap().unwrap();
    assert!(second.commit_time.unwrap().nanos > first.commit_time.unwrap().nanos);
    for path in ["c/a", "c/b", "c/c"] {
        assert!(ground.db.get(path).await.unwrap().is_some(), "{path}");
    }
    writing.requests = None;
    assert_eq!(writing.responses.message().await.unwrap(), None);
}

#[tokio::test]
async fn messages_need_not_wait_for_answers() {
    let ground = Ground::new().await;
    let (mut writing, token) = Writing::open(&ground).await;
    for n in 0..10 {
        writing.send(commit(&token, vec![set(&format!("c/{n}"))])).await;
    }
    for _ in 0..10 {
        assert_eq!(writing.responses.message().await.unwrap().unwrap().write_results.len(), 1);
    }
}

#[tokio::test]
async fn a_commit_that_fails_ends_the_stream_with_its_status() {
    let ground = Ground::new().await;
    ground.set("c/a", fields! {}).await;
    let (mut writing, token) = Writing::open(&ground).await;
    let writes = vec![set("c/b"), create("c/a")];
    assert_eq!(writing.refusal(commit(&token, writes)).await, Code::AlreadyExists);
    assert!(ground.db.get("c/b").await.unwrap().is_none());
}

#[tokio::test]
async fn a_message_without_writes_is_the_last() {
    let ground = Ground::new().await;
    let (mut writing, token) = Writing::open(&ground).await;
    let last = writing.ask(commit(&token, vec![])).await.unwrap().unwrap();
    assert_eq!((last.write_results.len(), last.commit_time), (0, None));
    assert_eq!(writing.responses.message().await.unwrap(), None);
}

#[tokio::test]
async fn tokens_are_checked() {
    let ground = Ground::new().await;
    for bad in [&b""[..], b"zz", &[0; 16]] {
        let (mut writing, _) = Writing::open(&ground).await;
        let refused = writing.refusal(commit(bad, vec![set("c/a")])).await;
        assert_eq!(refused, Code::InvalidArgument);
    }
    let (mut writing, token) = Writing::open(&ground).await;
    let answer = writing.ask(commit(&token, vec![set("c/a")])).await.unwrap().unwrap();
    writing.ask(commit(&answer.stream_token, vec![set("c/a")])).await.unwrap();
    let refused = writing.refusal(commit(&token, vec![set("c/never")])).await;
    assert_eq!(refused, Code::InvalidArgument, "an older token than one used before");
    assert!(ground.db.get("c/never").await.unwrap().is_none());
}

#[tokio::test]
async fn a_stream_that_does_not_begin_as_one_is_refused() {
    let ground = Ground::new().await;
    let resumed = WriteRequest { stream_id: "1".to_owned(), ..of(DATABASE) };
    let token = WriteRequest { stream_token: bytes::Bytes::from_static(b"1"), ..of(DATABASE) };
    let writes = WriteRequest { writes: vec![set("c/a")], ..of(DATABASE) };
    for first in [of(""), of("nonsense"), resumed, token, writes] {
        let mut writing = Writing::new(&ground).await;
        assert_eq!(writing.refusal(first).await, Code::InvalidArgument);
    }
    let mut elsewhere = Writing::new(&ground).await;
    let refused = elsewhere.refusal(of("projects/demo/databases/none")).await;
    assert_eq!(refused, Code::NotFound);
}

#[tokio::test]
async fn a_stream_stays_in_its_database() {
    let ground = Ground::new().await;
    let (mut writing, token) = Writing::open(&ground).await;
    let other = of("projects/demo/databases/other");
    let writes = WriteRequest { database: other.database, ..commit(&token, vec![set("c/a")]) };
    assert_eq!(writing.refusal(writes).await, Code::InvalidArgument);
}

#[tokio::test]
async fn a_server_that_stops_ends_the_stream() {
    let mut ground = Ground::new().await;
    let (mut writing, _) = Writing::open(&ground).await;
    ground.stop.take().unwrap().send(()).unwrap();
    let error = writing.responses.message().await.unwrap_err();
    assert_eq!(error.code(), Code::Unavailable);
}
