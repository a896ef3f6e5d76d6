//! Bad input: a named error before anything is sent; and keys that only look bad, which lock.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::time::Duration;

use firekeep_core::{DocPath, Write, fields};
use firekeep_lock::locks::MAX_KEYS;
use firekeep_lock::options::{MAX_LEASE, MIN_LEASE};
use firekeep_lock::{AcquireOptions, Error, ErrorKind, Key, Lease, LockId, Locks, Result};
use firekeep_testkit::{TestBackend, backends};
use support::{Bed, ms};

/// Asserts that `refused` names what is wrong and was found before anything was sent.
async fn is_refused<T>(bed: &Bed, what: &str, refused: impl Future<Output = Result<T>>) {
    let (answer, bill) = bed.backend.bill(refused).await;
    let Err(error) = answer else { panic!("`{what}` is accepted") };
    assert_eq!(error.kind(), ErrorKind::InvalidArgument, "{error}");
    assert!(error.to_string().contains(&format!("`{what}`")), "{error}");
    assert_eq!(bill.rpcs, 0, "{what}");
}

/// Keys that a store would refuse, misread, or put elsewhere, if it saw them as ids.
const HOSTILE: [&str; 24] = [
    "a/b",
    "a/b/c",
    "/",
    "//",
    "/a",
    "a/",
    "a//b",
    ".",
    "..",
    "...",
    "__x__",
    "__",
    "____",
    "\0",
    "a\0b",
    " ",
    "\n",
    "a\u{202e}b",
    "\u{feff}",
    "fence:a",
    "a:b*c?[d]`e`",
    "ключ",
    "🔒🔑",
    "%2F",
];

