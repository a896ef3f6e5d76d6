//! Permits, shared locks, queues and elections.

#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "a test fails by panicking, and spawns what its callers would"
)]

mod support;

use std::time::Duration;

use firekeep_core::{Query, TransformOp, Write, fields};
use firekeep_lock::{AcquireOptions, ErrorKind, Leader, Locks, Mode, Released};
use firekeep_testkit::{TestBackend, backends};
use futures::StreamExt;
use support::Bed;

const LONG: Duration = Duration::from_secs(60);

fn options() -> AcquireOptions {
    AcquireOptions::default().wait(LONG)
}

backends! {
    async fn a_semaphore_gives_out_each_permit_once(backend: TestBackend) {
        let bed = Bed::new(backend);
        let semaphore = bed.locks.semaphore("pool", 3).unwrap();
        let mut guards = Vec::new();
        for left in (0..3).rev() {
            let attempt = semaphore.try_acquire_with(&options()).await.unwrap();
            guards.push(attempt.guard().unwrap());
            assert_eq!(semaphore.available().await.unwrap(), left);
        }
        assert!(semaphore.try_acquire_with(&options()).await.unwrap().is_held());
        // One that waits gets the permit that comes back.
        let waiting = semaphore.clone();
        let waiter = tokio::spawn(async move { waiting.acquire_with(&options()).await });
        assert_eq!(guards.pop().unwrap().release().await.unwrap(), Released::Done);
        guards.push(bed.drive(waiter).await.unwrap().unwrap());
        // The permits are nobody's key, and a permit is found by its id.
        let locks = bed.locks.clone();
        assert!(!locks.is_locked("pool").await.unwrap());
        let info = locks.lookup_id(guards[0].id()).await.unwrap().unwrap();
        assert_eq!((info.raw_key(), info.fence), ("pool", Some(guards[0].fence())));
        for guard in guards {
            assert_eq!(guard.release().await.unwrap(), Released::Done);
        }
        assert_eq!(semaphore.available().await.unwrap(), 3);
        assert_eq!(bed.documents(support::LEASES).await.len(), 0);
    }

    async fn a_semaphore_has_1_to_100_permits(backend: TestBackend) {
        let bed = Bed::new(backend);
        let locks = bed.locks.clone();
        for permits in [0, 101] {
            let error = locks.semaphore("pool", permits).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::InvalidArgument);
            assert!(error.to_string().contains("1 to 100"), "{error}");
        }
        let semaphore = locks.semaphore("pool", 100).unwrap();
        let refused = semaphore.try_acquire_with(&options().fair()).await.unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::InvalidArgument);
    }

    async fn readers_share_and_a_writer_does_not(backend: TestBackend) {
        let bed = Bed::new(backend);
        let locks = bed.locks.clone();
        let shared = options().shared();
        let first = locks.acquire_with("table", &shared).await.unwrap();
        let second = locks.acquire_with("table", &shared).await.unwrap();
        assert!(first.fence() < second.fence());
        assert!(locks.try_acquire_with("table", &options()).await.unwrap().is_held());
        let info = locks.lookup("table").await.unwrap().unwrap();
        assert_eq!((info.mode, info.holders.len()), (Mode::Shared, 2));
        // A reader that joined moved the version: the first one's extension finds its way.
        assert!(first.extend(LONG).await.unwrap());
        assert!(second.extend(LONG).await.unwrap());
        assert_eq!(first.release().await.unwrap(), Released::Done);
        assert!(locks.owns("table", second.id()).await.unwrap());
        assert_eq!(second.release().await.unwrap(), Released::Done);
        assert_eq!(bed.documents(support::LEASES).await.len(), 0, "the last one leaves nothing");
        let writer = locks.acquire_with("table", &options()).await.unwrap();
        assert!(locks.try_acquire_with("table", &shared).await.unwrap().is_held());
        assert_eq!(writer.release().await.unwrap(), Released::Done);
    }

    async fn a_reader_that_died_keeps_no_writer_off_beyond_its_lease(backend: TestBackend) {
        let bed = Bed::new(backend);
        let locks = bed.locks.clone();
        let brief = options().shared().lease(Duration::from_millis(300)).renew(false);
        let dead = locks.acquire_with("table", &brief).await.unwrap();
        let alive = locks.acquire_with("table", &options().shared()).await.unwrap();
        std::mem::forget(dead);
        assert_eq!(alive.release().await.unwrap(), Released::Done);
        let writer = bed.drive(tokio::spawn(async move {
            locks.acquire_with("table", &options()).await
        }));
        let writer = writer.await.unwrap().unwrap();
        assert_eq!(writer.fence().as_u64(), 3);
        assert_eq!(writer.release().await.unwrap(), Released::Done);
    }

    async fn fair_waiters_are_served_in_the_order_of_arrival(backend: TestBackend) {
        let bed = Bed::new(backend);
        let locks = bed.locks.clone();
        let fair = options().fair();
        let holder = locks.acquire_with("desk", &fair).await.unwrap();
        let (tell, told) = futures::channel::mpsc::unbounded();
        let mut waiters = Vec::new();
        for number in 0..4 {
            let (locks, fair, tell) = (locks.clone(), fair.clone(), tell.clone());
            waiters.push(tokio::spawn(async move {
                let guard = locks.acquire_with("desk", &fair).await.unwrap();
                tell.unbounded_send(number).unwrap();
                assert_eq!(guard.release().await.unwrap(), Released::Done);
            }));
            // The next one arrives once this one has its ticket.
            bed.until("the ticket is there", async || {
                let tickets = Query::group("firekeep_lock_tickets");
                bed.db.query(tickets).await.unwrap().len() == number + 1
            })
            .await;
        }
        drop(tell);
        assert_eq!(holder.release().await.unwrap(), Released::Done);
        let order = bed.drive(tokio::spawn(told.collect::<Vec<_>>())).await.unwrap();
        assert_eq!(order, [0, 1, 2, 3]);
        for waiter in waiters {
            bed.drive(waiter).await.unwrap();
        }
        let tickets = bed.db.query(Query::group("firekeep_lock_tickets")).await.unwrap();
        assert_eq!(tickets.len(), 0, "a ticket goes with the claim that it was for");
    }

    async fn a_dead_waiter_delays_nobody_beyond_its_own_lease(backend: TestBackend) {
        let bed = Bed::new(backend);
        let locks = bed.locks.clone();
        let fair = options().fair();
        let holder = locks.acquire_with("desk", &fair).await.unwrap();
        let wait = |locks: Locks| {
            let fair = fair.clone();
            tokio::spawn(async move { locks.acquire_with("desk", &fair).await })
        };
        let tickets = async || {
            bed.db.query(Query::group("firekeep_lock_tickets")).await.unwrap()
        };
        let first = wait(locks.clone());
        bed.until("the ticket is there", async || { tickets().await.len() == 1 }).await;
        // What a process leaves that died while it was waiting.
        let dead = tickets().await[0].path().parent().doc("dead").unwrap();
        let ticket = Write::replace(dead, fields! { "ttl_ms" => 400 }).unwrap();
        let ticket = ticket.with("at", TransformOp::CommitTime).unwrap();
        bed.db.write(ticket).await.unwrap();
        let second = wait(locks.clone());
        bed.until("the ticket is there", async || { tickets().await.len() == 3 }).await;
        assert_eq!(holder.release().await.unwrap(), Released::Done);
        for waiter in [first, second] {
            let guard = bed.drive(waiter).await.unwrap().unwrap();
            assert_eq!(guard.release().await.unwrap(), Released::Done);
        }
        assert_eq!(tickets().await.len(), 0, "the dead one's ticket is cleared away");
    }

    async fn one_candidate_leads_and_the_next_has_a_higher_term(backend: TestBackend) {
        let bed = Bed::new(backend);
        let locks = bed.locks.clone();
        let election = locks.election("scheduler").unwrap();
        let mut observed = Box::pin(election.observe());
        let mut seen = async || bed.drive(observed.next()).await.unwrap().unwrap();
        assert_eq!(seen().await, None);
        let first = election.campaign("a").await.unwrap();
        let leader: Leader = seen().await.unwrap();
        assert_eq!((leader.name.as_deref(), leader.term), (Some("a"), first.term()));
        assert!(election.try_campaign("b").await.unwrap().is_none());
        let waiting = election.clone();
        let second = tokio::spawn(async move { waiting.campaign("b").await });
        assert_eq!(first.resign().await.unwrap(), Released::Done);
        let second = bed.drive(second).await.unwrap().unwrap();
        let mut leader = seen().await;
        if leader.is_none() {
            leader = seen().await;
        }
        assert_eq!((leader.unwrap().name.as_deref(), second.term().as_u64()), (Some("b"), 2));
        assert_eq!(election.leader().await.unwrap().unwrap().name.as_deref(), Some("b"));
        assert_eq!(second.resign().await.unwrap(), Released::Done);
        assert_eq!(seen().await, None);
    }

    async fn an_observer_notices_that_a_leader_fell_silent(backend: TestBackend) {
        let bed = Bed::new(backend);
        let election = bed.locks.election("scheduler").unwrap();
        let mut observed = Box::pin(election.observe());
        let brief = firekeep_lock::Election::options("a").lease(Duration::from_millis(300));
        let silent = election.campaign_with(&brief.renew(false)).await.unwrap();
        std::mem::forget(silent);
        let mut seen = Vec::new();
        while seen.last() != Some(&None) || seen.len() < 2 {
            let next = bed.drive(observed.next()).await.unwrap().unwrap();
            seen.push(next.map(|leader: Leader| leader.term.as_u64()));
        }
        assert!(seen.ends_with(&[Some(1), None]), "{seen:?}");
    }
}
