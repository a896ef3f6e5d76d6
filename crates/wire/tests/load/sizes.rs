//! Large requests and answers.

use bytes::Bytes;
use futures::channel::mpsc::unbounded;
use googleapis_tonic_google_firestore_v1::google::firestore::v1 as proto;
use proto::value::ValueType;
use proto::write::Operation;
use tonic::{Code, Status};

use crate::ground::{DATABASE, Ground, all_of, once};
use crate::memory::{alone, growth, resident};

const MIB: usize = 1 << 20;

/// Production's words for more than 10 MiB.
const TOO_LONG: &str = "Request payload size exceeds the limit: 10485760 bytes.";

/// A write of about so many bytes.
fn write(id: usize, bytes: usize) -> proto::Write {
    let value = ValueType::BytesValue(Bytes::from(vec![7; bytes]));
    let document = proto::Document {
        name: format!("{DATABASE}/documents/c/{id}"),
        fields: [("b".to_owned(), proto::Value { value_type: Some(value) })].into(),
        ..Default::default()
    };
    proto::Write { operation: Some(Operation::Update(document)), ..Default::default() }
}

/// Writes of about a megabyte each, of so many bytes in all.
fn writes(bytes: usize) -> Vec<proto::Write> {
    let each = 1_000_000;
    let mut writes: Vec<_> = (0..bytes / each).map(|id| write(id, each)).collect();
    writes.push(write(writes.len(), bytes % each));
    writes
}

fn commit(bytes: usize) -> proto::CommitRequest {
    proto::CommitRequest {
        database: DATABASE.to_owned(),
        writes: writes(bytes),
        ..Default::default()
    }
}

fn assert_too_long(status: &Status) {
    assert_eq!((status.code(), status.message()), (Code::InvalidArgument, TOO_LONG));
}

#[tokio::test(flavor = "multi_thread")]
async fn ten_mebibytes_are_committed_and_no_more() {
    let _alone = alone().await;
    let ground = Ground::new().await;
    let mut client = ground.client().await;
    client.commit(commit(10 * MIB - 1_000)).await.unwrap();
    assert_eq!(ground.control.count_documents(), 11);
    for bytes in [10 * MIB, 11 * MIB - 2_000, 11 * MIB, 12 * MIB] {
        assert_too_long(&client.commit(commit(bytes)).await.unwrap_err());
        let (requests, receiver) = unbounded();
        let hello = proto::WriteRequest { database: DATABASE.to_owned(), ..Default::default() };
        requests.unbounded_send(hello.clone()).unwrap();
        let mut answers = client.write(receiver).await.unwrap().into_inner();
        let stream_token = answers.message().await.unwrap().unwrap().stream_token;
        let long = proto::WriteRequest { writes: writes(bytes), stream_token, ..hello };
        requests.unbounded_send(long).unwrap();
        assert_too_long(&answers.message().await.unwrap_err());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn fifty_mebibytes_are_refused_in_streams_too() {
    let _alone = alone().await;
    let ground = Ground::new().await;
    let mut client = ground.client().await;
    let request = commit(50 * MIB);
    assert_too_long(&client.commit(request).await.unwrap_err());
    let label = ("l".to_owned(), "x".repeat(50 * MIB));
    let listen = proto::ListenRequest {
        database: DATABASE.to_owned(),
        labels: [label].into(),
        ..Default::default()
    };
    let mut answers = client.listen(once(listen)).await.unwrap().into_inner();
    assert_too_long(&answers.message().await.unwrap_err());
    client.commit(commit(100)).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn answers_of_64_mebibytes_stream() {
    let _alone = alone().await;
    let ground = Ground::new().await;
    let mut client = ground.client().await;
    for part in 0..7 {
        let writes = (0..10).map(|id| write(part * 10 + id, 1_000_000)).collect();
        let request = proto::CommitRequest { writes, ..commit(0) };
        client.commit(request).await.unwrap();
    }
    let before = resident();
    let query = proto::run_query_request::QueryType::StructuredQuery(all_of("c"));
    let request = proto::RunQueryRequest {
        parent: format!("{DATABASE}/documents"),
        query_type: Some(query),
        ..Default::default()
    };
    let mut rows = client.run_query(request).await.unwrap().into_inner();
    let mut bytes = 0;
    while let Some(row) = rows.message().await.unwrap() {
        bytes += prost::Message::encoded_len(&row);
    }
    assert!(bytes > 64 * MIB, "{bytes}");
    let grown = growth("an answer of 70 MB", before);
    assert!(grown < 32 * MIB, "{grown} bytes are held for an answer");
}
