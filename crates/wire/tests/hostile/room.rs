//! Long requests that are never finished.

use std::time::Duration;

use futures::stream::{FuturesUnordered, StreamExt};
use prost::Message;
use tonic::Code;

use crate::answer::Answer;
use crate::connection::{Connection, endless, request};
use crate::frame::frame;
use crate::ground::Ground;
use crate::message::{commit, set};

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

#[tokio::test]
async fn two_dozen_are_held_and_the_next_are_told_to_try_again() {
    let ground = Ground::new().await;
    let mut calls = FuturesUnordered::new();
    let mut connections = Vec::new();
    for _ in 0..24 {
        let connection = ground.connect().await;
        connections.push(connection.clone());
        // It says that it is as long as can be, and stops after a few bytes.
        let request = request("Commit").body(endless([frame(0, LONGEST, &[7; 100])])).unwrap();
        calls.push(async move { connection.begin(request).await });
    }
    let client = ground.connect().await;
    let refused = async {
        loop {
            let answer = long_commit(&client).await;
            if answer.code != 0 {
                return answer;
            }
        }
    };
    let refused = tokio::select! {
        refused = tokio::time::timeout(PATIENCE, refused) => refused.expect("all find room"),
        _ = calls.next() => panic!("an unfinished call is answered"),
    };
    assert_eq!(refused.code, Code::ResourceExhausted as i32);
    assert!(refused.message.contains("264 MiB"), "{}", refused.message);
    // Short requests need no room.
    ground.still_serves().await;
    connections.pop().unwrap().cut();
    let again = async { while long_commit(&client).await.code != 0 {} };
    tokio::time::timeout(PATIENCE, again).await.expect("room is never given back");
}
