//! Memory and the emulator agree on random sequences; a store with a planted fault is found out.
//!
//! `FIREKEEP_DIFF_SEQUENCES` says how many new sequences run (300 unless set). The seed of a
//! sequence that fails is kept in `differential-seeds.txt`, whose sequences run first.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::io::Write as _;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use firekeep_conformance::differential::Differential;
use firekeep_conformance::liars::liars;
use firekeep_core::{Clock, Store, SystemClock};
use firekeep_firestore::FirestoreStore;
use firekeep_memory::MemoryStore;
use firekeep_testkit::{Availability, WireServer};

fn memory() -> Arc<dyn Store> {
    // The emulator enforces no index.
    Arc::new(MemoryStore::builder().lenient().lock_wait(Duration::from_millis(100)).build())
}

fn emulator() -> Option<String> {
    match firekeep_testkit::require::emulator() {
        Availability::At(host) => Some(host),
        Availability::Missing(why) => panic!("{why}"),
        Availability::Skipped(why) => {
            say(&format!("skipped: memory_and_the_emulator_agree: {why}"));
            None
        }
    }
}

/// Two empty databases. The emulator slows down with what a database holds.
fn fresh(host: &str) -> Differential {
    let project = format!("differential-{:08x}", fastrand::u32(..));
    let emulator = FirestoreStore::builder(project).emulator(host).build().unwrap();
    Differential::new(memory(), Arc::new(emulator))
}

/// Says it at once, past the test harness, which keeps what is printed until the end.
fn say(line: &str) {
    let _ = writeln!(std::io::stderr(), "{line}");
}

#[allow(clippy::disallowed_methods, reason = "whoever runs the test says how long")]
fn sequences() -> usize {
    std::env::var("FIREKEEP_DIFF_SEQUENCES").map_or(300, |count| count.parse().unwrap())
}

fn kept_seeds() -> Vec<u64> {
    let lines = include_str!("../differential-seeds.txt").lines();
    let seeds = lines.map(|line| line.split('#').next().unwrap().trim()).filter(|s| !s.is_empty());
    seeds.map(|seed| u64::from_str_radix(seed.trim_start_matches("0x"), 16).unwrap()).collect()
}

fn keep(seed: u64) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("differential-seeds.txt");
    if !kept_seeds().contains(&seed) {
        let mut file = std::fs::OpenOptions::new().append(true).open(path).unwrap();
        writeln!(file, "{seed:#018x}").unwrap();
    }
}

#[tokio::test]
async fn memory_and_the_emulator_agree() {
    let Some(host) = emulator() else { return };
    let mut seeds = kept_seeds();
    seeds.extend(std::iter::repeat_with(|| fastrand::u64(..)).take(sequences()));
    let start = SystemClock.monotonic();
    let mut agreed = 0;
    for some in seeds.chunks(SEQUENCES_PER_DATABASE) {
        let found = fresh(&host).run(some.iter().copied(), |_| ()).await;
        if let Some(disagreement) = found {
            keep(disagreement.seed);
            panic!("{disagreement}");
        }
        agreed += some.len();
        let rate = agreed as f64 / (SystemClock.monotonic() - start).as_secs_f64();
        let total = seeds.len();
        say(&format!("differential: {agreed} of {total} sequences agree, {rate:.0} per second"));
    }
}

#[tokio::test]
async fn a_planted_fault_is_found_within_1000_sequences() {
    for fault in PLANTED {
        let liar = liars().into_iter().find(|liar| liar.name == fault).unwrap();
        let differential = Differential::new(memory(), liar.over(memory()));
        let found = differential.run(0..1_000, |_| ()).await;
        assert!(found.is_some(), "nobody notices a store that {fault}");
    }
}

#[tokio::test]
async fn memory_agrees_with_itself() {
    let found = Differential::new(memory(), memory()).run(0..1_000, |_| ()).await;
    assert!(found.is_none(), "{}", found.unwrap());
}

/// What travels through the protocol and back is what it was, errors by their kind included.
#[tokio::test]
async fn memory_agrees_with_itself_over_the_wire() {
    let store = MemoryStore::builder().lenient().lock_wait(Duration::from_millis(100)).build();
    let server = WireServer::start(store);
    let found = Differential::new(memory(), Arc::new(server.client())).run(0..200, |_| ()).await;
    assert!(found.is_none(), "{}", found.unwrap());
}

/// Faults that no single command shows: each needs a version, an order or a number to meet another.
const PLANTED: [&str; 7] = [
    "loses a write's last transform",
    "ignores preconditions",
    "keeps timestamps in milliseconds",
    "gives a write that changes nothing a new version",
    "answers whole doubles as integers",
    "orders names as UTF-16 does",
    "counts one document that is not there",
];

const SEQUENCES_PER_DATABASE: usize = 250;
