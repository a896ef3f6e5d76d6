//! Long requests that are never finished.

use std::time::Duration;

use futures::stream::{FuturesUnordered, StreamExt};
use http::Request;
use http_body_util::BodyExt;
use prost::Message;
use proto::listen_request::TargetChange;
use tonic::Code;

use crate::answer::Answer;
use crate::connection::{Body, Connection, endless, pieces, request, whole};
use crate::frame::{frame, framed};
use crate::ground::{DATABASE, Ground};
use crate::message::{commit, name, proto, set};

/// The longest request that a server takes.
const LONGEST: u32 = 11 << 20;

/// Nothing takes as long on any machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// A commit that comes in several frames of HTTP.
async fn long_commit(connection: &Connection) -> Answer {
    let writes = (0..400).map(|n| set(&format!("long/{n}"), [("n", n)])).collect();
    let message = commit(writes);
    assert!(message.encoded_len() > 16 << 10, "it fits into one frame");
    connection.ask("Commit", &message).await
}

/// A request that says that it is as long as can be, and stops after a few bytes.
fn unfinished(method: &str) -> Request<Body> {
    request(method).body(endless([frame(0, LONGEST, &[7; 100])])).unwrap()
}

/// Commits until there is no room.
async fn refused(client: &Connection) -> Answer {
    let refused = async {
        loop {
            let answer = long_commit(client).await;
            if answer.code != 0 {
                return answer;
            }
        }
    };
    tokio::time::timeout(PATIENCE, refused).await.expect("all find room")
}

/// Commits until there is room.
async fn accepted(client: &Connection) {
    let again = async { while long_commit(client).await.code != 0 {} };
    tokio::time::timeout(PATIENCE, again).await.expect("room is never given back");
}

#[tokio::test]
async fn two_dozen_are_held_and_the_next_are_told_to_try_again() {
    let ground = Ground::new().await;
    let mut calls = FuturesUnordered::new();
    let mut connections = Vec::new();
    for _ in 0..24 {
        let connection = ground.connect().await;
        connections.push(connection.clone());
        calls.push(async move { connection.begin(unfinished("Commit")).await });
    }
    let client = ground.connect().await;
    let refused = tokio::select! {
        refused = refused(&client) => refused,
        _ = calls.next() => panic!("an unfinished call is answered"),
    };
    assert_eq!(refused.code, Code::ResourceExhausted as i32);
    assert!(refused.message.contains("264 MiB"), "{}", refused.message);
    // Short requests need no room.
    ground.still_serves().await;
    connections.pop().unwrap().cut();
    accepted(&client).await;
}

#[tokio::test]
async fn messages_within_streams_need_room_as_well() {
    let ground = Ground::new().await;
    let connection = ground.connect().await;
    let mut streams = Vec::new();
    for n in 0..24 {
        let method = if n % 2 == 0 { "Listen" } else { "Write" };
        streams.push(connection.begin(unfinished(method)).await.unwrap());
    }
    let client = ground.connect().await;
    let _: Answer = refused(&client).await;
    for method in ["Listen", "Write"] {
        let answer = client.send(unfinished(method)).await.unwrap();
        assert_eq!(answer.code, Code::ResourceExhausted as i32, "{method}: {}", answer.message);
        assert!(answer.message.contains("264 MiB"), "{method}: {}", answer.message);
    }
    ground.still_serves().await;
    connection.cut();
    accepted(&client).await;
}

#[tokio::test]
async fn a_message_within_a_stream_gives_its_room_back_once_it_is_taken_up() {
    let ground = Ground::new().await;
    let connection = ground.connect().await;
    // More than all room, had each kept what it took.
    let remove = |length: usize| {
        // A field that nobody knows, of this length.
        let mut message = vec![0xfa, 0x7f];
        prost::encoding::encode_varint(length as u64, &mut message);
        message.resize(message.len() + length, 0);
        let target = proto::ListenRequest {
            database: DATABASE.to_owned(),
            target_change: Some(TargetChange::RemoveTarget(1)),
            ..Default::default()
        };
        message.extend(target.encode_to_vec());
        framed(&message)
    };
    let longest = remove((LONGEST - 200) as usize);
    let body = pieces((0..26).map(move |_| longest.clone()));
    let stream = request("Listen").body(body).unwrap();
    let answer = connection.send(stream).await.unwrap();
    assert_eq!(answer.code, 0, "{}", answer.message);
}

#[tokio::test]
async fn a_stream_of_answers_keeps_the_room_of_its_request() {
    let ground = Ground::new().await;
    let connection = ground.connect().await;
    let mut calls = FuturesUnordered::new();
    for _ in 0..23 {
        let connection = connection.clone();
        calls.push(async move { connection.begin(unfinished("Commit")).await });
    }
    // Its answers name what it asked for, so they wait for somebody who reads them.
    let id = "i".repeat(1_400);
    let names = (1_000_u32..).map(|n| name(&format!("{id}/{n}")));
    let most = LONGEST as usize / (names.clone().next().unwrap().len() + 3);
    let read = proto::BatchGetDocumentsRequest {
        database: DATABASE.to_owned(),
        documents: names.take(most - 1).collect(),
        ..Default::default()
    };
    let left = LONGEST as usize - read.encoded_len();
    assert!(left < 8 << 10, "a commit finds room in {left} bytes");
    let reader = ground.connect().await;
    let body = whole(framed(&read.encode_to_vec()));
    let answers = reader.begin(request("BatchGetDocuments").body(body).unwrap()).await.unwrap();
    let client = ground.connect().await;
    let full = async {
        let _: Answer = refused(&client).await;
        // It is no matter of moments.
        for _ in 0..100 {
            assert_eq!(long_commit(&client).await.code, Code::ResourceExhausted as i32);
        }
    };
    tokio::select! {
        () = full => {}
        _ = calls.next() => panic!("an unfinished call is answered"),
    }
    let answers = answers.into_body().collect().await.unwrap();
    assert_eq!(answers.trailers().unwrap()["grpc-status"], "0");
    accepted(&client).await;
}
