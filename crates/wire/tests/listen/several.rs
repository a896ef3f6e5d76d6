//! Several targets on one stream agree whenever the client is told that its state is consistent.

use std::collections::BTreeMap;
use std::sync::mpsc::{Receiver, Sender, channel};

use firekeep_core::{ManualClock, Write, fields};
use firekeep_memory::MemoryStore;
use googleapis_tonic_google_firestore_v1::google::firestore::v1 as proto;
use proto::value::ValueType;

use crate::ground::{
    DATABASE, Ground, Listening, Told, above, brief, collection, documents, query, time, token,
};
use crate::meddler::Meddler;

#[tokio::test]
async fn each_target_has_its_token_and_the_stream_one_time() {
    let ground = Ground::new().await;
    ground.set("c/a", fields! {}).await;
    let mut listening = ground.listen_to([collection(1, "c")]).await;
    assert!(!token(&listening.snapshot().await).is_empty());
    listening.add(documents(2, &["c/a"])).await;
    let second = listening.snapshot().await;
    let expected = ["add 2", "+2 c/a", "current 2", "resumable 2", "consistent"];
    assert_eq!(brief(&second), expected);
    ground.set("c/a", fields! { "n" => 1 }).await;
    let both = listening.snapshot().await;
    let expected = ["+1 c/a", "+2 c/a", "resumable 1", "resumable 2", "consistent"];
    assert_eq!(brief(&both), expected);
    assert!(token(&both).is_empty());
}

/// What a client holds: per target, each document's number.
#[derive(Default)]
struct View(BTreeMap<i32, BTreeMap<String, i64>>);

impl View {
    fn take(&mut self, told: &Told) {
        match told {
            Told::Set(targets, path, document) => {
                let Some(ValueType::IntegerValue(n)) = document.fields["n"].value_type else {
                    panic!("{document:?}")
                };
                self.0.entry(targets[0]).or_default().insert(path.clone(), n);
            }
            Told::Deleted(target, path) | Told::Left(target, path) => {
                self.0.entry(*target).or_default().remove(path);
            }
            _ => {}
        }
    }

    /// The numbers that `target` holds below `collection`.
    fn numbers(&self, target: i32, collection: &str) -> BTreeMap<String, i64> {
        let rows = self.0.get(&target).into_iter().flatten();
        rows.filter_map(|(path, n)| Some((path.strip_prefix(collection)?.to_owned(), *n))).collect()
    }
}

/// Commits until told to stop; each sets or deletes one document and its twin. Answers how many.
fn write(ground: &Ground, seed: u64, states: Receiver<()>) -> std::thread::JoinHandle<i64> {
    const COMMITS: i64 = 3000;
    let db = ground.db.clone();
    std::thread::spawn(move || {
        let mut random = fastrand::Rng::with_seed(seed);
        for n in 1..=COMMITS {
            let id = random.u8(..5);
            let deletes = random.u8(..4) == 0;
            let writes = ["a", "b"].map(|collection| {
                let path = format!("{collection}/{id}").try_into().unwrap();
                if deletes {
                    return Write::delete(path);
                }
                Write::replace(path, fields! { "n" => n }).unwrap()
            });
            let end = Write::replace("a/end".try_into().unwrap(), fields! { "n" => n }).unwrap();
            let twin = Write::replace("b/end".try_into().unwrap(), fields! { "n" => n }).unwrap();
            let all = writes.into_iter().chain([end, twin]).collect();
            futures::executor::block_on(db.commit(all)).unwrap();
            if n % 250 == 0 {
                // The reader is not left behind for good. It may have seen the end already.
                let _ = states.recv();
            }
        }
        COMMITS
    })
}

/// Reads until the last commit is seen; answers how many consistent states came.
async fn check(mut listening: Listening, last: i64, seed: u64, seen: Sender<()>) -> usize {
    let mut view = View::default();
    let (mut states, mut before) = (0, 0);
    loop {
        let told = listening.snapshot().await;
        told.iter().for_each(|told| view.take(told));
        assert!(time(&told) >= before, "time went back; seed {seed}");
        before = time(&told);
        states += 1;
        let _ = seen.send(());
        let (of_a, of_b) = (view.numbers(1, "a/"), view.numbers(2, "b/"));
        if of_a.is_empty() || of_b.is_empty() || !view.0.contains_key(&4) {
            // Not all targets are current yet.
            continue;
        }
        assert_eq!(of_a, of_b, "a commit was told by half; seed {seed}");
        let odd: BTreeMap<_, _> = of_a.iter().filter(|row| *row.1 > 1000).collect();
        assert_eq!(view.numbers(3, "a/").iter().collect::<BTreeMap<_, _>>(), odd, "seed {seed}");
        assert_eq!(view.numbers(4, "b/").get("end"), of_a.get("end"), "seed {seed}");
        if of_a.get("end") == Some(&last) {
            return states;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 3)]
async fn no_commit_is_ever_told_by_half() {
    for seed in 0..4 {
        let ground = Ground::new().await;
        let targets = [
            collection(1, "a"),
            collection(2, "b"),
            query(3, above("a", 1000)),
            documents(4, &["b/end"]),
        ];
        ground.set("a/end", fields! { "n" => 0 }).await;
        ground.set("b/end", fields! { "n" => 0 }).await;
        let listening = ground.listen_to(targets).await;
        let (seen, states) = channel();
        let writer = write(&ground, seed, states);
        let states = check(listening, 3000, seed, seen).await;
        assert_eq!(writer.join().unwrap(), 3000);
        assert!(states > 5, "the reader saw the end only: {states} states");
    }
}

/// The same on one thread, with the commits where they hurt most.
#[tokio::test]
async fn no_commit_between_two_targets_is_told_by_half() {
    const COMMITS: i64 = 40;
    for seed in 0..40 {
        let clock = ManualClock::new();
        let store = MemoryStore::builder().clock(clock.clone()).database(DATABASE).build();
        let meddler = Meddler::new(store.clone(), COMMITS, seed);
        let ground = Ground::over(clock, store, meddler.clone()).await;
        let targets = [collection(1, "a"), collection(2, "b"), query(3, above("b", 20))];
        let mut listening = ground.listen_to(targets).await;
        while listening.next().await.brief() != "add 3" {}
        let mut view = View::default();
        for round in 0.. {
            // Something to tell, in case that nothing more is meddled with.
            ground.set("a/round", fields! { "n" => round }).await;
            ground.set("b/round", fields! { "n" => round }).await;
            loop {
                listening.snapshot().await.iter().for_each(|told| view.take(told));
                let (mut of_a, mut of_b) = (view.numbers(1, "a/"), view.numbers(2, "b/"));
                let rounds = (of_a.remove("round"), of_b.remove("round"));
                assert_eq!(of_a, of_b, "a commit was told by half; seed {seed}");
                of_b.retain(|_, n| *n > 20);
                let mut above = view.numbers(3, "b/");
                above.remove("round");
                assert_eq!(above, of_b, "a commit was told by half; seed {seed}");
                if rounds == (Some(round), Some(round)) {
                    break;
                }
            }
            if meddler.is_done() {
                break;
            }
        }
    }
}
