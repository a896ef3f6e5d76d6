//! Locks shared with the TypeScript library: its documents to the field, its rules, and both sides in
//! turn.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod typescript;

use std::time::Duration;

use firekeep_core::{DocPath, Fields, Operation, Timestamp, Value, Write, fields};
use firekeep_layers::{Bill, Fault};
use firekeep_lock::{AcquireOptions, Attempt, CommitError, ErrorKind, Layout, LockId, Released};
use firekeep_testkit::{TestBackend, backends};
use typescript::bed::{Bed, millis_of, ms, release, secs, won};
use typescript::{TypeScript, counter_path, lease_path, millis, text};

/// A document of the golden files: its path and fields.
fn golden(json: &str) -> (DocPath, Fields) {
    let document: serde_json::Value = serde_json::from_str(json).unwrap();
    let value =
        |value: &serde_json::Value| match (value.get("stringValue"), value.get("integerValue")) {
            (Some(text), None) => Value::from(text.as_str().unwrap()),
            (None, Some(number)) => Value::from(number.as_str().unwrap().parse::<i64>().unwrap()),
            _ => panic!("neither text nor integer"),
        };
    let fields = document["fields"].as_object().unwrap();
    let fields = fields.iter().map(|(name, v)| (name.as_str().into(), value(v))).collect();
    (DocPath::new(document["path"].as_str().unwrap()).unwrap(), fields)
}

fn golden_lease() -> (DocPath, Fields) {
    golden(include_str!("golden/syncguard-lease.json"))
}

fn golden_counter() -> (DocPath, Fields) {
    golden(include_str!("golden/syncguard-counter.json"))
}

fn shape(fields: &Fields) -> Vec<(&str, &'static str)> {
    fields.iter().map(|(name, value)| (&**name, value.type_name())).collect()
}

fn integer(fields: &Fields, name: &str) -> i64 {
    fields.get(name).and_then(Value::as_integer).unwrap()
}

const fn bill(rpcs: u64, reads: u64, writes: u64, deletes: u64) -> Bill {
    Bill { rpcs, reads, writes, deletes }
}

const THEIRS: &str = "q3J5cG9Y-Zm9vYmFyMTIz_";
/// How often each kind has its turn; a transaction that loses waits on the emulator.
const ROUNDS: i32 = 2;
const TTL: Duration = secs(30);

