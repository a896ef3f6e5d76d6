//! Requests at random: each is answered by a status, and the server goes on.
//!
//! `FIREKEEP_FUZZ_CASES` says how many (4,000 unless set; `cargo xtask fuzz` sends more);
//! `FIREKEEP_FUZZ_SEED` sends the request of one seed. The seed of a request that is not answered is
//! kept in `fuzz-seeds.txt`, whose requests are sent first.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use fastrand::Rng;
use futures::future::join_all;

use crate::connection::{Connection, request, whole};
use crate::forge::Forge;
use crate::frame::framed;
use crate::ground::Ground;
use crate::mutation::mutate;
use crate::schema::METHODS;

/// One request.
struct Case {
    seed: u64,
    method: &'static str,
    message: Vec<u8>,
}

impl Case {
    /// The request of a seed: one in three is well-formed, one lies, one was damaged on its way.
    fn new(seed: u64) -> Self {
        let mut rng = Rng::with_seed(seed);
        let (method, fields) = METHODS[rng.usize(..METHODS.len())];
        let how = rng.u8(..3);
        let lies = if how == 0 { 0 } else { rng.u32(2..30) };
        let mut message = Forge { rng: &mut rng, lies, budget: 20_000 }.message(fields, 0);
        if how == 2 {
            mutate(&mut rng, &mut message);
        }
        Self { seed, method, message }
    }

    /// The code of the answer.
    async fn send(&self, connection: &Connection) -> Result<i32, String> {
        let request = request(self.method).body(whole(framed(&self.message))).unwrap();
        let answer = connection.send(request).await?;
        match answer.code {
            // What can't be read at all is INTERNAL by the book of gRPC; nothing else may be.
            13 if answer.message.contains(UNREADABLE) => Ok(UNREAD),
            0 | 3 | 5 | 6 | 8 | 9 | 10 | 12 if answer.http == 200 => Ok(answer.code),
            _ => Err(format!("{answer:?}")),
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_request_gets_a_status() {
    let ground = Ground::new().await;
    let seeds = Mutex::new(seeds());
    let codes = Mutex::new(BTreeMap::<(&str, i32), u64>::new());
    let failed = AtomicU64::new(0);
    let worker = || async {
        let connection = ground.connect().await;
        while let Some(case) = {
            let seed = seeds.lock().unwrap().pop();
            seed.map(Case::new)
        } {
            if case.seed % 64 == 0 {
                // Ends the transactions that were begun and left, which hold locks.
                ground.control.clear();
            }
            match case.send(&connection).await {
                Ok(code) => *codes.lock().unwrap().entry((case.method, code)).or_default() += 1,
                Err(error) => {
                    failed.fetch_add(1, Ordering::Relaxed);
                    keep(case.seed);
                    let Case { seed, method, .. } = case;
                    println!("FIREKEEP_FUZZ_SEED={seed:#018x} {method}: {error}");
                    return;
                }
            }
        }
    };
    join_all(std::iter::repeat_with(worker).take(16)).await;
    ground.still_serves().await;
    let codes = codes.into_inner().unwrap();
    println!("{codes:?}");
    assert_eq!(failed.into_inner(), 0, "their seeds are printed above");
    let is_good = |method: &&str| codes.contains_key(&(*method, 0));
    let good = METHODS.iter().map(|(method, _)| *method).filter(|method| is_good(method)).count();
    assert!(
        good >= GOOD || codes.len() < METHODS.len(),
        "requests to {good} methods were any good"
    );
}

/// The seeds to send, from the last on.
#[allow(clippy::disallowed_methods, reason = "whoever runs the test says how long")]
fn seeds() -> Vec<u64> {
    let one = std::env::var("FIREKEEP_FUZZ_SEED");
    if let Ok(one) = one {
        return vec![parsed(&one)];
    }
    let cases = std::env::var("FIREKEEP_FUZZ_CASES").map_or(4_000, |count| count.parse().unwrap());
    let mut seeds: Vec<_> = std::iter::repeat_with(|| fastrand::u64(..)).take(cases).collect();
    seeds.extend(kept());
    seeds
}

fn parsed(seed: &str) -> u64 {
    u64::from_str_radix(seed.trim_start_matches("0x"), 16).unwrap()
}

fn kept() -> Vec<u64> {
    let lines = include_str!("../../fuzz-seeds.txt").lines();
    let seeds = lines.map(|line| line.split('#').next().unwrap().trim());
    seeds.filter(|seed| !seed.is_empty()).map(parsed).collect()
}

fn keep(seed: u64) {
    if !kept().contains(&seed) {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz-seeds.txt");
        let mut file = std::fs::OpenOptions::new().append(true).open(path).unwrap();
        writeln!(file, "{seed:#018x}").unwrap();
    }
}

/// Requests to as many methods must sometimes succeed: `Rollback` knows no transaction, and a good
/// query to partition is rare.
const GOOD: usize = METHODS.len() - 2;
/// What decoding says.
const UNREADABLE: &str = "failed to decode Protobuf message";
/// Stands for the code of what could not be read.
const UNREAD: i32 = -1;
