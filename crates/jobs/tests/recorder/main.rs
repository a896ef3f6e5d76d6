//! The streams of a job against what the store really committed, while writers race, subscribers
//! stall, and the network cuts, resets, repeats, delays and coalesces.
//!
//! A tap below the faults knows the true order of commits. Each stream is held against it for the six
//! guarantees of a watch: ordered, unique, reliable, atomic, resumable, bookmarkable; and what it says it
//! skipped is counted. Worlds are drawn
//! from seeds; `FIREKEEP_SEED` runs one again.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "../support/mod.rs"]
mod support;
mod tap;
mod told;
mod validate;
mod world;

use std::sync::Mutex;

use firekeep_testkit::{Availability, TestBackend, require};
use support::{INDEXES, seeds};
use world::{Tally, World};

#[test]
fn worlds_in_memory() {
    let happened = Mutex::new(Tally::default());
    seeds(0..200, async |seed| {
        let tally = World::new(TestBackend::on_memory(INDEXES), seed).run(60).await;
        *happened.lock().unwrap() += tally;
    });
    let happened = happened.into_inner().unwrap();
    assert!(happened.commits > 0 && happened.events > 0 && happened.faults > 0, "{happened:?}");
}

#[test]
fn worlds_on_the_wire() {
    let happened = Mutex::new(Tally::default());
    seeds(0..4, async |seed| {
        let tally = World::on_wire(seed).run(25).await;
        *happened.lock().unwrap() += tally;
    });
    let happened = happened.into_inner().unwrap();
    assert!(happened.commits > 0 && happened.events > 0, "{happened:?}");
    assert!(happened.on_wire.len() > 8, "too little struck: {happened:?}");
}

#[test]
fn worlds_on_the_emulator() {
    match require::emulator() {
        Availability::At(host) => seeds(0..4, async |seed| {
            let tally = World::new(TestBackend::on_emulator(&host), seed).run(25).await;
            assert!(tally.commits > 0 && tally.events > 0, "{tally:?}");
        }),
        Availability::Missing(why) => panic!("{why}"),
        Availability::Skipped(why) => eprintln!("skipped: worlds_on_the_emulator: {why}"),
    }
}
