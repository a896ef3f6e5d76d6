//! What operators see and do.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use firekeep_core::{Clock, Db, ManualClock, SystemClock, Write, fields};
use firekeep_core::{DocPath, Operation};
use firekeep_layers::{Bill, Fault, FaultLayer, Stack};
use firekeep_lock::{AcquireOptions, CommitError, Layout, Locks, Released};
use firekeep_testkit::{TestBackend, backends};
use futures::TryStreamExt;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

fn locks(backend: &TestBackend, layout: Layout) -> Locks {
    let db = match backend.clock() {
        Some(clock) => backend.db().clone().with_clock(clock.clone()),
        None => backend.db().clone(),
    };
    Locks::builder(db).layout(layout).build().unwrap()
}

const fn bill(rpcs: u64, reads: u64, writes: u64, deletes: u64) -> Bill {
    Bill { rpcs, reads, writes, deletes }
}

backends! {
    async fn every_lock_is_listed_page_by_page(backend: TestBackend) {
        for layout in [Layout::Native, Layout::Syncguard] {
            let locks = locks(&backend, layout);
            assert!(locks.list(10, None).await.unwrap().locks.is_empty());
            let options = AcquireOptions::default().owner("worker-7");
            let keys: BTreeSet<_> = (0..7).map(|n| format!("job-{n}")).collect();
            let mut guards = Vec::new();
            for key in &keys {
                guards.push(locks.acquire_with(key, &options).await.unwrap());
            }
            let (mut after, mut seen, mut sizes) = (None, BTreeSet::new(), Vec::new());
            loop {
                let (page, cost) = backend.bill(locks.list(3, after.as_ref())).await;
                let page = page.unwrap();
                assert_eq!(cost.rpcs, 1);
                assert!(cost.reads <= 3, "{cost:?}");
                assert!(page.strangers.is_empty());
                sizes.push(page.locks.len());
                seen.extend(page.locks.iter().map(|lock| lock.raw_key().to_owned()));
                let owners = page.locks.iter().flat_map(|lock| &lock.holders);
                let expected = (layout == Layout::Native).then_some("worker-7");
                assert!(owners.map(|holding| holding.owner.as_deref()).all(|o| o == expected));
                match page.next {
                    Some(next) => after = Some(next),
                    None => break,
                }
            }
            assert_eq!((sizes, &seen), (vec![3, 3, 1], &keys), "{layout:?}");
            let all: Vec<_> = locks.list_all().try_collect().await.unwrap();
            assert_eq!(all.len(), 7);
            for guard in guards {
                assert_eq!(guard.release().await.unwrap(), Released::Done);
            }
            assert!(locks.list(10, None).await.unwrap().locks.is_empty());
        }
    }

    async fn what_lapsed_is_not_listed_and_what_is_no_lease_is_named(backend: TestBackend) {
        let locks = locks(&backend, Layout::Native);
        let paused = Locks::new(backend.db().clone().with_clock(ManualClock::new()));
        let short = AcquireOptions::default().lease(Duration::from_millis(100));
        std::mem::forget(paused.acquire_with("dead", &short).await.unwrap());
        let stranger = DocPath::new("firekeep_locks/note").unwrap();
        backend.db().set(&stranger, fields! { "text" => "hello" }).await.unwrap();
        let guard = locks.acquire("alive").await.unwrap();
        if let Some(clock) = backend.clock() {
            clock.advance(Duration::from_millis(200));
        }
        // On the emulator time is real; what is awaited is the store's clock. Memory is there already.
        for _ in 0..2_000 {
            if !locks.is_locked("dead").await.unwrap() {
                break;
            }
            SystemClock.sleep(Duration::from_millis(5)).await;
        }
        let page = locks.list(100, None).await.unwrap();
        let keys: Vec<_> = page.locks.iter().map(|lock| lock.raw_key()).collect();
        assert_eq!((keys, page.strangers), (vec!["alive"], vec![stranger]));
        assert!(!format!("{:?}", page.locks).contains("alive"), "keys are asked for, not shown");
        assert_eq!(guard.release().await.unwrap(), Released::Done);
    }

    async fn a_page_has_1_to_1000_documents(backend: TestBackend) {
        let locks = locks(&backend, Layout::Native);
        for limit in [0, 1001] {
            let error = locks.list(limit, None).await.unwrap_err().to_string();
            assert!(error.contains("`limit` must be 1 to 1000"), "{error}");
        }
        assert!(locks.list(1000, None).await.is_ok());
    }

    async fn a_broken_lock_is_free_and_its_holder_writes_no_more(backend: TestBackend) {
        for layout in [Layout::Native, Layout::Syncguard] {
            let locks = locks(&backend, layout);
            let guard = locks.acquire("k").await.unwrap();
            let (broken, cost) = backend.bill(locks.break_lock("k")).await;
            let broken = broken.unwrap().unwrap();
            assert_eq!(cost, bill(2, 2, 0, 1), "{layout:?}");
            assert_eq!(broken.holders[0].raw_id(), guard.id().as_str());
            assert_eq!(broken.fence, Some(guard.fence()));
            assert!(!locks.is_locked("k").await.unwrap());
            let data = DocPath::new("data/d").unwrap();
            let write = Write::replace(data.clone(), fields! { "n" => 1 }).unwrap();
            assert!(matches!(guard.commit(vec![write]).await, Err(CommitError::Lost(_))));
            assert!(backend.db().get(&data).await.unwrap().is_none());
            assert!(guard.is_lost());
            let next = locks.acquire("k").await.unwrap();
            assert_eq!(next.fence().as_u64(), guard.fence().as_u64() + 1, "fences go on");
            assert_eq!(next.release().await.unwrap(), Released::Done);
            assert_eq!(locks.break_lock("k").await.unwrap(), None, "nobody holds it");
        }
    }

    async fn breaking_spares_whoever_came_after(backend: TestBackend) {
        let sound = locks(&backend, Layout::Native);
        let guard = sound.acquire("k").await.unwrap();
        let layer = FaultLayer::new(1, Arc::new(SystemClock));
        let faults = layer.handle();
        let store = Stack::from_arc(Arc::clone(backend.db().store())).with(layer).build().unwrap();
        let operator = Locks::new(Db::from_arc(store));
        // The reply to the delete is lost, and so is the request of another.
        faults.next(Operation::Commit, Fault::LoseReply);
        let broken = operator.break_lock("k").await.unwrap().unwrap();
        assert_eq!(broken.holders[0].raw_id(), guard.id().as_str());
        // A delete that arrives late finds another version.
        let second = sound.acquire("k").await.unwrap();
        faults.next(Operation::Commit, Fault::Late { calls: u32::MAX });
        assert!(operator.break_lock("k").await.unwrap().is_some(), "the second try did it");
        assert!(!second.extend(Duration::from_secs(30)).await.unwrap());
        let third = sound.acquire("k").await.unwrap();
        assert_eq!(faults.release_late().await, 1);
        assert!(third.extend(Duration::from_secs(30)).await.unwrap());
        assert_eq!(third.release().await.unwrap(), Released::Done);
    }

    async fn locks_are_followed_through_a_pause(backend: TestBackend) {
        let locks = locks(&backend, Layout::Native);
        let mut held = locks.watch(10).unwrap();
        let keys = async |held: &mut firekeep_lock::HeldLocks, wanted: &[&str]| loop {
            let page = held.next().await.unwrap();
            let keys: BTreeSet<_> = page.locks.iter().map(|l| l.raw_key().to_owned()).collect();
            if keys.iter().map(String::as_str).eq(wanted.iter().copied()) {
                return;
            }
        };
        keys(&mut held, &[]).await;
        let a = locks.acquire("a").await.unwrap();
        keys(&mut held, &["a"]).await;
        held.pause();
        let b = locks.acquire("b").await.unwrap();
        keys(&mut held, &["a", "b"]).await;
        assert!(held.take_billed_reads() >= 2);
        assert_eq!(held.take_billed_reads(), 0);
        assert_eq!(a.release().await.unwrap(), Released::Done);
        keys(&mut held, &["b"]).await;
        assert_eq!(b.release().await.unwrap(), Released::Done);
        keys(&mut held, &[]).await;
        assert!(locks.watch(0).is_err() && locks.watch(1001).is_err());
    }
}