backends! {
    async fn malformed_keys(backend: TestBackend) {
        let bed = Bed::new(backend);
        let (locks, options) = (&bed.locks, AcquireOptions::default());
        for bad in [String::new(), "k".repeat(513), "é".repeat(257)] {
            is_refused(&bed, "key", locks.try_acquire(&bad)).await;
            is_refused(&bed, "key", locks.acquire(&bad)).await;
            is_refused(&bed, "key", locks.acquire_all(["good", bad.as_str()], &options)).await;
            is_refused(&bed, "key", locks.is_locked(&bad)).await;
            is_refused(&bed, "key", locks.lookup(&bad)).await;
            let work = async |_: Lease| -> Result<()> { panic!("run without a lock") };
            is_refused(&bed, "key", locks.with_lock(&bad, &options, work)).await;
            let id = LockId::parse("AAAAAAAAAAAAAAAAAAAAAA").unwrap();
            is_refused(&bed, "key", locks.owns(&bad, &id)).await;
        }
        assert!(bed.counters().await.is_empty());
    }

    async fn leases_out_of_their_bounds(backend: TestBackend) {
        let bed = Bed::new(backend);
        let guard = bed.locks.acquire("held").await.unwrap();
        for bad in [Duration::ZERO, ms(1), MIN_LEASE - ms(1), MAX_LEASE + ms(1), Duration::MAX] {
            let options = AcquireOptions::default().lease(bad).max_hold(Duration::MAX);
            is_refused(&bed, "lease", bed.locks.try_acquire_with("k", &options)).await;
            is_refused(&bed, "lease", bed.locks.acquire_with("k", &options)).await;
            is_refused(&bed, "lease", bed.locks.acquire_all(["k"], &options)).await;
            is_refused(&bed, "lease", guard.extend(bad)).await;
            is_refused(&bed, "lease", bed.locks.extend_id(guard.id(), bad)).await;
        }
        assert!(guard.is_held());
        bed.release(guard).await;
    }

    async fn other_options_out_of_their_bounds(backend: TestBackend) {
        let bed = Bed::new(backend);
        let options = AcquireOptions::default;
        for (what, bad) in [
            ("max_hold", options().max_hold(ms(1))),
            ("retry_delay", options().retry_delay(Duration::ZERO)),
            ("renew_every", options().renew_every(Duration::from_millis(24))),
            ("owner", options().owner("")),
            ("owner", options().owner("o".repeat(257))),
        ] {
            is_refused(&bed, what, bed.locks.try_acquire_with("k", &bad)).await;
            is_refused(&bed, what, bed.locks.acquire_with("k", &bad)).await;
        }
    }

    async fn sets_of_keys_out_of_their_bounds(backend: TestBackend) {
        let bed = Bed::new(backend);
        let options = AcquireOptions::default();
        let many = |n: usize| (0..n).map(|n| format!("k{n}")).collect::<Vec<_>>();
        for bad in [vec![], many(MAX_KEYS + 1), vec!["a".into(), "b".into(), "a".into()]] {
            is_refused(&bed, "keys", bed.locks.acquire_all(&bad, &options)).await;
            is_refused(&bed, "keys", bed.locks.try_acquire_all(&bad, &options)).await;
        }
        let twice = ["caf\u{e9}", "cafe\u{301}"];
        is_refused(&bed, "keys", bed.locks.acquire_all(twice, &options)).await;
        let guard = bed.locks.acquire_all(many(MAX_KEYS), &options).await.unwrap();
        assert_eq!(guard.keys().count(), MAX_KEYS);
        assert!(guard.release().await.unwrap().is_done());
        assert!(bed.documents(support::LEASES).await.is_empty());
    }

    async fn one_collection_for_both_or_a_malformed_one(backend: TestBackend) {
        let bed = Bed::new(backend);
        let builder = || Locks::builder(bed.db.clone());
        for (what, bad) in [
            ("fences", builder().leases("same").fences("same")),
            ("fences", builder().leases("firekeep_fences")),
            ("fences", builder().fences("firekeep_locks")),
            ("fences", builder().leases("a/b/c").fences("a/b/c")),
        ] {
            is_refused(&bed, what, std::future::ready(bad.build())).await;
        }
        for bad in ["", "a/b", "__x__", "a//b", "."] {
            let error = builder().leases(bad).build().unwrap_err();
            assert_eq!(error.kind(), ErrorKind::InvalidArgument, "{bad}: {error}");
            let error = builder().fences(bad).build().unwrap_err();
            assert_eq!(error.kind(), ErrorKind::InvalidArgument, "{bad}: {error}");
        }
        let elsewhere = builder().leases("t/a/locks").fences("t/a/fences").build().unwrap();
        let guard = elsewhere.acquire("k").await.unwrap();
        assert!(!bed.other.is_locked("k").await.unwrap(), "collections are worlds of their own");
        assert_eq!(bed.documents("t/a/locks").await.len(), 1);
        assert!(guard.release().await.unwrap().is_done());
        assert!(!elsewhere.is_locked("k").await.unwrap());
    }

    async fn too_much_for_a_guarded_commit(backend: TestBackend) {
        let bed = Bed::new(backend);
        let guard = bed.locks.acquire("k").await.unwrap();
        let write = Write::replace(DocPath::new("c/d").unwrap(), fields! { "n" => 1 }).unwrap();
        let (refused, bill) = bed.backend.bill(guard.commit(vec![write; 500])).await;
        let error = refused.unwrap_err();
        assert!(!error.is_lost() && error.to_string().contains("at most 500"), "{error}");
        assert_eq!(bill.rpcs, 0);
        bed.release(guard).await;
    }

    async fn hostile_keys_lock_and_release_as_any_other(backend: TestBackend) {
        let bed = Bed::new(backend);
        let long = ["k".repeat(512), "é".repeat(256), "/".repeat(512)];
        for key in HOSTILE.into_iter().chain(long.iter().map(String::as_str)) {
            let guard = bed.locks.acquire(key).await.unwrap();
            assert_eq!(guard.fence().as_u64(), 1, "{key:?} shares a counter");
            assert!(bed.other.try_acquire(key).await.unwrap().is_held(), "{key:?}");
            assert_eq!(bed.other.lookup(key).await.unwrap().unwrap().raw_key(), key);
            let found = bed.other.lookup_id(guard.id()).await.unwrap().unwrap();
            assert_eq!(found.raw_key(), key);
            assert!(guard.extend(Duration::from_secs(60)).await.unwrap());
            bed.release(guard).await;
        }
    }

    async fn hostile_keys_are_all_different(backend: TestBackend) {
        let bed = Bed::new(backend);
        let options = AcquireOptions::default();
        let guard = bed.locks.acquire_all(HOSTILE, &options).await.unwrap();
        for fence in guard.fences() {
            assert_eq!(fence.as_u64(), 1);
        }
        assert_eq!(bed.documents(support::LEASES).await.len(), HOSTILE.len());
        bed.release(guard).await;
    }

    async fn both_spellings_of_a_key_are_one_lock(backend: TestBackend) {
        let bed = Bed::new(backend);
        let guard = bed.locks.acquire("cafe\u{301}").await.unwrap();
        assert!(bed.other.try_acquire("caf\u{e9}").await.unwrap().is_held());
        assert_eq!(guard.key().as_str(), "caf\u{e9}");
        assert_eq!(bed.counters().await, [("caf\u{e9}".to_owned(), 1)]);
        let exact = |text: &str| Key::exact(text);
        is_refused(&bed, "key", async { bed.locks.try_acquire(exact("cafe\u{301}")?).await }).await;
        assert!(bed.other.try_acquire(exact("caf\u{e9}").unwrap()).await.unwrap().is_held());
        bed.release(guard).await;
    }

    async fn malformed_lock_ids(backend: TestBackend) {
        let bed = Bed::new(backend);
        for bad in ["", "short", "AAAAAAAAAAAAAAAAAAAAAAA", "AAAAAAAAAAAAAAAAAAAA/A", "a b"] {
            let release = async { bed.locks.release_id(&LockId::parse(bad)?).await };
            is_refused(&bed, "lock id", release).await;
            let parsed = bad.parse::<LockId>().map(drop);
            is_refused::<()>(&bed, "lock id", std::future::ready::<Result<(), Error>>(parsed)).await;
        }
    }
}