backends! {
    async fn golden_documents_are_read(backend: TestBackend) {
        let bed = Bed::new(backend);
        let ((lease, fields), (counter, counted)) = (golden_lease(), golden_counter());
        bed.db.set(&lease, fields).await.unwrap();
        bed.db.set(&counter, counted).await.unwrap();
        let start = Timestamp::from_micros(1_735_689_600_000_000).unwrap();
        // Memory's clock stands where the golden lease begins; by the emulator's it ended long ago.
        let info = bed.locks.lookup("orders:42").await.unwrap();
        if !bed.backend.is_memory() {
            assert_eq!(info, None);
            assert_eq!(won(&bed.locks, "orders:42").await.fence().to_string(), "000000000000042");
            return;
        }
        let info = info.unwrap();
        assert_eq!(info.raw_key(), "orders:42");
        assert_eq!(info.fence.unwrap().to_string(), "000000000000041");
        assert_eq!(info.holders.len(), 1);
        assert_eq!(info.holders[0].raw_id(), THEIRS);
        assert_eq!(info.holders[0].acquired, start);
        assert_eq!(info.holders[0].ends, start.saturating_add(TTL));
        let id = LockId::parse(THEIRS).unwrap();
        assert!(bed.locks.owns("orders:42", &id).await.unwrap());
        assert_eq!(bed.locks.lookup_id(&id).await.unwrap(), Some(info));
    }

    async fn golden_documents_are_written(backend: TestBackend) {
        let bed = Bed::new(backend);
        let ((lease, golden), (counter, golden_count)) = (golden_lease(), golden_counter());
        let before = fields! { "fence" => "000000000000040", "keyDebug" => "orders:42" };
        bed.db.set(&counter, before).await.unwrap();
        let (guard, read) = (won(&bed.locks, "orders:42").await, bed.now().await);
        let written = bed.fields(&lease).await.unwrap();
        assert_eq!(shape(&written), shape(&golden));
        for field in ["key", "fence"] {
            assert_eq!(written.get(field), golden.get(field), "{field}");
        }
        assert_eq!(written.get("lockId").unwrap().as_str().unwrap(), guard.id().as_str());
        let acquired = integer(&written, "acquiredAtMs");
        assert_eq!(integer(&written, "expiresAtMs") - acquired, millis(TTL));
        assert!((millis_of(read) - 5_000..=millis_of(read)).contains(&acquired), "the store's time");
        assert_eq!(acquired, millis_of(guard.started()));
        assert_eq!(bed.fields(&counter).await.unwrap(), golden_count);

        assert!(guard.extend(secs(60)).await.unwrap());
        let extended = bed.fields(&lease).await.unwrap();
        let ends = integer(&extended, "expiresAtMs");
        assert!(ends >= acquired + 60_000, "replaced by now and the new lease, not added to");
        assert!(ends <= millis_of(bed.now().await) + 60_001);
        assert_eq!(ends, millis_of(guard.ends()));
        let mut but_for_the_end = extended;
        but_for_the_end.insert("expiresAtMs".into(), written.get("expiresAtMs").unwrap().clone());
        assert_eq!(but_for_the_end, written);

        release(guard).await;
        assert_eq!(bed.fields(&lease).await, None);
        assert_eq!(bed.fields(&counter).await.unwrap(), golden_count);
    }

    async fn acquire_is_two_rpcs_and_the_rest_one(backend: TestBackend) {
        let bed = Bed::new(backend);
        for _ in 0..2 {
            let (guard, cost) = bed.backend.bill(bed.locks.acquire("k")).await;
            assert_eq!(cost, bill(2, 2, 2, 0), "acquire");
            let guard = guard.unwrap();
            let (attempt, cost) = bed.backend.bill(bed.locks.try_acquire("k")).await;
            assert!(attempt.unwrap().is_held());
            assert_eq!(cost, bill(1, 2, 0, 0), "held");
            let (extended, cost) = bed.backend.bill(guard.extend(TTL)).await;
            assert_eq!((extended.unwrap(), cost), (true, bill(1, 0, 1, 0)), "extend");
            let (released, cost) = bed.backend.bill(guard.release()).await;
            assert_eq!((released.unwrap(), cost), (Released::Done, bill(1, 0, 0, 1)), "release");
        }
    }

    async fn what_the_layout_cannot_hold_is_refused_before_anything_is_sent(backend: TestBackend) {
        let bed = Bed::new(backend);
        let (locks, options) = (&bed.locks, AcquireOptions::default());
        let before = bed.backend.meter().snapshot();
        for key in ["a/b", "a/b/c", "/", ".", "..", "__x__", "____"] {
            let error = locks.try_acquire(key).await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::InvalidArgument, "{key}");
            let text = error.to_string();
            assert!(text.contains("`key` is no document id"), "{text}");
            assert!(locks.is_locked(key).await.is_err() && locks.lookup(key).await.is_err());
        }
        for (error, what) in [
            (locks.acquire_with("k", &options.clone().shared()).await.unwrap_err(), "shared"),
            (locks.acquire_all(["a", "b"], &options).await.unwrap_err(), "one key per lock id"),
            (locks.semaphore("k", 3).unwrap_err(), "semaphores"),
        ] {
            assert_eq!(error.kind(), ErrorKind::InvalidArgument);
            assert!(error.to_string().contains(what), "{error}");
        }
        assert_eq!(bed.backend.meter().since(before).rpcs, 0);
        for key in ["___", "__x", "...", "a.b", "fence:k", "\u{1f512} k"] {
            release(won(locks, key).await).await;
        }
    }

    async fn a_lock_that_they_hold_is_respected(backend: TestBackend) {
        let bed = Bed::new(backend);
        let theirs = bed.typescript().await;
        assert_eq!(theirs.acquire("k", THEIRS, TTL).await.unwrap(), "000000000000001");
        let Attempt::Held(held) = bed.locks.try_acquire("k").await.unwrap() else { panic!("won") };
        assert!(held.remaining > secs(25) && held.remaining <= TTL + secs(1), "{held:?}");
        assert!(bed.locks.is_locked("k").await.unwrap());
        assert!(theirs.release(THEIRS).await);
        let guard = won(&bed.locks, "k").await;
        assert_eq!(guard.fence().to_string(), "000000000000002");
        release(guard).await;
    }

    async fn a_lock_that_we_hold_is_respected(backend: TestBackend) {
        let bed = Bed::new(backend);
        let guard = won(&bed.locks, "k").await;
        let theirs = bed.typescript().await;
        assert_eq!(theirs.acquire("k", THEIRS, TTL).await, None);
        assert!(theirs.is_locked("k").await);
        // Even by a clock that is ahead by nearly what that library allows.
        let ends = guard.ends();
        let late = TypeScript::at(&bed.db, ends.saturating_add(ms(999)));
        assert_eq!(late.acquire("k", THEIRS, TTL).await, None);
        release(guard).await;
        assert_eq!(theirs.acquire("k", THEIRS, TTL).await.unwrap(), "000000000000002");
        assert!(theirs.release(THEIRS).await);
    }

    async fn our_dead_lock_is_taken_over_by_them(backend: TestBackend) {
        let bed = Bed::new(backend);
        let (locks, _clock) = bed.paused();
        let guard = won(&locks, "k").await;
        let after = TypeScript::at(&bed.db, guard.ends().saturating_add(ms(1000)));
        assert_eq!(after.acquire("k", THEIRS, TTL).await.unwrap(), "000000000000002");
        // What the paused holder does when it wakes up is refused, by the store.
        let data = DocPath::new("data/d").unwrap();
        let write = Write::replace(data.clone(), fields! { "by" => "stale" }).unwrap();
        assert!(matches!(guard.commit(vec![write]).await, Err(CommitError::Lost(_))));
        assert_eq!(bed.fields(&data).await, None);
        assert_eq!(guard.release().await.unwrap(), Released::Expired);
        assert!(after.is_locked("k").await, "and takes nothing from its successor");
    }

    async fn their_lock_is_live_until_a_second_after_its_end(backend: TestBackend) {
        let bed = Bed::new(backend);
        bed.left("k", THEIRS, secs(2), ms(1_500), "000000000000007").await;
        let fields = bed.fields(&lease_path("k")).await.unwrap();
        let ends = integer(&fields, "expiresAtMs");
        let dies = Timestamp::from_micros((ends + 1000) * 1000).unwrap();
        if bed.backend.is_memory() {
            bed.pass_to(dies.saturating_sub(Duration::from_micros(1))).await;
        }
        assert!(bed.locks.is_locked("k").await.unwrap(), "within the tolerance");
        assert!(bed.locks.try_acquire("k").await.unwrap().is_held());
        bed.pass_to(dies).await;
        assert!(!bed.locks.is_locked("k").await.unwrap());
        assert_eq!(bed.locks.lookup("k").await.unwrap(), None);
        let (guard, cost) = bed.backend.bill(bed.locks.acquire("k")).await;
        let guard = guard.unwrap();
        assert_eq!(cost, bill(2, 2, 2, 0), "a takeover costs what an acquisition does");
        assert_eq!(guard.fence().to_string(), "000000000000008");
        let taken = bed.fields(&lease_path("k")).await.unwrap();
        assert_eq!(taken.get("lockId").unwrap().as_str(), Some(guard.id().as_str()));
        release(guard).await;
    }

    async fn they_extend_our_lock_by_its_id_and_we_keep_it(backend: TestBackend) {
        let bed = Bed::new(backend);
        let guard = won(&bed.locks, "k").await;
        let theirs = bed.typescript().await;
        assert!(theirs.extend(guard.id().as_str(), secs(300)).await);
        // The version moved: a guarded commit is refused, reads, and goes through.
        let data = DocPath::new("data/d").unwrap();
        let write = Write::replace(data.clone(), fields! { "by" => "us" }).unwrap();
        let (committed, cost) = bed.backend.bill(guard.commit(vec![write])).await;
        committed.unwrap();
        assert_eq!(cost.rpcs, 3);
        assert!(bed.fields(&data).await.is_some());
        assert!(guard.remaining() > secs(250), "what they gave is ours: {:?}", guard.remaining());
        assert!(guard.ends() > bed.now().await.saturating_add(secs(250)));
        release(guard).await;
        assert_eq!(bed.fields(&lease_path("k")).await, None);
    }

    async fn they_release_our_lock_by_its_id_and_we_notice(backend: TestBackend) {
        let bed = Bed::new(backend);
        let guard = won(&bed.locks, "k").await;
        assert!(bed.typescript().await.release(guard.id().as_str()).await);
        assert!(guard.is_held(), "no message tells");
        assert!(!guard.extend(TTL).await.unwrap());
        assert!(guard.is_lost());
        assert_eq!(bed.fields(&lease_path("k")).await, None, "what has ended is not revived");
    }

    async fn we_extend_and_release_their_lock_by_its_id(backend: TestBackend) {
        let bed = Bed::new(backend);
        let id = LockId::parse(THEIRS).unwrap();
        assert!(!bed.locks.extend_id(&id, TTL).await.unwrap());
        assert_eq!(bed.locks.release_id(&id).await.unwrap(), Released::Gone);
        // Within the tolerance, a second after its end, it can still be saved.
        bed.left("k", THEIRS, ms(600), ms(100), "000000000000003").await;
        assert!(bed.locks.extend_id(&id, secs(60)).await.unwrap());
        let fields = bed.fields(&lease_path("k")).await.unwrap();
        assert!(integer(&fields, "expiresAtMs") > millis_of(bed.now().await) + 55_000);
        assert!(bed.typescript().await.is_locked("k").await);
        assert_eq!(bed.locks.release_id(&id).await.unwrap(), Released::Done);
        assert!(!bed.typescript().await.is_locked("k").await);
        // Beyond it, not.
        bed.left("k", THEIRS, secs(3), ms(100), "000000000000003").await;
        assert!(!bed.locks.extend_id(&id, secs(60)).await.unwrap());
        assert_eq!(bed.locks.release_id(&id).await.unwrap(), Released::Expired);
        assert_eq!(bed.fields(&lease_path("k")).await, None, "and leaves no garbage");
    }

    /// W15: with a dead copy of a lease before the live one, that library answers by the dead one.
    async fn w15_a_dead_copy_of_a_lock_id_hides_nothing(backend: TestBackend) {
        let bed = Bed::new(backend);
        let id = LockId::parse(THEIRS).unwrap();
        for change in ["extend", "release"] {
            bed.left("a-dead", THEIRS, secs(60), secs(1), "000000000000001").await;
            bed.left("b-live", THEIRS, secs(1), TTL, "000000000000001").await;
            let info = bed.locks.lookup_id(&id).await.unwrap().unwrap();
            assert_eq!(info.raw_key(), "b-live");
            if change == "extend" {
                assert!(bed.locks.extend_id(&id, secs(60)).await.unwrap());
                let live = bed.fields(&lease_path("b-live")).await.unwrap();
                assert!(integer(&live, "expiresAtMs") > millis_of(bed.now().await) + 55_000);
            } else {
                assert_eq!(bed.locks.release_id(&id).await.unwrap(), Released::Done);
                assert_eq!(bed.fields(&lease_path("b-live")).await, None);
            }
            assert_eq!(bed.fields(&lease_path("a-dead")).await, None, "{change}");
        }
    }

    async fn two_live_copies_of_a_lock_id_are_refused(backend: TestBackend) {
        let bed = Bed::new(backend);
        let id = LockId::parse(THEIRS).unwrap();
        bed.left("a", THEIRS, secs(1), TTL, "000000000000001").await;
        bed.left("b", THEIRS, secs(1), TTL, "000000000000001").await;
        let refused = bed.locks.release_id(&id).await.unwrap_err();
        assert!(refused.to_string().contains("2 live leases carry one lock id"), "{refused}");
        assert!(bed.locks.extend_id(&id, TTL).await.is_err());
        assert!(bed.locks.is_locked("a").await.unwrap() && bed.locks.is_locked("b").await.unwrap());
    }

    async fn fences_go_on_across_the_switch(backend: TestBackend) {
        let bed = Bed::new(backend);
        let mut fences = Vec::new();
        for round in 0..6 {
            if round % 2 == 0 {
                let theirs = bed.typescript().await;
                fences.push(theirs.acquire("k", THEIRS, TTL).await.unwrap());
                assert!(theirs.release(THEIRS).await);
            } else {
                let guard = won(&bed.locks, "k").await;
                fences.push(guard.fence().to_string());
                release(guard).await;
            }
        }
        let expected: Vec<_> = (1..=6).map(|n| format!("{n:015}")).collect();
        assert_eq!(fences, expected);
    }

    async fn both_kinds_contend_and_each_section_has_the_key_alone(backend: TestBackend) {
        let bed = Bed::new(backend);
        let (mut ours, mut theirs) = (0, 0);
        while ours < ROUNDS || theirs < ROUNDS {
            let typescript = bed.typescript().await;
            let (won, taken) = futures::join!(
                bed.locks.try_acquire("k"),
                typescript.acquire("k", THEIRS, TTL)
            );
            let won = won.unwrap().guard();
            assert!(won.is_none() || taken.is_none(), "both hold it");
            if let Some(guard) = won {
                ours += 1;
                release(guard).await;
            } else if taken.is_some() {
                theirs += 1;
                assert!(typescript.release(THEIRS).await);
            }
            if ours >= ROUNDS && theirs < ROUNDS {
                assert!(typescript.acquire("k", THEIRS, TTL).await.is_some());
                assert!(typescript.release(THEIRS).await);
                theirs += 1;
            }
            if theirs >= ROUNDS && ours < ROUNDS {
                release(bed.locks.acquire("k").await.unwrap()).await;
                ours += 1;
            }
        }
        let counter = bed.db.get(&counter_path("k")).await.unwrap().unwrap();
        assert_eq!(text(&counter, "fence").parse::<i32>().unwrap(), ours + theirs);
    }

    async fn the_counter_ends_where_theirs_does(backend: TestBackend) {
        let bed = Bed::new(backend);
        let counter = fields! { "fence" => "900000000000000", "keyDebug" => "k" };
        bed.db.set(&counter_path("k"), counter.clone()).await.unwrap();
        let error = bed.locks.try_acquire("k").await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Internal);
        assert!(error.to_string().contains("fences are used up"), "{error}");
        assert_eq!(bed.fields(&counter_path("k")).await, Some(counter));
        assert_eq!(bed.fields(&lease_path("k")).await, None);
        // A counter that can't be read is never taken for one that is not there.
        for broken in [fields! { "fence" => 7 }, fields! { "fence" => "7" }, fields! {}] {
            bed.db.set(&counter_path("k"), broken).await.unwrap();
            let error = bed.locks.try_acquire("k").await.unwrap_err();
            assert!(error.to_string().contains("holds no fence of 15 digits"), "{error}");
        }
        bed.db.set(&lease_path("k"), fields! { "lockId" => THEIRS }).await.unwrap();
        let error = bed.locks.is_locked("k").await.unwrap_err();
        assert!(error.to_string().contains("no lease of syncguard"), "{error}");
    }

    /// The lease ends at a time that is written, counted from when the documents were read: what a slow
    /// read or commit takes is the holder's loss.
    async fn slow_replies_shorten_the_belief_and_not_the_safety(backend: TestBackend) {
        let bed = Bed::new(backend);
        let Some(clock) = bed.backend.clock().cloned() else {
            // Real time can't be slowed down to the millisecond.
            return;
        };
        for (operation, fault) in [
            (Operation::BatchGet, Fault::Delay(secs(3))),
            (Operation::BatchGet, Fault::DelayReply(secs(3))),
            (Operation::Commit, Fault::Delay(secs(3))),
            (Operation::Commit, Fault::DelayReply(secs(3))),
        ] {
            let (locks, faults) = bed.faulty(Layout::Syncguard);
            faults.next(operation, fault);
            let acquiring = locks.acquire("k");
            let passing = async {
                while clock.next_wake() != Some(secs(3)) {
                    tokio::task::yield_now().await;
                }
                clock.advance(secs(3));
            };
            let (guard, ()) = futures::join!(acquiring, passing);
            let guard = guard.unwrap();
            let believed = TTL - TTL / 100 - secs(3);
            assert!(guard.remaining() <= believed, "{operation}, {fault:?}");
            assert!(guard.remaining() > believed - ms(5), "{operation}, {fault:?}");
            let ends = guard.ends().since(bed.now().await);
            assert!(guard.remaining() < ends, "never longer than the others keep off");
            assert_eq!(guard.release().await.unwrap(), Released::Done);
        }
    }

    /// The belief of the holder, the time of writing, and the store's clock, with a process whose own
    /// clock shows another decade.
    async fn no_wall_clock_is_asked(backend: TestBackend) {
        let bed = Bed::new(backend);
        let (locks, clock) = bed.paused();
        let guard = won(&locks, "k").await;
        let fields = bed.fields(&lease_path("k")).await.unwrap();
        let now = millis_of(bed.now().await);
        assert!((now - 5_000..=now).contains(&integer(&fields, "acquiredAtMs")));
        assert!(guard.remaining() <= TTL - TTL / 100);
        clock.advance(secs(20));
        assert!(guard.is_held());
        assert!(guard.extend(secs(40)).await.unwrap());
        // Of 40 s the hundredth is not believed, nor is a hundredth of the time since the read: twenty
        // seconds of its own, in which the store's clock may have shown a little less.
        assert!(guard.remaining() <= secs(40) - ms(400) - ms(200), "{:?}", guard.remaining());
        assert!(guard.remaining() > secs(39));
        clock.advance(secs(40));
        assert!(!guard.is_held());
        assert_eq!(guard.release().await.unwrap(), Released::Expired);
    }
}
