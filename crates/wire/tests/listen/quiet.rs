//! Streams on which nothing happens, and readers that take their time.

use std::time::Duration;

use firekeep_core::{Value, fields};

use googleapis_tonic_google_firestore_v1::google::firestore::v1 as proto;

use crate::ground::{Ground, Told, brief, collection, eventually, time, token};

const EVERY: Duration = Duration::from_secs(30);

#[tokio::test]
async fn a_quiet_stream_is_told_every_30_seconds_that_nothing_changed() {
    let ground = Ground::of(|builder| builder.heartbeat(EVERY)).await;
    let mut listening = ground.listen_to([collection(1, "c")]).await;
    let first = listening.snapshot().await;
    for beat in 1..=3 {
        eventually(|| ground.clock.next_wake() == Some(EVERY)).await;
        ground.clock.advance(EVERY);
        let told = listening.snapshot().await;
        assert_eq!(brief(&told), ["consistent"]);
        assert_eq!(time(&told) - time(&first), beat * 30_000_000);
        assert_ne!(token(&told), token(&first));
    }
}

#[tokio::test]
async fn a_quiet_stream_of_several_targets_says_where_each_can_be_resumed() {
    let ground = Ground::of(|builder| builder.heartbeat(EVERY)).await;
    let mut listening = ground.listen_to([collection(1, "c"), collection(2, "d")]).await;
    while listening.next().await.brief() != "current 2" {}
    listening.snapshot().await;
    eventually(|| ground.clock.next_wake() == Some(EVERY)).await;
    ground.clock.advance(EVERY);
    let told = listening.snapshot().await;
    assert_eq!(brief(&told), ["resumable 1", "resumable 2", "consistent"]);
    assert!(token(&told).is_empty(), "no token is that of two targets");
}

#[tokio::test]
async fn what_happens_while_deliveries_are_held_back_is_told_once() {
    let ground = Ground::new().await;
    let mut listening = ground.listen_to([collection(1, "c")]).await;
    listening.snapshot().await;
    ground.control.pause_watches();
    for n in 0..100 {
        ground.set("c/a", fields! { "n" => n }).await;
    }
    ground.control.resume_watches();
    assert_eq!(brief(&listening.snapshot().await), ["+1 c/a", "consistent"]);
}

#[tokio::test]
async fn a_slow_reader_is_told_less_and_ends_with_the_truth() {
    const WRITES: i64 = 400;
    let ground = Ground::new().await;
    let mut listening = ground.listen_to([collection(1, "c")]).await;
    listening.snapshot().await;
    let ballast = "x".repeat(200_000);
    for n in 0..WRITES {
        ground.set("c/a", fields! { "n" => n, "ballast" => Value::from(ballast.as_str()) }).await;
        // The server gets every chance to send.
        for _ in 0..20 {
            tokio::task::yield_now().await;
        }
    }
    let (mut changes, mut last) = (0, -1);
    while last < WRITES - 1 {
        if let Told::Set(_, _, document) = listening.next().await {
            let Some(number) = document.fields["n"].value_type.clone() else { panic!("no number") };
            let proto::value::ValueType::IntegerValue(number) = number else {
                panic!("{number:?}")
            };
            assert!(number > last, "{number} after {last}");
            (changes, last) = (changes + 1, number);
        }
    }
    assert!(changes < WRITES / 2, "{changes} of {WRITES} versions were kept for the reader");
}
