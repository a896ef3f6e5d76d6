//! The live feed: the last readings first, then what comes, resumable, at the stated cost.
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a test fails by panicking")]

mod support;

use firekeep_core::ManualClock;
use firekeep_telemetry::{
    CursorError, LiveEvent, LiveFrom, LiveUpdate, Reading, ReadingError, Telemetry,
};
use futures::StreamExt;
use futures::stream::BoxStream;
use support::{Bed, device, on_each_backend, reading, readings, tenant};

on_each_backend! {
    opening_a_hundred_costs_one_read,
    each_commit_costs_one_read,
    what_falls_out_is_told,
    a_device_may_come_later,
    a_resumed_feed_tells_what_was_missed,
    a_device_that_was_deleted_and_made_again_resets,
    positions_belong_to_one_device,
}

type Feed = BoxStream<'static, Result<LiveEvent, ReadingError>>;

fn open(telemetry: &Telemetry, from: &LiveFrom) -> Feed {
    telemetry.live(&tenant(), &device("room"), from).unwrap()
}

/// The next update that tells something, or that the feed is caught up for the first time.
async fn update(feed: &mut Feed) -> LiveUpdate {
    match feed.next().await.unwrap().unwrap() {
        LiveEvent::Update(update) => update,
        LiveEvent::Reset => panic!("a reset"),
    }
}

/// Reads on, over checkpoints, until `wanted` readings came in all.
async fn until(feed: &mut Feed, wanted: usize) -> (Vec<Reading>, String) {
    let mut added = Vec::new();
    loop {
        let update = update(feed).await;
        added.extend(update.added);
        if added.len() >= wanted {
            return (added, update.position);
        }
    }
}

async fn opening_a_hundred_costs_one_read(mut bed: Bed) {
    bed.telemetry.write_batch(&readings(0..100)).await.unwrap();
    bed.bill();
    let mut feed = open(&bed.telemetry, &LiveFrom::Start);
    let first = update(&mut feed).await;
    assert!(first.caught_up);
    assert_eq!(first.added, readings(0..100));
    assert_eq!(bed.bill(), (1, 1, 0));
}

async fn each_commit_costs_one_read(mut bed: Bed) {
    bed.telemetry.write(&reading(0)).await.unwrap();
    let mut feed = open(&bed.telemetry, &LiveFrom::Start);
    until(&mut feed, 1).await;
    bed.bill();
    for n in 1..5 {
        bed.telemetry.write(&reading(n)).await.unwrap();
        assert_eq!(until(&mut feed, 1).await.0, [reading(n)]);
        assert_eq!(bed.bill(), (1, 1, 2), "the write, and one read to hear of it");
    }
}

async fn what_falls_out_is_told(bed: Bed) {
    bed.telemetry.write_batch(&readings(0..120)).await.unwrap();
    let mut feed = open(&bed.telemetry, &LiveFrom::Start);
    until(&mut feed, 120).await;
    bed.telemetry.write_batch(&readings(120..123)).await.unwrap();
    let update = update(&mut feed).await;
    assert_eq!(update.added, readings(120..123));
    let mut gone: Vec<_> = readings(0..3).iter().map(|reading| reading.id().clone()).collect();
    gone.sort();
    assert_eq!(update.removed, gone);
    assert_eq!(update.floor, Some(reading(3).at()));
}

async fn a_device_may_come_later(bed: Bed) {
    let mut feed = open(&bed.telemetry, &LiveFrom::Start);
    let first = update(&mut feed).await;
    assert_eq!((first.added.len(), first.caught_up), (0, true));
    bed.telemetry.write(&reading(0)).await.unwrap();
    assert_eq!(until(&mut feed, 1).await.0, [reading(0)]);
}

async fn a_resumed_feed_tells_what_was_missed(bed: Bed) {
    bed.telemetry.write_batch(&readings(0..10)).await.unwrap();
    let mut feed = open(&bed.telemetry, &LiveFrom::Start);
    let (_, position) = until(&mut feed, 10).await;
    drop(feed);
    bed.telemetry.write_batch(&readings(10..13)).await.unwrap();
    let other_process = Telemetry::new(bed.db.clone());
    let mut feed = open(&other_process, &LiveFrom::After(position));
    let mut told = Vec::new();
    while told.last() != Some(&reading(12)) {
        match feed.next().await.unwrap().unwrap() {
            // A backend that forgets positions starts anew, which is no gap.
            LiveEvent::Reset => told.clear(),
            LiveEvent::Update(update) => told.extend(update.added),
        }
    }
    assert!(told.ends_with(&readings(10..13)), "{} told", told.len());
}

async fn a_device_that_was_deleted_and_made_again_resets(bed: Bed) {
    bed.telemetry.write_batch(&readings(0..3)).await.unwrap();
    let mut feed = open(&bed.telemetry, &LiveFrom::Start);
    until(&mut feed, 3).await;
    bed.db.delete("tenants/acme/devices/room").await.unwrap();
    assert_eq!(feed.next().await.unwrap().unwrap(), LiveEvent::Reset);
    assert_eq!(update(&mut feed).await.floor, None);
    Telemetry::new(bed.db.clone()).write(&reading(7)).await.unwrap();
    assert_eq!(until(&mut feed, 1).await.0, [reading(7)]);
}

async fn positions_belong_to_one_device(bed: Bed) {
    bed.telemetry.write(&reading(0)).await.unwrap();
    let mut feed = open(&bed.telemetry, &LiveFrom::Start);
    let (_, position) = until(&mut feed, 1).await;
    for (device, text, expected) in [
        (device("hall"), position.as_str(), CursorError::OtherQuery),
        (device("room"), "nonsense!", CursorError::Malformed),
        (device("room"), &position[..9], CursorError::Malformed),
    ] {
        let from = LiveFrom::After(text.to_owned());
        let Err(error) = bed.telemetry.live(&tenant(), &device, &from) else { panic!("{text}") };
        assert!(matches!(&error, ReadingError::Cursor(e) if *e == expected), "{error}");
    }
}

#[tokio::test]
async fn an_unchanged_device_costs_nothing_to_resume() {
    let mut bed = Bed::memory();
    bed.telemetry.write_batch(&readings(0..10)).await.unwrap();
    let mut feed = open(&bed.telemetry, &LiveFrom::Start);
    let (_, position) = until(&mut feed, 10).await;
    drop(feed);
    bed.bill();
    let mut feed = open(&bed.telemetry, &LiveFrom::After(position));
    let update = update(&mut feed).await;
    assert_eq!((update.added.len(), update.caught_up), (0, true));
    assert_eq!(bed.bill(), (1, 0, 0));
}

#[tokio::test]
async fn an_expired_position_and_a_reset_start_anew() {
    let store = support::memory(ManualClock::new());
    let control = store.control();
    let bed = Bed::new(store);
    bed.telemetry.write_batch(&readings(0..10)).await.unwrap();
    let mut feed = open(&bed.telemetry, &LiveFrom::Start);
    let (_, position) = until(&mut feed, 10).await;
    control.reset_watches();
    assert_eq!(feed.next().await.unwrap().unwrap(), LiveEvent::Reset);
    assert_eq!(until(&mut feed, 10).await.0, readings(0..10));
    drop(feed);
    bed.telemetry.write(&reading(10)).await.unwrap();
    control.expire_positions();
    let mut feed = open(&bed.telemetry, &LiveFrom::After(position));
    assert_eq!(feed.next().await.unwrap().unwrap(), LiveEvent::Reset);
    assert_eq!(until(&mut feed, 11).await.0, readings(0..11));
}
