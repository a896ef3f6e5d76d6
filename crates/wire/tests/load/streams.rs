//! Streams of changes by the thousand.

use firekeep_core::fields;

use crate::ground::{Ground, Listening, each, listen};
use crate::memory::{alone, growth, resident};

const STREAMS: usize = 1_000;

/// What a stream may cost, client and server together, in a build without optimization.
const BYTES_PER_STREAM: usize = 128 * 1024;

/// Opens streams over so many connections, and awaits what they are told first.
async fn opened(ground: &Ground, connections: usize) -> Vec<Listening> {
    let mut clients = Vec::new();
    for _ in 0..connections {
        clients.push(ground.client().await);
    }
    let streams = (0..STREAMS).map(|at| clients[at % connections].clone());
    each(streams, async |client| {
        let mut listening = listen(client, 1).await;
        assert_eq!(listening.snapshot().await.len(), 1);
        listening
    })
    .await
}

async fn a_thousand_streams(connections: usize) {
    let _alone = alone().await;
    let ground = Ground::new().await;
    ground.set("c/a", fields! { "n" => 1 }).await;
    let before = resident();
    let mut streams = opened(&ground, connections).await;
    assert_eq!(ground.control.open_watches(), STREAMS);
    let grown = growth(&format!("{STREAMS} streams over {connections} connections"), before);
    assert!(grown < STREAMS * BYTES_PER_STREAM, "{} bytes per stream", grown / STREAMS);
    ground.set("c/b", fields! { "n" => 2 }).await;
    let told = each(&mut streams, Listening::snapshot).await;
    assert!(told.iter().all(|told| told.len() == 1 && told[0].name.ends_with("/c/b")));
    drop(streams);
    ground.no_watch_is_left().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_streams_over_one_connection_are_all_told() {
    a_thousand_streams(1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_streams_over_20_connections_are_all_told() {
    a_thousand_streams(20).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_targets_of_one_stream_are_all_told() {
    let _alone = alone().await;
    let ground = Ground::new().await;
    ground.set("c/a", fields! { "n" => 1 }).await;
    let before = resident();
    let mut listening = listen(ground.client().await, 1_000).await;
    let mut told = 0;
    while told < 1_000 {
        told += listening.snapshot().await.len();
    }
    growth("1,000 targets of one stream", before);
    assert_eq!(ground.control.open_watches(), 1_000);
    ground.set("c/b", fields! { "n" => 2 }).await;
    // One commit is told to all in one state.
    assert_eq!(listening.snapshot().await.len(), 1_000);
    drop(listening);
    ground.no_watch_is_left().await;
}

/// Whoever reads nothing is told the last of what he missed, not all of it, and nobody holds it for
/// him meanwhile.
#[tokio::test(flavor = "multi_thread")]
async fn slow_readers_are_told_the_last_state_only() {
    let _alone = alone().await;
    let ground = Ground::new().await;
    let text = |n: i64| fields! { "n" => n, "t" => "x".repeat(100_000) };
    ground.set("c/a", text(0)).await;
    let mut slow = Vec::new();
    for _ in 0..20 {
        let mut listening = listen(ground.client().await, 1).await;
        listening.snapshot().await;
        slow.push(listening);
    }
    let mut quick = listen(ground.client().await, 1).await;
    quick.snapshot().await;
    let before = resident();
    for n in 1..=WRITES {
        ground.set("c/a", text(n)).await;
        quick.snapshot().await;
    }
    let grown = growth(&format!("20 slow readers, {WRITES} changes of 100 kB"), before);
    assert!(grown < 20 * WRITES as usize * 100_000 / 4, "{grown} bytes are held for slow readers");
    for listening in &mut slow {
        let mut told = 0;
        loop {
            let documents = listening.snapshot().await;
            told += documents.len();
            if documents.iter().any(|document| number(document) == WRITES) {
                break;
            }
        }
        assert!(told < 20, "{told} of {WRITES} changes were kept");
    }
    drop((slow, quick));
    ground.no_watch_is_left().await;
}

const WRITES: i64 = 100;

fn number(document: &googleapis_tonic_google_firestore_v1::google::firestore::v1::Document) -> i64 {
    use googleapis_tonic_google_firestore_v1::google::firestore::v1::value::ValueType;
    match document.fields["n"].value_type {
        Some(ValueType::IntegerValue(n)) => n,
        _ => panic!("no number"),
    }
}
